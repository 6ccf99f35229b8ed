// What a set of netlink attributes means, as a table.
//
// One Table describes one attribute set of the kernel (say OVS_KEY_ATTR_*). Everything that the
// project does with such a set reads the same rows: decoding into a struct and encoding from it
// (codec.h), text in both directions (text.h), JSON (json.h), masks, and the reference page
// (reference.h). A new kernel attribute is one new row.
//
// Tables are constants: built at compile time, shared by all threads.
//
//   constexpr Field kTcp[] = {{.name = "src", .offset = 0, .size = 2, .order = Order::kNetwork},
//   ...};
//   {.type = OVS_KEY_ATTR_TCP, .constant = "OVS_KEY_ATTR_TCP", .name = "tcp",
//    .kind = Kind::kFields, .size = 4, .fields = kTcp, .since = "3.3", .doc = "TCP ports"}
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "netlink/base/bytes.h"

namespace sluice::attr {

using base::ByteVector;
using base::ByteView;

class Parser;
struct ParsedAttribute;
struct Row;
struct Table;
struct TextOptions;

// How the text of one number, address or set of bits is written.
enum class Format : uint8_t {
  kDec,       // 80; its mask in hex: 80/0xfff0
  kHex,       // 0x5, and 0 for zero
  kHex4,      // 0x0800: at least four digits
  kPort,      // a port number, or the port's name where names are wanted
  kMac,       // 0a:00:00:00:00:01
  kIpv4,      // 10.0.0.1
  kIpv6,      // fd00::1
  kBigHex,    // a big-endian number of any size: 0x1ffffffffffffffff
  kEnum,      // a name, else the number
  kFlags,     // +est+trk-new under a partial mask, est|trk without one
  kFraction,  // a u32 fraction of 2^32 - 1 as a percentage: 50.0%
};

enum class Order : uint8_t { kHost, kNetwork };

// A value with a name: an enumerator (kEnum), or a single bit (kFlags).
struct Name {
  uint32_t value;
  std::string_view name;
  std::string_view constant{};  // the kernel's name, where it has one
};

// One named part of a fixed-size payload.
struct Field {
  std::string_view name{};   // empty for the only field of a payload: recirc_id(1)
  std::string_view alias{};  // another name that text may use
  uint16_t offset = 0;       // bytes from the start of the payload
  uint8_t size = 4;          // bytes: 1, 2, 4, 8; 6 for a MAC, 16 for IPv6 and labels
  Order order = Order::kHost;
  Format format = Format::kDec;
  uint8_t shift = 0;  // the field is `bits` bits above bit `shift` of that integer
  uint8_t bits = 0;   // 0: all of the integer
  std::span<const Name> names{};
  // Text may omit a field that has this value under a full mask (the CFI bit of a VLAN).
  std::optional<uint32_t> implied{};
  // The bits that the kernel knows, where it refuses masks with others: what text without a mask
  // means.
  uint32_t known_bits = 0;
};

// The shape of a payload.
enum class Kind : uint8_t {
  kFlag,      // nothing: to be there is all
  kFields,    // `size` bytes, read by `fields`
  kArray,     // any number of times `size` bytes, each read by `fields`
  kString,    // text, NUL-terminated
  kBytes,     // bytes that mean nothing here
  kSet,       // attributes of the set `nested`, each at most once
  kList,      // attributes of the set `nested`, in an order that matters
  kReserved,  // a number that the kernel's header names but never sends nor takes
};

// How an attribute stands in text.
enum class Style : uint8_t {
  kCall,    // name(value); a flag is just its name
  kAssign,  // name=value
  kBare,    // value
  kInline,  // fields stand among those of the enclosing attribute, without a name of their own
};

// Where decoding puts a payload, in a struct that the table's owner defines.
struct Slot {
  enum class Where : uint8_t {
    kNone,    // nowhere: kept as raw bytes, like an unknown attribute
    kCopy,    // `size` bytes at `offset`
    kView,    // a ByteView at `offset`, borrowing the message's bytes
    kBuffer,  // up to `capacity` bytes at `offset`, their number in a uint16_t at `length_offset`
    kStruct,  // a nested set, into the struct at `offset`
    kLevel,   // a nested set of the same table, into the same struct, one level further in
  };
  Where where = Where::kNone;
  uint16_t offset = 0;
  uint16_t capacity = 0;
  uint16_t length_offset = 0;
  uint16_t level_stride = 0;  // added to `offset` once for each level of nesting (VLAN in VLAN)
};

// The mask beside a value: none (the value is exact), or bytes; bytes that are missing are zero.
struct MaskView {
  bool exact = true;
  ByteView bytes{};
  static MaskView Of(ByteView bytes) { return {false, bytes}; }
};

// Text and JSON that no general rule describes; null where the general rule will do. `format`
// returns false when its words would not read back to the same bytes: the attribute is then shown
// as bytes. `parse` is called just behind the name (parser.h).
struct TextHook {
  bool (*format)(const Row&, ByteView value, MaskView mask, const TextOptions&,
                 std::string* out) = nullptr;
  bool (*parse)(Parser&, const Row&, ParsedAttribute* out) = nullptr;
  void (*json)(const Row&, ByteView value, MaskView mask, const TextOptions&,
               nlohmann::ordered_json* out) = nullptr;
};

struct Row {
  uint16_t type = 0;
  std::string_view constant{};  // the kernel's name
  std::string_view name{};      // the name in text and JSON
  std::string_view alias{};     // another name that text may use
  Kind kind = Kind::kFields;
  uint16_t size = 0;  // kFields, kArray: bytes of one element
  std::span<const Field> fields{};
  const Table* nested = nullptr;  // kSet, kList
  Style style = Style::kCall;
  Slot slot{};
  bool keep_empty = false;       // written even when its mask is all zero: eth()
  bool grows = false;            // newer kernels may append to the payload: the known part is taken
  bool rare = false;             // a flag that other flags' text says nothing about
  bool paired = false;           // the payload is the value followed by a mask of the same size
  bool bare_when_empty = false;  // an empty set is just its name: ct
  bool nested_flag = false;      // the kernel takes this nest with NLA_F_NESTED alone
  bool internal = false;         // a number that the kernel keeps to itself
  // The kernel leaves the attribute out when it is zero: it is there, as zero, wherever the
  // attribute of this number is, and its mask may stand alone.
  std::optional<uint16_t> zero_beside{};
  size_t most_bytes = 0;  // kString, kBytes: how long the kernel lets it be; 0: as it likes
  std::span<const std::string_view> words{};  // more names, which the hook reads each in its way
  const TextHook* hook = nullptr;
  std::string_view since{};  // the kernel release that brought it
  std::string_view doc{};
};

inline constexpr size_t kMaxType = 63;

struct Table {
  std::string_view name{};     // the kernel's name of the enumeration: ovs_key_attr
  std::string_view prefix{};   // of its constants: OVS_KEY_ATTR_
  std::string_view unknown{};  // how text names an unknown attribute: key99(0a 0b)
  std::string_view doc{};
  std::string_view empty{};  // text of an empty list: drop
  // In the order in which the kernel writes them; encoding follows it, so that a dump that was
  // read and encoded again is the same bytes.
  std::span<const Row> rows{};
  uint16_t present_offset = 0;  // of a uint64_t in the decoded struct: bit N is attribute N
  uint8_t levels = 1;           // how many levels, each with its own `present` word
  bool keeps_order = false;     // the kernel gives back the order that it was given: so does text
  bool text_by_number = false;  // text lists attributes by their number, not in the order they came
  // Flags of the set that text gathers under this name: flags(df|csum).
  std::string_view flags_name{};
  std::string_view
      ignored_flag{};  // may stand among them, and says nothing that is not said already
  // Filled by MakeTable(): row number + 1 of each attribute number, 0 for none.
  std::array<uint8_t, kMaxType + 1> index{};
  // Filled too: whether a row has Row::zero_beside, and, a bit for each attribute number, whose
  // text is that of its fields alone, which say all bits of the payload (IsPlain()).
  bool has_implicit_zeros = false;
  uint64_t plain = 0;

  // The row of an attribute number, or null.
  constexpr const Row* Find(uint16_t type) const {
    if (type > kMaxType || index[type] == 0) return nullptr;
    return &rows[index[type] - 1u];
  }
  const Row* FindByName(std::string_view text) const;
  // The place of a row of this table in it.
  size_t IndexOf(const Row& row) const { return static_cast<size_t>(&row - rows.data()); }
};

// Whether the fields are whole bytes, one behind the other, from the first to the last.
constexpr bool HasNoGaps(const Row& row) {
  size_t end = 0;
  for (const Field& field : row.fields) {
    if (field.offset != end || (field.bits != 0 && field.bits != 8 * field.size)) return false;
    end += field.size;
  }
  return end == row.size;
}

// Whether nothing but its fields is to be seen to in the text of a payload of the row's size, and a
// mask of all ones means what text without a mask means.
constexpr bool IsPlain(const Row& row) {
  if (row.kind != Kind::kFields || row.style != Style::kCall || row.hook != nullptr || row.paired ||
      row.grows || !HasNoGaps(row))
    return false;
  for (const Field& field : row.fields)
    if (field.known_bits != 0) return false;
  return true;
}

// Completes a table. At compile time: a number out of range or used twice does not compile.
consteval Table MakeTable(Table table) {
  for (size_t i = 0; i < table.rows.size(); ++i) {
    const uint16_t type = table.rows[i].type;
    if (type > kMaxType || table.index[type] != 0)
      throw "attribute number out of range or repeated";
    table.index[type] = static_cast<uint8_t>(i + 1);
    table.has_implicit_zeros |= table.rows[i].zero_beside.has_value();
    table.plain |= uint64_t{IsPlain(table.rows[i])} << type;
  }
  return table;
}

// Shorthands for slots of a struct S: Copy(offsetof(S, member)).
constexpr Slot Copy(size_t offset, size_t level_stride = 0) {
  return {.where = Slot::Where::kCopy,
          .offset = static_cast<uint16_t>(offset),
          .level_stride = static_cast<uint16_t>(level_stride)};
}
constexpr Slot View(size_t offset) {
  return {.where = Slot::Where::kView, .offset = static_cast<uint16_t>(offset)};
}
constexpr Slot Buffer(size_t offset, size_t capacity, size_t length_offset) {
  return {.where = Slot::Where::kBuffer,
          .offset = static_cast<uint16_t>(offset),
          .capacity = static_cast<uint16_t>(capacity),
          .length_offset = static_cast<uint16_t>(length_offset)};
}
constexpr Slot Struct(size_t offset) {
  return {.where = Slot::Where::kStruct, .offset = static_cast<uint16_t>(offset)};
}
constexpr Slot Level() { return {.where = Slot::Where::kLevel}; }

// Fields of payloads that are one number.
inline constexpr Field kU8Dec[] = {{.size = 1}};
inline constexpr Field kU8Hex[] = {{.size = 1, .format = Format::kHex}};
inline constexpr Field kU16Dec[] = {{.size = 2}};
inline constexpr Field kU32Dec[] = {{.size = 4}};
inline constexpr Field kU32Hex[] = {{.size = 4, .format = Format::kHex}};
inline constexpr Field kU64Dec[] = {{.size = 8}};
inline constexpr Field kPortNumber[] = {{.size = 4, .format = Format::kPort}};
inline constexpr Field kBe16Dec[] = {{.size = 2, .order = Order::kNetwork}};
inline constexpr Field kBe16Hex4[] = {
    {.size = 2, .order = Order::kNetwork, .format = Format::kHex4}};
inline constexpr Field kBe64Hex[] = {{.size = 8, .order = Order::kNetwork, .format = Format::kHex}};
inline constexpr Field kIpv4Address[] = {{.size = 4, .format = Format::kIpv4}};
inline constexpr Field kIpv6Address[] = {{.size = 16, .format = Format::kIpv6}};

// The integer that a field is, host order, shifted down; for sizes up to 8.
uint64_t LoadField(const Field& field, const uint8_t* payload);
void StoreField(const Field& field, uint64_t value, uint8_t* payload);
// All bits of the field, and the mask that means "exactly this value" in text.
constexpr uint64_t FieldOnes(const Field& field) {
  const unsigned bits = field.bits != 0 ? field.bits : 8u * field.size;
  return bits >= 64 ? ~uint64_t{0} : (uint64_t{1} << bits) - 1;
}
constexpr uint64_t FullMask(const Field& field) {
  return field.known_bits != 0 ? field.known_bits : FieldOnes(field);
}
// Whether the field is an address or label, compared as bytes, rather than an integer.
constexpr bool IsByteField(const Field& field) {
  return field.format == Format::kMac || field.format == Format::kIpv4 ||
         field.format == Format::kIpv6 || field.format == Format::kBigHex;
}
// Whether a payload is what its row says. What is not, since it is too short or comes from a newer
// kernel, is shown as bytes, like an unknown attribute.
bool HasShape(const Row& row, ByteView payload);

}  // namespace sluice::attr
