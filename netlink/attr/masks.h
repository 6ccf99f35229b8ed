// Masks beside values: finding an attribute's mask in a set of masks, and asking what a mask
// selects. Pure; views are borrowed.
#pragma once

#include <array>

#include "netlink/attr/table.h"
#include "netlink/attr/wire.h"

namespace sluice::attr {

// Sets and lists inside each other: one more than the kernel's own limit of 16 for actions,
// doubled, since an action and its list are two levels of attributes.
inline constexpr int kMaxTextDepth = 34;

// The masks of a set, by attribute number. An attribute without a mask is a wildcard.
class MaskIndex {
 public:
  explicit MaskIndex(MaskView masks);
  MaskView Of(uint16_t type) const;

 private:
  MaskView all_;
  // Only those of `seen_` mean anything: a set has few of the attributes that it could have.
  struct Place {
    const uint8_t* data;
    size_t size;
  };
  std::array<Place, kMaxType + 1> places_;
  uint64_t seen_ = 0;
};

inline MaskView MaskIndex::Of(uint16_t type) const {
  if (all_.exact) return {};
  if (type > kMaxType) return MaskView::Of(Find(all_.bytes, type));
  if ((seen_ >> type & 1) == 0) return MaskView::Of({});
  return MaskView::Of({places_[type].data, places_[type].size});
}

// The bytes of a mask for a payload of `size` bytes: what is missing is zero. Copies only a mask
// that is too short.
class PaddedMask {
 public:
  PaddedMask(MaskView mask, size_t size);
  // Null for an exact value.
  const uint8_t* data() const { return exact_ ? nullptr : bytes_.data(); }
  ByteView bytes() const { return bytes_; }

 private:
  bool exact_;
  ByteVector padded_;
  ByteView bytes_;
};

// The attributes, and behind them, as zeros, those that the kernel leaves out when they are zero
// (Row::zero_beside) and the mask selects. The bytes are in `*storage` when any are added.
ByteView WithImplicitZeros(const Table& table, ByteView attributes, MaskView mask,
                           ByteVector* storage);

// Whether the mask of a payload is what text without a mask means. `mask` has the payload's size.
bool IsFull(const Row& row, ByteView mask);
// Whether the mask of an attribute selects nothing.
bool IsWild(const Row& row, MaskView mask);
// Whether the mask of a field selects nothing; `mask` is that of the payload, null for exact.
bool IsWild(const Field& field, const uint8_t* mask);

}  // namespace sluice::attr
