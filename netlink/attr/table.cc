#include "netlink/attr/table.h"

#include <algorithm>

#include "netlink/base/byte_order.h"

namespace sluice::attr {
namespace {

template <typename T>
uint64_t LoadAs(const uint8_t* p, Order order) {
  const T raw = base::Load<T>(p);
  return order == Order::kNetwork ? base::SwapIfLittle(raw) : raw;
}

template <typename T>
void StoreAs(uint64_t value, uint8_t* p, Order order) {
  const T narrow = static_cast<T>(value);
  base::Store(p, order == Order::kNetwork ? base::SwapIfLittle(narrow) : narrow);
}

uint64_t LoadWhole(const Field& field, const uint8_t* p) {
  switch (field.size) {
    case 1:
      return *p;
    case 2:
      return LoadAs<uint16_t>(p, field.order);
    case 4:
      return LoadAs<uint32_t>(p, field.order);
    default:
      return LoadAs<uint64_t>(p, field.order);
  }
}

void StoreWhole(const Field& field, uint64_t value, uint8_t* p) {
  switch (field.size) {
    case 1:
      *p = static_cast<uint8_t>(value);
      break;
    case 2:
      StoreAs<uint16_t>(value, p, field.order);
      break;
    case 4:
      StoreAs<uint32_t>(value, p, field.order);
      break;
    default:
      StoreAs<uint64_t>(value, p, field.order);
  }
}

}  // namespace

const Row* Table::FindByName(std::string_view text) const {
  if (text.empty()) return nullptr;
  for (const Row& row : rows)
    if (row.kind != Kind::kReserved &&
        (row.name == text || row.alias == text ||
         std::find(row.words.begin(), row.words.end(), text) != row.words.end()))
      return &row;
  return nullptr;
}

bool HasShape(const Row& row, ByteView payload) {
  const size_t size = row.paired ? 2u * row.size : row.size;
  switch (row.kind) {
    case Kind::kFields:
      return row.grows ? payload.size() >= size : payload.size() == size;
    case Kind::kArray:
      return !payload.empty() && payload.size() % size == 0;
    case Kind::kFlag:
      return payload.empty();
    case Kind::kReserved:
      return false;
    default:
      return true;
  }
}

uint64_t LoadField(const Field& field, const uint8_t* payload) {
  return LoadWhole(field, payload + field.offset) >> field.shift & FieldOnes(field);
}

void StoreField(const Field& field, uint64_t value, uint8_t* payload) {
  uint8_t* const p = payload + field.offset;
  const uint64_t ones = FieldOnes(field);
  const uint64_t others = LoadWhole(field, p) & ~(ones << field.shift);
  StoreWhole(field, others | (value & ones) << field.shift, p);
}

}  // namespace sluice::attr
