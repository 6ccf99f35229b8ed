// The values of all match fields of one packet: flat, trivially copyable, without padding.
//
// A mask is another Fields: bit 1 means "this bit matters". All zero is an empty packet, and a mask
// that matches everything. Every member, registers and port numbers included, lies in network byte
// order, so that a field is a run of bits however its neighbours are cut (a register pair is eight
// bytes), a prefix is a run of leading bits, and comparing, masking and hashing work on whole
// words.
//
// What each field is called, where it lies and when it has a meaning is told by field_table.h.
// Conversion from and to the kernel's key is in agent/translate/key_fields.h.
//
// The order of members is that of the stages of a lookup: what is known without the packet (stage
// 0), layer 2, layer 3, layer 4. Each ends at a word (kStageEnds), so that a staged lookup hashes
// one run of words after the other.
//
//   Fields fields;
//   fields.in_port = Be32::FromHost(3);
//   if (MatchesUnder(fields, rule_value, rule_mask)) ...
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "netlink/base/address.h"
#include "netlink/base/byte_order.h"

namespace sluice::pipeline {

using base::Be16;
using base::Be32;
using base::Be64;
using base::Ipv4;
using base::Ipv6;
using base::Mac;

inline constexpr size_t kRegisters = 16;
inline constexpr size_t kFieldVlans = 2;
inline constexpr size_t kFieldLabels = 3;
inline constexpr size_t kTunnelFields = 8;

struct alignas(uint64_t) Fields {
  // Stage 0: where the packet comes from, and what the pipeline noted about it.
  std::array<Be32, kRegisters> regs{};  // xreg0 is regs[0], regs[1]; xxreg0 is regs[0] to regs[3]
  Be64 metadata;
  Be32 in_port;  // the datapath's number: 0 is the local port; kInPortNone when there is none
  Be32 pkt_mark;
  Be32 packet_type;  // 0 for Ethernet, else 1 << 16 | Ethernet type
  Be32 dp_hash;
  Be32 recirc_id;
  Be32 skb_priority;
  Be32 actset_output;
  Be32 conj_id;
  Be32 ct_state;  // OVS_CS_F_*
  Be32 ct_mark;
  std::array<uint8_t, 16> ct_label{};  // the most significant byte first
  Be16 ct_zone;
  Be16 ct_tp_src, ct_tp_dst;
  uint8_t ct_nw_proto = 0;
  uint8_t pad0 = 0;
  Ipv4 ct_nw_src, ct_nw_dst;
  Ipv6 ct_ipv6_src, ct_ipv6_dst;
  Be64 tun_id;
  Ipv4 tun_src, tun_dst;
  Ipv6 tun_ipv6_src, tun_ipv6_dst;
  std::array<Be64, kTunnelFields> tun_metadata{};  // Geneve options: tunnel_options.h
  Be16 tun_flags;                                  // kTunnel*
  Be16 tun_tp_src, tun_tp_dst;
  uint8_t tun_tos = 0, tun_ttl = 0;
  Be16 tun_gbp_id;
  uint8_t tun_gbp_flags = 0;
  uint8_t tun_erspan_ver = 0;
  Be32 tun_erspan_idx;
  uint8_t tun_erspan_dir = 0, tun_erspan_hwid = 0;
  std::array<uint8_t, 6> pad1{};

  // Stage 1: layer 2. A tag that is there has kVlanPresent in its tci; one that is not is all zero.
  Mac eth_src, eth_dst;
  struct Vlan {
    Be16 tpid;
    Be16 tci;
  };
  std::array<Vlan, kFieldVlans> vlans{};  // from the outside in
  Be16 eth_type;                          // behind the tags; kEthTypeNone for an 802.3 frame
  std::array<uint8_t, 2> pad2{};
  std::array<Be32, kFieldLabels>
      mpls{};  // label 20 bits, traffic class 3, bottom of stack 1, TTL 8
  std::array<uint8_t, 4> pad3{};

  // Stage 2: layer 3. ARP has its protocol addresses in nw_src and nw_dst, its operation in
  // nw_proto.
  Ipv4 nw_src, nw_dst;
  Ipv6 ipv6_src, ipv6_dst;
  Be32 ipv6_label;  // 20 bits
  uint8_t nw_proto = 0;
  uint8_t nw_tos = 0;   // DSCP 6 bits, ECN 2
  uint8_t nw_ttl = 0;   // also the hop limit
  uint8_t nw_frag = 0;  // kFrag*
  Mac arp_sha, arp_tha;
  std::array<uint8_t, 4> pad4{};

  // Stage 3: layer 4. ICMP has its type in tp_src and its code in tp_dst.
  Be16 tp_src, tp_dst;
  Be16 tcp_flags;  // 12 bits
  std::array<uint8_t, 2> pad5{};
  Ipv6 nd_target;
  Mac nd_sll, nd_tll;
  std::array<uint8_t, 4> pad6{};

  bool operator==(const Fields& other) const {
    return std::memcmp(this, &other, sizeof(Fields)) == 0;
  }
};
static_assert(std::is_trivially_copyable_v<Fields>);
static_assert(std::has_unique_object_representations_v<Fields>, "Fields must have no padding");
static_assert(sizeof(Fields) % sizeof(uint64_t) == 0);

// Fields::in_port of a packet that came from no port.
inline constexpr uint32_t kInPortNone = 0xffff;
// Fields::eth_type of a frame that has a length instead of a type.
inline constexpr uint16_t kEthTypeNone = 0x05ff;
// The bit of a tci that says there is a tag.
inline constexpr uint16_t kVlanPresent = 0x1000;
// Fields::nw_frag: a fragment at all; one that is not the first, and so has no ports.
inline constexpr uint8_t kFragAny = 1;
inline constexpr uint8_t kFragLater = 2;
// Fields::tun_flags. Users may match and set kTunnelOam; the others say how to rebuild the key.
inline constexpr uint16_t kTunnelOam = 0x0001;
inline constexpr uint16_t kTunnelDontFragment = 0x0002;
inline constexpr uint16_t kTunnelChecksum = 0x0004;
inline constexpr uint16_t kTunnelKey = 0x0008;     // tun_id is there
inline constexpr uint16_t kTunnelGbp = 0x0010;     // tun_gbp_* are there
inline constexpr uint16_t kTunnelErspan = 0x0020;  // tun_erspan_* are there
inline constexpr uint16_t kTunnelBridge = 0x0040;  // OVS_TUNNEL_KEY_ATTR_IPV4_INFO_BRIDGE

inline constexpr size_t kFieldWords = sizeof(Fields) / sizeof(uint64_t);

// The word that the member at `offset` (of offsetof) lies in, or begins in.
constexpr size_t FieldWord(size_t offset) { return offset / sizeof(uint64_t); }

inline constexpr size_t kStages = 4;
// One past the last word of each stage.
inline constexpr std::array<size_t, kStages> kStageEnds = {
    FieldWord(offsetof(Fields, eth_src)), FieldWord(offsetof(Fields, nw_src)),
    FieldWord(offsetof(Fields, tp_src)), kFieldWords};
static_assert(offsetof(Fields, eth_src) % sizeof(uint64_t) == 0);
static_assert(offsetof(Fields, nw_src) % sizeof(uint64_t) == 0);
static_assert(offsetof(Fields, tp_src) % sizeof(uint64_t) == 0);

// Word `i` as it lies in memory: fit for AND, XOR and hashing, not for arithmetic.
inline uint64_t Word(const Fields& fields, size_t i) {
  uint64_t word;
  std::memcpy(&word, reinterpret_cast<const char*>(&fields) + i * sizeof(word), sizeof(word));
  return word;
}
inline void SetWord(Fields* fields, size_t i, uint64_t word) {
  std::memcpy(reinterpret_cast<char*>(fields) + i * sizeof(word), &word, sizeof(word));
}

// Whether two packets agree in every bit of `mask`.
inline bool MatchesUnder(const Fields& a, const Fields& b, const Fields& mask) {
  uint64_t difference = 0;
  for (size_t i = 0; i < kFieldWords; ++i) difference |= (Word(a, i) ^ Word(b, i)) & Word(mask, i);
  return difference == 0;
}
inline Fields Masked(const Fields& fields, const Fields& mask) {
  Fields masked;
  for (size_t i = 0; i < kFieldWords; ++i) SetWord(&masked, i, Word(fields, i) & Word(mask, i));
  return masked;
}
// Adds the bits of `more` to a mask.
inline void AddMask(const Fields& more, Fields* mask) {
  for (size_t i = 0; i < kFieldWords; ++i) SetWord(mask, i, Word(*mask, i) | Word(more, i));
}
// Whether mask `narrow` has no bit that mask `wide` lacks.
inline bool IsWithin(const Fields& narrow, const Fields& wide) {
  uint64_t beyond = 0;
  for (size_t i = 0; i < kFieldWords; ++i) beyond |= Word(narrow, i) & ~Word(wide, i);
  return beyond == 0;
}

}  // namespace sluice::pipeline
