// Attributes to structs and back, by table.
//
// Decode() fills a struct whose layout the table's slots describe; the struct starts as zeros, and
// its `present` words tell which attributes came. Attributes without a slot, unknown ones, and
// known ones of an unexpected size are not errors: they are collected as raw bytes in Unknowns, and
// Encode() writes them back. Pure functions; nothing is allocated as long as at most four unknowns
// come.
//
//   FlowKey key{};
//   Unknowns unknowns;
//   if (Fault fault = Decode(kKeyTable, bytes, &key, &unknowns)) return ToStatus(fault, kKeyTable);
#pragma once

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "netlink/attr/table.h"
#include "netlink/attr/wire.h"

namespace sluice::attr {

// What is wrong with a message. Cheap to make and to return: text only comes with ToStatus().
struct [[nodiscard]] Fault {
  enum class Kind : uint8_t {
    kNone,
    kMalformed,  // bytes that are no attribute
    kTooShort,   // a payload smaller than its type needs
    kRepeated,   // an attribute twice in a set
    kTooDeep,    // more levels of nesting than the kernel itself allows
  };
  Kind kind = Kind::kNone;
  uint16_t type = 0;
  uint32_t offset = 0;  // of the attribute's header in the bytes of its own set
  const Table* table = nullptr;

  explicit operator bool() const { return kind != Kind::kNone; }
};

// kInvalidArgument: "OVS_KEY_ATTR_IPV4 at byte 24: payload too short". OK for no fault.
absl::Status ToStatus(const Fault& fault);

struct UnknownAttribute {
  const Row* parent = nullptr;  // the row of the enclosing attribute; null at the top
  uint8_t level = 0;
  uint16_t type = 0;
  ByteView raw;  // with its header and padding; borrowed from the decoded message
};
using Unknowns = absl::InlinedVector<UnknownAttribute, 4>;

// Decodes `bytes` into `*out`. `unknowns` may be null: then unknown attributes are skipped.
Fault Decode(const Table& table, ByteView bytes, void* out, Unknowns* unknowns);

// Writes the attributes that are present in `*in`, in the table's order, then `unknowns`.
void Encode(const Table& table, const void* in, const Unknowns* unknowns, Writer* writer);

// Writes the mask `*mask` for the key `*key`, two structs of the same table: an attribute of the
// key whose mask has a bit set is written; one whose mask is all zero is left out, which the kernel
// takes for a wildcard. Nested sets that hold nothing are left out too, but for the level inside a
// tag that is matched.
void EncodeMask(const Table& table, const void* key, const void* mask, Writer* writer);

// The `present` words of a decoded struct.
bool IsPresent(const Table& table, const void* object, uint16_t type, unsigned level = 0);
void SetPresent(const Table& table, void* object, uint16_t type, unsigned level = 0);

}  // namespace sluice::attr
