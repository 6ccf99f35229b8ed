// A datapath and its ports as `show` tells of them: gathered once, printed as text or as JSON.
#pragma once

#include <linux/if_link.h>

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dpctl/port_config.h"
#include "dpctl/session.h"
#include "netlink/ovs/datapath.h"
#include "netlink/ovs/vport.h"

namespace sluice::dpctl {

struct PortReport {
  ovs::Vport port;
  PortConfig config;
  // Of the device; absent when it is in another namespace.
  std::optional<rtnl_link_stats64> link;
};

// A counter, or nullopt where nobody knows it.
using Count = std::optional<uint64_t>;

// What a port received and sent, from the datapath and, where there is one, its device.
struct PortStatistics {
  Count rx_packets, rx_errors, rx_dropped, rx_overruns, rx_frame, rx_bytes;
  Count tx_packets, tx_errors, tx_dropped, tx_aborted, tx_carrier, tx_bytes;
  Count collisions;
  Count upcall_packets, upcall_errors;
};
PortStatistics StatisticsOf(const PortReport& port);

struct DatapathReport {
  ovs::Datapath datapath;
  std::vector<PortReport> ports;  // by number
};

absl::StatusOr<DatapathReport> GatherReport(Session* session, const ovs::Datapath& datapath,
                                            bool statistics);

void AppendReport(const DatapathReport& report, bool statistics, std::string* out);
Json ReportToJson(const DatapathReport& report, bool statistics);

}  // namespace sluice::dpctl
