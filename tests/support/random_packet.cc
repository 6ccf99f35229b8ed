#include "tests/support/random_packet.h"

#include <linux/openvswitch.h>

#include <array>
#include <cstddef>
#include <initializer_list>

#include "agent/pipeline/prerequisites.h"
#include "agent/pipeline/tunnel.h"

namespace sluice::testing {
namespace {

using base::Ipv4;
using base::Ipv6;
using base::Mac;
using pipeline::Be16;
using pipeline::Be32;
using pipeline::Be64;

constexpr uint16_t kIpv4 = 0x0800, kIpv6 = 0x86dd, kArp = 0x0806, kRarp = 0x8035;
constexpr uint16_t kMpls = 0x8847, kMplsMulticast = 0x8848, kLldp = 0x88cc;
constexpr uint16_t kTag = 0x8100, kServiceTag = 0x88a8;
constexpr uint8_t kIcmp = 1, kTcp = 6, kUdp = 17, kGre = 47, kIcmp6 = 58, kSctp = 132;
constexpr uint16_t kSolicit = 135, kAdvert = 136;
constexpr uint32_t kBottom = 0x100;
constexpr uint32_t kBare = 0x10000;

template <typename T>
T Pick(std::initializer_list<T> values, Random* random) {
  return values.begin()[random->Below(values.size())];
}

Be16 Wire16(uint16_t value) { return Be16::FromHost(value); }
Be32 Wire32(uint32_t value) { return Be32::FromHost(value); }
Be64 Wire64(uint64_t value) { return Be64::FromHost(value); }

// --- Making --------------------------------------------------------------------------------------

class Maker {
 public:
  Maker(const RandomPacketOptions& options, Random* random) : options_(options), random_(random) {}

  Fields Make() {
    packet_.in_port = Wire32(Percent(90) ? Pick({1U, 2U, 3U, 4U}) : Pick({0U, 9U, 0xffffU}));
    packet_.pkt_mark = Wire32(Pick({0U, 0U, 1U, 0x80000001U}));
    packet_.skb_priority = Wire32(Pick({0U, 0U, 0x10002U}));
    packet_.dp_hash = Wire32(Pick({0U, 0U, 7U}));
    packet_.eth_src = Address(Percent(90) ? Pick({1, 2, 3}) : 0);
    packet_.eth_dst = Percent(70) ? Address(Pick({1, 2, 3, 4})) : Multicast();
    Tags();
    const uint64_t kind = random_->Below(100);
    packet_.eth_type =
        Wire16(kind < 12   ? (Percent(80) ? kArp : kRarp)
               : kind < 50 ? kIpv4
               : kind < 80 ? kIpv6
               : kind < 93 ? (Percent(80) ? kMpls : kMplsMulticast)
                           : Pick({kLldp, pipeline::kHeartbeatType, pipeline::kEthTypeNone}));
    Network();
    if (options_.tunnels && Percent(25)) Tunnel();
    if (options_.tracked && Percent(20)) Tracked();
    if (options_.bare && Percent(10)) packet_.packet_type = Wire32(kBare);
    return Canonical(packet_);
  }

 private:
  template <typename T>
  T Pick(std::initializer_list<T> values) {
    return testing::Pick(values, random_);
  }
  uint8_t PickByte(std::initializer_list<int> values) { return static_cast<uint8_t>(Pick(values)); }
  bool Percent(unsigned percent) { return random_->Percent(percent); }

  static Mac Address(int last) { return {{0, 0, 0, 0, 0, static_cast<uint8_t>(last)}}; }
  Mac Multicast() {
    return Pick({Mac{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}, Mac{{1, 0, 0x5e, 0, 0, 1}},
                 Mac{{1, 0x80, 0xc2, 0, 0, 0x0e}}});
  }
  Ipv4 Address4() {
    return Pick(
        {Ipv4{{10, 0, 0, 1}}, Ipv4{{10, 0, 0, 2}}, Ipv4{{10, 1, 0, 1}}, Ipv4{{192, 168, 0, 1}}});
  }
  Ipv6 Address6() {
    return Pick({Ipv6{{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
                 Ipv6{{0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}},
                 Ipv6{{0x20, 0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}});
  }
  Be16 Port() { return Wire16(Pick<uint16_t>({80, 81, 53, 0x8050})); }

  void Tags() {
    const uint64_t tags = Pick({0U, 0U, 0U, 1U, 1U, 2U});
    for (size_t i = 0; i < tags; ++i) {
      const int tci = Pick({0, 5, 10, 20}) | Pick({0, 0x6000}) | pipeline::kVlanPresent;
      packet_.vlans[i] = {Wire16(Pick({kTag, kTag, kServiceTag})),
                          Wire16(static_cast<uint16_t>(tci))};
    }
  }

  // All of them; Canonical() takes away what the types do not have.
  void Network() {
    for (Be32& label : packet_.mpls) {
      label = Wire32((Pick({0U, 5U, 6U}) << 12) | (Pick({0U, 3U}) << 9) |
                     (Percent(60) ? kBottom : 0) | Pick({0U, 1U, 2U, 64U}));
    }
    packet_.nw_src = Address4();
    packet_.nw_dst = Address4();
    packet_.ipv6_src = Address6();
    packet_.ipv6_dst = Address6();
    packet_.ipv6_label = Wire32(Pick({0U, 7U, 0x80007U}));
    packet_.arp_sha = Address(Pick({1, 2, 3}));
    packet_.arp_tha = Address(Pick({0, 1, 2}));
    const uint16_t type = packet_.eth_type.host();
    if (type == kArp || type == kRarp) {
      packet_.nw_proto = PickByte({1, 2, 3});
      return;
    }
    packet_.nw_proto = PickByte({kTcp, kTcp, kUdp, kUdp, kSctp, type == kIpv4 ? kIcmp : kIcmp6,
                                 type == kIpv4 ? kIcmp : kIcmp6, kGre});
    packet_.nw_tos = PickByte({0, 0, 32, 33, 184, 186});
    packet_.nw_ttl = PickByte({0, 1, 2, 3, 64, 64, 64, 255});
    packet_.nw_frag =
        PickByte({0, 0, 0, 0, 0, 0, pipeline::kFragAny, pipeline::kFragAny | pipeline::kFragLater});
    Transport();
  }

  void Transport() {
    packet_.tp_src = Port();
    packet_.tp_dst = Port();
    packet_.tcp_flags = Wire16(Pick<uint16_t>({0x002, 0x012, 0x010, 0x118}));
    if (packet_.nw_proto == kIcmp) packet_.tp_src = Wire16(Pick<uint16_t>({0, 8, 3}));
    if (packet_.nw_proto == kIcmp6)
      packet_.tp_src = Wire16(Pick<uint16_t>({kSolicit, kAdvert, kSolicit, kAdvert, 128}));
    if (packet_.nw_proto == kIcmp || packet_.nw_proto == kIcmp6)
      packet_.tp_dst = Wire16(Pick<uint16_t>({0, 0, 0, 1}));
    packet_.nd_target = Address6();
    packet_.nd_sll = Address(Pick({0, 1, 2}));
    packet_.nd_tll = Address(Pick({0, 1, 2}));
  }

  void Tunnel() {
    if (Percent(70)) {
      packet_.tun_src = Address4();
      packet_.tun_dst = Address4();
    } else {
      packet_.tun_ipv6_src = Address6();
      packet_.tun_ipv6_dst = Address6();
    }
    int flags = pipeline::kTunnelKey;
    for (const int flag :
         {pipeline::kTunnelOam, pipeline::kTunnelDontFragment, pipeline::kTunnelChecksum,
          pipeline::kTunnelGbp, pipeline::kTunnelErspan})
      if (Percent(25)) flags |= flag;
    packet_.tun_flags = Wire16(static_cast<uint16_t>(flags));
    packet_.tun_id = Wire64(Pick<uint64_t>({0, 5, 0x100000005}));
    packet_.tun_tp_src = Port();
    packet_.tun_tp_dst = Port();
    packet_.tun_tos = PickByte({0, 32});
    packet_.tun_ttl = PickByte({1, 64});
    packet_.tun_gbp_id = Wire16(Pick<uint16_t>({0, 3}));
    packet_.tun_gbp_flags = PickByte({0, 8});
    if (options_.tunnel_metadata) {
      packet_.tun_metadata[0] = Wire64(Pick<uint64_t>({0, 5}));
      packet_.tun_metadata[1] = Wire64(Pick<uint64_t>({0, 5, 0x0102030405060708}));
      packet_.tun_metadata[2] = Wire64(Pick<uint64_t>({0, 0x090a0b0c0d0e}));
    }
    packet_.tun_erspan_ver = PickByte({1, 2});
    packet_.tun_erspan_idx = Wire32(Pick({0U, 9U}));
    packet_.tun_erspan_dir = PickByte({0, 1});
    packet_.tun_erspan_hwid = PickByte({0, 3});
  }

  void Tracked() {
    packet_.ct_state =
        Wire32(OVS_CS_F_TRACKED |
               Pick<uint32_t>({OVS_CS_F_NEW, OVS_CS_F_ESTABLISHED,
                               OVS_CS_F_ESTABLISHED | OVS_CS_F_REPLY_DIR, OVS_CS_F_INVALID}));
    packet_.ct_zone = Wire16(Pick<uint16_t>({0, 5}));
    packet_.ct_mark = Wire32(Pick({0U, 1U}));
    packet_.ct_label[0] = PickByte({0, 0x80});
    packet_.ct_label[15] = PickByte({0, 1});
    packet_.ct_nw_src = Address4();
    packet_.ct_nw_dst = Address4();
    packet_.ct_ipv6_src = Address6();
    packet_.ct_ipv6_dst = Address6();
    packet_.ct_nw_proto = PickByte({kTcp, kUdp});
    packet_.ct_tp_src = Port();
    packet_.ct_tp_dst = Port();
  }

  const RandomPacketOptions& options_;
  Random* random_;
  Fields packet_;
};

// --- What cannot be ------------------------------------------------------------------------------

void CleanTunnel(Fields* f) {
  const bool v4 = f->tun_src != Ipv4() || f->tun_dst != Ipv4();
  const bool v6 = !v4 && (f->tun_ipv6_src != Ipv6() || f->tun_ipv6_dst != Ipv6());
  if (!v6) f->tun_ipv6_src = f->tun_ipv6_dst = {};
  int flags = f->tun_flags.host() & 0x3f;
  if (!v4 && !v6) flags = 0;
  if ((flags & pipeline::kTunnelGbp) != 0) flags &= ~pipeline::kTunnelErspan;
  f->tun_flags = Wire16(static_cast<uint16_t>(flags));
  if ((flags & pipeline::kTunnelKey) == 0) f->tun_id = {};
  if (!v4 && !v6) {
    f->tun_tp_src = f->tun_tp_dst = {};
    f->tun_tos = f->tun_ttl = 0;
  }
  if ((flags & pipeline::kTunnelGbp) == 0) {
    f->tun_gbp_id = {};
    f->tun_gbp_flags = 0;
  }
  const bool geneve = (v4 || v6) && (flags & (pipeline::kTunnelGbp | pipeline::kTunnelErspan)) == 0;
  for (size_t i = 0; i < pipeline::kTunnelFields; ++i) {
    const uint64_t bits =
        kTunnelOptions[i] ? ~uint64_t{0} >> (64 - 8 * kTunnelOptions[i]->bytes) : 0;
    f->tun_metadata[i] = Wire64(geneve ? f->tun_metadata[i].host() & bits : 0);
  }
  const bool erspan = (flags & pipeline::kTunnelErspan) != 0;
  if (erspan) f->tun_erspan_ver = f->tun_erspan_ver == 2 ? 2 : 1;
  if (!erspan) f->tun_erspan_ver = 0;
  f->tun_erspan_idx = Wire32(f->tun_erspan_ver == 1 ? f->tun_erspan_idx.host() & 0xfffff : 0);
  f->tun_erspan_dir = f->tun_erspan_ver == 2 ? f->tun_erspan_dir & 1 : 0;
  f->tun_erspan_hwid = f->tun_erspan_ver == 2 ? f->tun_erspan_hwid & 0x3f : 0;
}

void CleanTracking(Fields* f) {
  f->ct_state = Wire32(f->ct_state.host() & 0xff);
  if ((f->ct_state.host() & OVS_CS_F_TRACKED) == 0) {
    f->ct_state = f->ct_mark = {};
    f->ct_zone = {};
    f->ct_label = {};
  }
  const bool tuple = pipeline::Holds(pipeline::Needs::kTracked, *f) && f->ct_nw_proto != 0;
  const uint16_t type = f->eth_type.host();
  const bool v4 = tuple && type == kIpv4, v6 = tuple && type == kIpv6;
  if (!v4) f->ct_nw_src = f->ct_nw_dst = {};
  if (!v6) f->ct_ipv6_src = f->ct_ipv6_dst = {};
  if (!v4 && !v6) {
    f->ct_nw_proto = 0;
    f->ct_tp_src = f->ct_tp_dst = {};
  }
}

void CleanLink(Fields* f) {
  f->in_port = Wire32(f->in_port.host() & 0xffff);
  const uint16_t type = f->eth_type.host();
  const bool ends_here = type < 0x600 || type == kTag || type == kServiceTag;
  if (ends_here) f->eth_type = Wire16(pipeline::kEthTypeNone);
  if (f->packet_type.host() != 0) {
    f->packet_type = Wire32(kBare | f->eth_type.host());
    f->eth_src = f->eth_dst = {};
    f->vlans = {};
  }
  bool tagged = true;
  for (Fields::Vlan& vlan : f->vlans) {
    tagged = tagged && (vlan.tci.host() & pipeline::kVlanPresent) != 0;
    if (!tagged) vlan = {};
    if (tagged && vlan.tpid.host() != kServiceTag) vlan.tpid = Wire16(kTag);
  }
  bool labelled = f->eth_type.host() == kMpls || f->eth_type.host() == kMplsMulticast;
  for (Be32& label : f->mpls) {
    if (!labelled) label = {};
    labelled = labelled && (label.host() & kBottom) == 0;
  }
}

void CleanNetwork(Fields* f) {
  const uint16_t type = f->eth_type.host();
  const bool v4 = type == kIpv4, v6 = type == kIpv6, arp = type == kArp || type == kRarp;
  if (!v4 && !arp) f->nw_src = f->nw_dst = {};
  if (!v6) f->ipv6_src = f->ipv6_dst = {};
  f->ipv6_label = Wire32(v6 ? f->ipv6_label.host() & 0xfffff : 0);
  if (!arp) f->arp_sha = f->arp_tha = {};
  if (!v4 && !v6) f->nw_tos = f->nw_ttl = f->nw_frag = 0;
  if (!v4 && !v6 && !arp) f->nw_proto = 0;
  f->nw_frag &= pipeline::kFragAny | pipeline::kFragLater;
  if ((f->nw_frag & pipeline::kFragLater) != 0) f->nw_frag |= pipeline::kFragAny;
}

void CleanTransport(Fields* f) {
  const bool v4 = f->eth_type.host() == kIpv4, v6 = f->eth_type.host() == kIpv6;
  const bool there = (v4 || v6) && (f->nw_frag & pipeline::kFragLater) == 0;
  const uint8_t proto = there ? f->nw_proto : 0;
  const bool ports = proto == kTcp || proto == kUdp || proto == kSctp;
  const bool icmp = (v4 && proto == kIcmp) || (v6 && proto == kIcmp6);
  const int kept = ports ? 0xffff : icmp ? 0xff : 0;
  f->tp_src = Wire16(static_cast<uint16_t>(f->tp_src.host() & kept));
  f->tp_dst = Wire16(static_cast<uint16_t>(f->tp_dst.host() & kept));
  f->tcp_flags = Wire16(static_cast<uint16_t>(f->tcp_flags.host() & (proto == kTcp ? 0xfff : 0)));
  const uint16_t kind = v6 && icmp && f->tp_dst.host() == 0 ? f->tp_src.host() : uint16_t{0};
  if (kind != kSolicit && kind != kAdvert) f->nd_target = {};
  if (kind != kSolicit) f->nd_sll = {};
  if (kind != kAdvert) f->nd_tll = {};
}

void CleanPads(Fields* f) {
  f->pad0 = 0;
  f->pad1 = {};
  f->pad2 = {};
  f->pad3 = {};
  f->pad4 = {};
  f->pad5 = {};
  f->pad6 = {};
}

// --- Siblings ------------------------------------------------------------------------------------

template <typename T>
void Ones(T* member) {
  std::memset(static_cast<void*>(member), 0xff, sizeof(T));
}

// What no packet comes with.
Fields StateMask() {
  Fields mask;
  Ones(&mask.regs);
  Ones(&mask.metadata);
  Ones(&mask.conj_id);
  Ones(&mask.actset_output);
  Ones(&mask.recirc_id);
  return mask;
}

// Which headers there are: with these equal, what one packet has the other has too.
Fields StructureMask(const Fields& packet) {
  Fields mask = StateMask();
  Ones(&mask.packet_type);
  Ones(&mask.eth_type);
  for (Fields::Vlan& vlan : mask.vlans) vlan = {Wire16(0xffff), Wire16(pipeline::kVlanPresent)};
  for (Be32& label : mask.mpls) label = Wire32(kBottom);
  Ones(&mask.nw_proto);
  Ones(&mask.nw_frag);
  if (pipeline::Holds(pipeline::Needs::kIcmp, packet)) {
    Ones(&mask.tp_src);
    Ones(&mask.tp_dst);
  }
  Ones(&mask.ct_state);
  Ones(&mask.ct_nw_proto);
  Ones(&mask.tun_flags);
  Ones(&mask.tun_src);
  Ones(&mask.tun_dst);
  Ones(&mask.tun_ipv6_src);
  Ones(&mask.tun_ipv6_dst);
  Ones(&mask.tun_erspan_ver);
  return mask;
}

uint8_t* Bytes(Fields* fields) { return reinterpret_cast<uint8_t*>(fields); }

Fields Other(const Fields& packet, const RandomPacketOptions& options, Random* random) {
  if (random->Percent(50)) return RandomPacket(options, random);
  Fields other = packet;
  if (random->Percent(50)) {
    Bytes(&other)[random->Below(sizeof(Fields))] = static_cast<uint8_t>(random->Next());
    return other;
  }
  for (size_t i = 0; i < pipeline::kFieldWords; ++i)
    pipeline::SetWord(&other, i, pipeline::Word(other, i) ^ (random->Next() & random->Next()));
  return other;
}

}  // namespace

Fields RandomPacket(const RandomPacketOptions& options, Random* random) {
  return Maker(options, random).Make();
}

Fields Canonical(Fields fields) {
  CleanLink(&fields);
  CleanNetwork(&fields);
  CleanTransport(&fields);
  CleanTunnel(&fields);
  CleanTracking(&fields);
  CleanPads(&fields);
  return fields;
}

Fields Sibling(const Fields& packet, const Fields& mask, const RandomPacketOptions& options,
               Random* random) {
  const Fields structure = StructureMask(packet);
  for (int attempt = 0;; ++attempt) {
    // If other headers do not fit the mask, the same headers do.
    Fields kept = attempt < 3 ? StateMask() : structure;
    if (!options.bare) Ones(&kept.packet_type);
    pipeline::AddMask(mask, &kept);
    Fields other = Other(packet, options, random);
    for (size_t i = 0; i < pipeline::kFieldWords; ++i) {
      const uint64_t bits = pipeline::Word(kept, i);
      pipeline::SetWord(&other, i,
                        (pipeline::Word(packet, i) & bits) | (pipeline::Word(other, i) & ~bits));
    }
    if (!options.tunnel_metadata) other.tun_metadata = {};
    other = Canonical(other);
    const bool fits = pipeline::MatchesUnder(packet, other, mask);
    if (fits && !(other == packet)) return other;
    if (attempt > 20) return packet;
  }
}

void FillBehindLabel(uint32_t label, Fields* fields) {
  Random random(label ^ (uint64_t{fields->eth_type.host()} << 32));
  constexpr size_t kBegin = offsetof(Fields, nw_src);
  for (int i = 0; i < 200; ++i) {
    const Fields other = RandomPacket({}, &random);
    if (other.eth_type != fields->eth_type) continue;
    std::memcpy(reinterpret_cast<uint8_t*>(fields) + kBegin,
                reinterpret_cast<const uint8_t*>(&other) + kBegin, sizeof(Fields) - kBegin);
    return;
  }
}

}  // namespace sluice::testing
