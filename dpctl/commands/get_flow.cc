#include "absl/strings/str_cat.h"
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
  const auto flow = ovs::Flows(client).Get(
      arguments.datapath.ifindex, {.key = arguments.flow.key, .ufid = arguments.flow.ufid});
  if (!flow.ok()) {
    const absl::Status status = Failed("getting flow", flow.status());
    return arguments.flow.ufid
               ? WithHint(status, absl::StrCat("there is no flow with the UFID ",
                                               ovs::ToString(*arguments.flow.ufid), " in ",
                                               FullName(arguments.datapath)))
               : status;
  }
  if (session->options().wants_names())
    SLUICE_RETURN_IF_ERROR(Failed("listing ports", arguments.ports->Load()));
  PrintFlow(*flow, *arguments.ports, session);
  return absl::OkStatus();
}

}  // namespace

constinit const Command kGetFlow = {
    "get-flow",
    "[-m] [--names] [DP] ufid:UUID|FLOW",
    1,
    2,
    false,
    "Prints one flow, named by its UFID or by its fields.",
    "  dpctl get-flow ufid:1910806e-c447-4f7e-b44c-ee1bb834f1d6\n"
    "  dpctl --json get-flow dp0 'in_port(1),eth(),eth_type(0x0806),arp()'\n",
    Run};

}  // namespace sluice::dpctl
