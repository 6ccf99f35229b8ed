#include "agent/pipeline/action.h"

#include <array>

namespace sluice::pipeline {
namespace {

constexpr size_t WordsFor(size_t bytes) { return (bytes + 7) / 8; }

using RowBytes = std::array<uint8_t, 16>;

// A value as it lies in the bytes of its field.
RowBytes Placed(const FieldRow& row, absl::uint128 value) {
  RowBytes bytes{};
  value <<= row.shift;
  for (size_t i = row.bytes; i-- > 0; value >>= 8)
    bytes[i] = static_cast<uint8_t>(absl::Uint128Low64(value) & 0xff);
  return bytes;
}

absl::uint128 Taken(const FieldRow& row, base::ByteView bytes) {
  absl::uint128 value = 0;
  for (const uint8_t byte : bytes) value = value << 8 | byte;
  return (value >> row.shift) & FullMask(row);
}

}  // namespace

void ActionList::AppendRecord(ActionKind kind, base::ByteView payload, base::ByteView tail) {
  const size_t payload_words = WordsFor(payload.size());
  const size_t words = 1 + payload_words + WordsFor(tail.size());
  const size_t at = words_.size();
  words_.resize(at + words);
  const Action::Header header = {.kind = static_cast<uint8_t>(kind),
                                 .payload_words = static_cast<uint8_t>(payload_words),
                                 .tail_bytes = static_cast<uint16_t>(tail.size()),
                                 .words = static_cast<uint32_t>(words)};
  base::Store(&words_[at], header);
  if (!payload.empty()) std::memcpy(&words_[at + 1], payload.data(), payload.size());
  if (!tail.empty()) std::memcpy(&words_[at + 1 + payload_words], tail.data(), tail.size());
}

void ActionList::CloseNested(size_t opened) {
  auto header = base::Load<Action::Header>(&words_[opened]);
  header.words = static_cast<uint32_t>(words_.size() - opened);
  base::Store(&words_[opened], header);
}

void ActionList::AppendCopy(ActionSpan actions) {
  const size_t at = words_.size();
  words_.resize(at + actions.words());
  if (!actions.empty())
    std::memcpy(&words_[at], (*actions.begin()).record(), actions.words() * sizeof(uint64_t));
}

Needs SetNeeds(const FieldRow& row) {
  switch (row.format) {
    case FieldFormat::kVlanId:
    case FieldFormat::kVlanVid:
      return Needs::kVlan;
    default:
      return row.name == "dl_vlan_pcp" ? Needs::kVlan : row.needs;
  }
}

void AppendSetField(const FieldRow& row, absl::uint128 value, absl::uint128 mask, bool lenient,
                    ActionList* list) {
  mask &= FullMask(row);
  if (row.format == FieldFormat::kTos) mask &= ~absl::uint128(3);
  const RowBytes v = Placed(row, value & mask), m = Placed(row, mask);
  std::array<uint8_t, 2 * sizeof(RowBytes)> tail;
  std::memcpy(tail.data(), v.data(), row.bytes);
  std::memcpy(tail.data() + row.bytes, m.data(), row.bytes);
  list->Append(SetFieldAction{.field = IndexOf(row), .lenient = lenient},
               base::ByteView(tail.data(), size_t{2} * row.bytes));
}

absl::uint128 SetFieldValue(const Action& action) {
  const FieldRow& row = FieldAt(action.Get<SetFieldAction>().field);
  return Taken(row, action.tail().first(row.bytes));
}

absl::uint128 SetFieldMask(const Action& action) {
  const FieldRow& row = FieldAt(action.Get<SetFieldAction>().field);
  return Taken(row, action.tail().subspan(row.bytes));
}

void ApplySetField(const Action& action, Fields* fields) {
  const FieldRow& row = FieldAt(action.Get<SetFieldAction>().field);
  const base::ByteView value = action.tail().first(row.bytes);
  const base::ByteView mask = action.tail().subspan(row.bytes);
  uint8_t* bytes = reinterpret_cast<uint8_t*>(fields) + row.offset;
  for (size_t i = 0; i < row.bytes; ++i)
    bytes[i] = static_cast<uint8_t>((bytes[i] & ~mask[i]) | value[i]);
}

}  // namespace sluice::pipeline
