#include <cerrno>

#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "dpctl/flow_arguments.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

absl::Status Run(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const FlowArguments arguments,
                          ReadFlowArguments(session, TakesActions::kNo));
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  const auto gone = ovs::Flows(client).Delete(
      arguments.datapath.ifindex, {.key = arguments.flow.key, .ufid = arguments.flow.ufid});
  if (!gone.ok()) {
    absl::Status status = FailedAndLogged("deleting flow", gone.status());
    if (base::ErrnoOf(gone.status()) == ENOENT && !arguments.flow.ufid)
      return WithHint(status, "Perhaps you need to specify a UFID?");
    return status;
  }
  if (session->options().statistics) PrintStats(gone->stats, session);
  return absl::OkStatus();
}

}  // namespace

constinit const Command kDelFlow = {
    "del-flow",
    "[-s] [DP] FLOW",
    1,
    2,
    true,
    "Removes a flow, named by its fields or by its UFID. A flow that was installed with a UFID is\n"
    "known by that alone. -s prints its last statistics.",
    "  dpctl del-flow dp0 'in_port(1),eth(),eth_type(0x0806),arp()'\n"
    "  dpctl del-flow -s dp0 ufid:1910806e-c447-4f7e-b44c-ee1bb834f1d6\n",
    Run};

}  // namespace sluice::dpctl
