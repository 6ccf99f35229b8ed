// What the local API tells of connections, and how it ends them.
//
// Each request has sockets of its own. Thread-safe.
#pragma once

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "agent/control/sluice.pb.h"
#include "agent/port/conntrack_keeper.h"
#include "netlink/socket/client.h"

namespace sluice::daemon {

// Ends early when `send` returns false.
absl::Status DumpConnections(const v1::DumpConnectionsRequest& request,
                             absl::FunctionRef<bool(const v1::Connection&)> send);
absl::StatusOr<v1::FlushConnectionsResponse> FlushConnections(
    const v1::FlushConnectionsRequest& request);
absl::StatusOr<v1::GetConnectionStatsResponse> CountConnections(
    const v1::GetConnectionStatsRequest& request);

// What is configured, and what the kernel has beside.
absl::StatusOr<v1::ListConnectionLimitsResponse> ReportLimits(const port::ConntrackStatus& status,
                                                              socket::Client* client);

}  // namespace sluice::daemon
