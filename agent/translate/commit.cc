#include "agent/translate/commit.h"

#include <netinet/in.h>

#include <algorithm>
#include <span>

namespace sluice::translate {
namespace {

using base::Be16;
using base::Be32;

constexpr uint16_t kIpv4 = 0x0800, kIpv6 = 0x86dd, kMpls = 0x8847, kMplsMulticast = 0x8848,
                   kArp = 0x0806, kRarp = 0x8035;
constexpr uint16_t kAnyType = 0;
constexpr uint8_t kAnyProto = 0;
constexpr size_t kLargest = sizeof(ovs_key_ipv6);
constexpr size_t kArpOp = offsetof(ovs_key_arp, arp_op);

// `size` bytes of Fields at `from` are those of the attribute's payload at `to`.
struct Part {
  size_t from, size, to;
  bool host_order = false;  // of the payload; a word of four bytes
};

// What an attribute sets, in packets of which kind.
struct Settable {
  uint16_t attribute;
  size_t size;
  uint16_t eth_type;
  uint8_t proto;
  std::span<const Part> parts;
  SetBy by = SetBy::kKernel;
};

constexpr Part kEthernet[] = {
    {offsetof(Fields, eth_src), 6, offsetof(ovs_key_ethernet, eth_src)},
    {offsetof(Fields, eth_dst), 6, offsetof(ovs_key_ethernet, eth_dst)},
};
constexpr Part kIpv4Parts[] = {
    {offsetof(Fields, nw_src), 4, offsetof(ovs_key_ipv4, ipv4_src)},
    {offsetof(Fields, nw_dst), 4, offsetof(ovs_key_ipv4, ipv4_dst)},
    {offsetof(Fields, nw_tos), 1, offsetof(ovs_key_ipv4, ipv4_tos)},
    {offsetof(Fields, nw_ttl), 1, offsetof(ovs_key_ipv4, ipv4_ttl)},
};
constexpr Part kIpv6Parts[] = {
    {offsetof(Fields, ipv6_src), 16, offsetof(ovs_key_ipv6, ipv6_src)},
    {offsetof(Fields, ipv6_dst), 16, offsetof(ovs_key_ipv6, ipv6_dst)},
    {offsetof(Fields, ipv6_label), 4, offsetof(ovs_key_ipv6, ipv6_label)},
    {offsetof(Fields, nw_tos), 1, offsetof(ovs_key_ipv6, ipv6_tclass)},
    {offsetof(Fields, nw_ttl), 1, offsetof(ovs_key_ipv6, ipv6_hlimit)},
};
constexpr Part kPorts[] = {
    {offsetof(Fields, tp_src), 2, 0},
    {offsetof(Fields, tp_dst), 2, 2},
};
constexpr Part kArpParts[] = {
    {offsetof(Fields, nw_src), 4, offsetof(ovs_key_arp, arp_sip)},
    {offsetof(Fields, nw_dst), 4, offsetof(ovs_key_arp, arp_tip)},
    {offsetof(Fields, nw_proto), 1, kArpOp + 1},
    {offsetof(Fields, arp_sha), 6, offsetof(ovs_key_arp, arp_sha)},
    {offsetof(Fields, arp_tha), 6, offsetof(ovs_key_arp, arp_tha)},
};
constexpr Part kIcmpParts[] = {
    {offsetof(Fields, tp_src) + 1, 1, offsetof(ovs_key_icmp, icmp_type)},
    {offsetof(Fields, tp_dst) + 1, 1, offsetof(ovs_key_icmp, icmp_code)},
};
constexpr Part kNeighbourParts[] = {
    {offsetof(Fields, nd_target), 16, offsetof(ovs_key_nd, nd_target)},
    {offsetof(Fields, nd_sll), 6, offsetof(ovs_key_nd, nd_sll)},
    {offsetof(Fields, nd_tll), 6, offsetof(ovs_key_nd, nd_tll)},
};
constexpr Part kLabel[] = {{offsetof(Fields, mpls), 4, 0}};
constexpr Part kMark[] = {{offsetof(Fields, pkt_mark), 4, 0, true}};
constexpr Part kPriority[] = {{offsetof(Fields, skb_priority), 4, 0, true}};

constexpr Settable kSettable[] = {
    {OVS_KEY_ATTR_ETHERNET, sizeof(ovs_key_ethernet), kAnyType, kAnyProto, kEthernet},
    {OVS_KEY_ATTR_IPV4, sizeof(ovs_key_ipv4), kIpv4, kAnyProto, kIpv4Parts},
    {OVS_KEY_ATTR_IPV6, sizeof(ovs_key_ipv6), kIpv6, kAnyProto, kIpv6Parts},
    {OVS_KEY_ATTR_TCP, 4, kIpv4, IPPROTO_TCP, kPorts},
    {OVS_KEY_ATTR_TCP, 4, kIpv6, IPPROTO_TCP, kPorts},
    {OVS_KEY_ATTR_UDP, 4, kIpv4, IPPROTO_UDP, kPorts},
    {OVS_KEY_ATTR_UDP, 4, kIpv6, IPPROTO_UDP, kPorts},
    {OVS_KEY_ATTR_SCTP, 4, kIpv4, IPPROTO_SCTP, kPorts},
    {OVS_KEY_ATTR_SCTP, 4, kIpv6, IPPROTO_SCTP, kPorts},
    {OVS_KEY_ATTR_MPLS, 4, kMpls, kAnyProto, kLabel},
    {OVS_KEY_ATTR_MPLS, 4, kMplsMulticast, kAnyProto, kLabel},
    {OVS_KEY_ATTR_ARP, sizeof(ovs_key_arp), kArp, kAnyProto, kArpParts, SetBy::kUs},
    {OVS_KEY_ATTR_ARP, sizeof(ovs_key_arp), kRarp, kAnyProto, kArpParts, SetBy::kUs},
    {OVS_KEY_ATTR_ICMP, sizeof(ovs_key_icmp), kIpv4, IPPROTO_ICMP, kIcmpParts, SetBy::kUs},
    {OVS_KEY_ATTR_ICMPV6, sizeof(ovs_key_icmpv6), kIpv6, IPPROTO_ICMPV6, kIcmpParts, SetBy::kUs},
    // Behind the type, which tells of what they are options.
    {OVS_KEY_ATTR_ND, sizeof(ovs_key_nd), kIpv6, IPPROTO_ICMPV6, kNeighbourParts, SetBy::kUs},
    {OVS_KEY_ATTR_SKB_MARK, 4, kAnyType, kAnyProto, kMark},
    {OVS_KEY_ATTR_PRIORITY, 4, kAnyType, kAnyProto, kPriority},
};

const uint8_t* Bytes(const Fields& fields) { return reinterpret_cast<const uint8_t*>(&fields); }

void Copy(const Part& part, const Fields& from, uint8_t* to) {
  std::memcpy(to + part.to, Bytes(from) + part.from, part.size);
  if (part.host_order) std::reverse(to + part.to, to + part.to + part.size);
}

// Whether the attribute sets fields of this packet; what tells that was read.
bool Applies(const Settable& row, PacketState* state) {
  if (row.eth_type != kAnyType &&
      state->ReadMember(&Fields::eth_type) != Be16::FromHost(row.eth_type))
    return false;
  return row.proto == kAnyProto || state->ReadMember(&Fields::nw_proto) == row.proto;
}

bool IsPending(const Settable& row, const Fields& pending) {
  return std::any_of(row.parts.begin(), row.parts.end(), [&](const Part& part) {
    const uint8_t* bytes = Bytes(pending) + part.from;
    return std::any_of(bytes, bytes + part.size, [](uint8_t byte) { return byte != 0; });
  });
}

// Only the first fragment has the ports: in the others their place is payload.
bool HasPorts(const Settable& row, PacketState* state) {
  if (row.proto == kAnyProto) return true;
  constexpr uint8_t kLater[] = {pipeline::kFragLater};
  state->Read(offsetof(Fields, nw_frag), base::ByteView(kLater, 1));
  return (state->now().nw_frag & pipeline::kFragLater) == 0;
}

void Set(const Settable& row, const PacketState& state, ovs::ActionList* actions) {
  uint8_t value_and_mask[2 * kLargest] = {};
  for (const Part& part : row.parts) {
    Copy(part, state.now(), value_and_mask);
    Copy(part, state.pending(), value_and_mask + row.size);
  }
  // An operation above 255 is 0 to rules: what they make of it is all of it.
  if (row.attribute == OVS_KEY_ATTR_ARP && value_and_mask[row.size + kArpOp + 1] != 0) {
    value_and_mask[kArpOp + 1] = state.now().nw_proto;
    value_and_mask[row.size + kArpOp] = value_and_mask[row.size + kArpOp + 1] = 0xff;
  }
  for (size_t i = 0; i < row.size; ++i) value_and_mask[i] &= value_and_mask[row.size + i];
  auto set = actions->Nest(OVS_ACTION_ATTR_SET_MASKED);
  actions->Append(row.attribute, base::ByteView(value_and_mask, 2 * row.size));
}

void Forget(const Settable& row, Fields* pending) {
  for (const Part& part : row.parts)
    std::memset(reinterpret_cast<uint8_t*>(pending) + part.from, 0, part.size);
}

void CommitTags(PacketState* state, ovs::ActionList* actions) {
  const TagStack tags = state->tags();
  for (int i = tags.keep; i < tags.committed; ++i) actions->PopVlan();
  for (int i = tags.now - tags.keep; i-- > 0;) {
    const size_t offset = offsetof(Fields, vlans) + static_cast<size_t>(i) * sizeof(Fields::Vlan);
    state->Read(offset, sizeof(Fields::Vlan));
    const Fields::Vlan& tag = state->now().vlans[static_cast<size_t>(i)];
    actions->PushVlan(tag.tpid.host(), tag.tci.host());
  }
}

}  // namespace

Committed Commit(PacketState* state, SetBy by, ovs::ActionList* actions) {
  Fields left = state->pending();
  Fields unsettable = left;
  for (const Settable& row : kSettable) {
    if (!IsPending(row, left) || !Applies(row, state)) continue;
    Forget(row, &unsettable);
    const bool there = HasPorts(row, state);
    if (there && row.by == SetBy::kUs && by == SetBy::kKernel) continue;
    if (there) Set(row, *state, actions);
    Forget(row, &left);
  }
  CommitTags(state, actions);
  state->Committed(left);
  if (left == Fields()) return Committed::kAll;
  return unsettable == Fields() ? Committed::kNeedsUs : Committed::kUnsettable;
}

}  // namespace sluice::translate
