#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "netlink/base/status.h"
#include "netlink/ovs/flow.h"

namespace sluice::dpctl {
namespace {

absl::Status Run(Session* session) {
  std::optional<std::string_view> name;
  if (!session->args().empty()) name = session->args()[0];
  SLUICE_ASSIGN_OR_RETURN(const ovs::Datapath datapath, session->DatapathOrOnly(name));
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  return Failed("deleting all flows", ovs::Flows(client).Flush(datapath.ifindex));
}

}  // namespace

constinit const Command kDelFlows = {
    "del-flows", "[DP]", 0, 1, true, "Removes all flows of a datapath.", "  dpctl del-flows dp0\n",
    Run};

}  // namespace sluice::dpctl
