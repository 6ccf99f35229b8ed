#include "agent/daemon/upcall_report.h"

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "netlink/ovs/vport.h"

namespace sluice::daemon {
namespace {

struct PortName {
  std::string bridge, port;
};

PortName NameOf(const upcall::PortId& id, std::span<const BridgePosting> bridges) {
  for (const BridgePosting& bridge : bridges) {
    if (bridge.dp_ifindex != id.dp_ifindex) continue;
    if (id.port_no == OVSP_LOCAL) return {bridge.name, bridge.name};
    for (const port::PortStatus& port : bridge.ports)
      if (port.device.empty() ? port.port_no == id.port_no : port.device_no == id.port_no)
        return {bridge.name, port.device.empty() ? port.spec.name : port.device};
    return {bridge.name, ""};
  }
  return {};
}

// Upcalls that the kernel could not queue, by port; Linux 6.2 counts them.
std::map<upcall::PortId, uint64_t> LostByKernel(std::span<const BridgePosting> bridges,
                                                socket::Client* client) {
  std::map<upcall::PortId, uint64_t> lost;
  for (const BridgePosting& bridge : bridges) {
    if (bridge.dp_ifindex == 0) continue;
    const auto vports = ovs::Vports(client).List(bridge.dp_ifindex);
    if (!vports.ok()) continue;  // it is going; the main loop is about to notice
    for (const ovs::Vport& vport : *vports)
      if (vport.upcalls) lost[{bridge.dp_ifindex, vport.port_no}] = vport.upcalls->fail;
  }
  return lost;
}

void FillPort(const upcall::PortAccount::Reading& reading, v1::UpcallPort* out) {
  out->set_received(reading.received);
  out->set_served(reading.served);
  out->set_delayed(reading.delayed);
  out->set_not_installed(reading.not_installed);
  out->set_over_budget(reading.over_budget);
  out->set_cut_off(reading.cut_off);
  out->set_cut_offs(reading.cut_offs);
  for (size_t i = 0; i < upcall::kLosses; ++i) {
    v1::UpcallLoss* loss = out->add_lost();
    loss->set_reason(std::string(upcall::ToString(static_cast<upcall::Loss>(i))));
    loss->set_upcalls(reading.lost[i]);
  }
}

}  // namespace

void FillHandler(const upcall::HandlerStats& stats, v1::Handler* out) {
  out->set_upcalls(stats.upcalls);
  out->set_batches(stats.batches);
  out->set_overruns(stats.overruns);
  out->set_malformed(stats.malformed);
  out->set_truncated(stats.truncated);
  out->set_queued(stats.queued);
  out->set_queued_most(stats.queued_most);
  out->set_ports_waiting(stats.ports);
}

void FillLosses(const upcall::HandlerPool& handlers, std::span<const BridgePosting> bridges,
                base::MonotonicMs now, v1::GetStatusResponse* out) {
  uint64_t lost = 0;
  for (const std::shared_ptr<upcall::PortAccount>& account : handlers.ledger().List()) {
    const upcall::PortAccount::Reading reading = account->Read(now);
    for (const uint64_t n : reading.lost) lost += n;
    if (!reading.cut_off) continue;
    const PortName name = NameOf(account->id(), bridges);
    out->add_cut_off(absl::StrCat(name.bridge, "/", name.port));
  }
  out->set_upcalls_lost(lost);
}

v1::GetUpcallsResponse ReportUpcalls(const upcall::HandlerPool& handlers,
                                     std::span<const BridgePosting> bridges, base::MonotonicMs now,
                                     socket::Client* client) {
  v1::GetUpcallsResponse out;
  const upcall::PortLedger& ledger = handlers.ledger();
  out.set_port_rate(ledger.budget().rate);
  out.set_port_burst(ledger.budget().burst);
  out.set_port_queue(static_cast<uint32_t>(handlers.queue_options().port_limit));
  for (const upcall::HandlerStats& stats : handlers.stats()) FillHandler(stats, out.add_handlers());
  const std::map<upcall::PortId, uint64_t> lost = LostByKernel(bridges, client);
  for (const std::shared_ptr<upcall::PortAccount>& account : ledger.List()) {
    v1::UpcallPort* port = out.add_ports();
    const PortName name = NameOf(account->id(), bridges);
    port->set_bridge(name.bridge);
    port->set_port(name.port);
    port->set_number(account->id().port_no);
    FillPort(account->Read(now), port);
    if (const auto it = lost.find(account->id()); it != lost.end())
      port->set_lost_by_kernel(it->second);
  }
  return out;
}

}  // namespace sluice::daemon
