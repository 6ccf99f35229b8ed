#include "dpctl/commands/commands.h"
#include "dpctl/port_argument.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

absl::Status Run(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const std::vector<PortArgument> ports,
                          ParsePortArguments(session->args(), 1));
  SLUICE_ASSIGN_OR_RETURN(const ovs::Datapath datapath, session->OpenDatapath(session->args()[0]));
  return AddPorts(session, datapath, ports);
}

}  // namespace

constinit const Command kAddIf = {
    "add-if",
    "DP IFACE[,type=T][,port_no=N]...",
    2,
    kAnyNumber,
    true,
    "Adds interfaces to a datapath and brings them up. T is `system` for a network device that is\n"
    "there (the default), or `internal` for one that is made. The kernel chooses the port's "
    "number\n"
    "unless port_no= does. When one of several cannot be added, none is.",
    "  dpctl add-if dp0 veth0 veth1,port_no=7\n"
    "  dpctl add-if dp0 int0,type=internal\n",
    Run};

}  // namespace sluice::dpctl
