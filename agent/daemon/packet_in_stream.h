// Packets that rules send to user space, as the local API streams them to one listener.
//
// Thread-safe; a call takes its thread until the listener has gone.
#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "agent/bridge/bridge.h"
#include "agent/control/server.h"
#include "agent/control/sluice.pb.h"

namespace sluice::daemon {

// Sends until the stream ends, or `there` says that the bridge is gone, which is kNotFound. `ready`
// waits until the datapath's flows send packets up.
absl::Status StreamPacketIns(const v1::WatchPacketInsRequest& request, bridge::Bridge* bridge,
                             absl::FunctionRef<absl::Status()> ready,
                             absl::FunctionRef<bool()> there, control::PacketInStream* stream);

// One of them in the words of the API; `max_bytes` of the packet, 0 for all.
v1::PacketIn ToMessage(const bridge::PacketIn& packet, const pipeline::PortTable& ports,
                       size_t max_bytes);

}  // namespace sluice::daemon
