#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "dpctl/flow_arguments.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

absl::Status Run(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const FlowArguments arguments,
                          ReadFlowArguments(session, TakesActions::kOptional));
  const ovs::FlowText& flow = arguments.flow;
  if (flow.key.empty())
    return UsageError("the flow has no fields: the kernel wants them beside the UFID");
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  ovs::FlowSpec spec{.key = flow.key,
                     .mask = flow.mask,
                     .ufid = flow.ufid,
                     .clear_stats = session->options().clear};
  if (flow.actions) spec.actions = *flow.actions;
  const auto before =
      ovs::Flows(client).Modify(arguments.datapath.ifindex, spec, session->options().may_create);
  if (!before.ok()) return FailedAndLogged("updating flow table", before.status());
  if (session->options().statistics) PrintStats(before->value_or(ovs::FlowStats()), session);
  return absl::OkStatus();
}

}  // namespace

constinit const Command kModFlow = {
    "mod-flow",
    "[--clear] [--may-create] [-s] [DP] FLOW [ACTIONS]",
    1,
    3,
    true,
    "Changes the actions of a flow that is there, or with --may-create creates it. Without "
    "ACTIONS\n"
    "they stay, which makes sense with --clear. -s prints what its statistics were.",
    "  dpctl mod-flow dp0 'in_port(1),eth(),eth_type(0x0806),arp()' 3\n"
    "  dpctl mod-flow --clear -s dp0 'in_port(1),eth(),eth_type(0x0806),arp()'\n",
    Run};

}  // namespace sluice::dpctl
