#include "agent/port/port_manager.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "agent/port/port_counters.h"
#include "netlink/base/status.h"

namespace sluice::port {
namespace {

bool IsLocal(const ovs::Vport& vport) { return vport.port_no == OVSP_LOCAL; }

uint32_t TypeOf(const PortSpec& spec) {
  return spec.internal ? OVS_VPORT_TYPE_INTERNAL : OVS_VPORT_TYPE_NETDEV;
}

}  // namespace

pipeline::BridgePort ToBridgePort(const PortSpec& spec, uint32_t port_no) {
  pipeline::BridgePort port = {.port_no = port_no,
                               .name = spec.name,
                               .trunks = spec.trunks,
                               .vlan_map = spec.vlan_map,
                               .priority_tags = spec.priority_tags,
                               .is_protected = spec.is_protected,
                               .is_peer = spec.is_peer,
                               .relays_to = spec.relays_to,
                               .mac_limit = spec.mac_limit};
  switch (spec.vlan_mode) {
    case VlanMode::kTunnel:
      port.is_tunnel = true;
      [[fallthrough]];
    case VlanMode::kAuto:
    case VlanMode::kAccess:
      port.access_vlan = spec.vlan;
      break;
    case VlanMode::kNativeTagged:
      port.native_tagged = true;
      [[fallthrough]];
    case VlanMode::kNativeUntagged:
      port.native_vlan = spec.vlan;
      break;
    case VlanMode::kTrunk:
      break;
  }
  return port;
}

std::string_view ToString(PortState state) {
  constexpr std::string_view kNames[] = {"absent", "adding", "up", "failed", "unmanaged"};
  return kNames[static_cast<size_t>(state)];
}

PortManager::PortManager(std::string bridge, std::vector<PortSpec> wanted, PortKernel* kernel,
                         const LinkTable* links, PortSink* sink, const base::Clock* clock)
    : bridge_(std::move(bridge)), kernel_(kernel), links_(links), sink_(sink), clock_(clock) {
  SetWanted(std::move(wanted));
}

void PortManager::SetWanted(std::vector<PortSpec> wanted) {
  std::vector<Entry> entries;
  std::vector<route::TunnelSpec> devices;
  TakeTunnels(&wanted, &devices);
  for (const route::TunnelSpec& device : devices) wanted.push_back({.name = device.DeviceName()});
  const size_t first_carrier = wanted.size() - devices.size();
  for (size_t i = 0; i < wanted.size(); ++i) {
    PortSpec& spec = wanted[i];
    Entry entry;
    const auto known = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) {
      return e.status.spec.name == spec.name && e.status.spec.internal == spec.internal;
    });
    if (known != entries_.end()) {
      entry = std::move(*known);
      entries_.erase(known);
    }
    dropped_.erase(spec.name);
    entry.status.spec = std::move(spec);
    entry.status.type = ovs::VportTypeName(TypeOf(entry.status.spec));
    entry.carrier.reset();
    entry.fits = false;
    if (i >= first_carrier) entry.carrier = devices[i - first_carrier];
    entries.push_back(std::move(entry));
  }
  for (const Entry& gone : entries_)
    if (gone.status.state == PortState::kUp) dropped_.insert(gone.status.spec.name);
  entries_ = std::move(entries);
}

void PortManager::Reconcile() {
  deadline_.reset();
  const int before = dp_ifindex_;
  if (!EnsureDatapath()) return;
  std::vector<ovs::Vport> vports;
  if (!Observe(&vports)) return;
  if (dp_ifindex_ != before) {
    published_.reset();
    Publish();
    sink_->OnDatapath(dp_ifindex_);
    reassert_ = true;
  }
  if (reassert_) Reassert();
  DropUnwanted(vports);
  CheckCarriers();
  LookAtRoutes();
  FixPids(vports);
  AddMissing();
  Publish();
}

bool PortManager::Observe(std::vector<ovs::Vport>* vports) {
  absl::StatusOr<std::vector<ovs::Vport>> listed = kernel_->ListPorts(dp_ifindex_);
  if (!listed.ok()) {
    CannotAsk(listed.status());
    return false;
  }
  if (!datapath_problem_.empty()) spdlog::info("{}: the datapath is there again", bridge_);
  datapath_problem_.clear();
  *vports = *std::move(listed);
  unmanaged_.clear();
  for (Entry& entry : entries_) {
    const auto vport = std::find_if(vports->begin(), vports->end(), [&](const ovs::Vport& v) {
      return v.name == entry.status.spec.name && !IsLocal(v);
    });
    entry.conflict = vport != vports->end() && vport->type != TypeOf(entry.status.spec);
    if (vport == vports->end()) {
      if (entry.status.state == PortState::kUp) {
        entry.tries = 0;
        SetState(&entry, PortState::kAbsent, "the datapath has it no more");
      }
    } else if (entry.conflict) {
      SetState(&entry, PortState::kFailed,
               absl::StrCat("the datapath has a port of that name, of type ",
                            ovs::VportTypeName(vport->type)));
    } else {
      entry.status.port_no = vport->port_no;
      SetState(&entry, PortState::kUp, "");
    }
  }
  return true;
}

bool PortManager::MayRelease(const ovs::Vport& vport) const {
  if (dropped_.contains(vport.name)) return true;
  return adopting_ && vport.type == OVS_VPORT_TYPE_NETDEV;
}

void PortManager::DropUnwanted(const std::vector<ovs::Vport>& vports) {
  for (const ovs::Vport& vport : vports) {
    if (Wants(vport.name) || IsLocal(vport)) continue;
    if (MayRelease(vport)) {
      const absl::Status status = kernel_->DeletePort(dp_ifindex_, vport.port_no);
      if (status.ok() || base::ErrnoOf(status) == ENODEV) {
        RemoveCarrier(vport.name);
        spdlog::info("{}: removed port {} ({}), which the configuration does not name", bridge_,
                     vport.name, vport.port_no);
        continue;
      }
      spdlog::warn("{}: cannot remove port {}: {}", bridge_, vport.name,
                   base::FromAbsl(status.message()));
      WakeAt(clock_->Now() + kDatapathRetryMs);
    }
    PortStatus status;
    status.spec = {.name = vport.name, .internal = vport.type == OVS_VPORT_TYPE_INTERNAL};
    status.state = PortState::kUnmanaged;
    status.reason = "not in the configuration";
    status.port_no = vport.port_no;
    status.type = ovs::VportTypeName(vport.type);
    if (warned_.insert(vport.name).second) {
      Count().unmanaged.Add();
      spdlog::warn(
          "{}: the datapath has port {} ({}), which the configuration does not name: no "
          "packets are forwarded to it",
          bridge_, vport.name, status.type);
    }
    unmanaged_.push_back(std::move(status));
  }
  std::erase_if(warned_, [&](const std::string& name) {
    return std::none_of(unmanaged_.begin(), unmanaged_.end(),
                        [&](const PortStatus& port) { return port.spec.name == name; });
  });
  std::erase_if(dropped_, [&](const std::string& name) { return !warned_.contains(name); });
  adopting_ = false;
}

void PortManager::FixPids(const std::vector<ovs::Vport>& vports) {
  for (const ovs::Vport& vport : vports) {
    const bool ours =
        IsLocal(vport) || std::any_of(entries_.begin(), entries_.end(), [&](const Entry& entry) {
          return entry.status.spec.name == vport.name && entry.status.state == PortState::kUp;
        });
    if (!ours) continue;
    const std::vector<uint32_t> pids = kernel_->PidsOf(dp_ifindex_, vport.port_no);
    if (vport.upcall_pids == pids) continue;
    const absl::Status status = kernel_->SetUpcallPids(dp_ifindex_, vport.port_no, pids);
    if (status.ok() || base::ErrnoOf(status) == ENODEV) continue;  // gone: an event will tell
    spdlog::warn("{}: cannot have the upcalls of port {}: {}", bridge_, vport.name,
                 base::FromAbsl(status.message()));
    WakeAt(clock_->Now() + kDatapathRetryMs);
  }
}

bool PortManager::Wants(std::string_view name) const {
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const Entry& entry) { return entry.status.spec.name == name; });
}

void PortManager::ReleaseDropped() {
  std::vector<ovs::Vport> vports;
  if (!dropped_.empty() && dp_ifindex_ != 0 && Observe(&vports)) DropUnwanted(vports);
}

void PortManager::SetState(Entry* entry, PortState state, std::string reason) {
  PortStatus& status = entry->status;
  if (state == PortState::kUp) {
    entry->tries = 0;
    entry->retry_at.reset();
    entry->device.reset();
  }
  if (status.state != state || status.reason != reason) {
    if (state == PortState::kUp) {
      spdlog::info("{}: port {} is up as number {}", bridge_, status.spec.name, status.port_no);
    } else if (state == PortState::kFailed) {
      Count().failures.Add();
      spdlog::warn("{}: port {} failed: {}", bridge_, status.spec.name, reason);
    } else if (status.state == PortState::kUp) {
      spdlog::info("{}: port {} is gone", bridge_, status.spec.name);
    }
  }
  status.state = state;
  status.reason = std::move(reason);
}

void PortManager::WakeAt(base::MonotonicMs when) {
  deadline_ = std::min(deadline_.value_or(when), when);
}

bool PortManager::HasLink(std::string_view name) const {
  const route::Link* link = links_->Find(name);
  return link == nullptr || (link->up && link->running);  // not heard of yet: it may have one
}

void PortManager::Publish() {
  std::vector<pipeline::BridgePort> ports;
  ports.push_back(ToBridgePort({.name = bridge_}, OVSP_LOCAL));
  for (const Entry& entry : entries_)
    if (entry.status.state == PortState::kUp && !entry.carrier)
      ports.push_back(ToBridgePort(entry.status.spec, entry.status.port_no));
  for (pipeline::BridgePort& port : ports) port.up = HasLink(port.name);
  AppendTunnels(&ports);
  if (published_ == ports) return;
  published_ = ports;
  sink_->OnPorts(std::move(ports));
}

std::vector<PortStatus> PortManager::Status() const {
  std::vector<PortStatus> out;
  for (const Entry& entry : entries_) {
    if (entry.carrier) continue;
    out.push_back(entry.status);
    out.back().has_link = HasLink(entry.status.spec.name);
  }
  for (const Tunnel& tunnel : tunnels_) out.push_back(StatusOf(tunnel));
  out.insert(out.end(), unmanaged_.begin(), unmanaged_.end());
  return out;
}

}  // namespace sluice::port
