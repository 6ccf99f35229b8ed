// A flow key as the agent works with it: flat, trivially copyable, without padding.
//
// A mask is another FlowKey: bit 1 means "this bit of the key matters". Every member has the layout
// and byte order of its OVS_KEY_ATTR_* payload (include/uapi/linux/openvswitch.h), so that decoding
// is a copy and masking is a bitwise AND over the whole struct. Which attributes are there is told
// by `present`, a word for each level of VLAN encapsulation.
//
//   FlowKey key{};
//   attr::Unknowns unknowns;
//   if (attr::Fault fault = DecodeFlowKey(upcall.key, &key, &unknowns)) ...
//   if (key.Has(OVS_KEY_ATTR_IPV4) && key.ipv4.proto == IPPROTO_TCP) ...
#pragma once

#include <linux/openvswitch.h>

#include <array>
#include <cstdint>
#include <type_traits>

#include "netlink/attr/codec.h"
#include "netlink/base/address.h"
#include "netlink/base/byte_order.h"

namespace sluice::ovs {

using base::Be16;
using base::Be32;
using base::Be64;
using base::Ipv4;
using base::Ipv6;
using base::Mac;

// The kernel handles at most two VLAN headers and three MPLS labels.
inline constexpr unsigned kMaxVlans = 2;
inline constexpr unsigned kMaxMplsLabels = 3;
inline constexpr unsigned kMaxGeneveOptionBytes = 255;

// OVS_TUNNEL_KEY_ATTR_*
struct TunnelKey {
  uint64_t present = 0;
  Be64 id;
  Ipv4 ipv4_src, ipv4_dst;
  Ipv6 ipv6_src, ipv6_dst;
  struct VxlanOptions {
    uint64_t present = 0;
    uint32_t gbp = 0;  // group policy id in the low 16 bits, flags above; host order
    uint32_t pad = 0;
  } vxlan;
  std::array<uint8_t, 12> erspan{};  // struct erspan_metadata of <linux/erspan.h>
  Be16 tp_src, tp_dst;
  uint8_t tos = 0, ttl = 0;
  uint16_t geneve_size = 0;  // bytes used of `geneve`
  std::array<uint8_t, kMaxGeneveOptionBytes + 1> geneve{};
  std::array<uint8_t, 4> pad{};

  bool Has(uint16_t type) const { return (present >> type & 1) != 0; }
};

// Options of tunnels, of which a packet has one kind at most.
inline constexpr uint64_t kTunnelOptionKinds = uint64_t{1} << OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS |
                                               uint64_t{1} << OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS |
                                               uint64_t{1} << OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS;

// Whether a mask says anything of options. The kernel then compares how long they are, and so
// packets with another kind of them, or with none, are not matched. It takes no mask that names two
// kinds, and does not tell of one where the flow's key has none.
bool AsksForOptions(const TunnelKey& mask);

// OVS_NSH_KEY_ATTR_*
struct NshKey {
  uint64_t present = 0;
  uint8_t flags = 0, ttl = 0, mdtype = 0, np = 0;
  Be32 path_hdr;  // service path in 24 bits, service index in the low 8
  std::array<Be32, 4> context{};
};

struct FlowKey {
  // [0] is the packet's own level; [1] and [2] are inside one and two OVS_KEY_ATTR_ENCAP.
  std::array<uint64_t, kMaxVlans + 1> present{};

  uint32_t priority = 0, in_port = 0, skb_mark = 0;
  uint32_t dp_hash = 0, recirc_id = 0;
  uint32_t ct_state = 0, ct_mark = 0;  // ct_state: OVS_CS_F_*
  uint16_t ct_zone = 0;
  uint16_t ipv6_exthdrs = 0;
  std::array<uint8_t, 16> ct_labels{};
  struct CtTuple4 {
    Ipv4 src, dst;
    Be16 src_port, dst_port;
    uint8_t proto = 0;
    std::array<uint8_t, 3> pad{};
  } ct_tuple4;
  struct CtTuple6 {
    Ipv6 src, dst;
    Be16 src_port, dst_port;
    uint8_t proto = 0;
    std::array<uint8_t, 3> pad{};
  } ct_tuple6;

  struct Ethernet {
    Mac src, dst;
  } eth;
  // The Ethernet type and, where that type is a VLAN's, the tag that follows, from the outside in.
  struct Layer {
    Be16 eth_type;
    Be16 tci;  // priority 3 bits, present 1 bit, VLAN id 12 bits
  };
  std::array<Layer, kMaxVlans + 1> layers{};

  struct IpV4 {
    Ipv4 src, dst;
    uint8_t proto = 0, tos = 0, ttl = 0, frag = 0;  // frag: OVS_FRAG_TYPE_*
  } ipv4;
  struct IpV6 {
    Ipv6 src, dst;
    Be32 label;  // 20 bits
    uint8_t proto = 0, tclass = 0, hlimit = 0, frag = 0;
  } ipv6;
  struct Arp {
    Ipv4 sip, tip;
    Be16 op;
    Mac sha, tha;
    std::array<uint8_t, 2> pad{};
  } arp;
  struct Ports {
    Be16 src, dst;
  } tcp, udp, sctp;
  Be16 tcp_flags;
  struct Icmp {
    uint8_t type = 0, code = 0;
  } icmp, icmpv6;
  uint16_t mpls_size = 0;  // bytes used of `mpls`
  std::array<Be32, kMaxMplsLabels> mpls{};
  struct Nd {
    Ipv6 target;
    Mac sll, tll;
  } nd;
  std::array<uint8_t, 8> pad{};
  NshKey nsh;
  TunnelKey tunnel;

  // Whether an attribute is there, at whatever level of encapsulation.
  bool Has(uint16_t type) const {
    return ((present[0] | present[1] | present[2]) >> type & 1) != 0;
  }
  bool HasAt(unsigned level, uint16_t type) const { return (present[level] >> type & 1) != 0; }
  // How many VLAN tags the packet has.
  unsigned vlans() const {
    return HasAt(0, OVS_KEY_ATTR_ENCAP) ? (HasAt(1, OVS_KEY_ATTR_ENCAP) ? 2 : 1) : 0;
  }
  // The Ethernet type behind all VLAN tags.
  Be16 eth_type() const { return layers[vlans()].eth_type; }
};
static_assert(std::is_trivially_copyable_v<FlowKey>);
static_assert(std::has_unique_object_representations_v<FlowKey>, "FlowKey must have no padding");

extern const attr::Table kKeyTable;     // OVS_KEY_ATTR_*
extern const attr::Table kTunnelTable;  // OVS_TUNNEL_KEY_ATTR_*
extern const attr::Table kNshTable;     // OVS_NSH_KEY_ATTR_*
extern const attr::Table kVxlanTable;   // OVS_VXLAN_EXT_*

// Attributes to key. Unknown attributes are collected, not refused.
inline attr::Fault DecodeFlowKey(base::ByteView attributes, FlowKey* key,
                                 attr::Unknowns* unknowns) {
  return attr::Decode(kKeyTable, attributes, key, unknowns);
}
inline void EncodeFlowKey(const FlowKey& key, const attr::Unknowns* unknowns,
                          attr::Writer* writer) {
  attr::Encode(kKeyTable, &key, unknowns, writer);
}
// The mask of a flow whose key is `key`: attributes whose mask is all zero are left out.
inline void EncodeFlowMask(const FlowKey& key, const FlowKey& mask, attr::Writer* writer) {
  attr::EncodeMask(kKeyTable, &key, &mask, writer);
}

// Whether two keys agree in every bit of `mask`, the presence of attributes aside.
bool MatchesUnder(const FlowKey& a, const FlowKey& b, const FlowKey& mask);
// `key` with the bits that `mask` does not have set to zero; its `present` words and sizes stay.
FlowKey Masked(const FlowKey& key, const FlowKey& mask);
// Whether mask `narrow` has no bit that mask `wide` lacks.
bool IsWithin(const FlowKey& narrow, const FlowKey& wide);

}  // namespace sluice::ovs
