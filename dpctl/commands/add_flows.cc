#include "dpctl/commands/commands.h"
#include "dpctl/flow_file_run.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

absl::Status RunFile(Session* session, FlowVerb verb) {
  const std::vector<std::string>& args = session->args();
  std::optional<std::string_view> name;
  if (args.size() > 1) name = args[0];
  SLUICE_ASSIGN_OR_RETURN(const ovs::Datapath datapath, session->DatapathOrOnly(name));
  return RunFlowFile(session, datapath, args.back(), verb);
}

absl::Status RunAdd(Session* session) { return RunFile(session, FlowVerb::kAdd); }
absl::Status RunModify(Session* session) { return RunFile(session, FlowVerb::kModify); }

}  // namespace

constinit const Command kAddFlows = {
    "add-flows",
    "[--atomic] [DP] FILE|-",
    1,
    2,
    true,
    "Carries out a file of flows, a line each: [add|modify|delete] FLOW [ACTIONS], or a line of\n"
    "dump-flows. Lines without a keyword add. A line that fails is told as FILE:LINE: why, and "
    "the\n"
    "others are carried out; with --atomic, all of the file or nothing of it.",
    "  dpctl add-flows dp0 flows.txt\n"
    "  dpctl dump-flows -m dp0 | dpctl add-flows --atomic dp1 -\n"
    "  printf '%s\\n' 'in_port(1),eth() 2' 'delete in_port(3),eth()' | dpctl add-flows dp0 -\n",
    RunAdd};

constinit const Command kModFlows = {
    "mod-flows",
    "[--clear] [--may-create] [--atomic] [DP] FILE|-",
    1,
    2,
    true,
    "As add-flows, but lines without a keyword change the actions of a flow that is there, or "
    "with\n"
    "--may-create create it. Without ACTIONS they stay, which makes sense with --clear.",
    "  dpctl mod-flows --may-create dp0 flows.txt\n"
    "  dpctl dump-flows dp0 | sed 's/actions:.*/actions:drop/' | dpctl mod-flows --atomic dp0 -\n",
    RunModify};

}  // namespace sluice::dpctl
