// Tunnels: whose a packet is that came from one, and how one that goes into one is wrapped.
//
// What the datapath is to wrap a packet in is one action, set(tunnel(..)), of the whole outer
// header. It stays with the packet until the next one, so it is appended only where it differs from
// the last, just before the output that needs it.
#include <algorithm>

#include "agent/translate/geneve_options.h"
#include "agent/translate/key_fields.h"
#include "agent/translate/walk.h"

namespace sluice::translate {

using base::Be16;
using base::Be32;
using base::Be64;
using pipeline::ErspanEnd;
using pipeline::Needs;
using pipeline::TunnelAddress;
using pipeline::TunnelByte;
using pipeline::TunnelEnd;

namespace {

constexpr uint8_t kDscpBits = 0xfc, kAllBits = 0xff;

constexpr uint64_t Bit(uint16_t attribute) { return uint64_t{1} << attribute; }

void PutIf(bool there, uint16_t attribute, ovs::TunnelKey* key) {
  if (there) key->present |= Bit(attribute);
}

}  // namespace

bool Walk::EnterFromTunnel() {
  if (!view_->ports.IsTunnelDevice(InPort())) return true;
  Fields asked;
  const pipeline::BridgePort* port = view_->ports.FindTunnel(InPort(), now_.state.now(), &asked);
  now_.state.Read(asked);
  if (port == nullptr) return false;
  now_.state.SetInPort(Be32::FromHost(port->port_no));
  return true;
}

bool Walk::IsHeartbeat(const pipeline::BridgePort& in) {
  if (!in.is_peer || !in.tunnel || now_.state.now().recirc_id.wire() != 0) return false;
  return HoldsNow(Needs::kEthernet) &&
         now_.state.ReadMember(&Fields::eth_type).host() == pipeline::kHeartbeatType &&
         now_.state.ReadMember(&Fields::eth_src).is_zero();
}

void Walk::Wrap(const pipeline::BridgePort& port, ovs::ActionList* actions) {
  now_.state.Reset(Fields());
  ovs::TunnelKey key{};
  if (!port.tunnel || !FillTunnel(*port.tunnel, &key)) return;
  tunnel_.clear();
  attr::Writer writer(&tunnel_);
  attr::Encode(ovs::kTunnelTable, &key, nullptr, &writer);
  {
    const auto set = actions->Nest(OVS_ACTION_ATTR_SET);
    actions->Append(OVS_KEY_ATTR_TUNNEL, tunnel_);
  }
  actions->Output(port.tunnel->vport);
}

bool Walk::SetTunnel(const TunnelEnd& end) {
  ovs::TunnelKey key{};
  if (!FillTunnel(end, &key)) return false;
  tunnel_.clear();
  attr::Writer writer(&tunnel_);
  attr::Encode(ovs::kTunnelTable, &key, nullptr, &writer);
  if (std::equal(tunnel_.begin(), tunnel_.end(), now_.tunnel.begin(), now_.tunnel.end()))
    return true;
  now_.tunnel.assign(tunnel_.begin(), tunnel_.end());
  const auto set = out_->actions.Nest(OVS_ACTION_ATTR_SET);
  out_->actions.Append(OVS_KEY_ATTR_TUNNEL, tunnel_);
  return true;
}

bool Walk::FillTunnel(const TunnelEnd& end, ovs::TunnelKey* out) {
  PacketState& state = now_.state;
  ovs::TunnelKey& key = *out;
  FillTunnelAddresses(end, &key);
  const bool ipv4 = key.ipv4_dst != base::Ipv4();
  if (!ipv4 && key.ipv6_dst == base::Ipv6()) return false;
  if (end.has_key) {
    key.id = end.out_key ? Be64::FromHost(*end.out_key) : state.ReadMember(&Fields::tun_id);
    PutIf(true, OVS_TUNNEL_KEY_ATTR_ID, &key);
  }
  key.tos = TunnelByteFor(end.tos, &Fields::nw_tos, &Fields::tun_tos, kDscpBits);
  PutIf(key.tos != 0, OVS_TUNNEL_KEY_ATTR_TOS, &key);
  key.ttl = TunnelByteFor(end.ttl, &Fields::nw_ttl, &Fields::tun_ttl, kAllBits);
  if (key.ttl == 0) key.ttl = TunnelEnd().ttl.value;
  PutIf(true, OVS_TUNNEL_KEY_ATTR_TTL, &key);
  PutIf(end.dont_fragment, OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT, &key);
  PutIf(end.checksum, OVS_TUNNEL_KEY_ATTR_CSUM, &key);
  if (end.geneve) FillGeneve(&key);
  if (end.gbp) {
    const uint32_t flags = state.ReadMember(&Fields::tun_gbp_flags);
    key.vxlan.gbp = state.ReadMember(&Fields::tun_gbp_id).host() | flags << 16;
    // A policy of 0 too: without one Linux 5.10 sends what lies on its stack.
    key.vxlan.present = Bit(OVS_VXLAN_EXT_GBP);
    PutIf(true, OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS, &key);
  }
  if (end.erspan) FillErspan(*end.erspan, &key);
  return true;
}

void Walk::FillTunnelAddresses(const TunnelEnd& end, ovs::TunnelKey* key) {
  PacketState& state = now_.state;
  TunnelAddress remote, local = end.local;
  if (end.remote) {
    remote = *end.remote;
  } else {
    remote.v4 = state.ReadMember(&Fields::tun_dst);
    if (!remote.IsSet()) remote.v6 = state.ReadMember(&Fields::tun_ipv6_dst);
  }
  const bool ipv4 = remote.v4 != base::Ipv4();
  if (end.local_from_field && ipv4) local.v4 = state.ReadMember(&Fields::tun_src);
  if (end.local_from_field && !ipv4) local.v6 = state.ReadMember(&Fields::tun_ipv6_src);
  if (ipv4) {
    key->ipv4_src = local.v4;
    key->ipv4_dst = remote.v4;
  } else {
    key->ipv6_src = local.v6;
    key->ipv6_dst = remote.v6;
  }
  PutIf(key->ipv4_src != base::Ipv4(), OVS_TUNNEL_KEY_ATTR_IPV4_SRC, key);
  PutIf(ipv4, OVS_TUNNEL_KEY_ATTR_IPV4_DST, key);
  PutIf(key->ipv6_src != base::Ipv6(), OVS_TUNNEL_KEY_ATTR_IPV6_SRC, key);
  PutIf(!ipv4, OVS_TUNNEL_KEY_ATTR_IPV6_DST, key);
}

// Those of `bits`: the others the kernel copies itself (congestion notification).
uint8_t Walk::TunnelByteFor(const TunnelByte& byte, uint8_t Fields::*inner, uint8_t Fields::*field,
                            uint8_t bits) {
  if (byte.from == TunnelByte::From::kFixed) return byte.value;
  if (byte.from == TunnelByte::From::kField) return now_.state.ReadMember(field);
  if (!HoldsNow(Needs::kIp)) return 0;
  Fields asked;
  asked.*inner = bits;
  now_.state.Read(asked);
  return now_.state.now().*inner & bits;
}

void Walk::FillGeneve(ovs::TunnelKey* key) {
  const pipeline::TunnelOptions& options = view_->ports.options().tunnel_options;
  Fields asked;
  asked.tun_flags = Be16::FromHost(pipeline::kTunnelOam);
  for (size_t i = 0; i < pipeline::kTunnelFields; ++i)
    if (options[i]) asked.tun_metadata[i] = Be64::FromHost(~uint64_t{0});
  now_.state.Read(asked);
  const Fields& now = now_.state.now();
  PutIf((now.tun_flags.host() & pipeline::kTunnelOam) != 0, OVS_TUNNEL_KEY_ATTR_OAM, key);
  GeneveFromFields(now, options, key);
}

void Walk::FillErspan(const ErspanEnd& end, ovs::TunnelKey* key) {
  Fields wanted;
  wanted.tun_erspan_ver = end.version;
  wanted.tun_erspan_idx = Be32::FromHost(end.index);
  wanted.tun_erspan_dir = end.direction;
  wanted.tun_erspan_hwid = end.hardware_id;
  if (end.version == 0) {
    PacketState& state = now_.state;
    wanted.tun_erspan_ver = state.ReadMember(&Fields::tun_erspan_ver);
    wanted.tun_erspan_idx = state.ReadMember(&Fields::tun_erspan_idx);
    wanted.tun_erspan_dir = state.ReadMember(&Fields::tun_erspan_dir);
    wanted.tun_erspan_hwid = state.ReadMember(&Fields::tun_erspan_hwid);
    if (wanted.tun_erspan_ver != 2) wanted.tun_erspan_ver = 1;
  }
  key->erspan = ErspanOfFields(wanted);
  PutIf(true, OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS, key);
}

}  // namespace sluice::translate
