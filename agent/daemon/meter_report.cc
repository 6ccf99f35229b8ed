#include "agent/daemon/meter_report.h"

#include "netlink/ovs/meter_text.h"

namespace sluice::daemon {
namespace {

// What the kernel tells, if it has the meter still.
void FillStats(int dp_ifindex, uint32_t id, ovs::Meters* kernel, v1::Meter* out) {
  const absl::StatusOr<ovs::Meter> meter = kernel->Get(dp_ifindex, id);
  if (!meter.ok()) {
    out->set_problem(std::string(meter.status().message()));
    return;
  }
  out->set_packets(meter->stats.n_packets);
  out->set_bytes(meter->stats.n_bytes);
  for (const ovs_flow_stats& band : meter->bands) {
    out->set_dropped_packets(out->dropped_packets() + band.n_packets);
    out->set_dropped_bytes(out->dropped_bytes() + band.n_bytes);
  }
}

}  // namespace

void ReportMeters(const std::string& bridge, int dp_ifindex, const MeterPosting& posting,
                  ovs::Meters* kernel, v1::ListMetersResponse* out) {
  for (const port::MeterStatus& status : posting.meters) {
    v1::Meter* meter = out->add_meters();
    meter->set_bridge(bridge);
    meter->set_port(status.key.port);
    if (status.key.port.empty()) {
      meter->set_number(status.key.number);
    } else {
      meter->set_storm(std::string(pipeline::kStormNames[status.key.number]));
    }
    ovs::MeterConfig config = status.spec;
    config.id = status.key.port.empty() ? status.key.number : 0;
    std::string text = ovs::ToText(config);
    // A port's has no number.
    meter->set_config(config.id != 0 ? text : text.substr(text.find(' ') + 1));
    meter->set_problem(status.problem);
    if (!status.id) continue;
    meter->set_kernel_id(*status.id);
    FillStats(dp_ifindex, *status.id, kernel, meter);
  }
  v1::MeterPool* pool = out->add_pools();
  pool->set_bridge(bridge);
  pool->set_problem(posting.problem);
  pool->set_max_meters(posting.max_meters);
  pool->set_max_bands(posting.max_bands);
  for (const uint32_t id : posting.foreign) pool->add_foreign_ids(id);
}

}  // namespace sluice::daemon
