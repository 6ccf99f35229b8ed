#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "netlink/attr/json.h"
#include "netlink/base/status.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/flow_text.h"

namespace sluice::dpctl {
namespace {

absl::Status Run(Session* session) {
  const auto actions = ovs::ParseActionsText(session->args()[0], nullptr);
  if (!actions.ok()) return Failed("parsing actions", actions.status());
  if (session->options().json) {
    session->Print({{"actions", attr::ListToJson(ovs::kActionTable, *actions, {})}});
    return absl::OkStatus();
  }
  attr::AppendList(ovs::kActionTable, *actions, {}, &session->out().buffer());
  session->out().Write("\n");
  return absl::OkStatus();
}

}  // namespace

constinit const Command kParseActions = {
    "parse-actions",
    "ACTIONS",
    1,
    1,
    false,
    "Checks the text of actions, and prints it as dump-flows would. No kernel is asked.",
    "  dpctl parse-actions 'push_vlan(vid=5,pcp=0),2'\n",
    Run};

}  // namespace sluice::dpctl
