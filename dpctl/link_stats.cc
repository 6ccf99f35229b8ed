#include "dpctl/link_stats.h"

#include <linux/rtnetlink.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "netlink/attr/wire.h"
#include "netlink/base/status.h"
#include "netlink/socket/client.h"

namespace sluice::dpctl {
namespace {

using Entry = std::pair<int, rtnl_link_stats64>;

absl::StatusOr<Entry> ParseEntry(const socket::Message& message) {
  if (message.payload.size() < sizeof(ifinfomsg))
    return absl::DataLossError("a link message is too short");
  const auto header = base::Load<ifinfomsg>(message.payload.data());
  Entry entry{header.ifi_index, {}};
  const auto stats = attr::Find(message.payload.subspan(sizeof(ifinfomsg)), IFLA_STATS64);
  if (!stats.empty())
    std::memcpy(&entry.second, stats.data(), std::min(stats.size(), sizeof(entry.second)));
  return entry;
}

}  // namespace

absl::StatusOr<LinkStats> ReadLinkStats() {
  SLUICE_ASSIGN_OR_RETURN(socket::Client client, socket::Client::Open(NETLINK_ROUTE));
  socket::Request request(RTM_GETLINK, 0, base::AsBytes(ifinfomsg{}));
  request.set_label("link dump");
  std::vector<Entry> entries;
  SLUICE_RETURN_IF_ERROR(client.DumpInto(request, &entries, ParseEntry).status());
  return LinkStats(entries.begin(), entries.end());
}

}  // namespace sluice::dpctl
