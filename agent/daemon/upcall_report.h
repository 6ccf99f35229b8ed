// What the local API tells of upcalls: of each handler, and of each port.
#pragma once

#include <span>

#include "agent/control/server.h"
#include "agent/daemon/status_board.h"
#include "agent/upcall/handler_pool.h"
#include "netlink/socket/client.h"

namespace sluice::daemon {

void FillHandler(const upcall::HandlerStats& stats, v1::Handler* out);

// What was lost of all ports, and which are cut off: for the status.
void FillLosses(const upcall::HandlerPool& handlers, std::span<const BridgePosting> bridges,
                base::MonotonicMs now, v1::GetStatusResponse* out);

// Asks the kernel for what it counts of ports, by GET requests alone.
v1::GetUpcallsResponse ReportUpcalls(const upcall::HandlerPool& handlers,
                                     std::span<const BridgePosting> bridges, base::MonotonicMs now,
                                     socket::Client* client);

}  // namespace sluice::daemon
