#include "agent/daemon/fdb_requests.h"

#include <algorithm>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "netlink/base/status.h"

namespace sluice::daemon {
namespace {

using bridge::MacEntry;

void FillTable(const bridge::Bridge& bridge, uint64_t limit, v1::MacTable* out) {
  const bridge::MacStats stats = bridge.macs().stats();
  out->set_bridge(bridge.name());
  out->set_entries(stats.entries);
  out->set_statics(stats.statics);
  out->set_limit(limit);
  out->set_learned(stats.learned);
  out->set_moved(stats.moved);
  out->set_evicted(stats.evicted);
  out->set_expired(stats.expired);
  out->set_elsewhere(stats.elsewhere);
}

absl::StatusOr<base::Mac> MacOf(const v1::ChangeMacsRequest& request) {
  const std::optional<base::Mac> mac = base::ParseMac(request.mac());
  if (mac && !mac->is_multicast() && !mac->is_zero()) return *mac;
  return absl::InvalidArgumentError(
      absl::StrCat("\"", request.mac(), "\" is no host's address, such as 0a:1b:2c:3d:4e:5f"));
}

absl::StatusOr<uint64_t> Flush(const v1::ChangeMacsRequest& request, bridge::Bridge* bridge) {
  std::optional<uint32_t> port_no;
  if (!request.port().empty()) {
    port_no = bridge->ports()->NumberOf(request.port());
    if (!port_no)
      return absl::NotFoundError(
          absl::StrCat(bridge->name(), " has no port \"", request.port(), "\""));
  }
  return bridge->FlushMacs([&](const MacEntry& entry) {
    return (request.statics() || !entry.is_static) && (!port_no || entry.port_no == *port_no) &&
           (!request.has_vlan() || entry.vlan == request.vlan());
  });
}

}  // namespace

void AddMacs(const bridge::Bridge& bridge, base::MonotonicMs now, uint64_t limit,
             v1::ListMacsResponse* out) {
  std::vector<MacEntry> entries = bridge.macs().List();
  std::sort(entries.begin(), entries.end(), [](const MacEntry& a, const MacEntry& b) {
    return std::tie(a.vlan, a.mac) < std::tie(b.vlan, b.mac);
  });
  const std::shared_ptr<const pipeline::PortTable> ports = bridge.ports();
  for (const MacEntry& entry : entries) {
    v1::Mac* mac = out->add_macs();
    mac->set_bridge(bridge.name());
    mac->set_mac(base::ToString(entry.mac));
    mac->set_vlan(entry.vlan);
    mac->set_port_number(entry.port_no);
    const pipeline::BridgePort* port = ports->Find(entry.port_no);
    if (port != nullptr) mac->set_port(port->name);
    mac->set_age_ms(now > entry.seen ? now - entry.seen : 0);
    mac->set_is_static(entry.is_static);
  }
  FillTable(bridge, limit, out->add_tables());
}

absl::StatusOr<v1::ChangeMacsResponse> ChangeMacs(const v1::ChangeMacsRequest& request,
                                                  bridge::Bridge* bridge) {
  if (request.vlan() > pipeline::kMaxVlan)
    return absl::InvalidArgumentError(absl::StrCat("a VLAN is a number from 0 to ",
                                                   pipeline::kMaxVlan, ", not ", request.vlan()));
  v1::ChangeMacsResponse response;
  response.set_changed(1);
  const auto vlan = static_cast<uint16_t>(request.vlan());
  switch (request.command()) {
    case v1::ChangeMacsRequest::ADD: {
      SLUICE_ASSIGN_OR_RETURN(const base::Mac mac, MacOf(request));
      SLUICE_RETURN_IF_ERROR(bridge->AddStaticMac({mac, vlan, request.port()}));
      return response;
    }
    case v1::ChangeMacsRequest::DELETE: {
      SLUICE_ASSIGN_OR_RETURN(const base::Mac mac, MacOf(request));
      SLUICE_RETURN_IF_ERROR(bridge->RemoveMac(vlan, mac));
      return response;
    }
    case v1::ChangeMacsRequest::FLUSH: {
      SLUICE_ASSIGN_OR_RETURN(const uint64_t flushed, Flush(request, bridge));
      response.set_changed(flushed);
      return response;
    }
    default:
      return absl::InvalidArgumentError("this version of sluiced does not know the command");
  }
}

}  // namespace sluice::daemon
