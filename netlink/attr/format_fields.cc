// Text of fields: name=value/mask, separated by commas.

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

#include "netlink/attr/field_text.h"
#include "netlink/base/address.h"

namespace sluice::attr {
namespace {

void AppendDigits(uint64_t value, int base, std::string* out) {
  char digits[24];
  // Not as a pair of pointers, which std::string takes for iterators and copies one by one.
  const char* const end = std::to_chars(digits, digits + sizeof(digits), value, base).ptr;
  out->append(digits, static_cast<size_t>(end - digits));
}

void AppendLongHex(const uint8_t* bytes, size_t size, Order order, std::string* out) {
  const bool low_first = IsLowFirst(order);
  const auto byte = [&](size_t i) { return bytes[low_first ? size - 1 - i : i]; };
  size_t i = 0;
  while (i < size && byte(i) == 0) ++i;
  if (i == size) {
    out->push_back('0');
    return;
  }
  out->append("0x");
  AppendDigits(byte(i), 16, out);
  for (++i; i < size; ++i) {
    const uint8_t next = byte(i);
    base::AppendHex({&next, 1}, out);
  }
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
    const auto name = options.ports->NameOf(static_cast<uint32_t>(value));
    if (IsPlainName(name, /*words_only=*/false)) {
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
  const uint64_t bits = mask != nullptr ? LoadField(field, mask) : full;
  if (bits == full && !always_mask) return AppendInteger(field, number, options, out);
  if (field.format == Format::kFlags && bits != 0 && (number & ~bits) == 0 &&
      AppendSignedFlags(field, number, bits, out))
    return;
  if (field.format == Format::kFlags) {
    AppendNumber(number, Format::kHex, out);
  } else {
    AppendInteger(field, number, options, out);
  }
  out->push_back('/');
  AppendNumber(bits, Format::kHex, out);
}

bool IsImplied(const Field& field, const uint8_t* value, const uint8_t* mask) {
  return field.implied && LoadField(field, value) == *field.implied &&
         (mask == nullptr || LoadField(field, mask) == FullMask(field));
}

// The fields of one element; returns whether anything was written, also before it.
bool AppendElement(const Row& row, const uint8_t* value, const uint8_t* mask, bool all, bool comma,
                   const TextOptions& options, std::string* out) {
  for (const Field& field : row.fields) {
    // A field with an implied value is told by its absence: it is written whenever it differs.
    if (field.implied ? IsImplied(field, value, mask) : !all && IsWild(field, mask)) continue;
    if (comma) out->push_back(',');
    comma = true;
    if (!field.name.empty()) out->append(field.name).push_back('=');
    AppendField(field, value, mask, row.paired, options, out);
  }
  return comma;
}

// The bits of an element that some field covers, ORed into `*covered`.
void Cover(const Row& row, uint8_t* covered) {
  for (const Field& field : row.fields) {
    if (IsByteField(field)) {
      std::fill_n(covered + field.offset, field.size, uint8_t{0xff});
    } else {
      StoreField(field, FieldOnes(field), covered);
    }
  }
}

}  // namespace

bool IsCovered(const Row& row, ByteView value) {
  if (HasNoGaps(row)) return true;
  ByteVector covered(row.size);
  Cover(row, covered.data());
  for (size_t i = 0; i < value.size(); ++i)
    if ((value[i] & ~covered[i % row.size]) != 0) return false;
  return true;
}

bool IsPlainName(std::string_view name, bool words_only) {
  if (name.empty() || WholeNumber(name)) return false;
  return std::all_of(name.begin(), name.end(), [words_only](char c) {
    const bool word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                      c == '_' || c == '-' || c == '.';
    constexpr std::string_view kSeparators = ",()/{}=|";
    return word ||
           (!words_only && c > ' ' && c < 0x7f && kSeparators.find(c) == std::string_view::npos);
  });
}

void AppendBytes(const Field& field, const uint8_t* bytes, std::string* out) {
  switch (field.format) {
    case Format::kMac:
      return base::AppendMac(bytes, out);
    case Format::kIpv4:
      return base::AppendIpv4(bytes, out);
    case Format::kIpv6:
      return base::AppendIpv6(bytes, out);
    default:
      return AppendLongHex(bytes, field.size, field.order, out);
  }
}

void AppendNumber(uint64_t value, Format format, std::string* out) {
  if (format == Format::kHex4) {
    out->append("0x");
    for (uint64_t limit = 0x1000; limit > 1 && value < limit; limit >>= 4) out->push_back('0');
    AppendDigits(value, 16, out);
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

void AppendPlainFields(const Row& row, const uint8_t* value, const TextOptions& options,
                       std::string* out) {
  AppendElement(row, value, nullptr, /*all=*/true, /*comma=*/false, options, out);
}

bool AppendFields(const Row& row, ByteView value, MaskView mask, const TextOptions& options,
                  std::string* out) {
  if (row.paired) {
    mask = MaskView::Of(value.subspan(row.size));
    value = value.first(row.size);
  }
  // Where there are several elements, only whole ones can be told apart.
  const bool all = options.verbose || row.paired || value.size() > row.size;
  // Nearly all masks are whole: there is no need for a copy.
  std::optional<PaddedMask> padded;
  const uint8_t* masks = mask.exact ? nullptr : mask.bytes.data();
  if (!mask.exact && mask.bytes.size() < value.size())
    masks = padded.emplace(mask, value.size()).data();
  bool comma = false;
  for (size_t at = 0; at + row.size <= value.size(); at += row.size)
    comma = AppendElement(row, value.data() + at, masks == nullptr ? nullptr : masks + at, all,
                          comma, options, out);
  return comma;
}

}  // namespace sluice::attr
