#include "absl/strings/str_cat.h"
#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

absl::Status Run(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const ovs::Datapath datapath, session->OpenDatapath(session->args()[0]));
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  return Failed(absl::StrCat("deleting datapath \"", datapath.name, "\""),
                ovs::Datapaths(client).Delete(datapath.ifindex));
}

}  // namespace

constinit const Command kDelDp = {"del-dp",
                                  "DP",
                                  1,
                                  1,
                                  true,
                                  "Deletes a datapath, with its ports and flows. Devices that were "
                                  "its ports stay, but for those\n"
                                  "of type internal.",
                                  "  dpctl del-dp dp0\n",
                                  Run};

}  // namespace sluice::dpctl
