// The part of PortManager that knows of tunnels: which devices carry them, and what becomes of
// their ports.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/port/port_counters.h"
#include "agent/port/port_manager.h"
#include "netlink/base/status.h"

namespace sluice::port {
namespace {

// The lowest number that no port of `taken` has.
template <typename Tunnels>
uint32_t FreeNumber(const Tunnels& taken) {
  uint32_t number = pipeline::kFirstTunnelPort;
  while (
      std::any_of(taken.begin(), taken.end(), [&](const auto& t) { return t.port_no == number; }))
    ++number;
  return number;
}

}  // namespace

void PortManager::TakeTunnels(std::vector<PortSpec>* wanted,
                              std::vector<route::TunnelSpec>* devices) {
  const std::vector<Tunnel> before = std::exchange(tunnels_, {});
  routes_changed_ = true;
  for (const PortSpec& spec : *wanted) {
    if (!spec.tunnel) continue;
    const route::TunnelSpec device = DeviceOf(*spec.tunnel);
    const std::string name = device.DeviceName();
    if (std::none_of(devices->begin(), devices->end(),
                     [&](const route::TunnelSpec& other) { return other.DeviceName() == name; }))
      devices->push_back(device);
    const auto known = std::find_if(before.begin(), before.end(),
                                    [&](const Tunnel& t) { return t.spec.name == spec.name; });
    const uint32_t number = known == before.end() ? 0 : known->port_no;
    tunnels_.push_back({.spec = spec, .port_no = number, .device = name});
  }
  std::erase_if(*wanted, [](const PortSpec& spec) { return spec.tunnel.has_value(); });
  // Numbers of those that stay are theirs, whatever comes before them now.
  for (Tunnel& tunnel : tunnels_)
    if (tunnel.port_no == 0) tunnel.port_no = FreeNumber(tunnels_);
}

const PortManager::Entry* PortManager::CarrierOf(const Tunnel& tunnel) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
    return entry.carrier && entry.status.spec.name == tunnel.device;
  });
  return found == entries_.end() ? nullptr : &*found;
}

PortStatus PortManager::StatusOf(const Tunnel& tunnel) const {
  PortStatus status{.spec = tunnel.spec,
                    .port_no = tunnel.port_no,
                    .type = std::string(route::InfoOf(tunnel.spec.tunnel->kind).name),
                    .device = tunnel.device};
  const Entry* carrier = CarrierOf(tunnel);
  if (carrier == nullptr) return status;
  status.state = carrier->status.state;
  status.reason = carrier->status.reason;
  status.device_no = carrier->status.port_no;
  status.has_link = HasLink(tunnel.device);
  status.inner_mtu = tunnel.inner_mtu;
  if (status.state == PortState::kUp && !tunnel.no_route.empty()) {
    status.has_link = false;
    status.reason = tunnel.no_route;
    return status;
  }
  if (status.state != PortState::kUp) return status;
  if (const auto silent = silent_.find(tunnel.spec.name); silent != silent_.end()) {
    status.has_link = false;
    status.is_silent = true;
    status.reason = silent->second;
  }
  // No more than a reason: the kernel asks again with the next packet.
  if (tunnel.next_hop.failed)
    absl::StrAppend(&status.reason, status.reason.empty() ? "" : ": ", NeighbourText(tunnel));
  return status;
}

std::string PortManager::NeighbourText(const Tunnel& tunnel) const {
  const route::Neighbour& hop = tunnel.next_hop;
  const route::Link* link = links_->Find(hop.ifindex);
  const std::string address =
      hop.v4 != base::Ipv4() ? base::ToString(hop.v4) : base::ToString(hop.v6);
  return absl::StrCat("neighbour ", address, link == nullptr ? "" : " on ",
                      link == nullptr ? "" : link->name, " does not answer");
}

bool PortManager::OnNeighbour(const route::Neighbour& neighbour) {
  bool changed = false;
  for (Tunnel& tunnel : tunnels_) {
    route::Neighbour& hop = tunnel.next_hop;
    if (hop.ifindex == 0 || hop.ifindex != neighbour.ifindex || hop.v4 != neighbour.v4 ||
        hop.v6 != neighbour.v6 || hop.failed == neighbour.failed)
      continue;
    hop.failed = neighbour.failed;
    changed = true;
    if (hop.failed) {
      Count().neighbours_lost.Add();
      spdlog::warn("{}: port {}: {}", bridge_, tunnel.spec.name, NeighbourText(tunnel));
    } else {
      spdlog::info("{}: port {}: its neighbour answers again", bridge_, tunnel.spec.name);
    }
  }
  return changed;
}

void PortManager::AppendTunnels(std::vector<pipeline::BridgePort>* ports) const {
  for (const Tunnel& tunnel : tunnels_) {
    const PortStatus status = StatusOf(tunnel);
    if (status.state != PortState::kUp) continue;
    pipeline::BridgePort port = ToBridgePort(tunnel.spec, tunnel.port_no);
    port.up = status.has_link;
    port.is_silent = status.is_silent;
    port.tunnel = tunnel.spec.tunnel->end;
    port.tunnel->vport = status.device_no;
    port.tunnel->device = tunnel.device;
    ports->push_back(std::move(port));
  }
}

void PortManager::LookAtRoutes() {
  if (!std::exchange(routes_changed_, false)) return;
  for (Tunnel& tunnel : tunnels_)
    if (tunnel.spec.tunnel->end.remote) LookAtRoute(&tunnel);
}

void PortManager::LookAtRoute(Tunnel* tunnel) {
  constexpr uint32_t kEthernet = 14;
  const TunnelConfig& config = *tunnel->spec.tunnel;
  const pipeline::TunnelAddress& to = *config.end.remote;
  const pipeline::TunnelAddress& from = config.end.local;
  const absl::StatusOr<route::Route> route =
      kernel_->RouteTo({.v4_dst = to.v4, .v4_src = from.v4, .v6_dst = to.v6, .v6_src = from.v6});
  const std::string before = std::exchange(tunnel->no_route, "");
  const route::Neighbour hop = std::exchange(tunnel->next_hop, route::Neighbour());
  tunnel->inner_mtu = 0;
  if (!route.ok()) {
    const int error = base::ErrnoOf(route.status());
    const bool none = error == ENETUNREACH || error == EHOSTUNREACH || error == EACCES ||
                      error == EINVAL || error == ENETDOWN;
    if (!none) return;  // it cannot be told: the kernel will see
    tunnel->no_route = absl::StrCat("no route to ", RemoteText(config));
    const bool fixed = from.IsSet() && error == EINVAL;
    if (fixed) absl::StrAppend(&tunnel->no_route, " from ", LocalText(config));
    if (before.empty()) {
      Count().routes_lost.Add();
      spdlog::warn("{}: port {} is down: {}", bridge_, tunnel->spec.name, tunnel->no_route);
    }
    return;
  }
  if (!before.empty()) spdlog::info("{}: port {} has a route again", bridge_, tunnel->spec.name);
  const bool direct = route->v4_gateway == base::Ipv4() && route->v6_gateway == base::Ipv6();
  tunnel->next_hop = {.ifindex = route->ifindex,
                      .v4 = direct ? to.v4 : route->v4_gateway,
                      .v6 = direct ? to.v6 : route->v6_gateway,
                      .failed = hop.failed};
  // Of another one nothing is known yet.
  if (tunnel->next_hop != hop) tunnel->next_hop.failed = false;
  const route::Link* link = links_->Find(route->ifindex);
  const uint32_t mtu = route->mtu != 0 || link == nullptr ? route->mtu : link->mtu;
  const uint32_t overhead = OverheadOf(config) + kEthernet;
  if (mtu > overhead) tunnel->inner_mtu = mtu - overhead;
  uint32_t largest = 0;
  for (const Entry& entry : entries_) {
    const route::Link* member = entry.carrier ? nullptr : links_->Find(entry.status.spec.name);
    if (member != nullptr) largest = std::max(largest, member->mtu);
  }
  const bool too_large = tunnel->inner_mtu != 0 && largest > tunnel->inner_mtu;
  if (too_large && !tunnel->told_mtu)
    spdlog::warn("{}: port {} takes packets of {} bytes, and other ports send up to {}", bridge_,
                 tunnel->spec.name, tunnel->inner_mtu, largest);
  tunnel->told_mtu = too_large;
}

bool PortManager::MakeCarrier(Entry* entry) {
  const absl::StatusOr<route::TunnelMade> made = kernel_->EnsureTunnel(*entry->carrier);
  if (!made.ok()) {
    Refused(entry, made.status());
    return false;
  }
  if (made->made) {
    Count().tunnels_made.Add();
    spdlog::info("{}: made device {} for tunnels", bridge_, entry->status.spec.name);
  }
  return true;
}

// One that was there already, or whose settings a reload changed.
void PortManager::CheckCarriers() {
  for (Entry& entry : entries_) {
    if (!entry.carrier || entry.status.state != PortState::kUp || entry.fits) continue;
    const absl::StatusOr<route::TunnelMade> there = kernel_->EnsureTunnel(*entry.carrier);
    if (there.ok()) {
      entry.fits = true;
      continue;
    }
    if (!absl::IsAlreadyExists(there.status())) {
      spdlog::warn("{}: cannot look at device {}: {}", bridge_, entry.status.spec.name,
                   base::FromAbsl(there.status().message()));
      WakeAt(clock_->Now() + kDatapathRetryMs);
      continue;
    }
    spdlog::info("{}: making device {} anew: {}", bridge_, entry.status.spec.name,
                 base::FromAbsl(there.status().message()));
    (void)kernel_->DeletePort(dp_ifindex_, entry.status.port_no);  // goes with the device else
    RemoveCarrier(entry.status.spec.name);
    SetState(&entry, PortState::kAbsent, "its device is being made anew");
  }
}

// A device that this program, or one like it, made for tunnels.
void PortManager::RemoveCarrier(const std::string& device) {
  if (route::TunnelKindOfDevice(device) == nullptr) return;
  const absl::Status status = kernel_->RemoveTunnel(device);
  if (status.ok()) {
    Count().tunnels_removed.Add();
    return;
  }
  spdlog::warn("{}: cannot remove device {}, which carries no tunnel any more: {}", bridge_, device,
               base::FromAbsl(status.message()));
}

}  // namespace sluice::port
