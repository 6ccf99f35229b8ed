// dump-conntrack --events: tells of connections as they begin, change and end, until a signal comes
// or enough has been told. After an overrun it reads the table, and tells what it missed.
#pragma once

#include "absl/status/status.h"
#include "dpctl/session.h"
#include "netlink/conntrack/connection_match.h"

namespace sluice::dpctl {

absl::Status FollowConnections(Session* session, const conntrack::ConnectionMatch& match);

}  // namespace sluice::dpctl
