// Text from attributes.

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "netlink/attr/masks.h"
#include "netlink/attr/text.h"
#include "netlink/base/address.h"

namespace sluice::attr {
namespace {

void AppendDigits(uint64_t value, int base, std::string* out) {
  char digits[24];
  out->append(digits, std::to_chars(digits, digits + sizeof(digits), value, base).ptr);
}

void AppendBigHex(const uint8_t* bytes, size_t size, std::string* out) {
  std::string digits;
  base::AppendHex({bytes, size}, &digits);
  const size_t first = digits.find_first_not_of('0');
  if (first == std::string::npos) {
    out->push_back('0');
    return;
  }
  out->append("0x").append(digits, first, std::string::npos);
}

// Bits by name: est|trk, the rest as one number; 0 for none.
void AppendFlagNames(const Field& field, uint64_t value, std::string* out) {
  const char* separator = "";
  for (const Name& name : field.names) {
    if ((value & name.value) == 0) continue;
    out->append(separator).append(name.name);
    separator = "|";
    value &= ~uint64_t{name.value};
  }
  if (value != 0 || *separator == '\0') {
    out->append(separator);
    AppendNumber(value, Format::kHex, out);
  }
}

// +est-new; false when the mask has bits that have no name.
bool AppendSignedFlags(const Field& field, uint64_t value, uint64_t mask, std::string* out) {
  uint64_t named = 0;
  for (const Name& name : field.names) named |= name.value;
  if ((mask & ~named) != 0) return false;
  for (const Name& name : field.names) {
    if ((mask & name.value) == 0) continue;
    out->push_back((value & name.value) != 0 ? '+' : '-');
    out->append(name.name);
  }
  return true;
}

void AppendInteger(const Field& field, uint64_t value, const TextOptions& options,
                   std::string* out) {
  if (field.format == Format::kPort && options.ports != nullptr) {
    if (auto name = options.ports->NameOf(static_cast<uint32_t>(value)); !name.empty()) {
      out->append(name);
      return;
    }
  } else if (field.format == Format::kEnum) {
    for (const Name& name : field.names)
      if (name.value == value) {
        out->append(name.name);
        return;
      }
  } else if (field.format == Format::kFraction) {
    return AppendFraction(static_cast<uint32_t>(value), out);
  } else if (field.format == Format::kFlags) {
    return AppendFlagNames(field, value, out);
  }
  AppendNumber(value, field.format, out);
}

// "value" or "value/mask". `mask` is null for an exact value.
void AppendField(const Field& field, const uint8_t* value, const uint8_t* mask, bool always_mask,
                 const TextOptions& options, std::string* out) {
  if (IsByteField(field)) {
    AppendBytes(field, value + field.offset, out);
    if (mask == nullptr) return;
    const ByteView mask_bytes(mask + field.offset, field.size);
    if (!always_mask && base::IsAllOnes(mask_bytes)) return;
    out->push_back('/');
    AppendBytes(field, mask_bytes.data(), out);
    return;
  }
  const uint64_t number = LoadField(field, value);
  const uint64_t full = FullMask(field);
  const uint64_t mask_number = mask != nullptr ? LoadField(field, mask) : full;
  if (mask_number == full && !always_mask) return AppendInteger(field, number, options, out);
  if (field.format == Format::kFlags && mask_number != 0 && (number & ~mask_number) == 0 &&
      AppendSignedFlags(field, number, mask_number, out))
    return;
  if (field.format == Format::kFlags) {
    AppendNumber(number, Format::kHex, out);
  } else {
    AppendInteger(field, number, options, out);
  }
  out->push_back('/');
  AppendNumber(mask_number, Format::kHex, out);
}

bool IsImplied(const Field& field, const uint8_t* value, const uint8_t* mask) {
  return field.implied && LoadField(field, value) == *field.implied &&
         (mask == nullptr || LoadField(field, mask) == FullMask(field));
}

// The fields of one element; returns whether anything was written.
bool AppendElement(const Row& row, const uint8_t* value, const uint8_t* mask, bool comma,
                   const TextOptions& options, std::string* out) {
  for (const Field& field : row.fields) {
    // A field with an implied value is told by its absence: it is written whenever it differs.
    if (field.implied ? IsImplied(field, value, mask) : !options.verbose && IsWild(field, mask))
      continue;
    if (comma) out->push_back(',');
    comma = true;
    if (!field.name.empty()) out->append(field.name).push_back('=');
    AppendField(field, value, mask, row.paired && row.style == Style::kAssign, options, out);
  }
  return comma;
}

void AppendHexList(ByteView bytes, std::string* out) {
  const char* separator = "";
  for (uint8_t byte : bytes) {
    out->append(separator);
    base::AppendHex({&byte, 1}, out);
    separator = " ";
  }
}

// key99(0a 0b/ff ff)
void AppendUnknown(const Table& table, const Attribute& attribute, MaskView mask,
                   std::string* out) {
  out->append(table.unknown);
  AppendDigits(attribute.type, 10, out);
  out->push_back('(');
  AppendHexList(attribute.payload, out);
  if (!mask.exact) {
    out->push_back('/');
    AppendHexList(PaddedMask(mask, attribute.payload.size()).bytes(), out);
  }
  out->push_back(')');
}

void AppendPayload(const Row& row, ByteView value, MaskView mask, const TextOptions& options,
                   std::string* out) {
  switch (row.kind) {
    case Kind::kFields:
    case Kind::kArray:
      return AppendFields(row, value, mask, options, out);
    case Kind::kString:
      value = value.first(
          static_cast<size_t>(std::find(value.begin(), value.end(), uint8_t{0}) - value.begin()));
      out->append(reinterpret_cast<const char*>(value.data()), value.size());
      return;
    case Kind::kBytes:
      if (row.style == Style::kAssign) out->append("0x");
      base::AppendHex(value, out);
      return;
    case Kind::kSet:
    case Kind::kList: {
      TextOptions inner = options;
      if (++inner.depth > kMaxTextDepth) {
        out->append("nested too deep: ");
        return base::AppendHex(value, out);
      }
      if (row.kind == Kind::kList) return AppendList(*row.nested, value, inner, out);
      const size_t start = out->size();
      AppendSet(*row.nested, value, mask, inner, out);
      if (out->size() != start || !row.keep_empty || options.verbose) return;
      // The kernel takes a set that is there but empty for one that is not there.
      inner.verbose = true;
      return AppendSet(*row.nested, value, mask, inner, out);
    }
    case Kind::kFlag:
    case Kind::kReserved:
      return;
  }
}

// Flags gathered under one name: flags(df|csum), or flags(+df-csum) when the mask selects only
// some.
void AppendGatheredFlags(const Table& table, ByteView attributes, MaskView mask, std::string* out) {
  std::string plain, with_sign;
  bool all = true, any = false;
  for (const Row& row : table.rows) {
    if (row.kind != Kind::kFlag) continue;
    const bool set = Find(attributes, row.type).data() != nullptr;
    const bool selected = mask.exact || Find(mask.bytes, row.type).data() != nullptr;
    all &= selected;
    any |= mask.exact ? set : selected;
    if (set) plain.append(plain.empty() ? "" : "|").append(row.name);
    if (selected) with_sign.append(set ? "+" : "-").append(row.name);
  }
  if (!any) return;
  if (!out->empty() && out->back() != '(') out->push_back(',');
  out->append(table.flags_name).push_back('(');
  out->append(all && !plain.empty() ? plain : with_sign).push_back(')');
}

void AppendLeftover(const AttributeWalk& walk, std::string* out) {
  const ByteView leftover = walk.leftover();
  if (leftover.empty()) return;
  out->append(",***");
  AppendDigits(leftover.size(), 10, out);
  out->append(" leftover bytes*** (");
  base::AppendHex(leftover, out);
  out->push_back(')');
}

}  // namespace

void AppendBytes(const Field& field, const uint8_t* bytes, std::string* out) {
  switch (field.format) {
    case Format::kMac:
      return base::AppendMac(bytes, out);
    case Format::kIpv4:
      return base::AppendIpv4(bytes, out);
    case Format::kIpv6:
      return base::AppendIpv6(bytes, out);
    default:
      return AppendBigHex(bytes, field.size, out);
  }
}

void AppendNumber(uint64_t value, Format format, std::string* out) {
  if (format == Format::kHex4) {
    char digits[20];
    std::snprintf(digits, sizeof(digits), "0x%04llx", static_cast<unsigned long long>(value));
    out->append(digits);
  } else if ((format == Format::kHex || format == Format::kFlags) && value != 0) {
    out->append("0x");
    AppendDigits(value, 16, out);
  } else {
    AppendDigits(value, 10, out);
  }
}

void AppendFraction(uint32_t value, std::string* out) {
  constexpr double kAll = 4294967295.0;
  const double percent = 100.0 * value / kAll;
  char digits[32];
  for (int precision = 1; precision <= 12; ++precision) {
    std::snprintf(digits, sizeof(digits), "%.*f", precision, percent);
    double read = 0;
    std::from_chars(digits, digits + sizeof(digits), read);
    if (static_cast<uint32_t>(std::floor(read / 100.0 * kAll + 0.5)) == value) break;
  }
  out->append(digits).push_back('%');
}

void AppendFields(const Row& row, ByteView value, MaskView mask, const TextOptions& options,
                  std::string* out) {
  if (row.paired) {
    mask = MaskView::Of(value.subspan(row.size));
    value = value.first(row.size);
  }
  if (row.size == 0) return;
  const PaddedMask padded(mask, value.size());
  bool comma = false;
  for (size_t at = 0; at + row.size <= value.size(); at += row.size)
    comma = AppendElement(row, value.data() + at, mask.exact ? nullptr : padded.data() + at, comma,
                          options, out);
}

void AppendRow(const Row& row, ByteView value, MaskView mask, const TextOptions& options,
               std::string* out) {
  if (row.hook != nullptr && row.hook->format != nullptr)
    return row.hook->format(row, value, mask, options, out);
  if (row.style == Style::kCall) out->append(row.name);
  if (row.style == Style::kAssign) {
    out->append(row.name);
    if (row.kind != Kind::kFlag) out->push_back('=');
  }
  if (row.style != Style::kCall) return AppendPayload(row, value, mask, options, out);
  if (row.kind == Kind::kFlag) return;
  if (row.bare_when_empty && value.empty()) return;
  out->push_back('(');
  AppendPayload(row, value, mask, options, out);
  out->push_back(')');
}

void AppendSet(const Table& table, ByteView attributes, MaskView mask, const TextOptions& options,
               std::string* out) {
  const MaskIndex masks(mask);
  const size_t start = out->size();
  auto append = [&](const Attribute& attribute) {
    const Row* row = table.Find(attribute.type);
    const MaskView own = masks.Of(attribute.type);
    if (row != nullptr && row->kind == Kind::kFlag && !table.flags_name.empty()) return;
    if (row != nullptr && !options.verbose && !row->keep_empty && IsWild(*row, own)) return;
    if (out->size() != start) out->push_back(',');
    if (row == nullptr || !HasShape(*row, attribute.payload)) {
      AppendUnknown(table, attribute, own, out);
    } else {
      AppendRow(*row, attribute.payload, own, options, out);
    }
  };
  const AttributeWalk walk(attributes);
  if (table.text_by_number) {
    std::vector<attr::Attribute> sorted;
    for (const Attribute& attribute : walk) sorted.push_back(attribute);
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const auto& a, const auto& b) { return a.type < b.type; });
    std::for_each(sorted.begin(), sorted.end(), append);
  } else {
    for (const Attribute& attribute : walk) append(attribute);
  }
  if (!table.flags_name.empty()) AppendGatheredFlags(table, attributes, mask, out);
  AppendLeftover(walk, out);
}

void AppendList(const Table& table, ByteView attributes, const TextOptions& options,
                std::string* out) {
  if (attributes.empty()) {
    out->append(table.empty);
    return;
  }
  const AttributeWalk walk(attributes);
  bool comma = false;
  for (const Attribute& attribute : walk) {
    if (comma) out->push_back(',');
    comma = true;
    const Row* row = table.Find(attribute.type);
    if (row == nullptr || !HasShape(*row, attribute.payload)) {
      AppendUnknown(table, attribute, {}, out);
    } else {
      AppendRow(*row, attribute.payload, {}, options, out);
    }
  }
  AppendLeftover(walk, out);
}

}  // namespace sluice::attr
