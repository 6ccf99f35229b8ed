// Attributes to text and back, by table.
//
// The text is that of ovs-dpctl(8): `in_port(1),eth_type(0x0800),ipv4(dst=10.0.0.0/255.0.0.0)`.
// Beside it are accepted: CIDR masks, hex wherever a number stands, names of ports, and the dialect
// of the kernel's own selftests. Whatever Append*() writes, Parse*() reads back to the same bytes.
//
// All functions are pure. Parse errors are kInvalidArgument; their text names what was expected and
// shows the place with a caret; TextErrorOffset() gives it as a number.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "netlink/attr/masks.h"
#include "netlink/attr/table.h"
#include "netlink/attr/wire.h"

namespace sluice::attr {

// Names of a datapath's ports, both ways. Implementations must allow concurrent const calls.
class PortNames {
 public:
  virtual ~PortNames() = default;
  // Empty when the port is not known.
  virtual std::string_view NameOf(uint32_t port) const = 0;
  virtual std::optional<uint32_t> NumberOf(std::string_view name) const = 0;
};

struct TextOptions {
  bool verbose = false;              // fields whose mask is zero too
  const PortNames* ports = nullptr;  // null: ports are written as numbers, and names are not read
  int depth = 0;                     // how deep this text is nested in another: bounds recursion
};

// A set such as a flow key: `a(..),b(..)`. Appends to `*out`.
void AppendSet(const Table& table, ByteView attributes, MaskView mask, const TextOptions& options,
               std::string* out);
// A list such as a flow's actions: `set(..),2`; the table's `empty` text when there is nothing.
void AppendList(const Table& table, ByteView attributes, const TextOptions& options,
                std::string* out);

// Building blocks for hooks.
void AppendRow(const Row& row, ByteView value, MaskView mask, const TextOptions& options,
               std::string* out);
void AppendFields(const Row& row, ByteView value, MaskView mask, const TextOptions& options,
                  std::string* out);
// The text of an address or label (IsByteField()), all of it.
void AppendBytes(const Field& field, const uint8_t* bytes, std::string* out);
void AppendNumber(uint64_t value, Format format, std::string* out);
// The number for a fraction: as few digits as read back to the same number, at least one.
void AppendFraction(uint32_t value, std::string* out);

struct ParsedSet {
  ByteVector value;
  ByteVector mask;
};

// `text` must be a whole set or list; blanks around separators are skipped.
absl::StatusOr<ParsedSet> ParseSet(const Table& table, std::string_view text,
                                   const TextOptions& options);
absl::StatusOr<ByteVector> ParseList(const Table& table, std::string_view text,
                                     const TextOptions& options);

// The offset in the parsed text at which a parse error stands; nullopt for other errors.
std::optional<size_t> TextErrorOffset(const absl::Status& status);
// An error at a place: "REASON\n  TEXT\n      ^".
absl::Status TextError(std::string_view text, size_t offset, std::string_view reason);

// One attribute that was read, before it is put in its place in the set.
struct ParsedAttribute {
  const Row* row = nullptr;
  uint16_t type = 0;
  ByteVector value;
  ByteVector mask;
  // Whether the text left out a field or gave a mask: set(..) becomes a masked set then.
  bool partial = false;
  // A flag may be there in the mask alone: -df.
  bool in_value = true;
  bool in_mask = true;
};

// Reads text from left to right. A method that returns false has set the error; the first one
// stays.
class Parser {
 public:
  Parser(std::string_view text, const TextOptions& options) : text_(text), options_(options) {}

  // Sets and lists up to `)`, or to the end of the text at the top.
  bool Set(const Table& table, std::vector<ParsedAttribute>* out);
  bool List(const Table& table, std::vector<ParsedAttribute>* out);
  // Reads a set or list and writes it, with its masks when `mask` is not null.
  bool SetTo(const Table& table, ByteVector* value, ByteVector* mask, bool* partial);
  bool ListTo(const Table& table, ByteVector* value);
  // The fields of a payload, behind `(` and up to before `)`.
  bool Fields(const Row& row, ParsedAttribute* out);

  // Tokens. Blanks before a token are skipped.
  bool Accept(char c);
  bool AcceptWord(std::string_view word);  // only when no further word character follows
  bool Expect(char c);
  bool AtEnd();
  char Peek();
  std::string_view Word();  // letters, digits, '_', '-', '.', possibly empty
  // What stands before the next of ",()/{}= " or the end.
  std::string_view Token();
  bool Number(uint64_t max, uint64_t* out);
  bool Hex(ByteVector* out);  // digits in pairs, with or without 0x, up to a separator
  // `expected` says what should stand here.
  bool Fail(std::string_view expected);

  bool FailAt(size_t offset, std::string_view expected);

  size_t position() const { return position_; }
  void Rewind(size_t position) { position_ = position; }
  const TextOptions& options() const { return options_; }
  bool failed() const { return !error_.empty(); }
  absl::Status status() const;

 private:
  bool Attribute(const Table& table, bool in_list, ParsedAttribute* out);
  bool Payload(const Row& row, ParsedAttribute* out);
  bool Unknown(const Table& table, std::string_view name, ParsedAttribute* out);
  bool InlineField(const Table& table, std::string_view name, std::vector<ParsedAttribute>* out);
  bool GatheredFlags(const Table& table, std::vector<ParsedAttribute>* out);
  bool Styled(const Row& row, ParsedAttribute* out);
  bool Elements(const Row& row, ParsedAttribute* out);
  bool OneField(const Row& row, const Field& field, uint8_t* value, uint8_t* mask, bool* partial);
  bool ByteField(const Field& field, uint8_t* value, uint8_t* mask, bool* partial);
  bool Address(const Field& field, std::string_view token, uint8_t* out);
  const Name* FlagHere(const Field& field);
  bool NamedFlags(const Field& field, uint64_t* out);
  bool Fraction(uint64_t* out);
  bool NameOrNumber(const Field& field, uint64_t* out);
  bool SignedFlags(const Field& field, uint64_t* value, uint64_t* mask);
  bool Value(const Field& field, uint64_t* out);
  bool NextInSet();
  void SkipBlanks();

  std::string_view text_;
  const TextOptions& options_;
  size_t position_ = 0;
  int depth_ = 0;
  std::string error_;
  size_t error_offset_ = 0;
};

// Writes what was read: a set in the table's order, a list in the text's.
void WriteParsed(const Table& table, bool in_order_of_table,
                 std::vector<ParsedAttribute>* attributes, ByteVector* value, ByteVector* mask);

}  // namespace sluice::attr
