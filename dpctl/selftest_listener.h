// The upcall listener of the selftest dialect: `add-dp -u` and `add-if -u` stay and print a line
// for each upcall, as the kernel's scripts look for them.
#pragma once

#include "absl/status/status.h"
#include "dpctl/session.h"
#include "dpctl/upcall_socket.h"

namespace sluice::dpctl {

// "listening on upcall packet handler: PID", then the lines, each written at once. Until a signal
// comes; whatever is bound to the socket is the caller's.
absl::Status PrintSelftestUpcalls(UpcallSocket* socket, Session* session);

}  // namespace sluice::dpctl
