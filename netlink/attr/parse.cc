// Attributes from text.

#include <algorithm>
#include <charconv>
#include <cmath>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "netlink/attr/text.h"
#include "netlink/base/address.h"
#include "netlink/base/status.h"

namespace sluice::attr {
namespace {

constexpr char kOffsetUrl[] = "sluice/text-offset";

const Row* BareRow(const Table& table) {
  for (const Row& row : table.rows)
    if (row.style == Style::kBare) return &row;
  return nullptr;
}

std::string NamesOf(const Table& table) {
  std::string names;
  for (const Row& row : table.rows) {
    if (row.kind == Kind::kReserved || row.name.empty() || row.style == Style::kInline) continue;
    absl::StrAppend(&names, names.empty() ? "" : ", ", base::ToAbsl(row.name));
  }
  return names;
}

std::string NamesOf(const Row& row) {
  std::string names;
  for (const Field& field : row.fields)
    absl::StrAppend(&names, names.empty() ? "" : ", ", base::ToAbsl(field.name));
  return names;
}

const Field* FindField(const Row& row, std::string_view name) {
  for (const Field& field : row.fields)
    if (!name.empty() && (field.name == name || field.alias == name)) return &field;
  return nullptr;
}

std::string_view What(Format format) {
  switch (format) {
    case Format::kMac:
      return "a MAC address";
    case Format::kIpv4:
      return "an IPv4 address";
    case Format::kIpv6:
      return "an IPv6 address";
    case Format::kBigHex:
      return "a hexadecimal number";
    default:
      return "a number";
  }
}

// A big-endian number of `size` bytes from decimal or 0x text.
bool ParseBigHex(std::string_view token, size_t size, uint8_t* out) {
  std::string digits;
  if (token.substr(0, 2) == "0x" || token.substr(0, 2) == "0X") {
    digits = token.substr(2);
  } else {
    uint64_t number = 0;
    auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), number);
    if (error != std::errc() || end != token.data() + token.size()) return false;
    digits = absl::StrCat(absl::Hex(number));
  }
  const size_t first = std::min(digits.find_first_not_of('0'), digits.size());
  digits.erase(0, first);
  if (digits.size() > 2 * size) return false;
  digits.insert(0, 2 * size - digits.size(), '0');
  auto bytes = base::FromHex(digits);
  if (!bytes) return false;
  std::copy(bytes->begin(), bytes->end(), out);
  return true;
}

// The leading `bits` ones of a CIDR mask.
void StorePrefix(size_t bits, size_t size, uint8_t* out) {
  for (size_t i = 0; i < size; ++i) {
    const size_t here = std::min<size_t>(bits > 8 * i ? bits - 8 * i : 0, 8);
    out[i] = static_cast<uint8_t>(0xff00u >> here);
  }
}

}  // namespace

// Sets and lists.

bool Parser::Set(const Table& table, std::vector<ParsedAttribute>* out) {
  if (++depth_ > kMaxTextDepth) return Fail("less nesting");
  while (!failed() && !AtEnd() && Peek() != ')') {
    const size_t start = position_;
    const std::string_view name = Word();
    if (!table.flags_name.empty() && name == table.flags_name) {
      if (!GatheredFlags(table, out)) return false;
    } else if (table.FindByName(name) == nullptr && InlineField(table, name, out)) {
      // The field has gone to its row in `out`.
    } else {
      if (failed()) return false;
      position_ = start;
      ParsedAttribute attribute;
      if (!Attribute(table, /*in_list=*/false, &attribute)) return false;
      for (const ParsedAttribute& other : *out)
        if (other.type == attribute.type) return FailAt(start, "each field only once");
      out->push_back(std::move(attribute));
    }
    if (!NextInSet()) return false;
  }
  --depth_;
  return !failed();
}

bool Parser::List(const Table& table, std::vector<ParsedAttribute>* out) {
  if (++depth_ > kMaxTextDepth) return Fail("less nesting");
  const size_t start = position_;
  const bool empty = !table.empty.empty() && AcceptWord(table.empty) && Peek() != '(';
  if (!empty) position_ = start;
  while (!empty && !AtEnd() && Peek() != ')') {
    ParsedAttribute attribute;
    if (!Attribute(table, /*in_list=*/true, &attribute)) return false;
    out->push_back(std::move(attribute));
    if (!NextInSet()) return false;
  }
  --depth_;
  return !failed();
}

// Behind an attribute: a comma or a blank, unless the set ends here.
bool Parser::NextInSet() {
  const size_t before = position_;
  if (AtEnd() || Peek() == ')') return true;
  if (Accept(',') || position_ > before) return true;
  return Fail("',' or ')'");
}

bool Parser::Attribute(const Table& table, bool in_list, ParsedAttribute* out) {
  SkipBlanks();
  const size_t start = position_;
  const std::string_view name = Word();
  const Row* row = table.FindByName(name);
  const Row* bare = in_list ? BareRow(table) : nullptr;
  if (row != nullptr && row != bare) return Styled(*row, out);
  if (row == nullptr && Unknown(table, name, out)) return true;
  if (failed()) return false;
  if (bare != nullptr && row == bare && Peek() == '(')
    return Accept('(') && Payload(*bare, out) && Expect(')');
  if (bare != nullptr && !name.empty()) {
    position_ = start;
    if (Payload(*bare, out)) return true;
    error_.clear();
  }
  return FailAt(start,
                absl::StrCat(bare != nullptr ? "a port, or " : "", "one of ", NamesOf(table)));
}

bool Parser::Styled(const Row& row, ParsedAttribute* out) {
  out->row = &row;
  out->type = row.type;
  if (row.hook != nullptr && row.hook->parse != nullptr) return row.hook->parse(*this, row, out);
  if (row.kind == Kind::kFlag) {
    if (row.style == Style::kCall && Accept('(')) return Expect(')');
    return true;
  }
  if (row.style == Style::kAssign || (row.kind == Kind::kBytes && Peek() == '='))
    return Expect('=') && Payload(row, out);
  if (row.bare_when_empty && Peek() != '(') return true;
  return Expect('(') && Payload(row, out) && Expect(')');
}

// key99(0a 0b/ff ff): the bytes of an attribute that this project has no row for.
bool Parser::Unknown(const Table& table, std::string_view name, ParsedAttribute* out) {
  if (table.unknown.empty() || name.substr(0, table.unknown.size()) != table.unknown) return false;
  unsigned type = 0;
  const std::string_view digits = name.substr(table.unknown.size());
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), type);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size() ||
      type > static_cast<unsigned>(NLA_TYPE_MASK))
    return false;
  out->row = table.Find(static_cast<uint16_t>(type));
  out->type = static_cast<uint16_t>(type);
  if (!Expect('(') || !Hex(&out->value)) return false;
  out->mask.assign(out->value.size(), 0xff);
  if (Accept('/')) {
    const size_t start = position_;
    out->mask.clear();
    if (!Hex(&out->mask)) return false;
    if (out->mask.size() != out->value.size())
      return FailAt(start, "a mask of as many bytes as the value");
  }
  return Expect(')');
}

// A field of a row that has no name of its own: nsh(flags=0,ttl=63,...).
bool Parser::InlineField(const Table& table, std::string_view name,
                         std::vector<ParsedAttribute>* out) {
  for (const Row& row : table.rows) {
    const attr::Field* field = row.style == Style::kInline ? FindField(row, name) : nullptr;
    if (field == nullptr) continue;
    auto it = std::find_if(out->begin(), out->end(),
                           [&](const ParsedAttribute& a) { return a.row == &row; });
    if (it == out->end()) {
      ParsedAttribute fresh;
      fresh.row = &row;
      fresh.type = row.type;
      fresh.value.resize(row.size);
      fresh.mask.resize(row.size);
      it = out->insert(out->end(), std::move(fresh));
    }
    return Expect('=') && OneField(row, *field, it->value.data(), it->mask.data(), &it->partial);
  }
  return false;
}

// flags(df|csum) means these and no others; flags(+df-csum) leaves the rest alone.
bool Parser::GatheredFlags(const Table& table, std::vector<ParsedAttribute>* out) {
  if (!Expect('(')) return false;
  std::vector<const Row*> set, cleared;
  const bool with_signs = Peek() == '+' || Peek() == '-';
  while (Peek() != ')') {
    const bool clear = with_signs && Peek() == '-';
    if (with_signs ? !Accept('+') && !Accept('-') : !set.empty() && !Accept('|'))
      return Fail(with_signs ? "'+', '-' or ')'" : "'|' or ')'");
    const size_t start = position_;
    size_t length = 0;
    while (start + length < text_.size() &&
           std::isalnum(static_cast<unsigned char>(text_[start + length])))
      ++length;
    const std::string_view name = text_.substr(start, length);
    const Row* row = table.FindByName(name);
    const bool ignored = !name.empty() && name == table.ignored_flag;
    if (!ignored && (row == nullptr || row->kind != Kind::kFlag))
      return FailAt(start, "the name of a flag");
    position_ += length;
    if (ignored && !with_signs && Peek() != ')' && set.empty()) Accept('|');
    if (ignored) continue;
    (clear ? cleared : set).push_back(row);
  }
  for (const Row& row : table.rows) {
    if (row.kind != Kind::kFlag) continue;
    auto has = [&row](const std::vector<const Row*>& rows) {
      return std::find(rows.begin(), rows.end(), &row) != rows.end();
    };
    if (with_signs && !has(set) && !has(cleared)) continue;
    ParsedAttribute attribute;
    attribute.row = &row;
    attribute.type = row.type;
    attribute.in_value = has(set);
    out->push_back(std::move(attribute));
  }
  return Expect(')');
}

bool Parser::SetTo(const Table& table, ByteVector* value, ByteVector* mask, bool* partial) {
  std::vector<ParsedAttribute> attributes;
  if (!Set(table, &attributes)) return false;
  for (const ParsedAttribute& attribute : attributes) {
    const bool is_inline = attribute.row != nullptr && attribute.row->style == Style::kInline;
    if (partial != nullptr)
      *partial |= attribute.partial || (is_inline && !IsFull(*attribute.row, attribute.mask));
  }
  WriteParsed(table, /*in_order_of_table=*/!table.keeps_order, &attributes, value, mask);
  return true;
}

bool Parser::ListTo(const Table& table, ByteVector* value) {
  std::vector<ParsedAttribute> attributes;
  if (!List(table, &attributes)) return false;
  WriteParsed(table, /*in_order_of_table=*/false, &attributes, value, nullptr);
  return true;
}

void WriteParsed(const Table& table, bool in_order_of_table,
                 std::vector<ParsedAttribute>* attributes, ByteVector* value, ByteVector* mask) {
  if (in_order_of_table)
    std::stable_sort(attributes->begin(), attributes->end(),
                     [&table](const ParsedAttribute& a, const ParsedAttribute& b) {
                       auto place = [&table](const ParsedAttribute& p) {
                         return p.row != nullptr ? table.IndexOf(*p.row) : table.rows.size();
                       };
                       return place(a) < place(b);
                     });
  Writer values(value);
  for (const ParsedAttribute& attribute : *attributes)
    if (attribute.in_value) values.Put(attribute.type, attribute.value);
  if (mask == nullptr) return;
  Writer masks(mask);
  for (const ParsedAttribute& attribute : *attributes)
    if (attribute.in_mask) masks.Put(attribute.type, attribute.mask);
}

// Payloads.

bool Parser::Payload(const Row& row, ParsedAttribute* out) {
  out->row = &row;
  out->type = row.type;
  switch (row.kind) {
    case Kind::kFields:
    case Kind::kArray:
      return Elements(row, out);
    case Kind::kString: {
      const std::string_view token = Token();
      if (token.empty()) return Fail("a name");
      out->value.assign(token.begin(), token.end());
      out->value.push_back('\0');
      return true;
    }
    case Kind::kBytes:
      if (!Hex(&out->value)) return false;
      out->mask.assign(out->value.size(), 0xff);
      return true;
    case Kind::kSet:
      return SetTo(*row.nested, &out->value, &out->mask, &out->partial);
    case Kind::kList:
      return ListTo(*row.nested, &out->value);
    case Kind::kFlag:
    case Kind::kReserved:
      return true;
  }
  return false;
}

bool Parser::Elements(const Row& row, ParsedAttribute* out) {
  if (!Fields(row, out)) return false;
  if (row.paired) {
    out->value.insert(out->value.end(), out->mask.begin(), out->mask.end());
    out->mask.clear();
  }
  return true;
}

bool Parser::Fields(const Row& row, ParsedAttribute* out) {
  out->value.assign(row.size, 0);
  out->mask.assign(row.size, 0);
  size_t base = 0;
  if (row.fields.size() == 1 && row.fields[0].name.empty() && row.kind == Kind::kFields)
    return OneField(row, row.fields[0], out->value.data(), out->mask.data(), &out->partial);
  uint64_t seen = 0;
  auto finish_element = [&] {
    for (size_t i = 0; i < row.fields.size(); ++i) {
      const Field& field = row.fields[i];
      if ((seen >> i & 1) != 0) continue;
      if (field.implied && seen != 0) {
        StoreField(field, *field.implied, out->value.data() + base);
        StoreField(field, FullMask(field), out->mask.data() + base);
      } else {
        out->partial = true;
      }
    }
  };
  while (!AtEnd() && Peek() != ')') {
    const size_t start = position_;
    const Field* field = FindField(row, Word());
    if (field == nullptr) return FailAt(start, absl::StrCat("one of ", NamesOf(row), ", or ')'"));
    const size_t number = static_cast<size_t>(field - row.fields.data());
    if ((seen >> number & 1) != 0) {
      if (row.kind != Kind::kArray) return FailAt(start, "each field only once");
      finish_element();
      seen = 0;
      base += row.size;
      out->value.resize(base + row.size);
      out->mask.resize(base + row.size);
    }
    seen |= uint64_t{1} << number;
    if (!Expect('=') ||
        !OneField(row, *field, out->value.data() + base, out->mask.data() + base, &out->partial))
      return false;
    if (!Accept(',') && Peek() != ')' && !AtEnd()) return Fail("',' or ')'");
  }
  finish_element();
  return true;
}

bool Parser::OneField(const Row& row, const Field& field, uint8_t* value, uint8_t* mask,
                      bool* partial) {
  if (IsByteField(field)) return ByteField(field, value, mask, partial);
  uint64_t number = 0;
  uint64_t mask_number = FullMask(field);
  const char next = Peek();
  if (field.format == Format::kFlags && (next == '+' || next == '-')) {
    mask_number = 0;
    if (!SignedFlags(field, &number, &mask_number)) return false;
    *partial = true;
  } else {
    if (!Value(field, &number)) return false;
    if (!row.unmasked && Accept('/')) {
      if (!Number(FieldOnes(field), &mask_number)) return false;
      *partial = true;
    }
  }
  StoreField(field, number, value);
  StoreField(field, mask_number, mask);
  return true;
}

bool Parser::ByteField(const Field& field, uint8_t* value, uint8_t* mask, bool* partial) {
  uint8_t* const mask_bytes = mask + field.offset;
  if (!Address(field, Token(), value + field.offset)) return false;
  std::fill_n(mask_bytes, field.size, uint8_t{0xff});
  if (!Accept('/')) return true;
  *partial = true;
  const size_t start = position_;
  const std::string_view token = Token();
  uint64_t bits = 0;
  const bool is_ip = field.format == Format::kIpv4 || field.format == Format::kIpv6;
  const char* const end = token.data() + token.size();
  if (auto [stop, error] = std::from_chars(token.data(), end, bits);
      is_ip && !token.empty() && stop == end && error == std::errc()) {
    if (bits > 8u * field.size)
      return FailAt(start, absl::StrCat("a prefix length of at most ", 8 * field.size));
    StorePrefix(bits, field.size, mask_bytes);
    return true;
  }
  return Address(field, token, mask_bytes);
}

// `token` must be the last that was read.
bool Parser::Address(const Field& field, std::string_view token, uint8_t* out) {
  auto store = [out](const auto& address) {
    if (address) std::copy(address->bytes.begin(), address->bytes.end(), out);
    return address.has_value();
  };
  bool ok = false;
  if (field.format == Format::kMac) ok = store(base::ParseMac(token));
  if (field.format == Format::kIpv4) ok = store(base::ParseIpv4(token));
  if (field.format == Format::kIpv6) ok = store(base::ParseIpv6(token));
  if (field.format == Format::kBigHex) ok = ParseBigHex(token, field.size, out);
  return ok || FailAt(position_ - token.size(), What(field.format));
}

// The longest name that stands here: names may begin with one another.
const Name* Parser::FlagHere(const Field& field) {
  const Name* match = nullptr;
  for (const Name& name : field.names)
    if (text_.substr(position_, name.name.size()) == name.name &&
        (match == nullptr || name.name.size() > match->name.size()))
      match = &name;
  if (match != nullptr) position_ += match->name.size();
  return match;
}

// +est-new
bool Parser::SignedFlags(const Field& field, uint64_t* value, uint64_t* mask) {
  while (Peek() == '+' || Peek() == '-') {
    const bool set = text_[position_] == '+';
    const size_t start = ++position_;
    const Name* name = FlagHere(field);
    if (name == nullptr) return FailAt(start, "the name of a flag");
    if ((*mask & name->value) != 0) return FailAt(start, "each flag only once");
    *mask |= name->value;
    if (set) *value |= name->value;
  }
  return true;
}

// est|trk, or 0x21, or both
bool Parser::NamedFlags(const Field& field, uint64_t* out) {
  do {
    SkipBlanks();
    uint64_t number = 0;
    if (const Name* name = FlagHere(field); name != nullptr) {
      number = name->value;
    } else if (std::isdigit(static_cast<unsigned char>(Peek())) == 0) {
      return Fail("the name of a flag, or a number");
    } else if (!Number(FieldOnes(field), &number)) {
      return false;
    }
    *out |= number;
  } while (Accept('|'));
  return true;
}

bool Parser::Fraction(uint64_t* out) {
  const std::string_view token = Token();
  const size_t digits = token.size() - (!token.empty() && token.back() == '%' ? 1 : 0);
  double percent = -1;
  auto [stop, error] = std::from_chars(token.data(), token.data() + digits, percent);
  if (digits == 0 || error != std::errc() || stop != token.data() + digits ||
      !(percent >= 0 && percent <= 100))
    return FailAt(position_ - token.size(), "a percentage from 0% to 100%");
  *out = static_cast<uint64_t>(std::floor(percent / 100.0 * 4294967295.0 + 0.5));
  return true;
}

// A name of the field's, a port's name, or a number.
bool Parser::NameOrNumber(const Field& field, uint64_t* out) {
  SkipBlanks();
  const size_t start = position_;
  const std::string_view token = Token();
  for (const Name& name : field.names)
    if (name.name == token) return *out = name.value, true;
  if (field.format == Format::kPort && options_.ports != nullptr)
    if (auto port = options_.ports->NumberOf(token)) return *out = *port, true;
  position_ = start;
  if (Number(FieldOnes(field), out)) return true;
  error_.clear();
  return FailAt(start, field.format == Format::kPort ? "a port" : "a name or a number");
}

bool Parser::Value(const Field& field, uint64_t* out) {
  switch (field.format) {
    case Format::kFlags:
      return NamedFlags(field, out);
    case Format::kEnum:
    case Format::kPort:
      return NameOrNumber(field, out);
    case Format::kFraction:
      return Fraction(out);
    default:
      return Number(FieldOnes(field), out);
  }
}

// Tokens.

void Parser::SkipBlanks() {
  while (position_ < text_.size() &&
         std::isspace(static_cast<unsigned char>(text_[position_])) != 0)
    ++position_;
}

bool Parser::AtEnd() {
  SkipBlanks();
  return position_ == text_.size();
}

char Parser::Peek() {
  SkipBlanks();
  return position_ < text_.size() ? text_[position_] : '\0';
}

bool Parser::Accept(char c) {
  if (Peek() != c || position_ == text_.size()) return false;
  ++position_;
  return true;
}

bool Parser::AcceptWord(std::string_view word) {
  const size_t start = position_;
  SkipBlanks();
  if (Word() == word) return true;
  position_ = start;
  return false;
}

bool Parser::Expect(char c) {
  if (Accept(c)) return true;
  const char quoted[] = {'\'', c, '\'', '\0'};
  return Fail(quoted);
}

std::string_view Parser::Word() {
  SkipBlanks();
  const size_t start = position_;
  while (position_ < text_.size()) {
    const char c = text_[position_];
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '-' && c != '.') break;
    ++position_;
  }
  return text_.substr(start, position_ - start);
}

std::string_view Parser::Token() {
  SkipBlanks();
  const size_t start = position_;
  position_ = std::min(text_.find_first_of(",()/{}= \t\r\n", start), text_.size());
  return text_.substr(start, position_ - start);
}

bool Parser::Number(uint64_t max, uint64_t* out) {
  SkipBlanks();
  const size_t start = position_;
  std::string_view rest = text_.substr(start);
  const bool hex = rest.size() > 2 && rest[0] == '0' && (rest[1] == 'x' || rest[1] == 'X');
  if (hex) rest.remove_prefix(2);
  uint64_t number = 0;
  auto [end, error] =
      std::from_chars(rest.data(), rest.data() + rest.size(), number, hex ? 16 : 10);
  if (error == std::errc::invalid_argument) return FailAt(start, "a number");
  if (error != std::errc() || number > max)
    return FailAt(start, absl::StrCat("a number of at most ", max));
  position_ = start + (hex ? 2 : 0) + static_cast<size_t>(end - rest.data());
  *out = number;
  return true;
}

bool Parser::Hex(ByteVector* out) {
  SkipBlanks();
  const size_t start = position_;
  if (text_.substr(position_, 2) == "0x") position_ += 2;
  std::string digits;
  for (; position_ < text_.size(); ++position_) {
    const char c = text_[position_];
    if (c == ' ') continue;
    if (std::isxdigit(static_cast<unsigned char>(c)) == 0) break;
    digits.push_back(c);
  }
  if (digits.size() % 2 != 0 && text_.substr(start, 2) == "0x") digits.insert(0, "0");
  auto bytes = base::FromHex(digits);
  if (!bytes) return FailAt(start, "pairs of hexadecimal digits");
  out->insert(out->end(), bytes->begin(), bytes->end());
  return true;
}

// Errors and entry points.

bool Parser::Fail(std::string_view expected) {
  SkipBlanks();
  return FailAt(position_, expected);
}

bool Parser::FailAt(size_t offset, std::string_view expected) {
  if (!failed()) {
    error_ = absl::StrCat("expected ", base::ToAbsl(expected));
    error_offset_ = std::min(offset, text_.size());
  }
  return false;
}

absl::Status Parser::status() const {
  if (!failed()) return absl::OkStatus();
  return TextError(text_, error_offset_, error_);
}

absl::Status TextError(std::string_view text, size_t offset, std::string_view reason) {
  absl::Status status = absl::InvalidArgumentError(
      absl::StrCat(base::ToAbsl(reason), "\n  ", base::ToAbsl(text), "\n  ",
                   std::string(std::min(offset, text.size()), ' '), "^"));
  status.SetPayload(kOffsetUrl, absl::Cord(absl::StrCat(offset)));
  return status;
}

std::optional<size_t> TextErrorOffset(const absl::Status& status) {
  absl::optional<absl::Cord> payload = status.GetPayload(kOffsetUrl);
  size_t offset = 0;
  if (!payload || !absl::SimpleAtoi(std::string(*payload), &offset)) return std::nullopt;
  return offset;
}

absl::StatusOr<ParsedSet> ParseSet(const Table& table, std::string_view text,
                                   const TextOptions& options) {
  Parser parser(text, options);
  ParsedSet out;
  if (parser.SetTo(table, &out.value, &out.mask, nullptr) && !parser.AtEnd())
    parser.Fail("the end of the text");
  if (parser.failed()) return parser.status();
  return out;
}

absl::StatusOr<ByteVector> ParseList(const Table& table, std::string_view text,
                                     const TextOptions& options) {
  Parser parser(text, options);
  ByteVector out;
  if (parser.ListTo(table, &out) && !parser.AtEnd()) parser.Fail("the end of the text");
  if (parser.failed()) return parser.status();
  return out;
}

}  // namespace sluice::attr
