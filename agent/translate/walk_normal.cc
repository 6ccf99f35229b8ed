// The action `normal`: a learning switch with VLANs.
#include <algorithm>
#include <array>

#include "agent/translate/walk.h"

namespace sluice::translate {

using base::Be16;
using base::Mac;
using pipeline::BridgePort;
using pipeline::Needs;
using pipeline::Storm;

namespace {

constexpr uint16_t kTpid = 0x8100;
constexpr uint16_t kServiceTpid = 0x88a8;
constexpr uint16_t kVidBits = 0x0fff;
constexpr uint16_t kPcpBits = 0xe000;

bool IsBroadcast(const Mac& mac) {
  return std::all_of(mac.bytes.begin(), mac.bytes.end(), [](uint8_t byte) { return byte == 0xff; });
}

uint16_t VidOf(const PacketState& state) { return state.now().vlans[0].tci.host() & kVidBits; }

}  // namespace

bool IsLinkLocal(const Mac& mac) {
  static constexpr std::array<uint8_t, 5> kPrefix = {0x01, 0x80, 0xc2, 0x00, 0x00};
  return std::equal(kPrefix.begin(), kPrefix.end(), mac.bytes.begin()) && mac.bytes[5] <= 0x0f;
}

void Walk::Normal(uint32_t max_length) {
  out_->ports = true;
  const auto drop = [&](Verdict verdict) {
    if (out_->actions.empty() || out_->verdict == Verdict::kDropRules) out_->verdict = verdict;
    Note(Explain(verdict));
  };
  const BridgePort* in = view_->ports.Find(InPort());
  if (in == nullptr) return drop(Verdict::kDropUnknownPort);
  if (!HoldsNow(Needs::kEthernet)) return drop(Verdict::kDropNotEthernet);
  PacketState& state = now_.state;
  const Mac to = state.ReadMember(&Fields::eth_dst);
  if (IsLinkLocal(to) && !view_->ports.options().forward_bpdu) return drop(Verdict::kDropReserved);
  const std::optional<uint16_t> vlan = VlanOf(*in);
  if (!vlan) return drop(Verdict::kDropVlan);
  const Mac from = state.ReadMember(&Fields::eth_src);
  const bool floods = view_->ports.IsMirrorVlan(*vlan);
  if (floods) Note("copies of a mirror travel in the VLAN: nothing is learned there");
  if (!from.is_multicast() && !floods) LearnSource(from, *vlan, in->port_no);
  if (to.is_multicast() || floods) {
    out_->verdict = Verdict::kFlood;
    Note(Explain(Verdict::kFlood));
    const Storm storm = IsBroadcast(to)     ? Storm::kBroadcast
                        : to.is_multicast() ? Storm::kMulticast
                                            : Storm::kUnknown;
    return Flood(*in, *vlan, storm, max_length);
  }
  out_->macs = true;
  const std::optional<uint32_t> port_no = view_->macs.FindPort(*vlan, to);
  const BridgePort* out = port_no ? view_->ports.Find(*port_no) : nullptr;
  if (out == nullptr || out->is_mirror_output || !out->Carries(*vlan)) {
    out_->verdict = Verdict::kFloodUnknown;
    out_->install = false;
    Note(Explain(Verdict::kFloodUnknown));
    return Flood(*in, *vlan, Storm::kUnknown, max_length);
  }
  if (out == in) return drop(Verdict::kDropSamePort);
  if (in->is_protected && out->is_protected) return drop(Verdict::kDropProtected);
  if (!in->RelaysTo(*out)) return drop(Verdict::kDropPeer);
  out_->verdict = Verdict::kForward;
  if (!out->IsReached()) return;
  SendTo({{out, TagFor(*in, *out, *vlan, OwnsTag(*in))}}, *in, max_length);
}

// A flow that teaches another port than the one where the address is now would hide the address's
// next move: the first packet after it, often a gratuitous ARP, would not be seen by the agent. So
// there is none until the address has moved.
void Walk::LearnSource(const Mac& from, uint16_t vlan, uint32_t port_no) {
  out_->learned.push_back({from, vlan, port_no});
  out_->macs = true;
  const std::optional<uint32_t> seen = view_->macs.FindPort(vlan, from);
  if (!seen || *seen == port_no) return Note("the source address is learned");
  if (view_->macs.IsStatic(vlan, from))
    return Note("the source address stays where it is: it is static");
  out_->install = false;
  Note("the source address moves to this port");
}

// The VLAN that the packet belongs to, 0 for none; nullopt when the port does not carry it.
std::optional<uint16_t> Walk::VlanOf(const BridgePort& in) {
  if (in.is_tunnel) return in.access_vlan;  // whatever tags it has
  uint16_t id = 0;
  if (now_.state.HasVlan()) {
    ReadTag(kVidBits);
    id = VidOf(now_.state);
  }
  return in.VlanOnWire(id);
}

void Walk::ReadTag(uint16_t bits) {
  Fields fields;
  fields.vlans[0].tci = Be16::FromHost(bits);
  now_.state.Read(fields);
}

// What stands in place of the packet's tag when it leaves a port: an id, 0 for a tag of priority
// alone, or no tag. `own` says whether the packet's outer tag is the bridge's to change.
int Walk::TagFor(const BridgePort& in, const BridgePort& port, uint16_t vlan, bool own) {
  const uint16_t id = port.WireIdOf(vlan);
  if (id != 0) return id;
  if (in.is_tunnel) return kNoTag;  // what came through a tunnel leaves as it came
  if (port.priority_tags == pipeline::PriorityTags::kNever || port.is_tunnel) return kNoTag;
  if (port.priority_tags == pipeline::PriorityTags::kAlways) return 0;
  if (!own) return kNoTag;
  ReadTag(kPcpBits);
  return (now_.state.now().vlans[0].tci.host() & kPcpBits) != 0 ? 0 : kNoTag;
}

// To all ports of the VLAN, through the meter that limits such floods from `in`.
void Walk::Flood(const BridgePort& in, uint16_t vlan, Storm storm, uint32_t max_length) {
  std::optional<uint32_t> meter;
  if (view_->meters != nullptr && !view_->meters->storms.empty()) {
    const auto limits = view_->meters->storms.find(in.name);
    if (limits != view_->meters->storms.end()) meter = limits->second[static_cast<size_t>(storm)];
  }
  if (!meter) return SendInVlan(in, vlan, max_length);
  Note("the port's floods of this kind are limited by a meter");
  if (!CommitNow()) return;
  OnCopy([&] {  // what is done afterwards is not limited
    out_->actions.Append(OVS_ACTION_ATTR_METER, base::AsBytes(*meter));
    SendInVlan(in, vlan, max_length);
  });
}

// To the ports that have a link, carry the VLAN and may hear from `in`.
void Walk::SendInVlan(const BridgePort& in, uint16_t vlan, uint32_t max_length) {
  const bool own = OwnsTag(in);
  Takers takers;
  for (const BridgePort& port : view_->ports.ports()) {
    if (&port == &in || !port.up || port.is_mirror_output || !port.Carries(vlan)) continue;
    if ((in.is_protected && port.is_protected) || !in.RelaysTo(port)) continue;
    takers.push_back({&port, TagFor(in, port, vlan, own)});
  }
  SendTo(takers, in, max_length);
}

// What stands in place of the tag that is the bridge's to change, as the packet is.
int Walk::TagAsIs(const BridgePort& in) {
  if (!OwnsTag(in)) return kNoTag;
  ReadTag(kVidBits);
  return VidOf(now_.state);
}

// First to those that take the packet as it is, then, on a copy for each, to those that want it
// without a tag or with another one.
void Walk::SendTo(const Takers& takers, const BridgePort& in, uint32_t max_length) {
  const bool own = OwnsTag(in);
  const int as_is = TagAsIs(in);
  absl::InlinedVector<int, 8> tags = {as_is, kNoTag};
  for (const Taker& taker : takers)
    if (std::find(tags.begin(), tags.end(), taker.tag) == tags.end()) tags.push_back(taker.tag);
  const auto send = [&](int tag) {
    for (const Taker& taker : takers)
      if (going() && taker.tag == tag) SendToPort(taker.port->port_no, max_length);
  };
  const auto change = [&](int tag) {
    if (tag == kNoTag) return now_.state.PopVlan();
    const auto id = static_cast<uint16_t>(tag);
    if (own) return now_.state.SetTci(id, kVidBits);
    PushTag(in.is_tunnel ? kServiceTpid : kTpid, id);
  };
  send(as_is);
  for (const int tag : tags) {
    const bool wanted = tag != as_is && std::any_of(takers.begin(), takers.end(),
                                                    [&](auto& t) { return t.tag == tag; });
    if (!wanted || !going()) continue;
    OnCopy([&] {
      change(tag);
      send(tag);
    });
  }
}

}  // namespace sluice::translate
