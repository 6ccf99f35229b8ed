#include "agent/pipeline/field_table.h"

#include <algorithm>
#include <iterator>

#include "absl/container/flat_hash_map.h"
#include "netlink/base/bytes.h"

namespace sluice::pipeline {
namespace {

// clang-format wants a column for each; these rows are read across.
// clang-format off
constexpr FieldRow Register(std::string_view name, std::string_view nxm, unsigned bytes,
                            unsigned index, std::string_view doc) {
  return {.name = name, .aliases = {nxm},
          .offset = static_cast<uint16_t>(offsetof(Fields, regs) + bytes * index),
          .bytes = static_cast<uint8_t>(bytes), .bits = static_cast<uint8_t>(8 * bytes),
          .format = FieldFormat::kHex, .hidden = bytes != 4, .doc = doc};
}
constexpr std::string_view kReg = "Register, for the rules' own use.";
constexpr std::string_view kXreg = "Two registers as one: the first is the high half.";
constexpr std::string_view kXxreg = "Four registers as one: the first is the highest part.";

constexpr FieldRow TunnelField(std::string_view name, std::string_view nxm, unsigned index) {
  return {.name = name, .aliases = {nxm},
          .offset = static_cast<uint16_t>(offsetof(Fields, tun_metadata) + 8 * index),
          .bytes = 8, .bits = 64, .format = FieldFormat::kHex, .since = "3.18",
          .doc = "A Geneve option, or a part of one, as tunnel_options of the bridge say; 0 when it "
                 "is not there."};
}

constexpr uint16_t kTci = offsetof(Fields, vlans) + offsetof(Fields::Vlan, tci);
constexpr uint16_t kMplsLse = offsetof(Fields, mpls);
constexpr uint16_t kPortLow = offsetof(Fields, in_port) + 2;
constexpr uint16_t kTpSrc = offsetof(Fields, tp_src), kTpDst = offsetof(Fields, tp_dst);

using enum FieldFormat;
using enum Masking;

constexpr FieldRow kTable[] = {
    {.name = "pkt_mark", .aliases = {"NXM_NX_PKT_MARK"},
     .offset = offsetof(Fields, pkt_mark), .bytes = 4, .bits = 32, .format = kHex,
     .since = "3.8", .doc = "Mark that other parts of the kernel left on the packet (skb->mark)."},
    {.name = "recirc_id", .aliases = {"NXM_NX_RECIRC_ID"},
     .offset = offsetof(Fields, recirc_id), .bytes = 4, .bits = 32, .format = kHex,
     .masking = kExact, .writable = false, .since = "3.19",
     .doc = "Which recirculation the packet comes from. The agent's own; shown in traces."},
    {.name = "dp_hash", .aliases = {"NXM_NX_DP_HASH"},
     .offset = offsetof(Fields, dp_hash), .bytes = 4, .bits = 32, .format = kHex,
     .writable = false, .since = "3.19", .doc = "Hash that the datapath computed. The agent's own."},
    {.name = "conj_id", .aliases = {"NXM_NX_CONJ_ID"},
     .offset = offsetof(Fields, conj_id), .bytes = 4, .bits = 32, .masking = kExact,
     .writable = false, .doc = "Which conjunction of rules holds."},
    {.name = "skb_priority", .offset = offsetof(Fields, skb_priority), .bytes = 4, .bits = 32,
     .format = kHex, .masking = kExact, .writable = false, .since = "3.3",
     .doc = "Queueing priority."},
    {.name = "actset_output", .aliases = {"ONFOXM_ET_ACTSET_OUTPUT"},
     .offset = offsetof(Fields, actset_output), .bytes = 4, .bits = 32, .format = kPort,
     .masking = kExact, .writable = false,
     .doc = "The port that the action set outputs to, for rules behind it."},
    {.name = "ct_state", .aliases = {"NXM_NX_CT_STATE"},
     .offset = offsetof(Fields, ct_state), .bytes = 4, .bits = 32, .format = kCtState,
     .writable = false, .since = "4.3", .doc = "What connection tracking said of the packet."},
    {.name = "ct_zone", .aliases = {"NXM_NX_CT_ZONE"},
     .offset = offsetof(Fields, ct_zone), .bytes = 2, .bits = 16, .masking = kExact,
     .writable = false, .since = "4.3", .doc = "Connection tracking zone."},
    {.name = "ct_mark", .aliases = {"NXM_NX_CT_MARK"},
     .offset = offsetof(Fields, ct_mark), .bytes = 4, .bits = 32, .format = kHex,
     .writable = false, .since = "4.3", .doc = "Mark of the connection."},
    {.name = "ct_label", .aliases = {"NXM_NX_CT_LABEL"},
     .offset = offsetof(Fields, ct_label), .bytes = 16, .bits = 128, .format = kHex,
     .writable = false, .since = "4.3", .doc = "Label of the connection."},
    {.name = "ct_nw_src", .aliases = {"NXM_NX_CT_NW_SRC"},
     .offset = offsetof(Fields, ct_nw_src), .bytes = 4, .bits = 32, .format = kIpv4,
     .needs = Needs::kTracked, .writable = false, .since = "4.11",
     .doc = "Source of the connection's first packet, before translation."},
    {.name = "ct_nw_dst", .aliases = {"NXM_NX_CT_NW_DST"},
     .offset = offsetof(Fields, ct_nw_dst), .bytes = 4, .bits = 32, .format = kIpv4,
     .needs = Needs::kTracked, .writable = false, .since = "4.11",
     .doc = "Destination of the connection's first packet, before translation."},
    {.name = "ct_ipv6_src", .aliases = {"NXM_NX_CT_IPV6_SRC"},
     .offset = offsetof(Fields, ct_ipv6_src), .bytes = 16, .bits = 128, .format = kIpv6,
     .needs = Needs::kTracked, .writable = false, .since = "4.11", .doc = "The same for IPv6."},
    {.name = "ct_ipv6_dst", .aliases = {"NXM_NX_CT_IPV6_DST"},
     .offset = offsetof(Fields, ct_ipv6_dst), .bytes = 16, .bits = 128, .format = kIpv6,
     .needs = Needs::kTracked, .writable = false, .since = "4.11", .doc = "The same for IPv6."},
    {.name = "ct_nw_proto", .aliases = {"NXM_NX_CT_NW_PROTO"},
     .offset = offsetof(Fields, ct_nw_proto), .bytes = 1, .bits = 8, .needs = Needs::kTracked,
     .masking = kExact, .writable = false, .since = "4.11",
     .doc = "Protocol of the connection's first packet."},
    {.name = "ct_tp_src", .aliases = {"NXM_NX_CT_TP_SRC"},
     .offset = offsetof(Fields, ct_tp_src), .bytes = 2, .bits = 16, .needs = Needs::kTracked,
     .writable = false, .since = "4.11", .doc = "Source port, or ICMP type, of that packet."},
    {.name = "ct_tp_dst", .aliases = {"NXM_NX_CT_TP_DST"},
     .offset = offsetof(Fields, ct_tp_dst), .bytes = 2, .bits = 16, .needs = Needs::kTracked,
     .writable = false, .since = "4.11", .doc = "Destination port, or ICMP code, of that packet."},
    {.name = "packet_type", .aliases = {"OXM_OF_PACKET_TYPE"},
     .offset = offsetof(Fields, packet_type), .bytes = 4, .bits = 32, .format = kPacketType,
     .masking = kExact, .writable = false, .since = "4.11",
     .doc = "(0,0) for Ethernet; (1,TYPE) for a packet that begins with its network header, with "
            "its Ethernet type, which is then eth_type too."},

    Register("reg0", "NXM_NX_REG0", 4, 0, kReg), Register("reg1", "NXM_NX_REG1", 4, 1, kReg),
    Register("reg2", "NXM_NX_REG2", 4, 2, kReg), Register("reg3", "NXM_NX_REG3", 4, 3, kReg),
    Register("reg4", "NXM_NX_REG4", 4, 4, kReg), Register("reg5", "NXM_NX_REG5", 4, 5, kReg),
    Register("reg6", "NXM_NX_REG6", 4, 6, kReg), Register("reg7", "NXM_NX_REG7", 4, 7, kReg),
    Register("reg8", "NXM_NX_REG8", 4, 8, kReg), Register("reg9", "NXM_NX_REG9", 4, 9, kReg),
    Register("reg10", "NXM_NX_REG10", 4, 10, kReg), Register("reg11", "NXM_NX_REG11", 4, 11, kReg),
    Register("reg12", "NXM_NX_REG12", 4, 12, kReg), Register("reg13", "NXM_NX_REG13", 4, 13, kReg),
    Register("reg14", "NXM_NX_REG14", 4, 14, kReg), Register("reg15", "NXM_NX_REG15", 4, 15, kReg),
    Register("xreg0", "OXM_OF_PKT_REG0", 8, 0, kXreg), Register("xreg1", "OXM_OF_PKT_REG1", 8, 1, kXreg),
    Register("xreg2", "OXM_OF_PKT_REG2", 8, 2, kXreg), Register("xreg3", "OXM_OF_PKT_REG3", 8, 3, kXreg),
    Register("xreg4", "OXM_OF_PKT_REG4", 8, 4, kXreg), Register("xreg5", "OXM_OF_PKT_REG5", 8, 5, kXreg),
    Register("xreg6", "OXM_OF_PKT_REG6", 8, 6, kXreg), Register("xreg7", "OXM_OF_PKT_REG7", 8, 7, kXreg),
    Register("xxreg0", "NXM_NX_XXREG0", 16, 0, kXxreg), Register("xxreg1", "NXM_NX_XXREG1", 16, 1, kXxreg),
    Register("xxreg2", "NXM_NX_XXREG2", 16, 2, kXxreg), Register("xxreg3", "NXM_NX_XXREG3", 16, 3, kXxreg),

    {.name = "tun_id", .aliases = {"tunnel_id", "NXM_NX_TUN_ID", "OXM_OF_TUNNEL_ID"},
     .offset = offsetof(Fields, tun_id), .bytes = 8, .bits = 64, .format = kHex,
     .since = "3.10", .doc = "Tunnel key: VNI of VXLAN and Geneve, key of GRE."},
    {.name = "tun_src", .aliases = {"NXM_NX_TUN_IPV4_SRC"},
     .offset = offsetof(Fields, tun_src), .bytes = 4, .bits = 32, .format = kIpv4,
     .since = "3.10", .doc = "Outer source address."},
    {.name = "tun_dst", .aliases = {"NXM_NX_TUN_IPV4_DST"},
     .offset = offsetof(Fields, tun_dst), .bytes = 4, .bits = 32, .format = kIpv4,
     .since = "3.10", .doc = "Outer destination address."},
    {.name = "tun_ipv6_src", .aliases = {"NXM_NX_TUN_IPV6_SRC"},
     .offset = offsetof(Fields, tun_ipv6_src), .bytes = 16, .bits = 128, .format = kIpv6,
     .since = "4.4", .doc = "Outer source address."},
    {.name = "tun_ipv6_dst", .aliases = {"NXM_NX_TUN_IPV6_DST"},
     .offset = offsetof(Fields, tun_ipv6_dst), .bytes = 16, .bits = 128, .format = kIpv6,
     .since = "4.4", .doc = "Outer destination address."},
    {.name = "tun_tos", .offset = offsetof(Fields, tun_tos), .bytes = 1, .bits = 8,
     .since = "3.10", .doc = "Outer type of service."},
    {.name = "tun_ttl", .offset = offsetof(Fields, tun_ttl), .bytes = 1, .bits = 8,
     .since = "3.10", .doc = "Outer time to live."},
    {.name = "tun_flags", .aliases = {"NXM_NX_TUN_FLAGS"},
     .offset = offsetof(Fields, tun_flags), .bytes = 2, .bits = 1, .format = kTunnelFlags,
     .since = "3.18", .doc = "oam: operations and maintenance frame."},
    {.name = "tun_tp_src", .offset = offsetof(Fields, tun_tp_src), .bytes = 2, .bits = 16,
     .writable = false, .since = "3.19", .doc = "Outer UDP source port."},
    {.name = "tun_tp_dst", .offset = offsetof(Fields, tun_tp_dst), .bytes = 2, .bits = 16,
     .writable = false, .since = "3.19", .doc = "Outer UDP destination port."},
    {.name = "tun_gbp_id", .aliases = {"NXM_NX_TUN_GBP_ID"},
     .offset = offsetof(Fields, tun_gbp_id), .bytes = 2, .bits = 16, .since = "4.0",
     .doc = "VXLAN group policy id."},
    {.name = "tun_gbp_flags", .aliases = {"NXM_NX_TUN_GBP_FLAGS"},
     .offset = offsetof(Fields, tun_gbp_flags), .bytes = 1, .bits = 8, .format = kHex,
     .since = "4.0", .doc = "VXLAN group policy flags."},
    {.name = "tun_erspan_ver", .aliases = {"NXOXM_ET_ERSPAN_VER"},
     .offset = offsetof(Fields, tun_erspan_ver), .bytes = 1, .bits = 4, .since = "4.16",
     .doc = "ERSPAN version, 1 or 2."},
    {.name = "tun_erspan_idx", .aliases = {"NXOXM_ET_ERSPAN_IDX"},
     .offset = offsetof(Fields, tun_erspan_idx), .bytes = 4, .bits = 20, .format = kHex,
     .since = "4.16", .doc = "ERSPAN index (version 1)."},
    {.name = "tun_erspan_dir", .aliases = {"NXOXM_ET_ERSPAN_DIR"},
     .offset = offsetof(Fields, tun_erspan_dir), .bytes = 1, .bits = 1, .since = "4.16",
     .doc = "ERSPAN direction (version 2)."},
    {.name = "tun_erspan_hwid", .aliases = {"NXOXM_ET_ERSPAN_HWID"},
     .offset = offsetof(Fields, tun_erspan_hwid), .bytes = 1, .bits = 6, .format = kHex,
     .since = "4.16", .doc = "ERSPAN hardware id (version 2)."},
    TunnelField("tun_metadata0", "NXM_NX_TUN_METADATA0", 0),
    TunnelField("tun_metadata1", "NXM_NX_TUN_METADATA1", 1),
    TunnelField("tun_metadata2", "NXM_NX_TUN_METADATA2", 2),
    TunnelField("tun_metadata3", "NXM_NX_TUN_METADATA3", 3),
    TunnelField("tun_metadata4", "NXM_NX_TUN_METADATA4", 4),
    TunnelField("tun_metadata5", "NXM_NX_TUN_METADATA5", 5),
    TunnelField("tun_metadata6", "NXM_NX_TUN_METADATA6", 6),
    TunnelField("tun_metadata7", "NXM_NX_TUN_METADATA7", 7),

    {.name = "metadata", .aliases = {"OXM_OF_METADATA"},
     .offset = offsetof(Fields, metadata), .bytes = 8, .bits = 64, .format = kHex,
     .doc = "A register that survives from table to table; written by write_metadata."},
    {.name = "in_port", .aliases = {"NXM_OF_IN_PORT"},
     .offset = kPortLow, .bytes = 2, .bits = 16, .format = kPort, .masking = kExact,
     .since = "3.3", .doc = "Port that the packet came in by: a number or a name."},
    {.name = "in_port_oxm", .aliases = {"OXM_OF_IN_PORT"},
     .offset = offsetof(Fields, in_port), .bytes = 4, .bits = 32, .format = kPort,
     .masking = kExact, .hidden = true, .since = "3.3", .doc = "The same in 32 bits, for move and load."},
    {.name = "dl_vlan", .offset = kTci, .bytes = 2, .bits = 12, .format = kVlanId,
     .needs = Needs::kEthernet, .masking = kExact, .hidden = true, .since = "3.3",
     .doc = "VLAN id of the outer tag; 0xffff for a packet without tag."},
    {.name = "vlan_vid", .aliases = {"OXM_OF_VLAN_VID"},
     .offset = kTci, .bytes = 2, .bits = 12, .format = kVlanVid, .needs = Needs::kEthernet,
     .hidden = true, .since = "3.3", .doc = "VLAN id of the outer tag, plus 0x1000 if there is one: "
                            "0x1000/0x1000 is any tag, 0 none."},
    {.name = "dl_vlan_pcp", .aliases = {"vlan_pcp", "OXM_OF_VLAN_PCP"},
     .offset = kTci, .bytes = 2, .shift = 13, .bits = 3, .needs = Needs::kEthernet, .masking = kExact,
     .hidden = true, .since = "3.3", .doc = "Priority of the outer tag; matches only packets with a tag."},
    {.name = "vlan_tci", .aliases = {"NXM_OF_VLAN_TCI"},
     .offset = kTci, .bytes = 2, .bits = 16, .format = kVlanTci, .needs = Needs::kEthernet,
     .since = "3.3",
     .doc = "The outer tag as a whole: priority, 0x1000 if there is one, VLAN id; 0 for none."},
    {.name = "vlan_tpid", .offset = kTci - 2, .bytes = 2, .bits = 16, .format = kHex,
     .needs = Needs::kVlan, .writable = false, .since = "4.9",
     .doc = "Ethernet type of the outer tag: 0x8100 or 0x88a8. A name of Sluice's own."},
    {.name = "inner_vlan_tci", .offset = kTci + 4, .bytes = 2, .bits = 16, .format = kHex,
     .needs = Needs::kVlan, .writable = false, .since = "4.9",
     .doc = "The tag behind the outer one, as vlan_tci. A name of Sluice's own."},
    {.name = "inner_vlan_tpid", .offset = kTci + 2, .bytes = 2, .bits = 16, .format = kHex,
     .needs = Needs::kVlan, .writable = false, .since = "4.9",
     .doc = "Ethernet type of the inner tag. A name of Sluice's own."},
    {.name = "dl_src", .aliases = {"eth_src", "NXM_OF_ETH_SRC", "OXM_OF_ETH_SRC"},
     .offset = offsetof(Fields, eth_src), .bytes = 6, .bits = 48, .format = kMac,
     .needs = Needs::kEthernet, .since = "3.3", .doc = "Ethernet source."},
    {.name = "dl_dst", .aliases = {"eth_dst", "NXM_OF_ETH_DST", "OXM_OF_ETH_DST"},
     .offset = offsetof(Fields, eth_dst), .bytes = 6, .bits = 48, .format = kMac,
     .needs = Needs::kEthernet, .since = "3.3", .doc = "Ethernet destination."},
    {.name = "dl_type", .aliases = {"eth_type", "NXM_OF_ETH_TYPE", "OXM_OF_ETH_TYPE"},
     .offset = offsetof(Fields, eth_type), .bytes = 2, .bits = 16, .format = kHex,
     .masking = kExact, .writable = false, .since = "3.3",
     .doc = "Ethernet type behind the tags; 0x05ff for a frame with a length in its place."},

    {.name = "arp_spa", .aliases = {"NXM_OF_ARP_SPA", "OXM_OF_ARP_SPA"},
     .offset = offsetof(Fields, nw_src), .bytes = 4, .bits = 32, .format = kIpv4, .needs = Needs::kArp,
     .since = "3.3", .doc = "Sender's IPv4 address."},
    {.name = "arp_tpa", .aliases = {"NXM_OF_ARP_TPA", "OXM_OF_ARP_TPA"},
     .offset = offsetof(Fields, nw_dst), .bytes = 4, .bits = 32, .format = kIpv4, .needs = Needs::kArp,
     .since = "3.3", .doc = "Target's IPv4 address."},
    {.name = "nw_src", .offset = offsetof(Fields, nw_src), .bytes = 4, .bits = 32, .format = kIpv4,
     .needs = Needs::kIpv4OrArp, .since = "3.3", .doc = "IPv4 source; with arp, the sender's address."},
    {.name = "nw_dst", .offset = offsetof(Fields, nw_dst), .bytes = 4, .bits = 32, .format = kIpv4,
     .needs = Needs::kIpv4OrArp, .since = "3.3", .doc = "IPv4 destination; with arp, the target's address."},
    {.name = "ip_src", .aliases = {"NXM_OF_IP_SRC", "OXM_OF_IPV4_SRC"},
     .offset = offsetof(Fields, nw_src), .bytes = 4, .bits = 32, .format = kIpv4,
     .needs = Needs::kIpv4, .hidden = true, .since = "3.3", .doc = "IPv4 source."},
    {.name = "ip_dst", .aliases = {"NXM_OF_IP_DST", "OXM_OF_IPV4_DST"},
     .offset = offsetof(Fields, nw_dst), .bytes = 4, .bits = 32, .format = kIpv4,
     .needs = Needs::kIpv4, .hidden = true, .since = "3.3", .doc = "IPv4 destination."},
    {.name = "ipv6_src", .aliases = {"NXM_NX_IPV6_SRC", "OXM_OF_IPV6_SRC"},
     .offset = offsetof(Fields, ipv6_src), .bytes = 16, .bits = 128, .format = kIpv6,
     .needs = Needs::kIpv6, .since = "3.3", .doc = "IPv6 source."},
    {.name = "ipv6_dst", .aliases = {"NXM_NX_IPV6_DST", "OXM_OF_IPV6_DST"},
     .offset = offsetof(Fields, ipv6_dst), .bytes = 16, .bits = 128, .format = kIpv6,
     .needs = Needs::kIpv6, .since = "3.3", .doc = "IPv6 destination."},
    {.name = "ipv6_label", .aliases = {"NXM_NX_IPV6_LABEL", "OXM_OF_IPV6_FLABEL"},
     .offset = offsetof(Fields, ipv6_label), .bytes = 4, .bits = 20, .format = kHex,
     .needs = Needs::kIpv6, .since = "3.3", .doc = "IPv6 flow label."},
    {.name = "arp_sha", .aliases = {"NXM_NX_ARP_SHA", "OXM_OF_ARP_SHA"},
     .offset = offsetof(Fields, arp_sha), .bytes = 6, .bits = 48, .format = kMac, .needs = Needs::kArp,
     .since = "3.3", .doc = "Sender's Ethernet address."},
    {.name = "arp_tha", .aliases = {"NXM_NX_ARP_THA", "OXM_OF_ARP_THA"},
     .offset = offsetof(Fields, arp_tha), .bytes = 6, .bits = 48, .format = kMac, .needs = Needs::kArp,
     .since = "3.3", .doc = "Target's Ethernet address."},
    {.name = "arp_op", .aliases = {"NXM_OF_ARP_OP", "OXM_OF_ARP_OP"},
     .offset = offsetof(Fields, nw_proto), .bytes = 1, .bits = 8, .needs = Needs::kArp,
     .masking = kExact, .since = "3.3", .doc = "Operation: 1 request, 2 reply; 0 for one above 255."},
    {.name = "nw_proto", .aliases = {"ip_proto", "NXM_OF_IP_PROTO", "OXM_OF_IP_PROTO"},
     .offset = offsetof(Fields, nw_proto), .bytes = 1, .bits = 8, .needs = Needs::kIpOrArp,
     .masking = kExact, .writable = false, .since = "3.3",
     .doc = "IP protocol; with arp, the operation."},
    {.name = "nw_tos", .aliases = {"NXM_OF_IP_TOS"},
     .offset = offsetof(Fields, nw_tos), .bytes = 1, .bits = 8, .format = kTos, .needs = Needs::kIp,
     .masking = kExact, .since = "3.3", .doc = "DSCP as the whole byte has it: a multiple of 4."},
    {.name = "ip_dscp", .aliases = {"OXM_OF_IP_DSCP"},
     .offset = offsetof(Fields, nw_tos), .bytes = 1, .shift = 2, .bits = 6, .needs = Needs::kIp,
     .masking = kExact, .hidden = true, .since = "3.3", .doc = "DSCP."},
    {.name = "nw_ecn", .aliases = {"ip_ecn", "NXM_NX_IP_ECN", "OXM_OF_IP_ECN"},
     .offset = offsetof(Fields, nw_tos), .bytes = 1, .bits = 2, .needs = Needs::kIp, .masking = kExact,
     .since = "3.3", .doc = "Congestion notification."},
    {.name = "nw_ttl", .aliases = {"ip_ttl", "NXM_NX_IP_TTL"},
     .offset = offsetof(Fields, nw_ttl), .bytes = 1, .bits = 8, .needs = Needs::kIp, .masking = kExact,
     .since = "3.3", .doc = "Time to live, or hop limit."},
    {.name = "mpls_label", .aliases = {"OXM_OF_MPLS_LABEL"},
     .offset = kMplsLse, .bytes = 4, .shift = 12, .bits = 20, .needs = Needs::kMpls, .masking = kExact,
     .since = "3.19", .doc = "Outermost label."},
    {.name = "mpls_tc", .aliases = {"OXM_OF_MPLS_TC"},
     .offset = kMplsLse, .bytes = 4, .shift = 9, .bits = 3, .needs = Needs::kMpls, .masking = kExact,
     .since = "3.19", .doc = "Its traffic class."},
    {.name = "mpls_ttl", .aliases = {"NXM_NX_MPLS_TTL"},
     .offset = kMplsLse, .bytes = 4, .bits = 8, .needs = Needs::kMpls, .masking = kExact,
     .since = "3.19", .doc = "Its time to live."},
    {.name = "mpls_bos", .aliases = {"OXM_OF_MPLS_BOS"},
     .offset = kMplsLse, .bytes = 4, .shift = 8, .bits = 1, .needs = Needs::kMpls, .masking = kExact,
     .writable = false, .since = "3.19", .doc = "1 when it is the only one left."},
    {.name = "nw_frag", .aliases = {"ip_frag", "NXM_NX_IP_FRAG"},
     .offset = offsetof(Fields, nw_frag), .bytes = 1, .bits = 2, .format = kFragment,
     .needs = Needs::kIp, .writable = false, .since = "3.3",
     .doc = "no: whole; yes: a fragment; first; later; not_later: whole or first."},

    {.name = "icmp_type", .aliases = {"NXM_OF_ICMP_TYPE", "OXM_OF_ICMPV4_TYPE"},
     .offset = kTpSrc + 1, .bytes = 1, .bits = 8, .needs = Needs::kIcmp, .masking = kExact,
     .since = "3.3", .doc = "ICMP or ICMPv6 type."},
    {.name = "icmpv6_type", .aliases = {"NXM_NX_ICMPV6_TYPE", "OXM_OF_ICMPV6_TYPE"},
     .offset = kTpSrc + 1, .bytes = 1, .bits = 8, .needs = Needs::kIcmp6, .masking = kExact,
     .hidden = true, .since = "3.3", .doc = "ICMPv6 type."},
    {.name = "icmp_code", .aliases = {"NXM_OF_ICMP_CODE", "OXM_OF_ICMPV4_CODE"},
     .offset = kTpDst + 1, .bytes = 1, .bits = 8, .needs = Needs::kIcmp, .masking = kExact,
     .since = "3.3", .doc = "ICMP or ICMPv6 code."},
    {.name = "icmpv6_code", .aliases = {"NXM_NX_ICMPV6_CODE", "OXM_OF_ICMPV6_CODE"},
     .offset = kTpDst + 1, .bytes = 1, .bits = 8, .needs = Needs::kIcmp6, .masking = kExact,
     .hidden = true, .since = "3.3", .doc = "ICMPv6 code."},
    {.name = "tp_src", .offset = kTpSrc, .bytes = 2, .bits = 16, .needs = Needs::kPorts, .since = "3.3",
     .doc = "Source port of TCP, UDP or SCTP."},
    {.name = "tp_dst", .offset = kTpDst, .bytes = 2, .bits = 16, .needs = Needs::kPorts, .since = "3.3",
     .doc = "Destination port of TCP, UDP or SCTP."},
    {.name = "tcp_src", .aliases = {"NXM_OF_TCP_SRC", "OXM_OF_TCP_SRC"},
     .offset = kTpSrc, .bytes = 2, .bits = 16, .needs = Needs::kTcp, .hidden = true, .since = "3.3",
     .doc = "TCP source port."},
    {.name = "tcp_dst", .aliases = {"NXM_OF_TCP_DST", "OXM_OF_TCP_DST"},
     .offset = kTpDst, .bytes = 2, .bits = 16, .needs = Needs::kTcp, .hidden = true, .since = "3.3",
     .doc = "TCP destination port."},
    {.name = "udp_src", .aliases = {"NXM_OF_UDP_SRC", "OXM_OF_UDP_SRC"},
     .offset = kTpSrc, .bytes = 2, .bits = 16, .needs = Needs::kUdp, .hidden = true, .since = "3.3",
     .doc = "UDP source port."},
    {.name = "udp_dst", .aliases = {"NXM_OF_UDP_DST", "OXM_OF_UDP_DST"},
     .offset = kTpDst, .bytes = 2, .bits = 16, .needs = Needs::kUdp, .hidden = true, .since = "3.3",
     .doc = "UDP destination port."},
    {.name = "sctp_src", .aliases = {"OXM_OF_SCTP_SRC"},
     .offset = kTpSrc, .bytes = 2, .bits = 16, .needs = Needs::kSctp, .hidden = true, .since = "3.12",
     .doc = "SCTP source port."},
    {.name = "sctp_dst", .aliases = {"OXM_OF_SCTP_DST"},
     .offset = kTpDst, .bytes = 2, .bits = 16, .needs = Needs::kSctp, .hidden = true, .since = "3.12",
     .doc = "SCTP destination port."},
    {.name = "tcp_flags", .aliases = {"NXM_NX_TCP_FLAGS", "ONFOXM_ET_TCP_FLAGS"},
     .offset = offsetof(Fields, tcp_flags), .bytes = 2, .bits = 12, .format = kTcpFlags,
     .needs = Needs::kTcp, .writable = false, .since = "3.13", .doc = "TCP flags."},
    {.name = "nd_target", .aliases = {"NXM_NX_ND_TARGET", "OXM_OF_IPV6_ND_TARGET"},
     .offset = offsetof(Fields, nd_target), .bytes = 16, .bits = 128, .format = kIpv6,
     .needs = Needs::kNd, .since = "3.3", .doc = "Target of neighbour discovery."},
    {.name = "nd_sll", .aliases = {"NXM_NX_ND_SLL", "OXM_OF_IPV6_ND_SLL"},
     .offset = offsetof(Fields, nd_sll), .bytes = 6, .bits = 48, .format = kMac,
     .needs = Needs::kNdSolicit, .since = "3.3", .doc = "Source link-layer address of a solicitation."},
    {.name = "nd_tll", .aliases = {"NXM_NX_ND_TLL", "OXM_OF_IPV6_ND_TLL"},
     .offset = offsetof(Fields, nd_tll), .bytes = 6, .bits = 48, .format = kMac,
     .needs = Needs::kNdAdvert, .since = "3.3", .doc = "Target link-layer address of an advertisement."},
};
// clang-format on
static_assert(std::size(kTable) <= 255, "a FieldIndex is a byte");

using Index = absl::flat_hash_map<std::string_view, const FieldRow*>;

const Index& Names() {
  static const Index& index = *[] {
    auto* made = new Index;
    for (const FieldRow& row : kTable) {
      made->emplace(row.name, &row);
      for (const std::string_view alias : row.aliases)
        if (!alias.empty()) made->emplace(alias, &row);
    }
    return made;
  }();
  return index;
}

size_t CommonPrefix(std::string_view a, std::string_view b) {
  const auto [x, y] = std::mismatch(a.begin(), a.begin() + std::min(a.size(), b.size()), b.begin());
  return static_cast<size_t>(x - a.begin());
}

size_t CommonSuffix(std::string_view a, std::string_view b) {
  size_t n = 0;
  while (n < a.size() && n < b.size() && a[a.size() - 1 - n] == b[b.size() - 1 - n]) ++n;
  return n;
}

}  // namespace

std::span<const FieldRow> FieldTable() { return kTable; }

const FieldRow* FindField(std::string_view name) {
  const auto found = Names().find(name);
  return found == Names().end() ? nullptr : found->second;
}

FieldIndex IndexOf(const FieldRow& row) { return static_cast<FieldIndex>(&row - kTable); }

const FieldRow& FieldAt(FieldIndex index) { return kTable[index]; }

std::string_view FieldName(FieldIndex index) { return kTable[index].name; }

std::string_view NearestField(std::string_view name) {
  std::string_view nearest;
  size_t best = 3;  // fewer characters in common are chance
  for (const auto& [known, row] : Names()) {
    const size_t longest = std::max(known.size(), name.size());
    const size_t common = std::min(CommonPrefix(known, name) + CommonSuffix(known, name), longest);
    if (longest - common > 2) continue;
    if (common > best || (common == best && !nearest.empty() && known < nearest)) {
      best = common;
      nearest = known;
    }
  }
  return nearest;
}

absl::uint128 GetField(const Fields& fields, const FieldRow& row) {
  const uint8_t* bytes = reinterpret_cast<const uint8_t*>(&fields) + row.offset;
  if (row.bytes <= 8) {
    uint64_t value = 0;
    for (size_t i = 0; i < row.bytes; ++i) value = value << 8 | bytes[i];
    return (value >> row.shift) & absl::Uint128Low64(FullMask(row));
  }
  return absl::MakeUint128(base::SwapIfLittle(base::Load<uint64_t>(bytes)),
                           base::SwapIfLittle(base::Load<uint64_t>(bytes + 8)));
}

void SetField(const FieldRow& row, absl::uint128 value, Fields* fields) {
  SetBits(Whole(row), value, fields);
}

Subfield Whole(const FieldRow& row) { return {.field = IndexOf(row), .bits = row.bits}; }

absl::uint128 GetBits(const Fields& fields, const Subfield& subfield) {
  return (GetField(fields, subfield.row()) >> subfield.first) & LowBits(subfield.bits);
}

void SetBits(const Subfield& subfield, absl::uint128 value, Fields* fields) {
  const FieldRow& row = subfield.row();
  const int shift = row.shift + subfield.first;
  absl::uint128 mask = LowBits(subfield.bits) << shift;
  value = (value << shift) & mask;
  uint8_t* bytes = reinterpret_cast<uint8_t*>(fields) + row.offset;
  for (size_t i = row.bytes; i-- > 0; mask >>= 8, value >>= 8) {
    const auto bits = static_cast<uint8_t>(absl::Uint128Low64(mask) & 0xff);
    const auto byte = static_cast<uint8_t>(absl::Uint128Low64(value) & 0xff);
    bytes[i] = static_cast<uint8_t>((bytes[i] & ~bits) | byte);
  }
}

}  // namespace sluice::pipeline
