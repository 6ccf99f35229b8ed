// Fields from text: name=value/mask, separated by commas.

#include <algorithm>
#include <charconv>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "netlink/attr/field_text.h"
#include "netlink/base/address.h"
#include "netlink/base/status.h"

namespace sluice::attr {
namespace {

std::string NamesOf(const Row& row) {
  std::string names;
  for (const Field& field : row.fields)
    absl::StrAppend(&names, names.empty() ? "" : ", ", base::ToAbsl(field.name));
  return names;
}

std::string_view What(Format format) {
  switch (format) {
    case Format::kMac:
      return "a MAC address";
    case Format::kIpv4:
      return "an IPv4 address";
    case Format::kIpv6:
      return "an IPv6 address";
    default:
      return "a hexadecimal number";
  }
}

// A number of `size` bytes from decimal or 0x text.
bool ReadLongHex(std::string_view token, size_t size, Order order, uint8_t* out) {
  std::string digits;
  if (token.substr(0, 2) == "0x" || token.substr(0, 2) == "0X") {
    digits = token.substr(2);
    if (digits.empty()) return false;
  } else {
    const std::optional<uint64_t> number = WholeNumber(token);
    if (!number) return false;
    digits = absl::StrCat(absl::Hex(*number));
  }
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.size() > 2 * size) return false;
  digits.insert(0, 2 * size - digits.size(), '0');
  const auto bytes = base::FromHex(digits);
  if (!bytes) return false;
  std::copy(bytes->begin(), bytes->end(), out);
  if (IsLowFirst(order)) std::reverse(out, out + size);
  return true;
}

// The leading `bits` ones of a CIDR mask.
void StorePrefix(size_t bits, size_t size, uint8_t* out) {
  for (size_t i = 0; i < size; ++i) {
    const size_t here = std::min<size_t>(bits > 8 * i ? bits - 8 * i : 0, 8);
    out[i] = static_cast<uint8_t>(0xff00u >> here);
  }
}

bool IsDecimal(std::string_view token) {
  return !token.empty() && token.find_first_not_of("0123456789") == std::string_view::npos;
}

// Reads the values of one field.
class FieldReader {
 public:
  FieldReader(const Field& field, const TextOptions& options, Scanner* scanner)
      : field_(field), options_(options), scanner_(*scanner) {}

  // Into whole payloads. `*partial` becomes true when there is a mask.
  bool Read(uint8_t* value, uint8_t* mask, bool* partial) {
    if (IsByteField(field_)) return Bytes(value + field_.offset, mask + field_.offset, partial);
    uint64_t number = 0;
    uint64_t bits = FullMask(field_);
    const char next = scanner_.Peek();
    if (field_.format == Format::kFlags && (next == '+' || next == '-')) {
      bits = 0;
      *partial = true;
      if (!SignedFlags(&number, &bits)) return false;
    } else {
      if (!Value(&number)) return false;
      if (scanner_.Accept('/')) {
        *partial = true;
        if (!scanner_.Number(FieldOnes(field_), &bits)) return false;
      }
    }
    StoreField(field_, number, value);
    StoreField(field_, bits, mask);
    return true;
  }

 private:
  bool Bytes(uint8_t* value, uint8_t* mask, bool* partial) {
    if (!Address(scanner_.Token(), value)) return false;
    std::fill_n(mask, field_.size, uint8_t{0xff});
    if (!scanner_.Accept('/')) return true;
    *partial = true;
    const std::string_view token = scanner_.Token();
    const bool is_ip = field_.format == Format::kIpv4 || field_.format == Format::kIpv6;
    if (!is_ip || !IsDecimal(token)) return Address(token, mask);
    const size_t most = 8u * field_.size;
    const std::optional<uint64_t> bits = WholeNumber(token);
    if (!bits || *bits > most) return Reject(token, absl::StrCat("a prefix of at most ", most));
    StorePrefix(*bits, field_.size, mask);
    return true;
  }

  bool Address(std::string_view token, uint8_t* out) {
    const auto store = [out](const auto& address) {
      if (address) std::copy(address->bytes.begin(), address->bytes.end(), out);
      return address.has_value();
    };
    bool ok = false;
    if (field_.format == Format::kMac) ok = store(base::ParseMac(token));
    if (field_.format == Format::kIpv4) ok = store(base::ParseIpv4(token));
    if (field_.format == Format::kIpv6) ok = store(base::ParseIpv6(token));
    if (field_.format == Format::kBigHex) ok = ReadLongHex(token, field_.size, field_.order, out);
    return ok || Reject(token, What(field_.format));
  }

  // The longest name that stands here: names may begin with one another.
  const Name* FlagHere() {
    const Name* match = nullptr;
    for (const Name& name : field_.names)
      if (scanner_.rest().substr(0, name.name.size()) == name.name &&
          (match == nullptr || name.name.size() > match->name.size()))
        match = &name;
    if (match != nullptr) scanner_.Skip(match->name.size());
    return match;
  }

  // +est-new
  bool SignedFlags(uint64_t* value, uint64_t* mask) {
    while (scanner_.Peek() == '+' || scanner_.Peek() == '-') {
      const bool set = scanner_.Peek() == '+';
      scanner_.Skip(1);
      const size_t start = scanner_.position();
      const Name* name = FlagHere();
      if (name == nullptr) return scanner_.FailAt(start, "the name of a flag");
      if ((*mask & name->value) != 0) return scanner_.FailAt(start, "each flag only once");
      *mask |= name->value;
      if (set) *value |= name->value;
    }
    return true;
  }

  // est|trk, or 0x21, or both
  bool NamedFlags(uint64_t* out) {
    do {
      uint64_t number = 0;
      const char next = scanner_.Peek();
      if (const Name* name = FlagHere(); name != nullptr) {
        number = name->value;
      } else if (next < '0' || next > '9') {
        return scanner_.Fail("the name of a flag, or a number");
      } else if (!scanner_.Number(FieldOnes(field_), &number)) {
        return false;
      }
      *out |= number;
    } while (scanner_.Accept('|'));
    return true;
  }

  bool Fraction(uint64_t* out) {
    const std::string_view token = scanner_.Token();
    const size_t digits = token.size() - (!token.empty() && token.back() == '%' ? 1 : 0);
    double percent = -1;
    const auto [stop, error] = std::from_chars(token.data(), token.data() + digits, percent);
    if (digits == 0 || error != std::errc() || stop != token.data() + digits ||
        !(percent >= 0 && percent <= 100))
      return Reject(token, "a percentage from 0% to 100%");
    *out = static_cast<uint64_t>(std::floor(percent / 100.0 * 4294967295.0 + 0.5));
    return true;
  }

  // A number, or else a name: of the field's values or of a port.
  bool NameOrNumber(uint64_t* out) {
    const bool is_port = field_.format == Format::kPort;
    const std::string_view token = scanner_.Token();
    if (const auto number = WholeNumber(token)) {
      if (*number > FieldOnes(field_))
        return Reject(token, absl::StrCat("a number of at most ", FieldOnes(field_)));
      return *out = *number, true;
    }
    for (const Name& name : field_.names)
      if (name.name == token) return *out = name.value, true;
    if (is_port && options_.ports != nullptr)
      if (const auto port = options_.ports->NumberOf(token)) return *out = *port, true;
    return Reject(token, is_port ? "a port" : "a name or a number");
  }

  bool Value(uint64_t* out) {
    switch (field_.format) {
      case Format::kFlags:
        return NamedFlags(out);
      case Format::kEnum:
      case Format::kPort:
        return NameOrNumber(out);
      case Format::kFraction:
        return Fraction(out);
      default:
        return scanner_.Number(FieldOnes(field_), out);
    }
  }

  // `token` is the last that was read.
  bool Reject(std::string_view token, std::string_view expected) {
    return scanner_.FailAt(scanner_.position() - token.size(), expected);
  }

  const Field& field_;
  const TextOptions& options_;
  Scanner& scanner_;
};

// What text left out of an element: what is implied, or nothing.
void FinishElement(const Row& row, size_t base, ParsedAttribute* out) {
  for (size_t i = 0; i < row.fields.size(); ++i) {
    const Field& field = row.fields[i];
    if ((out->fields_seen >> i & 1) != 0) continue;
    if (field.implied) {
      StoreField(field, *field.implied, out->value.data() + base);
      StoreField(field, FullMask(field), out->mask.data() + base);
    } else {
      out->partial = true;
    }
  }
}

}  // namespace

size_t FindField(const Row& row, std::string_view name) {
  const auto it = std::find_if(row.fields.begin(), row.fields.end(), [name](const Field& field) {
    return !name.empty() && (field.name == name || field.alias == name);
  });
  return static_cast<size_t>(it - row.fields.begin());
}

bool ReadField(const Row& row, size_t number, size_t base, const TextOptions& options,
               Scanner* scanner, ParsedAttribute* out) {
  out->fields_seen |= uint64_t{1} << number;
  return FieldReader(row.fields[number], options, scanner)
      .Read(out->value.data() + base, out->mask.data() + base, &out->partial);
}

bool ReadFields(const Row& row, const TextOptions& options, Scanner* scanner,
                ParsedAttribute* out) {
  out->value.assign(row.size, 0);
  out->mask.assign(row.size, 0);
  if (row.fields.size() == 1 && row.fields[0].name.empty() && row.kind == Kind::kFields)
    return ReadField(row, 0, 0, options, scanner, out);
  size_t base = 0;
  while (!scanner->AtEnd() && scanner->Peek() != ')') {
    const size_t start = scanner->position();
    const size_t number = FindField(row, scanner->Word());
    if (number == row.fields.size())
      return scanner->FailAt(start, absl::StrCat("one of ", NamesOf(row), ", or ')'"));
    if ((out->fields_seen >> number & 1) != 0) {
      if (row.kind != Kind::kArray) return scanner->FailAt(start, "each field only once");
      FinishElement(row, base, out);
      out->fields_seen = 0;
      base += row.size;
      out->value.resize(base + row.size);
      out->mask.resize(base + row.size);
    }
    if (!scanner->Expect('=') || !ReadField(row, number, base, options, scanner, out)) return false;
    if (!scanner->Accept(',') && !scanner->AtEnd() && scanner->Peek() != ')')
      return scanner->Fail("',' or ')'");
  }
  FinishElement(row, base, out);
  return true;
}

}  // namespace sluice::attr
