#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "dpctl/flow_arguments.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

absl::Status Run(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const FlowArguments arguments,
                          ReadFlowArguments(session, TakesActions::kYes));
  if (arguments.flow.key.empty())
    return UsageError("the flow has no fields: a UFID alone does not say what it matches");
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  const absl::Status put =
      ovs::Flows(client).Put(arguments.datapath.ifindex, {.key = arguments.flow.key,
                                                          .mask = arguments.flow.mask,
                                                          .actions = *arguments.flow.actions,
                                                          .ufid = arguments.flow.ufid});
  return FailedAndLogged("updating flow table", put);
}

}  // namespace

constinit const Command kAddFlow = {
    "add-flow",
    "[DP] FLOW ACTIONS",
    1,
    3,
    true,
    "Installs a flow. It must not be there yet. Fields that FLOW does not name match anything; an\n"
    "empty ACTIONS drops. FLOW may be a line of dump-flows, with its statistics and actions: then\n"
    "ACTIONS may be left out. Without a UFID the kernel knows the flow by its key.",
    "  dpctl add-flow 'in_port(1),eth(),eth_type(0x0806),arp()' 2\n"
    "  dpctl add-flow dp0 'in_port(veth0),eth(),eth_type(0x0800),ipv4(dst=10.0.0.0/8)' veth1\n"
    "  dpctl add-flow dp0 'in_port(1),eth(),eth_type(0x86dd),ipv6()' ''\n",
    Run};

}  // namespace sluice::dpctl
