// What the local API asks of a bridge's MAC table.
//
// Pure but for the bridge, which is thread-safe.
#pragma once

#include "absl/status/statusor.h"
#include "agent/bridge/bridge.h"
#include "agent/control/sluice.pb.h"

namespace sluice::daemon {

// Appends the bridge's addresses, by VLAN and address, and what became of others.
void AddMacs(const bridge::Bridge& bridge, base::MonotonicMs now, uint64_t limit,
             v1::ListMacsResponse* out);
// All of it or nothing.
absl::StatusOr<v1::ChangeMacsResponse> ChangeMacs(const v1::ChangeMacsRequest& request,
                                                  bridge::Bridge* bridge);

}  // namespace sluice::daemon
