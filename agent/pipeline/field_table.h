// What match fields there are: a row for each name of ovs-fields(7), with its place in Fields.
//
// Several rows may share a place (tcp_dst and udp_dst, reg0 and xreg0, vlan_vid and vlan_tci), as
// the fields do. Everything that is said of fields comes from these rows: parsing and writing
// matches, the operands of actions, traces, and docs/reference/fields.md.
//
//   const FieldRow* row = FindField("nw_dst");
//   if (Holds(row->needs, fields)) absl::uint128 address = GetField(fields, *row);
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/numeric/int128.h"
#include "agent/pipeline/fields.h"
#include "agent/pipeline/prerequisites.h"

namespace sluice::pipeline {

// How a value is written.
enum class FieldFormat : uint8_t {
  kDecimal,
  kHex,
  kPort,
  kMac,
  kIpv4,
  kIpv6,
  kVlanId,    // dl_vlan: an id, or 0xffff for a packet without tag
  kVlanVid,   // vlan_vid: an id and the bit that says there is a tag
  kVlanTci,   // in matches as dl_vlan and dl_vlan_pcp where these say it all
  kTos,       // a byte of which the two low bits are zero, and not matched
  kFragment,  // no, yes, first, later, not_later
  kTcpFlags,  // +syn-ack, syn|ack, 0x2/0x12
  kCtState,
  kTunnelFlags,
  kPacketType,  // (namespace,type)
};

// Which bits of a field a rule may match. ovs-fields(7) allows any mask for addresses: a prefix is
// one of them.
enum class Masking : uint8_t { kExact, kArbitrary };

struct FieldRow {
  std::string_view name;  // as it is written
  std::array<std::string_view, 4> aliases{};
  uint16_t offset = 0;  // in Fields, in bytes
  uint8_t bytes = 0;    // that hold it, in network byte order
  uint8_t shift = 0;    // of its lowest bit in those bytes
  uint8_t bits = 0;
  FieldFormat format = FieldFormat::kDecimal;
  Needs needs = Needs::kNothing;
  Masking masking = Masking::kArbitrary;
  bool writable = true;
  bool hidden = false;  // matches are written with other rows of the same place
  std::string_view
      since{};  // the release of Linux whose kernel can match it; none: the agent's own
  std::string_view doc{};
};

// The place of a row in the table. Not stable between releases.
using FieldIndex = uint8_t;

// In the order in which matches are written.
std::span<const FieldRow> FieldTable();
// By name or alias; nullptr when there is none.
const FieldRow* FindField(std::string_view name);
FieldIndex IndexOf(const FieldRow& row);
const FieldRow& FieldAt(FieldIndex index);
std::string_view FieldName(FieldIndex index);
// The name that is most like it, for error texts; empty when none is near.
std::string_view NearestField(std::string_view name);

// The value of a field in the lowest bits.
absl::uint128 GetField(const Fields& fields, const FieldRow& row);
void SetField(const FieldRow& row, absl::uint128 value, Fields* fields);
// 2^bits - 1.
constexpr absl::uint128 LowBits(unsigned bits) {
  return bits >= 128 ? absl::Uint128Max() : (absl::uint128(1) << static_cast<int>(bits)) - 1;
}
// All ones of a field.
inline absl::uint128 FullMask(const FieldRow& row) { return LowBits(row.bits); }

// Some consecutive bits of a field: `reg0[0..15]`.
struct Subfield {
  FieldIndex field = 0;
  uint8_t first = 0;  // the lowest
  uint8_t bits = 0;

  const FieldRow& row() const { return FieldAt(field); }
  bool IsWhole() const { return first == 0 && bits == row().bits; }
  friend bool operator==(const Subfield&, const Subfield&) = default;
};
Subfield Whole(const FieldRow& row);
absl::uint128 GetBits(const Fields& fields, const Subfield& subfield);
void SetBits(const Subfield& subfield, absl::uint128 value, Fields* fields);

// docs/reference/fields.md, as the table says it; written to the tree by the target `reference`.
std::string FieldReferencePage();

}  // namespace sluice::pipeline
