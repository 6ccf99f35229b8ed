#include "agent/pipeline/port_table.h"

#include <algorithm>
#include <cstring>

namespace sluice::pipeline {
namespace {

template <typename T>
void AskFor(T* member) {
  std::memset(static_cast<void*>(member), 0xff, sizeof(T));
}

// How much a tunnel's end says of its packets: more wins.
bool AsksForRemote(const TunnelEnd& end) { return end.remote && !end.from_anybody; }

int WeightOf(const TunnelEnd& end) {
  return (end.in_key ? 4 : 0) + (AsksForRemote(end) ? 2 : 0) + (end.local.IsSet() ? 1 : 0);
}

bool Accepts(const TunnelEnd& end, const Fields& packet) {
  if (end.in_key && *end.in_key != packet.tun_id.host()) return false;
  const TunnelAddress from{packet.tun_src, packet.tun_ipv6_src};
  const TunnelAddress to{packet.tun_dst, packet.tun_ipv6_dst};
  return (!AsksForRemote(end) || *end.remote == from) && (!end.local.IsSet() || end.local == to);
}

void AskFor(const TunnelEnd& end, Fields* asked) {
  if (end.in_key) AskFor(&asked->tun_id);
  if (AsksForRemote(end)) AskFor(&asked->tun_src), AskFor(&asked->tun_ipv6_src);
  if (end.local.IsSet()) AskFor(&asked->tun_dst), AskFor(&asked->tun_ipv6_dst);
}

}  // namespace

bool BridgePort::Carries(uint16_t vlan) const {
  if (access_vlan) return *access_vlan == vlan;
  if (native_vlan == vlan) return true;
  return trunks.empty() || std::find(trunks.begin(), trunks.end(), vlan) != trunks.end();
}

bool BridgePort::RelaysTo(const BridgePort& other) const {
  return !is_peer || !other.is_peer ||
         std::find(relays_to.begin(), relays_to.end(), other.name) != relays_to.end();
}

std::optional<uint16_t> BridgePort::VlanOnWire(uint16_t id) const {
  if (access_vlan) return id == 0 || is_tunnel ? access_vlan : std::nullopt;
  uint16_t vlan = id == 0 ? native_vlan.value_or(0) : id;
  if (id != 0) {
    for (const VlanPair& pair : vlan_map) {
      if (pair.wire == id) {
        vlan = pair.vlan;
        break;
      }
      if (pair.vlan == id) vlan = kMaxVlan + 1;  // it is another one on this wire
    }
  }
  return vlan <= kMaxVlan && Carries(vlan) ? std::optional(vlan) : std::nullopt;
}

uint16_t BridgePort::WireIdOf(uint16_t vlan) const {
  if (access_vlan || (native_vlan == vlan && !native_tagged)) return 0;
  const auto pair = std::find_if(vlan_map.begin(), vlan_map.end(),
                                 [&](const VlanPair& p) { return p.vlan == vlan; });
  return pair == vlan_map.end() ? vlan : pair->wire;
}

PortTable::PortTable(std::vector<BridgePort> ports, SwitchOptions options)
    : options_(std::move(options)), ports_(std::move(ports)) {
  std::stable_sort(ports_.begin(), ports_.end(),
                   [](const BridgePort& a, const BridgePort& b) { return a.port_no < b.port_no; });
  auto last =
      std::unique(ports_.rbegin(), ports_.rend(),
                  [](const BridgePort& a, const BridgePort& b) { return a.port_no == b.port_no; });
  ports_.erase(ports_.begin(), last.base());
  for (size_t i = 0; i < ports_.size(); ++i) {
    index_[ports_[i].port_no] = i;
    numbers_[ports_[i].name] = ports_[i].port_no;
    if (!ports_[i].tunnel) continue;
    Tunnels& tunnels = tunnels_[ports_[i].tunnel->vport];
    tunnels.ports.push_back(i);
    tunnels.device = ports_[i].tunnel->device;
    AskFor(*ports_[i].tunnel, &tunnels.asked);
  }
  for (auto& [vport, tunnels] : tunnels_)
    std::stable_sort(tunnels.ports.begin(), tunnels.ports.end(), [this](size_t a, size_t b) {
      return WeightOf(*ports_[a].tunnel) > WeightOf(*ports_[b].tunnel);
    });
  PlaceMirrors();
}

void PortTable::PlaceMirrors() {
  for (BridgePort& port : ports_) {
    port.mirrors_in = port.mirrors_out = 0;
    port.is_mirror_output = false;
    const auto has = [&](const std::vector<std::string>& names) {
      return std::find(names.begin(), names.end(), port.name) != names.end();
    };
    for (size_t i = 0; i < std::min(options_.mirrors.size(), kMaxMirrors); ++i) {
      const Mirror& mirror = options_.mirrors[i];
      const uint32_t bit = uint32_t{1} << i;
      if (mirror.all_ports || has(mirror.source_ports)) port.mirrors_in |= bit;
      if (mirror.all_ports || has(mirror.destination_ports)) port.mirrors_out |= bit;
      port.is_mirror_output |= !mirror.output_port.empty() && mirror.output_port == port.name;
    }
  }
}

const BridgePort* PortTable::MirrorOutput(const Mirror& mirror) const {
  const std::optional<uint32_t> port_no = NumberOf(mirror.output_port);
  return port_no ? Find(*port_no) : nullptr;
}

bool PortTable::IsMirrorVlan(uint16_t vlan) const {
  return std::any_of(options_.mirrors.begin(), options_.mirrors.end(),
                     [vlan](const Mirror& mirror) { return mirror.output_vlan == vlan; });
}

std::string_view PortTable::NameOf(uint32_t port_no) const {
  const BridgePort* port = Find(port_no);
  if (port != nullptr) return port->name;
  const auto device = tunnels_.find(port_no);
  return device == tunnels_.end() ? std::string_view() : device->second.device;
}

const BridgePort* PortTable::FindTunnel(uint32_t vport, const Fields& packet, Fields* asked) const {
  const auto found = tunnels_.find(vport);
  if (found == tunnels_.end()) return nullptr;
  AddMask(found->second.asked, asked);
  for (const size_t i : found->second.ports)
    if (Accepts(*ports_[i].tunnel, packet)) return &ports_[i];
  return nullptr;
}

std::optional<uint32_t> PortTable::NumberOf(std::string_view name) const {
  const auto found = numbers_.find(absl::string_view(name.data(), name.size()));
  return found == numbers_.end() ? std::nullopt : std::optional(found->second);
}

const BridgePort* PortTable::Find(uint32_t port_no) const {
  auto it = index_.find(port_no);
  return it == index_.end() ? nullptr : &ports_[it->second];
}

}  // namespace sluice::pipeline
