// The action `normal`: a learning switch with VLANs.
#include <algorithm>
#include <array>

#include "agent/translate/walk.h"

namespace sluice::translate {

using base::Be16;
using base::Mac;
using pipeline::BridgePort;
using pipeline::Needs;

namespace {

constexpr uint16_t kTpid = 0x8100;
constexpr uint16_t kVidBits = 0x0fff;

// 01:80:c2:00:00:00 to 0f: spanning tree, link aggregation, LLDP and their like (IEEE
// 802.1Q, 8.6.3).
bool IsReserved(const Mac& mac) {
  static constexpr std::array<uint8_t, 5> kPrefix = {0x01, 0x80, 0xc2, 0x00, 0x00};
  return std::equal(kPrefix.begin(), kPrefix.end(), mac.bytes.begin()) && mac.bytes[5] <= 0x0f;
}

uint16_t VidOf(const PacketState& state) { return state.now().vlans[0].tci.host() & kVidBits; }

}  // namespace

void Walk::Normal(uint32_t max_length) {
  out_->ports = true;
  const auto drop = [&](Verdict verdict) {
    if (out_->actions.empty()) out_->verdict = verdict;
    Note(Explain(verdict));
  };
  const BridgePort* in = view_->ports.Find(InPort());
  if (in == nullptr) return drop(Verdict::kDropUnknownPort);
  if (!HoldsNow(Needs::kEthernet)) return drop(Verdict::kDropNotEthernet);
  PacketState& state = now_.state;
  const Mac to = state.ReadMember(&Fields::eth_dst);
  if (IsReserved(to)) return drop(Verdict::kDropReserved);
  const std::optional<uint16_t> vlan = VlanOf(*in);
  if (!vlan) return drop(Verdict::kDropVlan);
  const Mac from = state.ReadMember(&Fields::eth_src);
  if (!from.is_multicast()) LearnSource(from, *vlan, in->port_no);
  if (to.is_multicast()) {
    out_->verdict = Verdict::kFlood;
    Note(Explain(Verdict::kFlood));
    return SendInVlan(view_->ports.ports(), in, *vlan, max_length);
  }
  out_->macs = true;
  const std::optional<uint32_t> port_no = view_->macs.FindPort(*vlan, to);
  const BridgePort* out = port_no ? view_->ports.Find(*port_no) : nullptr;
  if (out == nullptr || !out->Carries(*vlan)) {
    out_->verdict = Verdict::kFloodUnknown;
    out_->install = false;
    Note(Explain(Verdict::kFloodUnknown));
    return SendInVlan(view_->ports.ports(), in, *vlan, max_length);
  }
  if (out == in) return drop(Verdict::kDropSamePort);
  out_->verdict = Verdict::kForward;
  SendInVlan(std::span(out, 1), nullptr, *vlan, max_length);
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
  uint16_t id = 0;
  if (now_.state.HasVlan()) {
    Fields bits;
    bits.vlans[0].tci = Be16::FromHost(kVidBits);
    now_.state.Read(bits);
    id = VidOf(now_.state);
  }
  if (in.access_vlan) return id == 0 ? in.access_vlan : std::nullopt;
  return in.Carries(id) ? std::optional(id) : std::nullopt;
}

// First the ports that take the packet as it is, then, each on a copy, those that want it without
// a tag and with one.
void Walk::SendInVlan(std::span<const BridgePort> ports, const BridgePort* but, uint16_t vlan,
                      uint32_t max_length) {
  enum class Form : uint8_t { kAsIs, kUntagged, kTagged };
  const bool tagged = now_.state.HasVlan();
  const bool same_vlan = tagged && VidOf(now_.state) == vlan;
  const auto takes = [&](const BridgePort& port, Form form) {
    if (&port == but || !port.Carries(vlan)) return false;
    if (port.access_vlan || vlan == 0) return form == (tagged ? Form::kUntagged : Form::kAsIs);
    return form == (same_vlan ? Form::kAsIs : Form::kTagged);
  };
  const auto send = [&](Form form) {
    for (const BridgePort& port : ports)
      if (going() && takes(port, form)) SendToPort(port.port_no, max_length);
  };
  const auto is_wanted = [&](Form form) {
    return going() && std::any_of(ports.begin(), ports.end(),
                                  [&](const BridgePort& port) { return takes(port, form); });
  };
  send(Form::kAsIs);
  if (is_wanted(Form::kUntagged)) {
    OnCopy([&] {
      now_.state.PopVlan();
      send(Form::kUntagged);
    });
  }
  if (is_wanted(Form::kTagged)) {
    OnCopy([&] {
      if (tagged) {
        now_.state.SetTci(vlan, kVidBits);
      } else {
        PushTag(kTpid, vlan);
      }
      send(Form::kTagged);
    });
  }
}

}  // namespace sluice::translate
