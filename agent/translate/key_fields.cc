#include "agent/translate/key_fields.h"

#include <linux/if_ether.h>
#include <linux/openvswitch.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <bit>

#include "agent/translate/geneve_options.h"
#include "netlink/base/bytes.h"

namespace sluice::translate {
namespace {

using base::Be16;
using base::Be32;
using base::Ipv4;
using base::Ipv6;
using ovs::FlowKey;
using pipeline::TunnelOptions;

constexpr uint16_t kRarp = 0x8035;
constexpr uint16_t kNsh = 0x894f;
constexpr uint8_t kSolicitation = 135, kAdvertisement = 136;
constexpr uint32_t kL3Packet = 1 << 16;  // packet_type's namespace
// The OVS_CS_F_* that the kernel lets a mask ask for.
constexpr uint32_t kCtStateBits = 0xff;

// --- Values that lie differently -----------------------------------------------------------------

// The kernel keeps labels in host order as a whole: the least significant byte first here.
std::array<uint8_t, 16> Label(std::array<uint8_t, 16> bytes) {
  if constexpr (std::endian::native == std::endian::little)
    std::reverse(bytes.begin(), bytes.end());
  return bytes;
}

// Both ways in one place: Fields, and the payloads of the key, values as well as masks.
struct TunnelFlag {
  uint16_t bit, attribute;
};
constexpr TunnelFlag kTunnelFlags[] = {
    {pipeline::kTunnelOam, OVS_TUNNEL_KEY_ATTR_OAM},
    {pipeline::kTunnelDontFragment, OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT},
    {pipeline::kTunnelChecksum, OVS_TUNNEL_KEY_ATTR_CSUM},
    {pipeline::kTunnelKey, OVS_TUNNEL_KEY_ATTR_ID},
    {pipeline::kTunnelGbp, OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS},
    {pipeline::kTunnelErspan, OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS},
    {pipeline::kTunnelBridge, OVS_TUNNEL_KEY_ATTR_IPV4_INFO_BRIDGE},
};
// Of these only the flags, which have no payload, can be matched alone.
constexpr uint16_t kPlainFlags =
    pipeline::kTunnelOam | pipeline::kTunnelDontFragment | pipeline::kTunnelChecksum;
bool IsPlainFlag(uint16_t attribute) {
  return attribute == OVS_TUNNEL_KEY_ATTR_OAM || attribute == OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT ||
         attribute == OVS_TUNNEL_KEY_ATTR_CSUM;
}

constexpr uint64_t Bit(uint16_t attribute) { return uint64_t{1} << attribute; }

// struct erspan_metadata of <linux/erspan.h>: the version in host order, then for version 1 an
// index, for version 2 direction and hardware id in 16 bits at byte 10.
constexpr size_t kErspanWord = 4, kErspanBits = 10;

void ErspanToFields(const std::array<uint8_t, 12>& erspan, bool mask, Fields* fields) {
  const auto version = base::Load<uint32_t>(erspan.data());
  fields->tun_erspan_ver = static_cast<uint8_t>(version & 0xf);
  if (mask || version == 1) fields->tun_erspan_idx = base::Load<Be32>(&erspan[kErspanWord]);
  if (!mask && version != 2) return;
  const uint16_t bits = base::Load<Be16>(&erspan[kErspanBits]).host();
  fields->tun_erspan_dir = static_cast<uint8_t>(bits >> 3 & 1);
  fields->tun_erspan_hwid = static_cast<uint8_t>(bits >> 4 & 0x3f);
}

// `version` is that of the packet, also for a mask.
void ErspanFromFields(const Fields& fields, uint32_t version, bool mask,
                      std::array<uint8_t, 12>* erspan) {
  const uint32_t value = mask ? (fields.tun_erspan_ver != 0 ? ~0U : 0) : version;
  base::Store(erspan->data(), value);
  if (version == 1) base::Store(&(*erspan)[kErspanWord], fields.tun_erspan_idx);
  if (version != 2) return;
  uint16_t bits = base::Load<Be16>(&(*erspan)[kErspanBits]).host();
  bits = static_cast<uint16_t>((bits & ~0x3f8) | fields.tun_erspan_dir << 3 |
                               fields.tun_erspan_hwid << 4);
  base::Store(&(*erspan)[kErspanBits], Be16::FromHost(bits));
}

void TunnelToFields(const ovs::TunnelKey& tunnel, bool mask, Fields* fields) {
  uint16_t flags = 0;
  for (const TunnelFlag& flag : kTunnelFlags)
    if (tunnel.Has(flag.attribute)) flags = static_cast<uint16_t>(flags | flag.bit);
  fields->tun_flags = Be16::FromHost(flags);
  fields->tun_id = tunnel.id;
  fields->tun_src = tunnel.ipv4_src;
  fields->tun_dst = tunnel.ipv4_dst;
  fields->tun_ipv6_src = tunnel.ipv6_src;
  fields->tun_ipv6_dst = tunnel.ipv6_dst;
  fields->tun_tos = tunnel.tos;
  fields->tun_ttl = tunnel.ttl;
  fields->tun_tp_src = tunnel.tp_src;
  fields->tun_tp_dst = tunnel.tp_dst;
  fields->tun_gbp_id = Be16::FromHost(static_cast<uint16_t>(tunnel.vxlan.gbp & 0xffff));
  fields->tun_gbp_flags = static_cast<uint8_t>(tunnel.vxlan.gbp >> 16 & 0xff);
  if (tunnel.Has(OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS)) ErspanToFields(tunnel.erspan, mask, fields);
}

// The payloads; `version` is the ERSPAN version of the packet.
void TunnelFromFields(const Fields& fields, uint32_t version, bool mask, ovs::TunnelKey* tunnel) {
  tunnel->id = fields.tun_id;
  tunnel->ipv4_src = fields.tun_src;
  tunnel->ipv4_dst = fields.tun_dst;
  tunnel->ipv6_src = fields.tun_ipv6_src;
  tunnel->ipv6_dst = fields.tun_ipv6_dst;
  tunnel->tos = fields.tun_tos;
  tunnel->ttl = fields.tun_ttl;
  tunnel->tp_src = fields.tun_tp_src;
  tunnel->tp_dst = fields.tun_tp_dst;
  const uint32_t gbp_flags = fields.tun_gbp_flags;
  tunnel->vxlan.gbp = fields.tun_gbp_id.host() | gbp_flags << 16;
  if ((fields.tun_flags.host() & pipeline::kTunnelErspan) != 0 || (mask && version != 0))
    ErspanFromFields(fields, version, mask, &tunnel->erspan);
}

// Metadata, values as well as masks.
void MetadataToFields(const FlowKey& key, Fields* fields) {
  fields->pkt_mark = Be32::FromHost(key.skb_mark);
  fields->dp_hash = Be32::FromHost(key.dp_hash);
  fields->recirc_id = Be32::FromHost(key.recirc_id);
  fields->skb_priority = Be32::FromHost(key.priority);
  fields->ct_state = Be32::FromHost(key.ct_state);
  fields->ct_mark = Be32::FromHost(key.ct_mark);
  fields->ct_zone = Be16::FromHost(key.ct_zone);
  fields->ct_label = Label(key.ct_labels);
}

void MetadataFromFields(const Fields& fields, FlowKey* key) {
  key->skb_mark = fields.pkt_mark.host();
  key->dp_hash = fields.dp_hash.host();
  key->recirc_id = fields.recirc_id.host();
  key->priority = fields.skb_priority.host();
  key->ct_state = fields.ct_state.host();
  key->ct_mark = fields.ct_mark.host();
  key->ct_zone = fields.ct_zone.host();
  key->ct_labels = Label(fields.ct_label);
}

void TuplesToFields(const FlowKey& key, Fields* fields) {
  if (key.Has(OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4)) {
    fields->ct_nw_src = key.ct_tuple4.src;
    fields->ct_nw_dst = key.ct_tuple4.dst;
    fields->ct_tp_src = key.ct_tuple4.src_port;
    fields->ct_tp_dst = key.ct_tuple4.dst_port;
    fields->ct_nw_proto = key.ct_tuple4.proto;
  } else if (key.Has(OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6)) {
    fields->ct_ipv6_src = key.ct_tuple6.src;
    fields->ct_ipv6_dst = key.ct_tuple6.dst;
    fields->ct_tp_src = key.ct_tuple6.src_port;
    fields->ct_tp_dst = key.ct_tuple6.dst_port;
    fields->ct_nw_proto = key.ct_tuple6.proto;
  }
}

void TuplesFromFields(const Fields& fields, bool ipv6, FlowKey* key) {
  if (ipv6) {
    key->ct_tuple6.src = fields.ct_ipv6_src;
    key->ct_tuple6.dst = fields.ct_ipv6_dst;
    key->ct_tuple6.src_port = fields.ct_tp_src;
    key->ct_tuple6.dst_port = fields.ct_tp_dst;
    key->ct_tuple6.proto = fields.ct_nw_proto;
  } else {
    key->ct_tuple4.src = fields.ct_nw_src;
    key->ct_tuple4.dst = fields.ct_nw_dst;
    key->ct_tuple4.src_port = fields.ct_tp_src;
    key->ct_tuple4.dst_port = fields.ct_tp_dst;
    key->ct_tuple4.proto = fields.ct_nw_proto;
  }
}

uint8_t FragToFields(uint8_t frag) {
  if (frag == OVS_FRAG_TYPE_FIRST) return pipeline::kFragAny;
  return frag == OVS_FRAG_TYPE_LATER ? pipeline::kFragAny | pipeline::kFragLater : 0;
}

uint8_t FragFromFields(uint8_t frag) {
  if ((frag & pipeline::kFragLater) != 0) return OVS_FRAG_TYPE_LATER;
  return frag != 0 ? OVS_FRAG_TYPE_FIRST : OVS_FRAG_TYPE_NONE;
}

// --- Key to fields -------------------------------------------------------------------------------

void LinkToFields(const FlowKey& key, Fields* fields) {
  const unsigned vlans = key.vlans();
  for (unsigned i = 0; i < vlans; ++i)
    fields->vlans[i] = {.tpid = key.layers[i].eth_type, .tci = key.layers[i].tci};
  // A tag that was cut off has no present bit, and nothing behind it.
  const bool cut = vlans > 0 && (key.layers[vlans - 1].tci.host() & pipeline::kVlanPresent) == 0;
  if (key.HasAt(vlans, OVS_KEY_ATTR_ETHERTYPE)) {
    fields->eth_type = key.eth_type();
  } else if (key.Has(OVS_KEY_ATTR_ETHERNET) && !cut) {
    fields->eth_type = Be16::FromHost(pipeline::kEthTypeNone);
  }
  if (key.Has(OVS_KEY_ATTR_ETHERNET)) {
    fields->eth_src = key.eth.src;
    fields->eth_dst = key.eth.dst;
  } else {
    fields->packet_type = Be32::FromHost(kL3Packet | fields->eth_type.host());
  }
}

void NetworkToFields(const FlowKey& key, Fields* fields) {
  if (key.Has(OVS_KEY_ATTR_IPV4)) {
    fields->nw_src = key.ipv4.src;
    fields->nw_dst = key.ipv4.dst;
    fields->nw_proto = key.ipv4.proto;
    fields->nw_tos = key.ipv4.tos;
    fields->nw_ttl = key.ipv4.ttl;
    fields->nw_frag = FragToFields(key.ipv4.frag);
  } else if (key.Has(OVS_KEY_ATTR_IPV6)) {
    fields->ipv6_src = key.ipv6.src;
    fields->ipv6_dst = key.ipv6.dst;
    fields->ipv6_label = key.ipv6.label;
    fields->nw_proto = key.ipv6.proto;
    fields->nw_tos = key.ipv6.tclass;
    fields->nw_ttl = key.ipv6.hlimit;
    fields->nw_frag = FragToFields(key.ipv6.frag);
  } else if (key.Has(OVS_KEY_ATTR_ARP)) {
    fields->nw_src = key.arp.sip;
    fields->nw_dst = key.arp.tip;
    const uint16_t op = key.arp.op.host();
    fields->nw_proto = op <= 0xff ? static_cast<uint8_t>(op) : 0;
    fields->arp_sha = key.arp.sha;
    fields->arp_tha = key.arp.tha;
  } else if (key.Has(OVS_KEY_ATTR_MPLS)) {
    const size_t labels = std::min<size_t>(key.mpls_size / sizeof(Be32), fields->mpls.size());
    std::copy_n(key.mpls.begin(), labels, fields->mpls.begin());
  }
}

void TransportToFields(const FlowKey& key, Fields* fields) {
  const auto ports = [fields](const FlowKey::Ports& from) {
    fields->tp_src = from.src;
    fields->tp_dst = from.dst;
  };
  const auto icmp = [fields](const FlowKey::Icmp& from) {
    fields->tp_src = Be16::FromHost(from.type);
    fields->tp_dst = Be16::FromHost(from.code);
  };
  if (key.Has(OVS_KEY_ATTR_TCP)) ports(key.tcp);
  if (key.Has(OVS_KEY_ATTR_UDP)) ports(key.udp);
  if (key.Has(OVS_KEY_ATTR_SCTP)) ports(key.sctp);
  if (key.Has(OVS_KEY_ATTR_ICMP)) icmp(key.icmp);
  if (key.Has(OVS_KEY_ATTR_ICMPV6)) icmp(key.icmpv6);
  if (key.Has(OVS_KEY_ATTR_TCP_FLAGS)) fields->tcp_flags = key.tcp_flags;
  if (!key.Has(OVS_KEY_ATTR_ND)) return;
  fields->nd_target = key.nd.target;
  fields->nd_sll = key.nd.sll;
  fields->nd_tll = key.nd.tll;
}

// --- Fields to key -------------------------------------------------------------------------------

// One key under construction. `inner_` is the level behind all tags.
class KeyBuilder {
 public:
  KeyBuilder(const Fields& fields, const FlowKey& rest, const TunnelOptions& options)
      : fields_(fields), rest_(rest), options_(options) {}

  FlowKey Build() {
    Metadata();
    Tunnel();
    Link();
    if (!cut_) Network();
    return key_;
  }

 private:
  void Put(uint16_t attribute, unsigned level = 0) { key_.present[level] |= Bit(attribute); }
  void PutInner(uint16_t attribute) { Put(attribute, inner_); }

  void Metadata() {
    MetadataFromFields(fields_, &key_);
    for (const uint16_t attribute :
         {OVS_KEY_ATTR_PRIORITY, OVS_KEY_ATTR_SKB_MARK, OVS_KEY_ATTR_DP_HASH,
          OVS_KEY_ATTR_RECIRC_ID, OVS_KEY_ATTR_CT_STATE, OVS_KEY_ATTR_CT_ZONE, OVS_KEY_ATTR_CT_MARK,
          OVS_KEY_ATTR_CT_LABELS})
      Put(attribute);
    if (fields_.in_port.host() != pipeline::kInPortNone) {
      key_.in_port = fields_.in_port.host();
      Put(OVS_KEY_ATTR_IN_PORT);
    }
    const uint16_t type = fields_.eth_type.host();
    if (fields_.ct_nw_proto == 0 || (type != ETH_P_IP && type != ETH_P_IPV6)) return;
    TuplesFromFields(fields_, type == ETH_P_IPV6, &key_);
    Put(type == ETH_P_IPV6 ? OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6 : OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4);
  }

  void Tunnel() {
    const Fields& f = fields_;
    if (f.tun_flags.wire() == 0 && f.tun_dst == Ipv4{} && f.tun_ipv6_dst == Ipv6{}) return;
    Put(OVS_KEY_ATTR_TUNNEL);
    ovs::TunnelKey& tunnel = key_.tunnel;
    if (rest_.Has(OVS_KEY_ATTR_TUNNEL)) {
      tunnel.erspan = rest_.tunnel.erspan;
      tunnel.geneve = rest_.tunnel.geneve;
      tunnel.geneve_size = rest_.tunnel.geneve_size;
      tunnel.present = rest_.tunnel.present & Bit(OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS);
    }
    if ((f.tun_flags.host() & (pipeline::kTunnelGbp | pipeline::kTunnelErspan)) == 0 &&
        !tunnel.Has(OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS))
      GeneveFromFields(f, options_, &tunnel);
    TunnelFromFields(f, f.tun_erspan_ver, /*mask=*/false, &tunnel);
    for (const TunnelFlag& flag : kTunnelFlags)
      if ((f.tun_flags.host() & flag.bit) != 0) tunnel.present |= Bit(flag.attribute);
    if (tunnel.Has(OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS)) tunnel.vxlan.present = Bit(OVS_VXLAN_EXT_GBP);
    const auto put = [&tunnel](bool there, uint16_t attribute) {
      if (there) tunnel.present |= Bit(attribute);
    };
    put(f.tun_src != Ipv4{}, OVS_TUNNEL_KEY_ATTR_IPV4_SRC);
    put(f.tun_dst != Ipv4{}, OVS_TUNNEL_KEY_ATTR_IPV4_DST);
    put(f.tun_ipv6_src != Ipv6{}, OVS_TUNNEL_KEY_ATTR_IPV6_SRC);
    put(f.tun_ipv6_dst != Ipv6{}, OVS_TUNNEL_KEY_ATTR_IPV6_DST);
    put(f.tun_tos != 0, OVS_TUNNEL_KEY_ATTR_TOS);
    put(!tunnel.Has(OVS_TUNNEL_KEY_ATTR_IPV4_INFO_BRIDGE), OVS_TUNNEL_KEY_ATTR_TTL);
    put(f.tun_tp_src.wire() != 0, OVS_TUNNEL_KEY_ATTR_TP_SRC);
    put(f.tun_tp_dst.wire() != 0, OVS_TUNNEL_KEY_ATTR_TP_DST);
  }

  void Tag() {
    Put(OVS_KEY_ATTR_ETHERTYPE, inner_);
    Put(OVS_KEY_ATTR_VLAN, inner_);
    Put(OVS_KEY_ATTR_ENCAP, inner_);
    key_.layers[inner_] = {.eth_type = fields_.vlans[inner_].tpid,
                           .tci = fields_.vlans[inner_].tci};
    ++inner_;
  }

  void Link() {
    const uint16_t type = fields_.eth_type.host();
    if (fields_.packet_type.wire() == 0) {
      Put(OVS_KEY_ATTR_ETHERNET);
      key_.eth = {.src = fields_.eth_src, .dst = fields_.eth_dst};
      while (inner_ < ovs::kMaxVlans &&
             (fields_.vlans[inner_].tci.host() & pipeline::kVlanPresent) != 0)
        Tag();
      cut_ = type == 0 && inner_ < ovs::kMaxVlans;
      if (cut_) return Tag();
    }
    if (type == pipeline::kEthTypeNone || type == 0) return;
    key_.layers[inner_].eth_type = fields_.eth_type;
    PutInner(OVS_KEY_ATTR_ETHERTYPE);
  }

  void Network() {
    switch (fields_.eth_type.host()) {
      case ETH_P_IP:
        key_.ipv4 = {.src = fields_.nw_src,
                     .dst = fields_.nw_dst,
                     .proto = fields_.nw_proto,
                     .tos = fields_.nw_tos,
                     .ttl = fields_.nw_ttl,
                     .frag = FragFromFields(fields_.nw_frag)};
        PutInner(OVS_KEY_ATTR_IPV4);
        return Transport(IPPROTO_ICMP);
      case ETH_P_IPV6:
        key_.ipv6 = {.src = fields_.ipv6_src,
                     .dst = fields_.ipv6_dst,
                     .label = fields_.ipv6_label,
                     .proto = fields_.nw_proto,
                     .tclass = fields_.nw_tos,
                     .hlimit = fields_.nw_ttl,
                     .frag = FragFromFields(fields_.nw_frag)};
        PutInner(OVS_KEY_ATTR_IPV6);
        if (rest_.Has(OVS_KEY_ATTR_IPV6_EXTHDRS)) {
          key_.ipv6_exthdrs = rest_.ipv6_exthdrs;
          PutInner(OVS_KEY_ATTR_IPV6_EXTHDRS);
        }
        return Transport(IPPROTO_ICMPV6);
      case ETH_P_ARP:
      case kRarp:
        key_.arp.sip = fields_.nw_src;
        key_.arp.tip = fields_.nw_dst;
        key_.arp.op = Be16::FromHost(fields_.nw_proto);
        key_.arp.sha = fields_.arp_sha;
        key_.arp.tha = fields_.arp_tha;
        return PutInner(OVS_KEY_ATTR_ARP);
      case ETH_P_MPLS_UC:
      case ETH_P_MPLS_MC:
        return Mpls();
      case kNsh:
        if (!rest_.Has(OVS_KEY_ATTR_NSH)) return;
        key_.nsh = rest_.nsh;
        return PutInner(OVS_KEY_ATTR_NSH);
      default:
        return;
    }
  }

  // As many labels as there are up to the bottom of the stack.
  void Mpls() {
    constexpr uint32_t kBottom = 0x100;
    size_t labels = 1;
    while (labels < fields_.mpls.size() && (fields_.mpls[labels - 1].host() & kBottom) == 0)
      ++labels;
    std::copy_n(fields_.mpls.begin(), labels, key_.mpls.begin());
    key_.mpls_size = static_cast<uint16_t>(labels * sizeof(Be32));
    PutInner(OVS_KEY_ATTR_MPLS);
  }

  void PutPorts(uint16_t attribute, FlowKey::Ports* ports) {
    *ports = {.src = fields_.tp_src, .dst = fields_.tp_dst};
    PutInner(attribute);
  }

  void PutIcmp(uint16_t attribute, FlowKey::Icmp* icmp) {
    *icmp = {.type = static_cast<uint8_t>(fields_.tp_src.host() & 0xff),
             .code = static_cast<uint8_t>(fields_.tp_dst.host() & 0xff)};
    PutInner(attribute);
  }

  // A later fragment has no such header.
  void Transport(uint8_t icmp) {
    if ((fields_.nw_frag & pipeline::kFragLater) != 0) return;
    const uint8_t proto = fields_.nw_proto;
    if (proto == IPPROTO_TCP) {
      PutPorts(OVS_KEY_ATTR_TCP, &key_.tcp);
      key_.tcp_flags = fields_.tcp_flags;
      PutInner(OVS_KEY_ATTR_TCP_FLAGS);
    } else if (proto == IPPROTO_UDP) {
      PutPorts(OVS_KEY_ATTR_UDP, &key_.udp);
    } else if (proto == IPPROTO_SCTP) {
      PutPorts(OVS_KEY_ATTR_SCTP, &key_.sctp);
    } else if (proto == icmp && icmp == IPPROTO_ICMP) {
      PutIcmp(OVS_KEY_ATTR_ICMP, &key_.icmp);
    } else if (proto == icmp) {
      PutIcmp(OVS_KEY_ATTR_ICMPV6, &key_.icmpv6);
      if (key_.icmpv6.type != kSolicitation && key_.icmpv6.type != kAdvertisement) return;
      key_.nd = {.target = fields_.nd_target, .sll = fields_.nd_sll, .tll = fields_.nd_tll};
      PutInner(OVS_KEY_ATTR_ND);
    }
  }

  const Fields& fields_;
  const FlowKey& rest_;
  const TunnelOptions& options_;
  FlowKey key_{};
  unsigned inner_ = 0;
  bool cut_ = false;  // the packet ends in a tag
};

// --- Masks ---------------------------------------------------------------------------------------

constexpr uint8_t Whole(uint8_t bits) { return bits != 0 ? 0xff : 0; }
constexpr Be16 Whole(Be16 bits) { return Be16::FromWire(bits.wire() != 0 ? 0xffff : 0); }

void LinkMask(const Fields& mask, const FlowKey& key, FlowKey* out) {
  const unsigned vlans = key.vlans();
  for (unsigned i = 0; i < vlans; ++i) {
    // The kernel wants to match a tag's type and that it is there, if anything of the tag.
    const uint16_t tci = mask.vlans[i].tci.host() | pipeline::kVlanPresent;
    out->layers[i] = {.eth_type = Be16::FromHost(0xffff), .tci = Be16::FromHost(tci)};
  }
  out->layers[vlans].eth_type = Whole(mask.eth_type);
  // A frame with a length has no type in its key, but one in its mask.
  if (mask.eth_type.wire() != 0 && key.Has(OVS_KEY_ATTR_ETHERNET))
    out->present[vlans] |= Bit(OVS_KEY_ATTR_ETHERTYPE);
  out->eth = {.src = mask.eth_src, .dst = mask.eth_dst};
}

void NetworkMask(const Fields& mask, const FlowKey& key, FlowKey* out) {
  if (key.Has(OVS_KEY_ATTR_IPV4)) {
    out->ipv4 = {.src = mask.nw_src,
                 .dst = mask.nw_dst,
                 .proto = mask.nw_proto,
                 .tos = mask.nw_tos,
                 .ttl = mask.nw_ttl,
                 .frag = Whole(mask.nw_frag)};
  } else if (key.Has(OVS_KEY_ATTR_IPV6)) {
    out->ipv6 = {.src = mask.ipv6_src,
                 .dst = mask.ipv6_dst,
                 .label = mask.ipv6_label,
                 .proto = mask.nw_proto,
                 .tclass = mask.nw_tos,
                 .hlimit = mask.nw_ttl,
                 .frag = Whole(mask.nw_frag)};
  } else if (key.Has(OVS_KEY_ATTR_ARP)) {
    out->arp.sip = mask.nw_src;
    out->arp.tip = mask.nw_dst;
    // An operation above 255 is matched as 0; all of it is matched.
    out->arp.op = Be16::FromHost(mask.nw_proto == 0 ? 0 : mask.nw_proto | 0xff00);
    out->arp.sha = mask.arp_sha;
    out->arp.tha = mask.arp_tha;
  } else if (key.Has(OVS_KEY_ATTR_MPLS)) {
    out->mpls_size = key.mpls_size;
    const size_t labels = std::min<size_t>(key.mpls_size / sizeof(Be32), mask.mpls.size());
    std::copy_n(mask.mpls.begin(), labels, out->mpls.begin());
  }
}

void TransportMask(const Fields& mask, const FlowKey& key, FlowKey* out) {
  const FlowKey::Ports ports = {.src = mask.tp_src, .dst = mask.tp_dst};
  const FlowKey::Icmp icmp = {.type = static_cast<uint8_t>(mask.tp_src.host() & 0xff),
                              .code = static_cast<uint8_t>(mask.tp_dst.host() & 0xff)};
  if (key.Has(OVS_KEY_ATTR_TCP)) out->tcp = ports;
  if (key.Has(OVS_KEY_ATTR_UDP)) out->udp = ports;
  if (key.Has(OVS_KEY_ATTR_SCTP)) out->sctp = ports;
  if (key.Has(OVS_KEY_ATTR_ICMP)) out->icmp = icmp;
  if (key.Has(OVS_KEY_ATTR_ICMPV6)) out->icmpv6 = icmp;
  if (key.Has(OVS_KEY_ATTR_TCP_FLAGS)) out->tcp_flags = mask.tcp_flags;
  if (key.Has(OVS_KEY_ATTR_ND))
    out->nd = {.target = mask.nd_target, .sll = mask.nd_sll, .tll = mask.nd_tll};
}

// Whether a mask has a bit from one member up to another, or the end.
bool AnyBit(const Fields& mask, size_t from, size_t to) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&mask);
  return !base::IsAllZeros({bytes + from, to - from});
}

// What the key must say beside the bits of the mask: what has no place in this key is zero in
// Fields because of what stands in front of it, and that is matched in its stead.
Fields WithReasons(Fields mask, const FlowKey& key) {
  const bool l4 = AnyBit(mask, offsetof(Fields, tp_src), sizeof(Fields));
  const bool nd = AnyBit(mask, offsetof(Fields, nd_target), sizeof(Fields));
  const bool has_l4 = key.Has(OVS_KEY_ATTR_TCP) || key.Has(OVS_KEY_ATTR_UDP) ||
                      key.Has(OVS_KEY_ATTR_SCTP) || key.Has(OVS_KEY_ATTR_ICMP) ||
                      key.Has(OVS_KEY_ATTR_ICMPV6);
  if (nd && key.Has(OVS_KEY_ATTR_ICMPV6)) mask.tp_src = Be16::FromHost(0xffff);
  if (l4) mask.nw_proto = 0xff;
  if (l4 && !has_l4) mask.nw_frag = 0xff;
  const bool tuple = AnyBit(mask, offsetof(Fields, ct_tp_src), offsetof(Fields, tun_id));
  const bool tuple_there =
      key.Has(OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4) || key.Has(OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6);
  if (tuple && !tuple_there) mask.ct_state = Be32::FromHost(kCtStateBits);
  // Whether there is an Ethernet header the kernel compares of itself; the type without one is
  // both.
  const bool typed = mask.packet_type.wire() != 0 && !key.Has(OVS_KEY_ATTR_ETHERNET);
  if (AnyBit(mask, offsetof(Fields, mpls), sizeof(Fields)) || tuple || typed)
    mask.eth_type = Be16::FromHost(0xffff);
  // Only tunnel ports have packets with tunnel keys.
  if (AnyBit(mask, offsetof(Fields, tun_id), offsetof(Fields, eth_dst)) &&
      !key.Has(OVS_KEY_ATTR_TUNNEL))
    mask.in_port = Be32::FromHost(0xffffffff);
  return mask;
}

bool IsIpv6(const ovs::TunnelKey& tunnel) {
  return tunnel.Has(OVS_TUNNEL_KEY_ATTR_IPV6_SRC) || tunnel.Has(OVS_TUNNEL_KEY_ATTR_IPV6_DST);
}

// A bit of the group policy's flags that no kernel sets.
constexpr uint32_t kUnusedGbpBit = 0x00800000;

// Makes the mask say that there are no options of another kind than the key's, by asking for as
// little as can be asked of that kind. Of no kind at all it asks for no bit, as the kernel does not
// clear what lies in their place.
void AskForKind(const ovs::TunnelKey& key, ovs::TunnelKey* mask) {
  if (key.Has(OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS)) {
    base::Store(mask->erspan.data(), ~uint32_t{0});  // the version
  } else if (key.Has(OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS)) {
    mask->geneve[0] = 0xff;
  } else {
    mask->present |= Bit(OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS);
    if (key.Has(OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS)) mask->vxlan.gbp |= kUnusedGbpBit;
  }
}

void TunnelMask(const Fields& mask, const FlowKey& key, const TunnelOptions& options,
                FlowKey* out) {
  ovs::TunnelKey& tunnel = out->tunnel;
  const bool erspan = key.tunnel.Has(OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS);
  TunnelFromFields(mask, erspan ? base::Load<uint32_t>(key.tunnel.erspan.data()) : 0,
                   /*mask=*/true, &tunnel);
  tunnel.geneve_size = key.tunnel.geneve_size;
  tunnel.present = key.tunnel.present;
  const bool gbp = mask.tun_gbp_id.wire() != 0 || mask.tun_gbp_flags != 0;
  const bool has_gbp = key.tunnel.Has(OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS);
  bool none = gbp && !has_gbp;
  none |= GeneveMask(mask, options, key.tunnel, &tunnel);
  if (has_gbp && !gbp && !none) tunnel.present &= ~Bit(OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS);
  if (!has_gbp) tunnel.vxlan.gbp = 0;
  if (none) AskForKind(key.tunnel, &tunnel);
  const bool put_gbp = tunnel.Has(OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS);
  tunnel.vxlan.present = put_gbp ? Bit(OVS_VXLAN_EXT_GBP) : 0;
  for (const TunnelFlag& flag : kTunnelFlags) {
    if (!IsPlainFlag(flag.attribute)) continue;
    const bool matched = (mask.tun_flags.host() & flag.bit) != 0;
    tunnel.present =
        matched ? tunnel.present | Bit(flag.attribute) : tunnel.present & ~Bit(flag.attribute);
  }
  // What is zero the kernel leaves out of its keys: it is matched all the same. Addresses of the
  // other family are not: they would lie in the same place.
  const bool ipv6 = IsIpv6(key.tunnel);
  if (ipv6) {
    tunnel.ipv4_src = tunnel.ipv4_dst = {};
  } else {
    tunnel.ipv6_src = tunnel.ipv6_dst = {};
  }
  const auto match = [&tunnel](bool asked, uint16_t attribute) {
    if (asked) tunnel.present |= Bit(attribute);
  };
  match(!ipv6 && mask.tun_src != Ipv4{}, OVS_TUNNEL_KEY_ATTR_IPV4_SRC);
  match(!ipv6 && mask.tun_dst != Ipv4{}, OVS_TUNNEL_KEY_ATTR_IPV4_DST);
  match(ipv6 && mask.tun_ipv6_src != Ipv6{}, OVS_TUNNEL_KEY_ATTR_IPV6_SRC);
  match(ipv6 && mask.tun_ipv6_dst != Ipv6{}, OVS_TUNNEL_KEY_ATTR_IPV6_DST);
  match(mask.tun_id.wire() != 0, OVS_TUNNEL_KEY_ATTR_ID);
  match(mask.tun_tos != 0, OVS_TUNNEL_KEY_ATTR_TOS);
  match(mask.tun_ttl != 0, OVS_TUNNEL_KEY_ATTR_TTL);
  match(mask.tun_tp_src.wire() != 0, OVS_TUNNEL_KEY_ATTR_TP_SRC);
  match(mask.tun_tp_dst.wire() != 0, OVS_TUNNEL_KEY_ATTR_TP_DST);
}

void TunnelBits(const ovs::TunnelKey& mask, const ovs::TunnelKey& key, const TunnelOptions& options,
                Fields* bits) {
  TunnelToFields(mask, /*mask=*/true, bits);
  bits->tun_flags = Be16::FromHost(bits->tun_flags.host() & kPlainFlags);
  // What the key does not have is not sent.
  if (IsIpv6(key)) {
    bits->tun_src = bits->tun_dst = {};
  } else {
    bits->tun_ipv6_src = bits->tun_ipv6_dst = {};
  }
  if (!key.Has(OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS)) {
    const bool asked = ovs::AsksForOptions(mask);
    bits->tun_gbp_id = Be16::FromHost(asked ? 0xffff : 0);
    bits->tun_gbp_flags = asked ? 0xff : 0;
  }
  GeneveBits(mask, options, key, bits);
}

}  // namespace

Fields FieldsOfKey(const FlowKey& key, const TunnelOptions& options) {
  Fields fields;
  MetadataToFields(key, &fields);
  const bool port = key.Has(OVS_KEY_ATTR_IN_PORT);
  fields.in_port = Be32::FromHost(port ? key.in_port : pipeline::kInPortNone);
  if (key.Has(OVS_KEY_ATTR_TUNNEL)) {
    TunnelToFields(key.tunnel, /*mask=*/false, &fields);
    GeneveToFields(key.tunnel, options, &fields);
  }
  TuplesToFields(key, &fields);
  LinkToFields(key, &fields);
  NetworkToFields(key, &fields);
  TransportToFields(key, &fields);
  return fields;
}

std::array<uint8_t, 12> ErspanOfFields(const Fields& fields) {
  std::array<uint8_t, 12> erspan{};
  ErspanFromFields(fields, fields.tun_erspan_ver, /*mask=*/false, &erspan);
  return erspan;
}

FlowKey KeyOfFields(const Fields& fields, const FlowKey& rest, const TunnelOptions& options) {
  return KeyBuilder(fields, rest, options).Build();
}

FlowKey MaskOfFields(const Fields& bits, const FlowKey& key, const TunnelOptions& options) {
  const Fields mask = WithReasons(bits, key);
  FlowKey out{};
  out.present = key.present;
  MetadataFromFields(mask, &out);
  out.in_port = mask.in_port.wire() != 0 ? ~0U : 0;
  // Also where the key says that there is none.
  if (out.in_port != 0) out.present[0] |= Bit(OVS_KEY_ATTR_IN_PORT);
  TuplesFromFields(mask, key.Has(OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6), &out);
  if (key.Has(OVS_KEY_ATTR_TUNNEL)) TunnelMask(mask, key, options, &out);
  LinkMask(mask, key, &out);
  NetworkMask(mask, key, &out);
  TransportMask(mask, key, &out);
  return out;
}

Fields BitsOfMask(const FlowKey& mask, const FlowKey& key, const TunnelOptions& options) {
  Fields bits;
  MetadataToFields(mask, &bits);
  bits.in_port = Be32::FromHost(mask.in_port != 0 ? ~0U : 0);
  if (key.Has(OVS_KEY_ATTR_TUNNEL)) TunnelBits(mask.tunnel, key.tunnel, options, &bits);
  TuplesToFields(mask, &bits);
  const bool ethernet = key.Has(OVS_KEY_ATTR_ETHERNET);
  if (ethernet) bits.eth_src = mask.eth.src, bits.eth_dst = mask.eth.dst;
  bits.vlans.fill({.tpid = Be16::FromHost(0xffff), .tci = Be16::FromHost(0xffff)});
  const unsigned vlans = key.vlans();
  for (unsigned i = 0; i < vlans; ++i) bits.vlans[i].tci = mask.layers[i].tci;
  bits.eth_type = Whole(mask.layers[vlans].eth_type);
  if (ethernet || bits.eth_type.wire() != 0) bits.packet_type = Be32::FromHost(~0U);
  NetworkToFields(mask, &bits);
  // What has a form of its own in a mask.
  if (mask.Has(OVS_KEY_ATTR_ARP)) bits.nw_proto = static_cast<uint8_t>(mask.arp.op.host() & 0xff);
  bits.nw_frag = Whole(static_cast<uint8_t>(mask.ipv4.frag | mask.ipv6.frag));
  TransportToFields(mask, &bits);
  return bits;
}

Fields ExactBits(const FlowKey& key, const TunnelOptions& options) {
  Fields all;
  for (size_t i = 0; i < pipeline::kFieldWords; ++i) pipeline::SetWord(&all, i, ~uint64_t{0});
  all.dp_hash = all.skb_priority = {};
  all.ct_state = Be32::FromHost(kCtStateBits);
  return BitsOfMask(MaskOfFields(all, key, options), key, options);
}

}  // namespace sluice::translate
