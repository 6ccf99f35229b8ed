#include "agent/pipeline/prerequisites.h"

#include <linux/if_ether.h>
#include <linux/openvswitch.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace sluice::pipeline {
namespace {

constexpr uint16_t kRarp = 0x8035;
constexpr uint8_t kNeighbourSolicitation = 135;
constexpr uint8_t kNeighbourAdvertisement = 136;

// Unused places repeat the first, so that a test is a fixed number of comparisons.
struct Requirement {
  std::string_view words;
  std::array<uint16_t, 4> eth_types{};  // all zero: any
  std::array<uint8_t, 3> protos{};      // all zero: any
  std::array<uint8_t, 2> icmp_types{};  // all zero: any
};

constexpr std::array<uint16_t, 4> kAnyType{};
constexpr std::array<uint16_t, 4> kIpv4Type{ETH_P_IP, ETH_P_IP, ETH_P_IP, ETH_P_IP};
constexpr std::array<uint16_t, 4> kIpv6Type{ETH_P_IPV6, ETH_P_IPV6, ETH_P_IPV6, ETH_P_IPV6};
constexpr std::array<uint16_t, 4> kIpTypes{ETH_P_IP, ETH_P_IPV6, ETH_P_IP, ETH_P_IPV6};
constexpr std::array<uint16_t, 4> kArpTypes{ETH_P_ARP, kRarp, ETH_P_ARP, kRarp};
constexpr std::array<uint16_t, 4> kMplsTypes{ETH_P_MPLS_UC, ETH_P_MPLS_MC, ETH_P_MPLS_UC,
                                             ETH_P_MPLS_MC};
constexpr std::array<uint16_t, 4> kIpv4AndArp{ETH_P_IP, ETH_P_ARP, kRarp, ETH_P_IP};
constexpr std::array<uint16_t, 4> kIpAndArp{ETH_P_IP, ETH_P_IPV6, ETH_P_ARP, kRarp};

constexpr std::array<uint8_t, 3> Only(uint8_t proto) { return {proto, proto, proto}; }

// By Needs.
constexpr Requirement kRequirements[] = {
    {.words = ""},
    {.words = "an Ethernet packet"},
    {.words = "a VLAN tag (vlan_tci=0x1000/0x1000)"},
    {.words = "mpls or mplsm", .eth_types = kMplsTypes},
    {.words = "ip", .eth_types = kIpv4Type},
    {.words = "ipv6", .eth_types = kIpv6Type},
    {.words = "ip or ipv6", .eth_types = kIpTypes},
    {.words = "arp or rarp", .eth_types = kArpTypes},
    {.words = "ip, arp or rarp", .eth_types = kIpv4AndArp},
    {.words = "ip, ipv6, arp or rarp", .eth_types = kIpAndArp},
    {.words = "tcp or tcp6", .eth_types = kIpTypes, .protos = Only(IPPROTO_TCP)},
    {.words = "udp or udp6", .eth_types = kIpTypes, .protos = Only(IPPROTO_UDP)},
    {.words = "sctp or sctp6", .eth_types = kIpTypes, .protos = Only(IPPROTO_SCTP)},
    {.words = "tcp, udp or sctp",
     .eth_types = kIpTypes,
     .protos = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP}},
    {.words = "icmp", .eth_types = kIpv4Type, .protos = Only(IPPROTO_ICMP)},
    {.words = "icmp6", .eth_types = kIpv6Type, .protos = Only(IPPROTO_ICMPV6)},
    {.words = "icmp or icmp6"},
    {.words = "icmp6 with icmp_type=135 or icmp_type=136",
     .eth_types = kIpv6Type,
     .protos = Only(IPPROTO_ICMPV6),
     .icmp_types = {kNeighbourSolicitation, kNeighbourAdvertisement}},
    {.words = "icmp6 with icmp_type=135",
     .eth_types = kIpv6Type,
     .protos = Only(IPPROTO_ICMPV6),
     .icmp_types = {kNeighbourSolicitation, kNeighbourSolicitation}},
    {.words = "icmp6 with icmp_type=136",
     .eth_types = kIpv6Type,
     .protos = Only(IPPROTO_ICMPV6),
     .icmp_types = {kNeighbourAdvertisement, kNeighbourAdvertisement}},
    {.words = "a tracked connection (ct_state=+trk-inv, +new, +est or +rel)"},
};

const Requirement& RowOf(Needs needs) { return kRequirements[static_cast<size_t>(needs)]; }

// What a match says for sure.
struct Known {
  const Fields& value;
  const Fields& mask;

  bool EthType(const std::array<uint16_t, 4>& types) const {
    if (types == kAnyType) return true;
    if (mask.eth_type.wire() != 0xffff) return false;
    const uint16_t type = value.eth_type.host();
    return type == types[0] || type == types[1] || type == types[2] || type == types[3];
  }
  bool Proto(const std::array<uint8_t, 3>& protos) const {
    if (protos == std::array<uint8_t, 3>{}) return true;
    return mask.nw_proto == 0xff && (value.nw_proto == protos[0] || value.nw_proto == protos[1] ||
                                     value.nw_proto == protos[2]);
  }
  bool IcmpType(const std::array<uint8_t, 2>& types) const {
    if (types == std::array<uint8_t, 2>{}) return true;
    const uint16_t type = value.tp_src.host();
    return (mask.tp_src.host() & 0xff) == 0xff && (type == types[0] || type == types[1]);
  }
  bool All(const Requirement& row) const {
    return EthType(row.eth_types) && Proto(row.protos) && IcmpType(row.icmp_types);
  }
  bool Tagged() const {
    return (value.vlans[0].tci.host() & mask.vlans[0].tci.host() & kVlanPresent) != 0;
  }
  bool Ethernet() const { return mask.packet_type.wire() == 0 || value.packet_type.wire() == 0; }
  bool Tracked() const {
    constexpr uint32_t kSeen = OVS_CS_F_NEW | OVS_CS_F_ESTABLISHED | OVS_CS_F_RELATED;
    const uint32_t known = mask.ct_state.host(), state = value.ct_state.host() & known;
    return (state & kSeen) != 0 ||
           ((state & OVS_CS_F_TRACKED) != 0 && (known & ~state & OVS_CS_F_INVALID) != 0);
  }
};

constexpr Shorthand kShorthands[] = {
    {"tcp", ETH_P_IP, IPPROTO_TCP, "TCP over IPv4"},
    {"udp", ETH_P_IP, IPPROTO_UDP, "UDP over IPv4"},
    {"sctp", ETH_P_IP, IPPROTO_SCTP, "SCTP over IPv4"},
    {"icmp", ETH_P_IP, IPPROTO_ICMP, "ICMP"},
    {"ip", ETH_P_IP, 0, "IPv4"},
    {"tcp6", ETH_P_IPV6, IPPROTO_TCP, "TCP over IPv6"},
    {"udp6", ETH_P_IPV6, IPPROTO_UDP, "UDP over IPv6"},
    {"sctp6", ETH_P_IPV6, IPPROTO_SCTP, "SCTP over IPv6"},
    {"icmp6", ETH_P_IPV6, IPPROTO_ICMPV6, "ICMPv6"},
    {"ipv6", ETH_P_IPV6, 0, "IPv6"},
    {"arp", ETH_P_ARP, 0, "ARP"},
    {"rarp", kRarp, 0, "Reverse ARP"},
    {"mpls", ETH_P_MPLS_UC, 0, "MPLS unicast"},
    {"mplsm", ETH_P_MPLS_MC, 0, "MPLS multicast"},
    {"tcp4", ETH_P_IP, IPPROTO_TCP, "`tcp`"},
    {"udp4", ETH_P_IP, IPPROTO_UDP, "`udp`"},
    {"sctp4", ETH_P_IP, IPPROTO_SCTP, "`sctp`"},
    {"icmp4", ETH_P_IP, IPPROTO_ICMP, "`icmp`"},
    {"ipv4", ETH_P_IP, 0, "`ip`"},
    {"ip4", ETH_P_IP, 0, "`ip`"},
    {"icmpv6", ETH_P_IPV6, IPPROTO_ICMPV6, "`icmp6`"},
    {"ip6", ETH_P_IPV6, 0, "`ipv6`"},
};

const Fields& AllOnes() {
  static const Fields ones = [] {
    Fields fields;
    for (size_t i = 0; i < kFieldWords; ++i) SetWord(&fields, i, ~uint64_t{0});
    return fields;
  }();
  return ones;
}

}  // namespace

std::string_view Words(Needs needs) { return RowOf(needs).words; }

bool Holds(Needs needs, const Fields& value, const Fields& mask) {
  const Known known{value, mask};
  switch (needs) {
    case Needs::kNothing:
      return true;
    case Needs::kEthernet:
      return known.Ethernet();
    case Needs::kVlan:
      return known.Tagged();
    case Needs::kTracked:
      return known.Tracked();
    case Needs::kIcmp:
      return Holds(Needs::kIcmp4, value, mask) || Holds(Needs::kIcmp6, value, mask);
    default:
      return known.All(RowOf(needs));
  }
}

bool Holds(Needs needs, const Fields& packet) { return Holds(needs, packet, AllOnes()); }

void AddBitsOf(Needs needs, Fields* mask) {
  switch (needs) {
    case Needs::kNothing:
      return;
    case Needs::kEthernet:
      mask->packet_type = Be32::FromHost(~uint32_t{0});
      return;
    case Needs::kVlan:
      mask->vlans[0].tci = Be16::FromHost(mask->vlans[0].tci.host() | kVlanPresent);
      return;
    case Needs::kTracked:
      mask->ct_state = Be32::FromHost(~uint32_t{0});
      return;
    case Needs::kIcmp:
      AddBitsOf(Needs::kIcmp4, mask);
      return;
    default:
      break;
  }
  const Requirement& row = RowOf(needs);
  if (row.eth_types != kAnyType) mask->eth_type = Be16::FromHost(0xffff);
  if (row.protos != std::array<uint8_t, 3>{}) mask->nw_proto = 0xff;
  if (row.icmp_types != std::array<uint8_t, 2>{})
    mask->tp_src = Be16::FromHost(mask->tp_src.host() | 0xff);
}

std::span<const Shorthand> Shorthands() { return kShorthands; }

const Shorthand* FindShorthand(std::string_view name) {
  const auto* const found = std::find_if(std::begin(kShorthands), std::end(kShorthands),
                                         [name](const Shorthand& row) { return row.name == name; });
  return found == std::end(kShorthands) ? nullptr : found;
}

}  // namespace sluice::pipeline
