// Attributes to text and back, by table.
//
// The text is that of ovs-dpctl(8): `in_port(1),eth_type(0x0800),ipv4(dst=10.0.0.0/255.0.0.0)`.
// Beside it are accepted: CIDR masks, hex wherever a number stands, names of ports, and the dialect
// of the kernel's own selftests. Whatever Append*() writes of well-formed attributes, Parse*()
// reads back to the same bytes: what the words for an attribute cannot say, such as a bit that no
// field covers, makes it bytes, `key4(0a 0b/ff ff)`, like an attribute that has no row. Exceptions
// are what stands for nothing: wildcarded values (unless verbose), bits of a mask that no field
// covers, and an order of a set's attributes that is not the kernel's.
//
// All functions are pure. Parse errors are kInvalidArgument; their text names what was expected and
// shows the place with a caret; TextErrorOffset() (scanner.h) gives it as a number.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "netlink/attr/masks.h"
#include "netlink/attr/scanner.h"
#include "netlink/attr/table.h"

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

struct ParsedSet {
  ByteVector value;
  ByteVector mask;
};

// `text` must be a whole set or list; blanks around separators are skipped.
absl::StatusOr<ParsedSet> ParseSet(const Table& table, std::string_view text,
                                   const TextOptions& options);
absl::StatusOr<ByteVector> ParseList(const Table& table, std::string_view text,
                                     const TextOptions& options);

// Building blocks for hooks.

// The text of an address or label (IsByteField()), all of it.
void AppendBytes(const Field& field, const uint8_t* bytes, std::string* out);
void AppendNumber(uint64_t value, Format format, std::string* out);
// The number for a fraction: as few digits as read back to the same number, at least one.
void AppendFraction(uint32_t value, std::string* out);

}  // namespace sluice::attr
