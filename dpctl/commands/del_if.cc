#include <linux/openvswitch.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "dpctl/port_setup.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

// The port that an argument names: all digits are a number.
absl::StatusOr<ovs::Vport> FindPort(const std::vector<ovs::Vport>& ports,
                                    const ovs::Datapath& datapath, const std::string& argument) {
  uint32_t number = 0;
  const bool is_number = argument.find_first_not_of("0123456789") == std::string::npos &&
                         absl::SimpleAtoi(argument, &number);
  const auto found = std::find_if(ports.begin(), ports.end(), [&](const ovs::Vport& port) {
    return is_number ? port.port_no == number : port.name == argument;
  });
  if (found == ports.end())
    return absl::NotFoundError(absl::StrCat("no port ", is_number ? "number " : "named ", argument,
                                            " in ", FullName(datapath)));
  if (found->port_no == OVSP_LOCAL)
    return UsageError(absl::StrCat(argument, ": the local port goes with its datapath: del-dp"));
  return *found;
}

absl::Status Run(Session* session) {
  const std::vector<std::string>& args = session->args();
  SLUICE_ASSIGN_OR_RETURN(const ovs::Datapath datapath, session->OpenDatapath(args[0]));
  SLUICE_ASSIGN_OR_RETURN(const std::vector<ovs::Vport> ports, session->ListPorts(datapath));
  std::vector<ovs::Vport> doomed;
  for (size_t i = 1; i < args.size(); ++i) {
    SLUICE_ASSIGN_OR_RETURN(ovs::Vport port, FindPort(ports, datapath, args[i]));
    doomed.push_back(std::move(port));
  }
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  DoomedDevices devices = DoomedDevices::Of(doomed);
  std::string deleted;
  for (const ovs::Vport& port : doomed) {
    const absl::Status gone = ovs::Vports(client).Delete(datapath.ifindex, port.port_no);
    if (!gone.ok()) {
      const absl::Status status =
          Failed(absl::StrCat("deleting port ", port.name, " from ", datapath.name), gone);
      return deleted.empty() ? status : WithHint(status, absl::StrCat("deleted were:", deleted));
    }
    absl::StrAppend(&deleted, " ", port.name);
    if (const absl::Status status = devices.Delete(port); !status.ok())
      return WithHint(status, absl::StrCat("deleted were, as ports:", deleted));
  }
  return absl::OkStatus();
}

}  // namespace

constinit const Command kDelIf = {
    "del-if",
    "DP IFACE|PORTNO...",
    2,
    kAnyNumber,
    true,
    "Takes ports out of a datapath. An argument of digits is a port's number. When one of several\n"
    "is not there, none is taken. The device of a tunnel port goes with it when it has a name "
    "that\n"
    "only ports have, such as vxlan_sys_4789; other devices stay.",
    "  dpctl del-if dp0 veth0 7\n",
    Run};

}  // namespace sluice::dpctl
