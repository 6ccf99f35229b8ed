#include "absl/strings/str_cat.h"
#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "dpctl/port_setup.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

absl::Status Run(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const ovs::Datapath datapath, session->OpenDatapath(session->args()[0]));
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  SLUICE_ASSIGN_OR_RETURN(const std::vector<ovs::Vport> ports, session->ListPorts(datapath));
  DoomedDevices devices = DoomedDevices::Of(ports);
  SLUICE_RETURN_IF_ERROR(Failed(absl::StrCat("deleting datapath \"", datapath.name, "\""),
                                ovs::Datapaths(client).Delete(datapath.ifindex)));
  const absl::Status gone = devices.DeleteAll();
  return gone.ok() ? gone : WithHint(gone, "the datapath was deleted");
}

}  // namespace

constinit const Command kDelDp = {"del-dp",
                                  "DP",
                                  1,
                                  1,
                                  true,
                                  "Deletes a datapath, with its ports and flows. Devices that were "
                                  "its ports stay, but for those\n"
                                  "of type internal and of tunnels.",
                                  "  dpctl del-dp dp0\n",
                                  Run};

}  // namespace sluice::dpctl
