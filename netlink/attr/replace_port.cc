#include "netlink/attr/replace_port.h"

#include "netlink/attr/masks.h"
#include "netlink/attr/wire.h"

namespace sluice::attr {
namespace {

// The kernel's port numbers. It shows the mask of a port that does not matter as 0xffff0000.
constexpr uint64_t kPortBits = 0xffff;

class Replacement {
 public:
  Replacement(uint32_t from, uint32_t to, ByteVector* bytes)
      : from_(from), to_(to), bytes_(bytes) {}

  void Set(const Table& table, ByteView attributes, MaskView mask, int depth) {
    const MaskIndex masks(mask);
    for (const Attribute& attribute : AttributeWalk(attributes)) {
      const Row* row = table.Find(attribute.type);
      if (row == nullptr || !HasShape(*row, attribute.payload)) continue;
      // In a list the masks are not beside the values.
      const MaskView inner = mask.exact ? MaskView{} : masks.Of(attribute.type);
      if (row->nested != nullptr && depth < kMaxTextDepth) {
        Set(*row->nested, attribute.payload, inner, depth + 1);
      } else if (row->kind == Kind::kFields) {
        Fields(*row, attribute.payload, inner);
      }
    }
  }
  size_t count() const { return count_; }

 private:
  void Fields(const Row& row, ByteView payload, MaskView mask) {
    const PaddedMask padded(mask, payload.size());
    for (const Field& field : row.fields) {
      if (field.format != Format::kPort || LoadField(field, payload.data()) != from_) continue;
      if (padded.data() != nullptr && (LoadField(field, padded.data()) & kPortBits) == 0) continue;
      StoreField(field, to_, bytes_->data() + (payload.data() - bytes_->data()));
      ++count_;
    }
  }

  uint32_t from_, to_;
  ByteVector* bytes_;  // which the views are of
  size_t count_ = 0;
};

}  // namespace

size_t ReplacePort(const Table& table, MaskView mask, uint32_t from, uint32_t to,
                   ByteVector* attributes) {
  Replacement replacement(from, to, attributes);
  replacement.Set(table, *attributes, mask, 0);
  return replacement.count();
}

}  // namespace sluice::attr
