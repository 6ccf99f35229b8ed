// Attributes from text.

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "netlink/attr/field_text.h"
#include "netlink/attr/parser.h"
#include "netlink/attr/text.h"
#include "netlink/attr/wire.h"
#include "netlink/base/status.h"

namespace sluice::attr {
namespace {

constexpr unsigned kLargestType = 0x3fff;  // two bits of the u16 are flags
constexpr char kOnlyOnce[] = "each field only once";

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
    for (std::string_view word : row.words) absl::StrAppend(&names, ", ", base::ToAbsl(word));
  }
  return names;
}

bool Contains(const std::vector<ParsedAttribute>& attributes, uint16_t type) {
  return std::any_of(attributes.begin(), attributes.end(),
                     [type](const ParsedAttribute& a) { return a.type == type; });
}

}  // namespace

// Sets and lists.

bool Parser::Set(const Table& table, std::vector<ParsedAttribute>* out) {
  // One more than is written, so that what is written is read.
  if (++depth_ > kMaxTextDepth + 1) return Fail("less nesting");
  while (!AtEnd() && Peek() != ')')
    if (!SetItem(table, out) || !Separator()) return false;
  --depth_;
  return true;
}

bool Parser::SetItem(const Table& table, std::vector<ParsedAttribute>* out) {
  Peek();  // skips blanks
  const size_t start = position();
  const std::string_view name = Word();
  if (!table.flags_name.empty() && name == table.flags_name)
    return GatheredFlags(table, start, out);
  const Row* row = table.FindByName(name);
  if (row == nullptr && InlineField(table, start, name, out)) return true;
  if (failed()) return false;
  ParsedAttribute attribute;
  name_ = name;
  if (row != nullptr ? !Named(*row, &attribute) : !Unknown(table, name, &attribute))
    return FailAt(start, absl::StrCat("one of ", NamesOf(table)));
  if (Contains(*out, attribute.type)) return FailAt(start, kOnlyOnce);
  out->push_back(std::move(attribute));
  return true;
}

bool Parser::List(const Table& table, std::vector<ParsedAttribute>* out) {
  if (++depth_ > kMaxTextDepth + 1) return Fail("less nesting");
  const size_t start = position();
  const bool empty = !table.empty.empty() && AcceptWord(table.empty) && Peek() != '(';
  if (!empty) Rewind(start);
  while (!empty && !AtEnd() && Peek() != ')') {
    ParsedAttribute attribute;
    if (!ListItem(table, &attribute) || !Separator()) return false;
    out->push_back(std::move(attribute));
  }
  --depth_;
  return true;
}

bool Parser::ListItem(const Table& table, ParsedAttribute* out) {
  const Row* const bare = BareRow(table);
  Peek();  // skips blanks
  const size_t start = position();
  const std::string_view name = name_ = Word();
  const Row* row = table.FindByName(name);
  if (row != nullptr && (row != bare || Peek() == '(')) {
    if (row != bare) return Named(*row, out);
    return Accept('(') && Payload(*bare, out) && Expect(')');
  }
  if (row == nullptr && Unknown(table, name, out)) return true;
  if (failed()) return false;
  if (bare != nullptr) {
    Rewind(start);
    if (Payload(*bare, out)) return true;
    Forgive();
  }
  return FailAt(start,
                absl::StrCat(bare != nullptr ? "a port, or " : "", "one of ", NamesOf(table)));
}

// Behind an attribute: a comma or a blank, unless the set ends here.
bool Parser::Separator() {
  if (AtEnd() || Peek() == ')' || Accept(',') || AfterBlank()) return true;
  return Fail("',' or ')'");
}

// Behind the name of an attribute.
bool Parser::Named(const Row& row, ParsedAttribute* out) {
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

bool Parser::Payload(const Row& row, ParsedAttribute* out) {
  out->row = &row;
  out->type = row.type;
  switch (row.kind) {
    case Kind::kFields:
    case Kind::kArray:
      if (!ReadFields(row, options_, this, out)) return false;
      if (row.paired) {
        out->value.insert(out->value.end(), out->mask.begin(), out->mask.end());
        out->mask.clear();
      }
      return true;
    case Kind::kString: {
      const std::string_view token = Token();
      if (token.empty()) return Fail("a name");
      if (row.most_bytes != 0 && token.size() > row.most_bytes)
        return FailAt(position() - token.size(),
                      absl::StrCat("a name of at most ", row.most_bytes, " bytes"));
      out->value.assign(token.begin(), token.end());
      out->value.push_back('\0');
      return true;
    }
    case Kind::kBytes: {
      Peek();  // skips blanks
      const size_t start = position();
      if (!Hex(&out->value)) return false;
      if (row.most_bytes != 0 && out->value.size() > row.most_bytes)
        return FailAt(start, absl::StrCat("at most ", row.most_bytes, " bytes"));
      out->mask.assign(out->value.size(), 0xff);
      return true;
    }
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

// key99(0a 0b/ff ff): any attribute as bytes, behind its name.
bool Parser::Unknown(const Table& table, std::string_view name, ParsedAttribute* out) {
  if (table.unknown.empty() || name.substr(0, table.unknown.size()) != table.unknown) return false;
  unsigned type = 0;
  const std::string_view digits = name.substr(table.unknown.size());
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, type);
  if (digits.empty() || error != std::errc() || stop != end || type > kLargestType) return false;
  out->type = static_cast<uint16_t>(type);
  if (!Expect('(') || !Hex(&out->value)) return false;
  out->mask.assign(out->value.size(), 0xff);
  if (Accept('/')) {
    Peek();  // skips blanks
    const size_t start = position();
    out->partial = true;
    out->mask.clear();
    if (!Hex(&out->mask)) return false;
    if (out->mask.size() != out->value.size())
      return FailAt(start, "a mask of as many bytes as the value");
  }
  return Expect(')');
}

// A field of a row that has no name of its own: nsh(flags=0,ttl=63,...). `start` is where its name
// begins.
bool Parser::InlineField(const Table& table, size_t start, std::string_view name,
                         std::vector<ParsedAttribute>* out) {
  for (const Row& row : table.rows) {
    const size_t number = row.style == Style::kInline ? FindField(row, name) : row.fields.size();
    if (number == row.fields.size()) continue;
    auto it = std::find_if(out->begin(), out->end(),
                           [&](const ParsedAttribute& a) { return a.type == row.type; });
    if (it == out->end()) {
      ParsedAttribute fresh;
      fresh.row = &row;
      fresh.type = row.type;
      fresh.value.resize(row.size);
      fresh.mask.resize(row.size);
      it = out->insert(out->end(), std::move(fresh));
    }
    // The row may have come as bytes, too.
    if (it->row != &row || (it->fields_seen >> number & 1) != 0) return FailAt(start, kOnlyOnce);
    return Expect('=') && ReadField(row, number, 0, options_, this, &*it);
  }
  return false;
}

// flags(df|csum) means these and no others; flags(+df-csum) leaves the rest alone. `start` is where
// the word stands.
bool Parser::GatheredFlags(const Table& table, size_t start, std::vector<ParsedAttribute>* out) {
  if (!Expect('(')) return false;
  const bool with_signs = Peek() == '+' || Peek() == '-';
  uint64_t set = 0, cleared = 0;
  if (!FlagNames(table, with_signs, &set, &cleared)) return false;
  for (const Row& row : table.rows) {
    if (row.kind != Kind::kFlag) continue;
    const bool named = ((set | cleared) >> row.type & 1) != 0;
    if (!named && (with_signs || row.rare)) continue;
    if (Contains(*out, row.type)) return FailAt(start, kOnlyOnce);
    ParsedAttribute attribute;
    attribute.row = &row;
    attribute.type = row.type;
    attribute.in_value = (set >> row.type & 1) != 0;
    out->push_back(std::move(attribute));
  }
  return Expect(')');
}

bool Parser::FlagNames(const Table& table, bool with_signs, uint64_t* set, uint64_t* cleared) {
  for (bool first = true; Peek() != ')'; first = false) {
    const bool clear = with_signs && Peek() == '-';
    if (with_signs ? !Accept('+') && !Accept('-') : !first && !Accept('|'))
      return Fail(with_signs ? "'+', '-' or ')'" : "'|' or ')'");
    Peek();  // skips blanks
    const size_t start = position();
    const size_t length = std::min(rest().find_first_of("+-|,() "), rest().size());
    const std::string_view name = rest().substr(0, length);
    const Row* row = table.FindByName(name);
    const bool ignored = !name.empty() && name == table.ignored_flag;
    if (!ignored && (row == nullptr || row->kind != Kind::kFlag))
      return FailAt(start, "the name of a flag");
    Skip(length);
    if (ignored) continue;
    const uint64_t bit = uint64_t{1} << row->type;
    if (((*set | *cleared) & bit) != 0) return FailAt(start, "each flag only once");
    *(clear ? cleared : set) |= bit;
  }
  return true;
}

bool Parser::SetTo(const Table& table, ByteVector* value, ByteVector* mask, bool* partial) {
  std::vector<ParsedAttribute> attributes;
  if (!Set(table, &attributes)) return false;
  for (const ParsedAttribute& attribute : attributes) {
    const bool is_inline = attribute.row != nullptr && attribute.row->style == Style::kInline;
    if (partial != nullptr)
      *partial |= attribute.partial || (is_inline && !IsFull(*attribute.row, attribute.mask));
  }
  return WriteParsed(table, /*in_order_of_table=*/!table.keeps_order, &attributes, value, mask) ||
         Fail("less than 64 KiB");
}

bool Parser::ListTo(const Table& table, ByteVector* value) {
  std::vector<ParsedAttribute> attributes;
  if (!List(table, &attributes)) return false;
  return WriteParsed(table, /*in_order_of_table=*/false, &attributes, value, nullptr) ||
         Fail("less than 64 KiB");
}

bool WriteParsed(const Table& table, bool in_order_of_table,
                 std::vector<ParsedAttribute>* attributes, ByteVector* value, ByteVector* mask) {
  if (in_order_of_table)
    std::stable_sort(attributes->begin(), attributes->end(),
                     [&table](const ParsedAttribute& a, const ParsedAttribute& b) {
                       const auto place = [&table](const ParsedAttribute& p) {
                         const Row* row = table.Find(p.type);
                         return row != nullptr ? table.IndexOf(*row) : table.rows.size();
                       };
                       return place(a) < place(b);
                     });
  Writer values(value);
  for (const ParsedAttribute& attribute : *attributes)
    if (attribute.in_value) {
      const Row* row = table.Find(attribute.type);
      const uint16_t flags = row != nullptr && row->nested_flag ? NLA_F_NESTED : 0;
      values.Put(static_cast<uint16_t>(attribute.type | flags), attribute.value);
    }
  if (mask == nullptr) return values.ok();
  Writer masks(mask);
  for (const ParsedAttribute& attribute : *attributes)
    if (attribute.in_mask) masks.Put(attribute.type, attribute.mask);
  return values.ok() && masks.ok();
}

bool ReadsBack(const Row& row, std::string_view text, const TextOptions& options, ByteView bytes) {
  Parser parser(text, options);
  ParsedAttribute read;
  return row.hook->parse(parser, row, &read) && parser.AtEnd() && base::Equal(read.value, bytes);
}

// Entry points.

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
