// Arguments `[DP] [FIELD=VALUE]...` of the commands about connections.
//
// Connections belong to a network namespace, not to a datapath: DP is only looked for, so that a
// wrong name is told, and may be left out even where there are several.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "dpctl/session.h"
#include "netlink/conntrack/connection_match.h"
#include "netlink/conntrack/connections.h"
#include "netlink/conntrack/sweep.h"

namespace sluice::dpctl {

// Takes DP off the front of the arguments, if it is there, and opens it. `words` are those that
// are no datapath's name.
absl::StatusOr<std::vector<std::string>> WithoutDatapath(
    Session* session, std::initializer_list<std::string_view> words = {});

absl::StatusOr<conntrack::ConnectionMatch> ReadConnectionMatch(
    const std::vector<std::string>& arguments);

using conntrack::WishFor;

// A socket for netfilter.
absl::StatusOr<socket::Client> OpenNetfilterClient();

}  // namespace sluice::dpctl
