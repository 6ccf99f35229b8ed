#include "dpctl/flow_filter.h"

#include <linux/if_ether.h>
#include <linux/openvswitch.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "netlink/attr/field_text.h"
#include "netlink/attr/parser.h"
#include "netlink/base/status.h"
#include "netlink/ovs/flow_text.h"

namespace sluice::dpctl {
namespace {

using attr::Field;
using base::ToAbsl;

constexpr uint16_t kNoEthType = 0x05ff;  // OpenFlow's type of frames without one
constexpr uint16_t kTagged = 0x1000;     // of a VLAN's tag: it is there
constexpr uint16_t kNoVlan = 0xffff;     // as dl_vlan
constexpr uint8_t kAnyProtocol = 0;

// What must have been named before a field. Types of 0 and kAnyProtocol: anything will do.
struct Needs {
  uint16_t eth_type = 0;
  uint8_t protocol = kAnyProtocol;
};
constexpr Needs kNothing{};
constexpr Needs kIp4{ETH_P_IP}, kIp6{ETH_P_IPV6}, kArp{ETH_P_ARP}, kMpls{ETH_P_MPLS_UC};
constexpr Needs kTcp4{ETH_P_IP, IPPROTO_TCP}, kTcp6{ETH_P_IPV6, IPPROTO_TCP};
constexpr Needs kUdp4{ETH_P_IP, IPPROTO_UDP}, kUdp6{ETH_P_IPV6, IPPROTO_UDP};
constexpr Needs kSctp4{ETH_P_IP, IPPROTO_SCTP}, kSctp6{ETH_P_IPV6, IPPROTO_SCTP};
constexpr Needs kIcmp4{ETH_P_IP, IPPROTO_ICMP}, kIcmp6{ETH_P_IPV6, IPPROTO_ICMPV6};

// A word that names a protocol.
struct Protocol {
  std::string_view name;
  Needs is;
};
constexpr Protocol kProtocols[] = {
    {"ip", kIp4},     {"ipv4", kIp4},         {"ipv6", kIp6},   {"ip6", kIp6},
    {"arp", kArp},    {"rarp", {ETH_P_RARP}}, {"mpls", kMpls},  {"mplsm", {ETH_P_MPLS_MC}},
    {"tcp", kTcp4},   {"tcp6", kTcp6},        {"udp", kUdp4},   {"udp6", kUdp6},
    {"sctp", kSctp4}, {"sctp6", kSctp6},      {"icmp", kIcmp4}, {"icmp6", kIcmp6},
};

// A field by its names in OpenFlow, and what it is of a flow key: an attribute, in the tunnel key
// for `tunnel`, and the name of its field there.
struct FilterField {
  std::string_view name;
  std::string_view alias;
  Needs needs;
  uint16_t attribute;
  std::string_view field{};
  uint8_t shift = 0;  // with `bits`: a part of that field
  uint8_t bits = 0;
  bool tunnel = false;
};
constexpr FilterField kFields[] = {
    {"in_port", "", kNothing, OVS_KEY_ATTR_IN_PORT},
    {"recirc_id", "", kNothing, OVS_KEY_ATTR_RECIRC_ID},
    {"dp_hash", "", kNothing, OVS_KEY_ATTR_DP_HASH},
    {"skb_priority", "", kNothing, OVS_KEY_ATTR_PRIORITY},
    {"pkt_mark", "skb_mark", kNothing, OVS_KEY_ATTR_SKB_MARK},
    {"ct_state", "", kNothing, OVS_KEY_ATTR_CT_STATE},
    {"ct_zone", "", kNothing, OVS_KEY_ATTR_CT_ZONE},
    {"ct_mark", "", kNothing, OVS_KEY_ATTR_CT_MARK},
    {"ct_label", "ct_labels", kNothing, OVS_KEY_ATTR_CT_LABELS},
    {"ct_nw_src", "", kIp4, OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4, "src"},
    {"ct_nw_dst", "", kIp4, OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4, "dst"},
    {"ct_nw_proto", "", kIp4, OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4, "proto"},
    {"ct_tp_src", "", kIp4, OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4, "tp_src"},
    {"ct_tp_dst", "", kIp4, OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4, "tp_dst"},
    {"ct_ipv6_src", "", kIp6, OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6, "src"},
    {"ct_ipv6_dst", "", kIp6, OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6, "dst"},
    {"ct_nw_proto", "", kIp6, OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6, "proto"},
    {"ct_tp_src", "", kIp6, OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6, "tp_src"},
    {"ct_tp_dst", "", kIp6, OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6, "tp_dst"},
    {"tun_id", "tunnel_id", kNothing, OVS_TUNNEL_KEY_ATTR_ID, "", 0, 0, true},
    {"tun_src", "", kNothing, OVS_TUNNEL_KEY_ATTR_IPV4_SRC, "", 0, 0, true},
    {"tun_dst", "", kNothing, OVS_TUNNEL_KEY_ATTR_IPV4_DST, "", 0, 0, true},
    {"tun_ipv6_src", "", kNothing, OVS_TUNNEL_KEY_ATTR_IPV6_SRC, "", 0, 0, true},
    {"tun_ipv6_dst", "", kNothing, OVS_TUNNEL_KEY_ATTR_IPV6_DST, "", 0, 0, true},
    {"tun_tos", "", kNothing, OVS_TUNNEL_KEY_ATTR_TOS, "", 0, 0, true},
    {"tun_ttl", "", kNothing, OVS_TUNNEL_KEY_ATTR_TTL, "", 0, 0, true},
    {"dl_src", "eth_src", kNothing, OVS_KEY_ATTR_ETHERNET, "src"},
    {"dl_dst", "eth_dst", kNothing, OVS_KEY_ATTR_ETHERNET, "dst"},
    {"dl_type", "eth_type", kNothing, OVS_KEY_ATTR_ETHERTYPE},
    {"vlan_tci", "", kNothing, OVS_KEY_ATTR_VLAN, "vid", 0, 16},
    {"vlan_vid", "", kNothing, OVS_KEY_ATTR_VLAN, "vid", 0, 13},
    {"dl_vlan", "", kNothing, OVS_KEY_ATTR_VLAN, "vid", 0, 16},  // see SetVlan()
    {"dl_vlan_pcp", "vlan_pcp", kNothing, OVS_KEY_ATTR_VLAN, "pcp"},
    {"nw_src", "ip_src", kIp4, OVS_KEY_ATTR_IPV4, "src"},
    {"nw_dst", "ip_dst", kIp4, OVS_KEY_ATTR_IPV4, "dst"},
    {"ipv6_src", "", kIp6, OVS_KEY_ATTR_IPV6, "src"},
    {"ipv6_dst", "", kIp6, OVS_KEY_ATTR_IPV6, "dst"},
    {"ipv6_label", "", kIp6, OVS_KEY_ATTR_IPV6, "label"},
    {"nw_proto", "ip_proto", kIp4, OVS_KEY_ATTR_IPV4, "proto"},
    {"nw_proto", "ip_proto", kIp6, OVS_KEY_ATTR_IPV6, "proto"},
    {"nw_tos", "", kIp4, OVS_KEY_ATTR_IPV4, "tos"},
    {"nw_tos", "", kIp6, OVS_KEY_ATTR_IPV6, "tclass"},
    {"ip_dscp", "", kIp4, OVS_KEY_ATTR_IPV4, "tos", 2, 6},
    {"ip_dscp", "", kIp6, OVS_KEY_ATTR_IPV6, "tclass", 2, 6},
    {"nw_ecn", "ip_ecn", kIp4, OVS_KEY_ATTR_IPV4, "tos", 0, 2},
    {"nw_ecn", "ip_ecn", kIp6, OVS_KEY_ATTR_IPV6, "tclass", 0, 2},
    {"nw_ttl", "", kIp4, OVS_KEY_ATTR_IPV4, "ttl"},
    {"nw_ttl", "", kIp6, OVS_KEY_ATTR_IPV6, "hlimit"},
    {"ip_frag", "nw_frag", kIp4, OVS_KEY_ATTR_IPV4, "frag"},
    {"ip_frag", "nw_frag", kIp6, OVS_KEY_ATTR_IPV6, "frag"},
    {"arp_op", "", kArp, OVS_KEY_ATTR_ARP, "op"},
    {"arp_spa", "", kArp, OVS_KEY_ATTR_ARP, "sip"},
    {"arp_tpa", "", kArp, OVS_KEY_ATTR_ARP, "tip"},
    {"arp_sha", "", kArp, OVS_KEY_ATTR_ARP, "sha"},
    {"arp_tha", "", kArp, OVS_KEY_ATTR_ARP, "tha"},
    {"tcp_src", "tp_src", kTcp4, OVS_KEY_ATTR_TCP, "src"},
    {"tcp_dst", "tp_dst", kTcp4, OVS_KEY_ATTR_TCP, "dst"},
    {"tcp_src", "tp_src", kTcp6, OVS_KEY_ATTR_TCP, "src"},
    {"tcp_dst", "tp_dst", kTcp6, OVS_KEY_ATTR_TCP, "dst"},
    {"tcp_flags", "", kTcp4, OVS_KEY_ATTR_TCP_FLAGS},
    {"tcp_flags", "", kTcp6, OVS_KEY_ATTR_TCP_FLAGS},
    {"udp_src", "tp_src", kUdp4, OVS_KEY_ATTR_UDP, "src"},
    {"udp_dst", "tp_dst", kUdp4, OVS_KEY_ATTR_UDP, "dst"},
    {"udp_src", "tp_src", kUdp6, OVS_KEY_ATTR_UDP, "src"},
    {"udp_dst", "tp_dst", kUdp6, OVS_KEY_ATTR_UDP, "dst"},
    {"sctp_src", "tp_src", kSctp4, OVS_KEY_ATTR_SCTP, "src"},
    {"sctp_dst", "tp_dst", kSctp4, OVS_KEY_ATTR_SCTP, "dst"},
    {"sctp_src", "tp_src", kSctp6, OVS_KEY_ATTR_SCTP, "src"},
    {"sctp_dst", "tp_dst", kSctp6, OVS_KEY_ATTR_SCTP, "dst"},
    {"icmp_type", "", kIcmp4, OVS_KEY_ATTR_ICMP, "type"},
    {"icmp_code", "", kIcmp4, OVS_KEY_ATTR_ICMP, "code"},
    {"icmpv6_type", "icmp_type", kIcmp6, OVS_KEY_ATTR_ICMPV6, "type"},
    {"icmpv6_code", "icmp_code", kIcmp6, OVS_KEY_ATTR_ICMPV6, "code"},
    {"nd_target", "", kIcmp6, OVS_KEY_ATTR_ND, "target"},
    {"nd_sll", "", kIcmp6, OVS_KEY_ATTR_ND, "sll"},
    {"nd_tll", "", kIcmp6, OVS_KEY_ATTR_ND, "tll"},
    {"mpls_label", "", kMpls, OVS_KEY_ATTR_MPLS, "label"},
    {"mpls_tc", "", kMpls, OVS_KEY_ATTR_MPLS, "tc"},
    {"mpls_ttl", "", kMpls, OVS_KEY_ATTR_MPLS, "ttl"},
    {"mpls_bos", "", kMpls, OVS_KEY_ATTR_MPLS, "bos"},
};

// The field as it lies in a FlowKey.
Field Place(const FilterField& field) {
  size_t base = 0;
  const attr::Table* table = &ovs::kKeyTable;
  if (field.tunnel) {
    base = ovs::kKeyTable.Find(OVS_KEY_ATTR_TUNNEL)->slot.offset;
    table = &ovs::kTunnelTable;
  }
  const attr::Row& row = *table->Find(field.attribute);
  Field place = row.fields[field.field.empty() ? 0 : attr::FindField(row, field.field)];
  place.name = field.name;
  place.offset = static_cast<uint16_t>(place.offset + base + row.slot.offset);
  if (field.bits != 0) {
    place.shift = field.shift;
    place.bits = field.bits;
  }
  place.implied.reset();
  return place;
}

// Reads a filter in OpenFlow's way.
class FilterReader {
 public:
  FilterReader(std::string_view text, const attr::PortNames* ports)
      : options_{.ports = ports}, scanner_(text) {
    read_.value.assign(sizeof(ovs::FlowKey), 0);
    read_.mask.assign(sizeof(ovs::FlowKey), 0);
  }

  bool Read() {
    while (!scanner_.AtEnd())
      if (!Item() || !Separator()) return false;
    return true;
  }
  absl::Status status() const { return scanner_.status(); }
  ovs::FlowKey value() const { return KeyOf(read_.value); }
  ovs::FlowKey mask() const { return KeyOf(read_.mask); }

 private:
  static ovs::FlowKey KeyOf(const base::ByteVector& bytes) {
    ovs::FlowKey key;
    std::memcpy(&key, bytes.data(), sizeof(key));
    return key;
  }

  bool Separator() {
    if (scanner_.AtEnd() || scanner_.Accept(',') || scanner_.AfterBlank()) return true;
    return scanner_.Fail("','");
  }

  bool Item() {
    const size_t start = scanner_.position();
    const std::string_view word = scanner_.Word();
    for (const Protocol& protocol : kProtocols)
      if (protocol.name == word) return SetProtocol(protocol.is, start);
    const FilterField* known = nullptr;
    for (const FilterField& field : kFields) {
      if (word.empty() || (field.name != word && field.alias != word)) continue;
      known = &field;
      if (Has(field.needs)) return SetField(field, start);
    }
    if (known == nullptr)
      return scanner_.FailAt(start, "a protocol such as tcp, or a field such as nw_dst=10.0.0.1");
    return scanner_.FailAt(
        start, absl::StrCat(kPrerequisites, ToAbsl(word), ": name the protocol before it"));
  }

  bool Has(const Needs& needs) const {
    if (needs.eth_type == 0) return true;
    const ovs::FlowKey key = value(), bits = mask();
    if (bits.layers[0].eth_type.host() != 0xffff || key.layers[0].eth_type.host() != needs.eth_type)
      return false;
    const uint8_t protocol = needs.eth_type == ETH_P_IPV6 ? key.ipv6.proto : key.ipv4.proto;
    return needs.protocol == kAnyProtocol || protocol == needs.protocol;
  }

  bool SetProtocol(const Needs& is, size_t start) {
    if (mask().layers[0].eth_type.host() != 0)
      return scanner_.FailAt(start, "one Ethernet type only: it was given already");
    Put(Place(*std::find_if(std::begin(kFields), std::end(kFields),
                            [](const FilterField& f) { return f.name == "dl_type"; })),
        is.eth_type);
    if (is.protocol == kAnyProtocol) return true;
    const uint16_t attribute =
        is.eth_type == ETH_P_IPV6 ? uint16_t{OVS_KEY_ATTR_IPV6} : uint16_t{OVS_KEY_ATTR_IPV4};
    Put(Place({"nw_proto", "", kNothing, attribute, "proto"}), is.protocol);
    return true;
  }

  void Put(const Field& place, uint64_t number) {
    attr::StoreField(place, number, read_.value.data());
    attr::StoreField(place, attr::FullMask(place), read_.mask.data());
  }

  bool SetField(const FilterField& field, size_t start) {
    const Field place = Place(field);
    if (std::find(seen_.begin(), seen_.end(), &field) != seen_.end())
      return scanner_.FailAt(start, "each field only once");
    seen_.push_back(&field);
    if (!scanner_.Expect('=')) return false;
    if (field.name == "dl_vlan") return SetVlan(place);
    const attr::Row row = {.size = sizeof(ovs::FlowKey), .fields = {&place, 1}};
    read_.fields_seen = 0;
    if (!attr::ReadField(row, 0, 0, options_, &scanner_, &read_)) return false;
    // A tag with a priority is there.
    if (field.name == "dl_vlan_pcp") SetTagged(place);
    return true;
  }

  void SetTagged(Field place) {
    place.shift = 12;
    place.bits = 1;
    Put(place, 1);
  }

  // A VLAN id, or 0xffff for no tag at all.
  bool SetVlan(Field place) {
    uint64_t vid = 0;
    if (!scanner_.Number(kNoVlan, &vid)) return false;
    if (vid == kNoVlan) return Put(place, 0), true;
    if (vid > 0xfff) return scanner_.Fail("a VLAN id of at most 4095, or 0xffff for none");
    place.bits = 13;
    Put(place, vid | kTagged);
    return true;
  }

  static constexpr char kPrerequisites[] = "prerequisites not met for setting ";

  const attr::TextOptions options_;
  attr::Scanner scanner_;
  attr::ParsedAttribute read_;
  std::vector<const FilterField*> seen_;
};

// A flow's key and mask as OpenFlow sees them: what FlowFilter::openflow_ says.
void ToOpenFlow(ovs::FlowKey* key, ovs::FlowKey* mask) {
  const unsigned vlans = key->vlans();
  const auto inner = key->layers[vlans], inner_mask = mask->layers[vlans];
  const bool tagged = key->HasAt(0, OVS_KEY_ATTR_VLAN);
  const bool typed = key->HasAt(vlans, OVS_KEY_ATTR_ETHERTYPE);
  key->layers[0].eth_type = typed ? inner.eth_type : base::Be16::FromHost(kNoEthType);
  mask->layers[0].eth_type = typed ? inner_mask.eth_type : base::Be16::FromHost(0xffff);
  if (!tagged) {
    key->layers[0].tci = base::Be16::FromHost(0);
    mask->layers[0].tci = base::Be16::FromHost(0xffff);
  }
  for (unsigned level = 1; level <= ovs::kMaxVlans; ++level)
    key->layers[level] = mask->layers[level] = {};
}

// Everything of a key or mask that packets have: all but which attributes are there.
std::array<uint8_t, sizeof(ovs::FlowKey)> BytesOf(ovs::FlowKey key) {
  key.present = {};
  key.nsh.present = key.tunnel.present = key.tunnel.vxlan.present = 0;
  key.mpls_size = key.tunnel.geneve_size = 0;
  std::array<uint8_t, sizeof(key)> bytes;
  std::memcpy(bytes.data(), &key, sizeof(key));
  return bytes;
}

absl::Status Decode(base::ByteView bytes, std::string_view text, ovs::FlowKey* key) {
  attr::Unknowns unknowns;
  const attr::Fault fault = ovs::DecodeFlowKey(bytes, key, &unknowns);
  if (!fault && unknowns.empty()) return absl::OkStatus();
  return attr::TextError(text, 0, "expected a filter without attributes given as bytes");
}

}  // namespace

absl::StatusOr<FlowFilter> FlowFilter::Parse(std::string_view text, const attr::PortNames* ports) {
  FlowFilter filter;
  if (text.find('(') != std::string_view::npos) {
    SLUICE_ASSIGN_OR_RETURN(const ovs::FlowText flow, ovs::ParseFlowText(text, ports));
    SLUICE_RETURN_IF_ERROR(Decode(flow.key, text, &filter.value_));
    SLUICE_RETURN_IF_ERROR(Decode(flow.mask, text, &filter.mask_));
    return filter;
  }
  FilterReader reader(text, ports);
  if (!reader.Read()) return reader.status();
  filter.openflow_ = true;
  filter.value_ = reader.value();
  filter.mask_ = reader.mask();
  return filter;
}

bool FlowFilter::Matches(const ovs::FlowView& flow) const {
  ovs::FlowKey key{}, mask{};
  // What cannot be read is shown, rather than hidden.
  if (ovs::DecodeFlowKey(flow.key, &key, nullptr)) return true;
  if (flow.mask && ovs::DecodeFlowKey(*flow.mask, &mask, nullptr)) return true;
  if (openflow_) ToOpenFlow(&key, &mask);
  const auto of_flow = BytesOf(key);
  auto of_mask = BytesOf(mask);
  if (!flow.mask) of_mask.fill(0xff);  // every bit matters
  const auto wanted = BytesOf(value_), wanted_mask = BytesOf(mask_);
  for (size_t i = 0; i < of_flow.size(); ++i)
    if (((of_flow[i] ^ wanted[i]) & of_mask[i] & wanted_mask[i]) != 0) return false;
  return true;
}

std::span<const std::string_view> FilterWords() {
  static const std::vector<std::string_view> words = [] {
    std::vector<std::string_view> all;
    for (const Protocol& protocol : kProtocols) all.push_back(protocol.name);
    for (const FilterField& field : kFields) all.push_back(field.name);
    std::sort(all.begin(), all.end());
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
  }();
  return words;
}

}  // namespace sluice::dpctl
