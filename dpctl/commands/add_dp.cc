#include "absl/strings/str_cat.h"
#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "dpctl/port_setup.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

absl::Status Run(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const std::string name, DatapathName(session->args()[0]));
  SLUICE_ASSIGN_OR_RETURN(const std::vector<PortPlan> plans, PlanPorts(session->args(), 1));
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  ovs::Datapaths datapaths(client);
  const auto datapath = datapaths.Create({.name = name});
  if (!datapath.ok())
    return Failed(absl::StrCat("adding datapath \"", name, "\""), datapath.status());
  absl::Status status = AddPorts(session, *datapath, plans).status();
  if (status.ok()) return status;
  const absl::Status undone = datapaths.Delete(datapath->ifindex);
  return undone.ok() ? status : WithHint(status, "the datapath was added and is still there");
}

}  // namespace

constinit const Command kAddDp = {
    "add-dp",
    "DP [IFACE[,type=T][,port_no=N][,KEY=VALUE]]...",
    1,
    kAnyNumber,
    true,
    "Creates a datapath, and adds interfaces to it as add-if does. When one cannot be added, the\n"
    "datapath is not made either.",
    "  dpctl add-dp dp0\n"
    "  dpctl add-dp dp0 veth0 veth1,port_no=7 int0,type=internal\n",
    Run};

}  // namespace sluice::dpctl
