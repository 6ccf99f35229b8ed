#include "netlink/attr/json.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <nlohmann/json.hpp>

#include "netlink/attr/masks.h"
#include "netlink/attr/wire.h"
#include "netlink/base/address.h"

namespace sluice::attr {
namespace {

Json PayloadToJson(const Row& row, ByteView value, MaskView mask, const TextOptions& options);

// The library throws at strings that are not.
bool IsUtf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i]);
    const int more = std::countl_one(lead);
    if (more == 1 || more > 4 || i + static_cast<size_t>(std::max(more, 1)) > text.size())
      return false;
    uint32_t point = more == 0 ? lead : lead & 0x7fu >> more;
    for (int k = 1; k < more; ++k) {
      const auto byte = static_cast<uint8_t>(text[i + static_cast<size_t>(k)]);
      if ((byte & 0xc0) != 0x80) return false;
      point = point << 6 | (byte & 0x3fu);
    }
    static constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
    if (point < kLeast[more] || point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
      return false;
    i += static_cast<size_t>(std::max(more, 1));
  }
  return true;
}

std::string Hex(uint64_t number) {
  std::string text;
  AppendNumber(number, Format::kHex, &text);
  return text;
}

// Percent, as few digits as text has.
double Percent(uint64_t fraction) {
  std::string text;
  AppendFraction(static_cast<uint32_t>(fraction), &text);
  double percent = 0;
  std::from_chars(text.data(), text.data() + text.size(), percent);
  return percent;
}

Json BytesOfField(const Field& field, const uint8_t* bytes) {
  std::string text;
  AppendBytes(field, bytes, &text);
  return text;
}

Json IntegerToJson(const Field& field, uint64_t value, const TextOptions& options) {
  if (field.format == Format::kPort && options.ports != nullptr) {
    auto name = options.ports->NameOf(static_cast<uint32_t>(value));
    if (!name.empty() && IsUtf8(name)) return name;
  } else if (field.format == Format::kEnum) {
    for (const Name& name : field.names)
      if (name.value == value) return name.name;
  } else if (field.format == Format::kFraction) {
    return Percent(value);
  }
  return value;
}

// {"est":true,"new":false}: the bits of the mask, and those that are set without a name.
Json BitsToJson(const Field& field, uint64_t value, uint64_t mask) {
  Json bits = Json::object();
  uint64_t unnamed = FieldOnes(field);
  for (const Name& name : field.names) {
    unnamed &= ~uint64_t{name.value};
    if ((mask & name.value) != 0) bits[std::string(name.name)] = (value & name.value) != 0;
  }
  // A full mask would list every bit that there is.
  unnamed &= mask == FieldOnes(field) || mask == FullMask(field) ? value : value | mask;
  for (; unnamed != 0; unnamed &= unnamed - 1) {
    const uint64_t bit = unnamed & (~unnamed + 1);
    bits[Hex(bit)] = (value & bit) != 0;
  }
  return bits;
}

// `mask` is null for an exact value.
Json FieldToJson(const Field& field, const uint8_t* value, const uint8_t* mask,
                 const TextOptions& options) {
  if (IsByteField(field)) {
    const uint8_t* const at = value + field.offset;
    if (mask == nullptr) return BytesOfField(field, at);
    return WithMask(BytesOfField(field, at), BytesOfField(field, mask + field.offset),
                    base::IsAllOnes({mask + field.offset, field.size}));
  }
  const uint64_t number = LoadField(field, value);
  const uint64_t bits = mask != nullptr ? LoadField(field, mask) : FullMask(field);
  if (field.format == Format::kFlags) return BitsToJson(field, number, bits);
  const bool full = bits == FullMask(field);
  // Under a partial mask a number is a pattern, and names mean nothing.
  return WithMask(full ? IntegerToJson(field, number, options) : Json(number), bits, full);
}

// Whether a field stands for nothing: padding, and options that are off.
bool IsNothing(const Field& field, const uint8_t* value) {
  return field.implied == 0u && LoadField(field, value) == 0;
}

void PutFields(const Row& row, const uint8_t* value, const uint8_t* mask,
               const TextOptions& options, Json* object) {
  for (const Field& field : row.fields) {
    if (IsNothing(field, value) || (!options.verbose && IsWild(field, mask))) continue;
    (*object)[std::string(field.name)] = FieldToJson(field, value, mask, options);
  }
}

Json ElementToJson(const Row& row, const uint8_t* value, const uint8_t* mask,
                   const TextOptions& options) {
  if (row.fields.size() == 1) return FieldToJson(row.fields[0], value, mask, options);
  Json object = Json::object();
  PutFields(row, value, mask, options, &object);
  return object;
}

Json StringToJson(ByteView value, MaskView mask) {
  const auto end = std::find(value.begin(), value.end(), uint8_t{0});
  std::string text(value.begin(), end);
  if (!IsUtf8(text)) return UnknownToJson(value, mask);
  return text;
}

Json BytesToJson(ByteView value, MaskView mask) {
  const PaddedMask padded(mask, value.size());
  return WithMask(base::ToHex(value), base::ToHex(padded.bytes()),
                  mask.exact || base::IsAllOnes(padded.bytes()));
}

Json NestedToJson(const Row& row, ByteView value, MaskView mask, const TextOptions& options) {
  TextOptions inner = options;
  if (++inner.depth > kMaxTextDepth) return UnknownToJson(value, mask);
  if (row.kind == Kind::kList) return ListToJson(*row.nested, value, inner);
  return SetToJson(*row.nested, value, mask, inner);
}

Json PayloadToJson(const Row& row, ByteView value, MaskView mask, const TextOptions& options) {
  if (!HasShape(row, value)) return UnknownToJson(value, mask);
  if (row.hook != nullptr && row.hook->json != nullptr) {
    Json out;
    row.hook->json(row, value, mask, options, &out);
    return out;
  }
  switch (row.kind) {
    case Kind::kFields:
    case Kind::kArray:
      return FieldsToJson(row, value, mask, options);
    case Kind::kString:
      return StringToJson(value, mask);
    case Kind::kBytes:
      return BytesToJson(value, mask);
    case Kind::kSet:
    case Kind::kList:
      return NestedToJson(row, value, mask, options);
    case Kind::kFlag:
    case Kind::kReserved:
      return true;
  }
  return nullptr;
}

// How an attribute is called: by its row, unless only its bytes can be shown.
std::string NameOf(const Table& table, const Row* row, uint16_t type, ByteView payload) {
  if (row != nullptr && HasShape(*row, payload)) return std::string(row->name);
  std::string name(table.unknown);
  AppendNumber(type, Format::kDec, &name);
  return name;
}

void PutFlags(const Table& table, ByteView attributes, MaskView mask, Json* object) {
  Json flags = Json::object();
  for (const Row& row : table.rows) {
    if (row.kind != Kind::kFlag) continue;
    if (!mask.exact && Find(mask.bytes, row.type).data() == nullptr) continue;
    flags[std::string(row.name)] = Find(attributes, row.type).data() != nullptr;
  }
  if (!flags.empty()) (*object)[std::string(table.flags_name)] = std::move(flags);
}

void PutAttribute(const Table& table, const Attribute& attribute, MaskView mask,
                  const TextOptions& options, Json* object) {
  const Row* row = table.Find(attribute.type);
  const bool shaped = row != nullptr && HasShape(*row, attribute.payload);
  if (shaped && row->kind == Kind::kFlag && !table.flags_name.empty()) return;
  if (row != nullptr && !options.verbose && !row->keep_empty && IsWild(*row, mask)) return;
  if (shaped && row->style == Style::kInline && row->kind == Kind::kFields) {
    const PaddedMask padded(mask, attribute.payload.size());
    return PutFields(*row, attribute.payload.data(), padded.data(), options, object);
  }
  std::string name = NameOf(table, row, attribute.type, attribute.payload);
  Json value = shaped ? PayloadToJson(*row, attribute.payload, mask, options)
                      : UnknownToJson(attribute.payload, mask);
  if (object->contains(name)) {
    Json one = Json::object();
    one[std::move(name)] = std::move(value);
    (*object)["repeated"].push_back(std::move(one));
    return;
  }
  (*object)[std::move(name)] = std::move(value);
}

}  // namespace

Json FieldsToJson(const Row& row, ByteView value, MaskView mask, const TextOptions& options) {
  if (row.paired) {
    mask = MaskView::Of(value.subspan(row.size));
    value = value.first(row.size);
  }
  const PaddedMask padded(mask, value.size());
  if (row.kind == Kind::kFields) return ElementToJson(row, value.data(), padded.data(), options);
  Json array = Json::array();
  for (size_t at = 0; at + row.size <= value.size(); at += row.size) {
    const uint8_t* const own = padded.data() != nullptr ? padded.data() + at : nullptr;
    array.push_back(ElementToJson(row, value.data() + at, own, options));
  }
  return array;
}

Json WithMask(Json value, Json mask, bool full) {
  if (full) return value;
  Json both = Json::object();
  both["value"] = std::move(value);
  both["mask"] = std::move(mask);
  return both;
}

Json UnknownToJson(ByteView payload, MaskView mask) {
  Json out = Json::object();
  out["value"] = base::ToHex(payload);
  if (!mask.exact) out["mask"] = base::ToHex(PaddedMask(mask, payload.size()).bytes());
  return out;
}

Json SetToJson(const Table& table, ByteView attributes, MaskView mask, const TextOptions& options) {
  Json object = Json::object();
  ByteVector with_zeros;
  attributes = WithImplicitZeros(table, attributes, mask, &with_zeros);
  const MaskIndex masks(mask);
  const AttributeWalk walk(attributes);
  for (const Attribute& attribute : walk)
    PutAttribute(table, attribute, masks.Of(attribute.type), options, &object);
  if (!table.flags_name.empty()) PutFlags(table, attributes, mask, &object);
  if (!walk.leftover().empty()) object["malformed"] = base::ToHex(walk.leftover());
  return object;
}

Json ListToJson(const Table& table, ByteView attributes, const TextOptions& options) {
  Json array = Json::array();
  const AttributeWalk walk(attributes);
  for (const Attribute& attribute : walk) {
    Json one = Json::object();
    PutAttribute(table, attribute, {}, options, &one);
    array.push_back(std::move(one));
  }
  if (!walk.leftover().empty()) {
    Json rest = Json::object();
    rest["malformed"] = base::ToHex(walk.leftover());
    array.push_back(std::move(rest));
  }
  return array;
}

}  // namespace sluice::attr
