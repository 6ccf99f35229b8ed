#include "netlink/attr/masks.h"

#include <algorithm>

#include "netlink/attr/wire.h"

namespace sluice::attr {
namespace {

bool IsWildAt(const Row& row, ByteView mask, int depth) {
  if (base::IsAllZeros(mask)) return true;
  if (row.kind != Kind::kSet || depth > kMaxTextDepth) return false;
  const AttributeWalk walk(mask);
  if (!walk.leftover().empty()) return false;
  // A flag in the mask says that the value's flag matters, whether it is there or not.
  for (const Attribute& inner : walk) {
    const Row* inner_row = row.nested->Find(inner.type);
    if (inner_row == nullptr || inner_row->kind == Kind::kFlag) return false;
    if (!IsWildAt(*inner_row, inner.payload, depth + 1)) return false;
  }
  return true;
}

}  // namespace

// NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): places_ is read where seen_ says so
MaskIndex::MaskIndex(MaskView masks) : all_(masks) {
  if (masks.exact) return;
  for (const Attribute& attribute : AttributeWalk(masks.bytes)) {
    if (attribute.type > kMaxType) continue;
    places_[attribute.type] = {attribute.payload.data(), attribute.payload.size()};
    seen_ |= uint64_t{1} << attribute.type;
  }
}

PaddedMask::PaddedMask(MaskView mask, size_t size) : exact_(mask.exact), bytes_(mask.bytes) {
  if (exact_) return;
  if (bytes_.size() < size) {
    padded_.assign(bytes_.begin(), bytes_.end());
    padded_.resize(size);
    bytes_ = padded_;
  }
  bytes_ = bytes_.first(size);
}

ByteView WithImplicitZeros(const Table& table, ByteView attributes, MaskView mask,
                           ByteVector* storage) {
  if (mask.exact || !table.has_implicit_zeros) return attributes;
  for (const Row& row : table.rows) {
    if (!row.zero_beside || Find(attributes, row.type).data() != nullptr ||
        Find(attributes, *row.zero_beside).data() == nullptr ||
        base::IsAllZeros(Find(mask.bytes, row.type)))
      continue;
    if (storage->empty()) storage->assign(attributes.begin(), attributes.end());
    Writer(storage).Put(row.type, ByteVector(row.size));
  }
  return storage->empty() ? attributes : ByteView(*storage);
}

bool IsFull(const Row& row, ByteView mask) {
  return std::all_of(row.fields.begin(), row.fields.end(), [mask](const Field& field) {
    if (IsByteField(field)) return base::IsAllOnes(mask.subspan(field.offset, field.size));
    return LoadField(field, mask.data()) == FullMask(field);
  });
}

bool IsWild(const Row& row, MaskView mask) { return !mask.exact && IsWildAt(row, mask.bytes, 0); }

bool IsWild(const Field& field, const uint8_t* mask) {
  if (mask == nullptr) return false;
  if (IsByteField(field)) return base::IsAllZeros({mask + field.offset, field.size});
  return LoadField(field, mask) == 0;
}

}  // namespace sluice::attr
