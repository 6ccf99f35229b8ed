// Mirrors: copies of what comes in by a port, as it came, and of what leaves by one, as it leaves.
#include <algorithm>

#include "agent/translate/walk.h"

namespace sluice::translate {

using pipeline::BridgePort;
using pipeline::Mirror;
using pipeline::Needs;

// `mirrors` are those that select what passes `port`, where the packet is now; `max_length` of it.
void Walk::TakeMirrors(const BridgePort& port, uint32_t mirrors, uint32_t max_length) {
  mirrors &= ~mirrored_;
  if (mirrors == 0 || mirroring_ || !HoldsNow(Needs::kEthernet)) return;
  mirroring_ = true;
  const std::optional<uint16_t> vlan = VlanOf(port);
  const std::vector<Mirror>& all = view_->ports.options().mirrors;
  for (size_t i = 0; i < all.size() && going(); ++i) {
    const Mirror& mirror = all[i];
    const uint32_t bit = uint32_t{1} << i;
    if ((mirrors & bit) == 0) continue;
    const bool in_vlans =
        vlan && std::binary_search(mirror.vlans.begin(), mirror.vlans.end(), *vlan);
    if (!mirror.vlans.empty() && !in_vlans) continue;
    const Takers takers = TakersOf(mirror, port, vlan);
    if (takers.empty()) continue;
    if (view_->observer != nullptr) Note("mirror " + mirror.name + " takes a copy");
    const bool again = WasSentAlready(mirror);
    mirrored_ |= bit;
    if (mirror.stats != nullptr) out_->credits.push_back(mirror.stats);
    if (again) {
      Note("that is where the copy of another one went");
      continue;
    }
    const uint32_t cut = mirror.snaplen;
    SendTo(takers, port,
           cut == 0 || max_length == 0 ? std::max(cut, max_length) : std::min(cut, max_length));
  }
  mirroring_ = false;
}

// The ports that get the mirror's copy. In a VLAN also the one where the packet passes: it is
// another VLAN there.
Walk::Takers Walk::TakersOf(const Mirror& mirror, const BridgePort& port,
                            std::optional<uint16_t> vlan) {
  Takers takers;
  if (!mirror.output_vlan) {
    const BridgePort* output = view_->ports.MirrorOutput(mirror);
    if (output == nullptr || !output->up) return takers;
    takers.push_back({output, vlan ? TagFor(port, *output, *vlan, OwnsTag(port)) : TagAsIs(port)});
    return takers;
  }
  if (vlan == mirror.output_vlan) return takers;
  if (IsLinkLocal(now_.state.ReadMember(&Fields::eth_dst))) return takers;
  for (const BridgePort& other : view_->ports.ports())
    if (other.up && !other.is_mirror_output && other.Carries(*mirror.output_vlan))
      takers.push_back({&other, TagFor(port, other, *mirror.output_vlan, OwnsTag(port))});
  return takers;
}

// Two mirrors may lead to one place: it gets one copy of a packet.
bool Walk::WasSentAlready(const Mirror& mirror) const {
  const std::vector<Mirror>& all = view_->ports.options().mirrors;
  for (size_t i = 0; i < all.size(); ++i)
    if ((mirrored_ >> i & 1) != 0 && all[i].output_port == mirror.output_port &&
        all[i].output_vlan == mirror.output_vlan)
      return true;
  return false;
}

}  // namespace sluice::translate
