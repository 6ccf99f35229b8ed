// What the local API tells of a bridge's mirrors.
//
// Pure but for the bridge, which is thread-safe.
#pragma once

#include "agent/bridge/bridge.h"
#include "agent/control/sluice.pb.h"

namespace sluice::daemon {

// Appends them in the order of the configuration.
void AddMirrors(const bridge::Bridge& bridge, v1::ListMirrorsResponse* out);

}  // namespace sluice::daemon
