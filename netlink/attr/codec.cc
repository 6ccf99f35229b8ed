#include "netlink/attr/codec.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "netlink/base/status.h"

namespace sluice::attr {
namespace {

uint8_t* At(void* object, size_t offset) { return static_cast<uint8_t*>(object) + offset; }
const uint8_t* At(const void* object, size_t offset) {
  return static_cast<const uint8_t*>(object) + offset;
}

size_t SlotOffset(const Slot& slot, unsigned level) {
  return slot.offset + size_t{slot.level_stride} * level;
}

size_t PresentOffset(const Table& table, unsigned level) {
  return table.present_offset + sizeof(uint64_t) * level;
}

// One Decode() of one set at one level.
class Decoder {
 public:
  Decoder(const Table& table, const Row* parent, unsigned level, void* out, Unknowns* unknowns)
      : table_(table), parent_(parent), level_(level), out_(out), unknowns_(unknowns) {}

  Fault Run(ByteView bytes) {
    size_t understood = 0;
    for (const Attribute& attribute : AttributeWalk(bytes)) {
      if (Fault fault = One(bytes, attribute)) return fault;
      understood = std::min(
          attribute.offset + Align4(kAttributeHeaderSize + attribute.payload.size()), bytes.size());
    }
    if (understood != bytes.size())
      return {Fault::Kind::kMalformed, 0, static_cast<uint32_t>(understood), &table_};
    return {};
  }

 private:
  Fault One(ByteView bytes, const Attribute& attribute) {
    const Row* row = table_.Find(attribute.type);
    if (row == nullptr || !Fits(*row, attribute.payload.size())) {
      if (row != nullptr && attribute.payload.size() < row->size)
        return FaultAt(Fault::Kind::kTooShort, attribute);
      Keep(bytes, attribute);
      return {};
    }
    if (IsTaken(*row)) return FaultAt(Fault::Kind::kRepeated, attribute);
    if (Fault fault = Place(*row, attribute)) return fault;
    SetPresent(table_, out_, row->type, level_);
    return {};
  }

  // Whether the struct has room for a payload of this size.
  static bool Fits(const Row& row, size_t size) {
    if (row.kind == Kind::kFlag) return size == 0;
    if (row.slot.where == Slot::Where::kNone) return false;
    if (row.slot.where == Slot::Where::kCopy)
      return row.grows ? size >= row.size : size == row.size;
    if (row.slot.where == Slot::Where::kBuffer)
      return size <= row.slot.capacity && (row.size == 0 || size % row.size == 0);
    return true;
  }

  // Whether the attribute came before: at this level or, unless each has a place of its own, at
  // another one. The kernel refuses that, too (flow_netlink.c, __parse_flow_nlattrs).
  bool IsTaken(const Row& row) const {
    if (IsPresent(table_, out_, row.type, level_)) return true;
    if (row.slot.level_stride != 0 || row.slot.where == Slot::Where::kLevel) return false;
    for (unsigned level = 0; level < table_.levels; ++level)
      if (IsPresent(table_, out_, row.type, level)) return true;
    return false;
  }

  Fault Place(const Row& row, const Attribute& attribute) {
    const ByteView payload = attribute.payload;
    uint8_t* const to = At(out_, SlotOffset(row.slot, level_));
    switch (row.slot.where) {
      case Slot::Where::kNone:
        return {};
      case Slot::Where::kCopy:
        std::memcpy(to, payload.data(), row.size);
        return {};
      case Slot::Where::kView:
        base::Store(to, WithoutTerminator(row, payload));
        return {};
      case Slot::Where::kBuffer:
        if (!payload.empty()) std::memcpy(to, payload.data(), payload.size());
        base::Store(At(out_, row.slot.length_offset), static_cast<uint16_t>(payload.size()));
        return {};
      case Slot::Where::kStruct:
        return Decoder(*row.nested, &row, 0, to, unknowns_).Run(payload);
      case Slot::Where::kLevel:
        if (level_ + 1 >= table_.levels) return FaultAt(Fault::Kind::kTooDeep, attribute);
        return Decoder(table_, parent_, level_ + 1, out_, unknowns_).Run(payload);
    }
    return {};
  }

  static ByteView WithoutTerminator(const Row& row, ByteView payload) {
    if (row.kind != Kind::kString) return payload;
    return payload.first(static_cast<size_t>(std::find(payload.begin(), payload.end(), uint8_t{0}) -
                                             payload.begin()));
  }

  void Keep(ByteView bytes, const Attribute& attribute) {
    if (unknowns_ == nullptr) return;
    const size_t size = Align4(kAttributeHeaderSize + attribute.payload.size());
    unknowns_->push_back(
        {parent_, static_cast<uint8_t>(level_), attribute.type,
         bytes.subspan(attribute.offset, std::min(size, bytes.size() - attribute.offset))});
  }

  Fault FaultAt(Fault::Kind kind, const Attribute& attribute) const {
    return {kind, attribute.type, static_cast<uint32_t>(attribute.offset), &table_};
  }

  const Table& table_;
  const Row* parent_;
  unsigned level_;
  void* out_;
  Unknowns* unknowns_;
};

// The bytes of a row that is no nested set, as they are in the struct; `sized_by` is the struct
// that says how much of a buffer is used.
ByteView SlotBytes(const Row& row, const void* object, const void* sized_by, unsigned level) {
  const uint8_t* const from = At(object, SlotOffset(row.slot, level));
  if (row.slot.where == Slot::Where::kCopy) return {from, row.size};
  if (row.slot.where == Slot::Where::kView) return base::Load<ByteView>(from);
  if (row.slot.where == Slot::Where::kBuffer)
    return {from, base::Load<uint16_t>(At(sized_by, row.slot.length_offset))};
  return {};
}

void EncodeSet(const Table& table, const Row* parent, unsigned level, const void* in,
               const Unknowns* unknowns, Writer* writer) {
  for (const Row& row : table.rows) {
    if (!IsPresent(table, in, row.type, level)) continue;
    if (row.slot.where == Slot::Where::kStruct) {
      auto nest = writer->Nest(row.type);
      EncodeSet(*row.nested, &row, 0, At(in, row.slot.offset), unknowns, writer);
    } else if (row.slot.where == Slot::Where::kLevel) {
      auto nest = writer->Nest(row.type);
      EncodeSet(table, parent, level + 1, in, unknowns, writer);
    } else if (row.kind == Kind::kString) {
      const ByteView text = SlotBytes(row, in, in, level);
      writer->PutString(row.type, {reinterpret_cast<const char*>(text.data()), text.size()});
    } else {
      writer->Put(row.type, SlotBytes(row, in, in, level));
    }
  }
  if (unknowns == nullptr) return;
  for (const UnknownAttribute& unknown : *unknowns)
    if (unknown.parent == parent && unknown.level == level) writer->PutRaw(unknown.raw);
}

// Whether the key has the attribute, be it by leaving it out.
bool IsThere(const Table& table, const Row& row, const void* key, unsigned level) {
  return IsPresent(table, key, row.type, level) ||
         (row.zero_beside && IsPresent(table, key, *row.zero_beside, level));
}

bool EncodeMaskSet(const Table& table, unsigned level, const void* key, const void* mask,
                   Writer* writer);

// A set of which the mask says that it is not there: its attributes, without a bit.
void EncodeNoBits(const Row& row, const void* mask, Writer* writer) {
  static constexpr uint8_t kNone[sizeof(uint64_t)] = {};
  const size_t start = writer->BeginNested(row.type);
  for (const Row& inner : row.nested->rows)
    if (inner.size <= sizeof(kNone) &&
        IsPresent(*row.nested, At(mask, row.slot.offset), inner.type, 0))
      writer->Put(inner.type, ByteView(kNone, inner.size));
  writer->EndNested(start);
}

// The mask of a nested set; returns whether anything was written. `tag` is a row of a tag in front
// of the next level that is matched, or null: then the inside must be there too, and not empty, as
// the kernel does not see attributes whose bytes are all zero (flow_netlink.c,
// parse_flow_mask_nlattrs).
bool EncodeMaskNested(const Table& table, const Row& row, const Row* tag, unsigned level,
                      const void* key, const void* mask, Writer* writer) {
  const size_t start = writer->BeginNested(row.type);
  const bool further_in = row.slot.where == Slot::Where::kLevel;
  bool wrote = further_in ? EncodeMaskSet(table, level + 1, key, mask, writer)
                          : EncodeMaskSet(*row.nested, 0, At(key, row.slot.offset),
                                          At(mask, row.slot.offset), writer);
  if (!wrote && further_in && tag != nullptr) {
    static constexpr uint8_t kWildcard[sizeof(uint64_t)] = {};
    writer->Put(tag->type, ByteView(kWildcard, tag->size));
    wrote = true;
  }
  wrote ? writer->EndNested(start) : writer->Abandon(start);
  return wrote;
}

// Returns whether anything was written.
bool EncodeMaskSet(const Table& table, unsigned level, const void* key, const void* mask,
                   Writer* writer) {
  bool wrote = false;
  const Row* tag = nullptr;
  for (const Row& row : table.rows) {
    const Slot::Where where = row.slot.where;
    const bool nested = where == Slot::Where::kStruct || where == Slot::Where::kLevel;
    // A mask may say that something must not be there: a flag, or the type of an 802.3 frame; or a
    // set, of which it has no bit then.
    if (where == Slot::Where::kStruct && !IsThere(table, row, key, level) &&
        IsPresent(table, mask, row.type, level)) {
      EncodeNoBits(row, mask, writer);
      wrote = true;
      continue;
    }
    const bool asked = IsThere(table, row, key, level) ||
                       (!nested && row.kind != Kind::kArray && row.kind != Kind::kBytes &&
                        IsPresent(table, mask, row.type, level));
    if (!asked) continue;
    if (nested) {
      wrote |= EncodeMaskNested(table, row, tag, level, key, mask, writer);
    } else if (row.kind == Kind::kFlag) {
      if (!IsPresent(table, mask, row.type, level)) continue;
      writer->PutFlag(row.type);
      wrote = true;
    } else if (ByteView bytes = SlotBytes(row, mask, key, level); !base::IsAllZeros(bytes)) {
      writer->Put(row.type, bytes);
      wrote = true;
      if (row.slot.level_stride != 0 && tag == nullptr) tag = &row;
    }
  }
  return wrote;
}

std::string_view Explain(Fault::Kind kind) {
  switch (kind) {
    case Fault::Kind::kNone:
      return "no fault";
    case Fault::Kind::kMalformed:
      return "bytes that are no attribute";
    case Fault::Kind::kTooShort:
      return "payload too short";
    case Fault::Kind::kRepeated:
      return "attribute given twice";
    case Fault::Kind::kTooDeep:
      return "nested too deep";
  }
  return "unknown fault";
}

}  // namespace

absl::Status ToStatus(const Fault& fault) {
  if (!fault) return absl::OkStatus();
  const Row* row = fault.table->Find(fault.type);
  std::string where = row != nullptr && fault.kind != Fault::Kind::kMalformed
                          ? std::string(row->constant)
                          : std::string(fault.table->name);
  return absl::InvalidArgumentError(
      absl::StrCat(where, " at byte ", fault.offset, ": ", base::ToAbsl(Explain(fault.kind))));
}

Fault Decode(const Table& table, ByteView bytes, void* out, Unknowns* unknowns) {
  return Decoder(table, nullptr, 0, out, unknowns).Run(bytes);
}

void Encode(const Table& table, const void* in, const Unknowns* unknowns, Writer* writer) {
  EncodeSet(table, nullptr, 0, in, unknowns, writer);
}

void EncodeMask(const Table& table, const void* key, const void* mask, Writer* writer) {
  EncodeMaskSet(table, 0, key, mask, writer);
}

bool IsPresent(const Table& table, const void* object, uint16_t type, unsigned level) {
  const auto present = base::Load<uint64_t>(At(object, PresentOffset(table, level)));
  return (present >> type & 1) != 0;
}

void SetPresent(const Table& table, void* object, uint16_t type, unsigned level) {
  uint8_t* const word = At(object, PresentOffset(table, level));
  base::Store(word, base::Load<uint64_t>(word) | uint64_t{1} << type);
}

}  // namespace sluice::attr
