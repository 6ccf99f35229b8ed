// Ports as arguments name them, and what it takes to make and unmake them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "dpctl/session.h"
#include "netlink/ovs/vport.h"

namespace sluice::dpctl {

// `IFACE[,type=T][,port_no=N]`
struct PortArgument {
  std::string name;
  uint32_t type = 0;  // OVS_VPORT_TYPE_*
  std::optional<uint32_t> port_no;
};
// kInvalidArgument names the argument and what is wrong with it.
absl::StatusOr<PortArgument> ParsePortArgument(std::string_view text);
absl::StatusOr<std::vector<PortArgument>> ParsePortArguments(const std::vector<std::string>& args,
                                                             size_t first);

// Adds the ports and brings their devices up. When one cannot be added, those that were are removed
// again.
absl::Status AddPorts(Session* session, const ovs::Datapath& datapath,
                      const std::vector<PortArgument>& ports);

// "system", "internal", .. as ovs-dpctl(8) calls it.
std::string PortTypeName(uint32_t type);

}  // namespace sluice::dpctl
