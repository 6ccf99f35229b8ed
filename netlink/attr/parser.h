// Reads attributes from text, by table. For text.h and for the hooks of tables; others want
// ParseSet() and ParseList().
//
// A hook is called just behind the attribute's name; it reads tokens with the methods of Scanner
// and fills value, and mask where there may be one:
//
//   bool ParseHash(Parser& parser, const Row& row, ParsedAttribute* out) {
//     if (!parser.Expect('(') ...) return false;
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "netlink/attr/scanner.h"
#include "netlink/attr/table.h"

namespace sluice::attr {

// One attribute that was read, before it is put in its place in the set.
struct ParsedAttribute {
  const Row* row = nullptr;  // null for bytes: key99(0a 0b)
  uint16_t type = 0;
  ByteVector value;
  ByteVector mask;
  // Whether the text left out a field or gave a mask: set(..) becomes a masked set then.
  bool partial = false;
  // A flag may be there in the mask alone: -df.
  bool in_value = true;
  bool in_mask = true;
  uint64_t fields_seen = 0;  // bit N: field N of the row was given
};

class Parser : public Scanner {
 public:
  // Both are borrowed.
  Parser(std::string_view text, const TextOptions& options) : Scanner(text), options_(options) {}

  // Attributes up to `)`, or to the end of the text at the top.
  bool Set(const Table& table, std::vector<ParsedAttribute>* out);
  bool List(const Table& table, std::vector<ParsedAttribute>* out);
  // The same, written: `mask` and `partial` may be null.
  bool SetTo(const Table& table, ByteVector* value, ByteVector* mask, bool* partial);
  bool ListTo(const Table& table, ByteVector* value);

  // For hooks: the name by which the attribute is called, and how text is read.
  std::string_view name() const { return name_; }
  const TextOptions& options() const { return options_; }

 private:
  bool SetItem(const Table& table, std::vector<ParsedAttribute>* out);
  bool ListItem(const Table& table, ParsedAttribute* out);
  bool Named(const Row& row, ParsedAttribute* out);
  bool Payload(const Row& row, ParsedAttribute* out);
  bool Unknown(const Table& table, std::string_view name, ParsedAttribute* out);
  bool InlineField(const Table& table, size_t start, std::string_view name,
                   std::vector<ParsedAttribute>* out);
  bool GatheredFlags(const Table& table, size_t start, std::vector<ParsedAttribute>* out);
  bool FlagNames(const Table& table, bool with_signs, uint64_t* set, uint64_t* cleared);
  bool Separator();

  const TextOptions& options_;
  std::string_view name_;
  int depth_ = 0;
};

// Whether the hook of `row` reads these bytes from `text`, which stands behind the row's name: for
// hooks whose words do not say all that may be there.
bool ReadsBack(const Row& row, std::string_view text, const TextOptions& options, ByteView bytes);

// Writes what was read: a set in the table's order, a list in the text's. `mask` may be null. False
// when a payload is larger than an attribute can be.
[[nodiscard]] bool WriteParsed(const Table& table, bool in_order_of_table,
                               std::vector<ParsedAttribute>* attributes, ByteVector* value,
                               ByteVector* mask);

}  // namespace sluice::attr
