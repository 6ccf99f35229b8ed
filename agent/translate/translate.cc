#include "agent/translate/translate.h"

#include <array>

#include "netlink/base/byte_order.h"

namespace sluice::translate {
namespace {

using base::Be16;
using ovs::FlowKey;
using pipeline::BridgePort;
using pipeline::PortTable;

constexpr uint16_t kTpid = 0x8100;
constexpr uint16_t kTagPresent = 0x1000;
constexpr uint16_t kVlanIdBits = 0x0fff;

struct VerdictText {
  std::string_view name, meaning;
};
constexpr std::array<VerdictText, kVerdicts> kVerdictTexts = {{
    {"forward", "to the one port where the destination was seen"},
    {"flood", "broadcast or multicast, to all ports of the VLAN"},
    {"flood_unknown", "to all ports, as the destination has not been seen; no flow"},
    {"drop_same_port", "the destination is behind the port it came from"},
    {"drop_reserved", "link-local protocol, never forwarded"},
    {"drop_vlan", "the port does not carry the VLAN"},
    {"drop_unknown_port", "the bridge has no such port"},
    {"drop_not_ethernet", "the packet has no Ethernet header"},
}};

// 01:80:c2:00:00:00 to 0f: spanning tree, link aggregation, LLDP and their like (IEEE
// 802.1Q, 8.6.3).
bool IsReserved(const base::Mac& mac) {
  static constexpr std::array<uint8_t, 5> kPrefix = {0x01, 0x80, 0xc2, 0x00, 0x00};
  return std::equal(kPrefix.begin(), kPrefix.end(), mac.bytes.begin()) && mac.bytes[5] <= 0x0f;
}

template <typename T>
void MatchAll(T* field) {
  std::memset(static_cast<void*>(field), 0xff, sizeof(T));
}

// One translation under way: the packet's fields are read through it, so that the mask cannot lack
// a bit that a decision used.
class Walk {
 public:
  Walk(const FlowKey& key, Translation* out) : key_(key), out_(out) {}

  void Run(const PortTable& ports, const MacLookup& macs) {
    const BridgePort* in = ports.Find(InPort());
    if (in == nullptr) return Drop(Verdict::kDropUnknownPort);
    if (!key_.Has(OVS_KEY_ATTR_ETHERNET)) return Drop(Verdict::kDropNotEthernet);
    if (IsReserved(Destination())) return Drop(Verdict::kDropReserved);
    const std::optional<uint16_t> vlan = Vlan(*in);
    if (!vlan) return Drop(Verdict::kDropVlan);
    Learn(*in, *vlan);
    if (Destination().is_multicast()) return Flood(ports, *in, *vlan, Verdict::kFlood);
    const std::optional<uint32_t> port_no = macs.FindPort(*vlan, Destination());
    const BridgePort* to = port_no ? ports.Find(*port_no) : nullptr;
    if (to == nullptr || !to->Carries(*vlan))
      return Flood(ports, *in, *vlan, Verdict::kFloodUnknown);
    if (to == in) return Drop(Verdict::kDropSamePort);
    out_->verdict = Verdict::kForward;
    const std::span<const BridgePort> only(to, 1);
    Output(only, *vlan, /*tagged=*/false);
    Output(only, *vlan, /*tagged=*/true);
  }

 private:
  uint32_t InPort() {
    MatchAll(&out_->mask.in_port);
    return key_.in_port;
  }
  const base::Mac& Destination() {
    MatchAll(&out_->mask.eth.dst);
    return key_.eth.dst;
  }
  const base::Mac& Source() {
    MatchAll(&out_->mask.eth.src);
    return key_.eth.src;
  }

  // The VLAN that the packet belongs to, 0 for none; nullopt when the port does not carry it.
  // Whether there is a tag the kernel always matches; which one there is is read here.
  std::optional<uint16_t> Vlan(const BridgePort& in) {
    uint16_t id = 0;
    tagged_ = key_.vlans() > 0;
    if (tagged_) {
      out_->mask.layers[0].tci = Be16::FromHost(kTagPresent | kVlanIdBits);
      id = key_.layers[0].tci.host() & kVlanIdBits;
    }
    if (in.access_vlan) return id == 0 ? in.access_vlan : std::nullopt;
    return in.Carries(id) ? std::optional(id) : std::nullopt;
  }

  void Learn(const BridgePort& in, uint16_t vlan) {
    if (!Source().is_multicast()) out_->learned = Learned{Source(), vlan, in.port_no};
  }

  void Drop(Verdict verdict) { out_->verdict = verdict; }

  void Flood(const PortTable& ports, const BridgePort& in, uint16_t vlan, Verdict verdict) {
    out_->verdict = verdict;
    out_->install = verdict == Verdict::kFlood;
    in_ = &in;
    // First the ports that take the packet as it is, so that it is changed at most once.
    Output(ports.ports(), vlan, tagged_);
    Output(ports.ports(), vlan, !tagged_);
  }

  // Sends to those ports that carry the VLAN and want it tagged, or untagged.
  void Output(std::span<const BridgePort> ports, uint16_t vlan, bool tagged) {
    for (const BridgePort& port : ports) {
      const bool wants_tag = !port.access_vlan && vlan != 0;
      if (&port == in_ || wants_tag != tagged || !port.Carries(vlan)) continue;
      if (tagged && !tagged_) {
        out_->actions.PushVlan(kTpid, static_cast<uint16_t>(kTagPresent | vlan));
      } else if (!tagged && tagged_) {
        out_->actions.PopVlan();
      }
      tagged_ = tagged;
      out_->actions.Output(port.port_no);
    }
  }
  const FlowKey& key_;
  Translation* out_;
  const BridgePort* in_ = nullptr;
  bool tagged_ = false;  // as the packet is now
};

}  // namespace

std::string_view ToString(Verdict verdict) {
  return kVerdictTexts[static_cast<size_t>(verdict)].name;
}

std::string_view Explain(Verdict verdict) {
  return kVerdictTexts[static_cast<size_t>(verdict)].meaning;
}

void Translate(const ovs::FlowKey& key, const PortTable& ports, const MacLookup& macs,
               Translation* out) {
  out->actions.Clear();
  out->mask = {};
  out->install = true;
  out->learned.reset();
  // A packet that some action sent through the datapath again is not one that came in.
  MatchAll(&out->mask.recirc_id);
  // A tag that the mask does not name the kernel matches whole, and a tag that it names must have
  // these.
  for (unsigned level = 0; level < key.vlans(); ++level)
    out->mask.layers[level] = {Be16::FromHost(0xffff), Be16::FromHost(kTagPresent)};
  Walk(key, out).Run(ports, macs);
}

}  // namespace sluice::translate
