// What the local API asks of the masks of a bridge's flows: how many there are, and how they are
// made.
//
// Pure but for the bridge, which is thread-safe.
#pragma once

#include "absl/status/status.h"
#include "agent/bridge/bridge.h"
#include "agent/control/sluice.pb.h"

namespace sluice::daemon {

v1::Masks MasksOf(const bridge::Bridge& bridge);
// All of it or nothing; kInvalidArgument for a value that cannot be.
absl::Status SetMasks(const v1::SetMasksRequest& request, bridge::Bridge* bridge);

}  // namespace sluice::daemon
