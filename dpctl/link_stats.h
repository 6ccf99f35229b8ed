// Counters of network devices, by route netlink; no privilege is needed.
#pragma once

#include <linux/if_link.h>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"

namespace sluice::dpctl {

using LinkStats = absl::flat_hash_map<int, rtnl_link_stats64>;  // by interface index

// Of all devices in this network namespace. Counters that an older kernel lacks are zero.
absl::StatusOr<LinkStats> ReadLinkStats();

}  // namespace sluice::dpctl
