// What the local API tells of a bridge's meters.
#pragma once

#include "agent/control/sluice.pb.h"
#include "agent/daemon/bridge_runtime.h"
#include "netlink/ovs/meter.h"

namespace sluice::daemon {

// Appends them, those of rules by their numbers, then those of ports, with statistics that it asks
// the kernel for.
void ReportMeters(const std::string& bridge, int dp_ifindex, const MeterPosting& posting,
                  ovs::Meters* kernel, v1::ListMetersResponse* out);

}  // namespace sluice::daemon
