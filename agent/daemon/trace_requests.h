// What the local API asks of a trace: text to a packet and to what is assumed, and the answer.
//
// Pure but for the bridge, which is thread-safe, and which it only looks at.
#pragma once

#include "absl/status/statusor.h"
#include "agent/bridge/bridge.h"
#include "agent/control/sluice.pb.h"

namespace sluice::daemon {

// kInvalidArgument for a packet, or something assumed of it, that cannot be.
absl::StatusOr<v1::TraceResponse> Trace(const v1::TraceRequest& request,
                                        const bridge::Bridge& bridge);

}  // namespace sluice::daemon
