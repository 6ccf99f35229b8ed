#include "dpctl/explain.h"

#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "dpctl/named_ports.h"
#include "netlink/base/status.h"
#include "netlink/ovs/flow_text.h"

namespace sluice::dpctl {
namespace {

Json ToJson(const std::vector<ExplainedPart>& parts) {
  Json list = Json::array();
  for (const ExplainedPart& part : parts) {
    Json json = {{"text", part.text}, {"about", part.about}};
    json["attribute"] = part.constant.empty() ? Json() : Json(part.constant);
    json["since"] = part.since.empty() ? Json() : Json(part.since);
    json["statements"] = part.statements;
    json["parts"] = ToJson(part.parts);
    list.push_back(std::move(json));
  }
  return list;
}

absl::Status Run(Session* session) {
  const std::vector<std::string>& args = session->args();
  const NamedPorts ports;
  auto flow = ovs::ParseFlowText(args[0], &ports);
  if (!flow.ok()) return Failed("parsing flow", flow.status());
  if (args.size() > 1) {
    auto actions = ovs::ParseActionsText(args[1], &ports);
    if (!actions.ok()) return Failed("parsing actions", actions.status());
    flow->actions = *std::move(actions);
  }
  std::optional<base::ByteView> actions;
  if (flow->actions) actions = *flow->actions;
  const attr::TextOptions text{.verbose = session->options().verbosity > 0, .ports = &ports};
  const Explanation words = Explain(flow->key, attr::MaskView::Of(flow->mask), actions, text);
  if (!session->options().json) {
    session->out().Write(ToText(words));
    return absl::OkStatus();
  }
  Json json = {{"match", ToJson(words.match)}};
  if (words.actions) json["actions"] = ToJson(*words.actions);
  json["since"] = words.since.empty() ? Json() : Json(words.since);
  json["newest"] = words.newest;
  session->Print(json);
  return absl::OkStatus();
}

}  // namespace

constinit const Command kExplain = {
    .name = "explain",
    .arguments = "[-m] FLOW [ACTIONS]",
    .min_args = 1,
    .max_args = 2,
    .changes = false,
    .about =
        "Says in words what a flow matches and does, and which release of Linux that needs. FLOW\n"
        "may be a line of a dump. -m tells fields that are wildcarded, too. No kernel is asked:\n"
        "`features` tells what the running one can do, whatever its release.",
    .examples =
        "  dpctl explain 'in_port(1),eth_type(0x0800),ipv4(dst=10.0.0.0/8)' "
        "'ct(zone=5),recirc(1)'\n"
        "  dpctl explain 'in_port(1),key32(00 04/00 04)'\n"
        "  dpctl explain \"$(dpctl dump-flows | head -n 1)\"\n",
    .run = Run};

}  // namespace sluice::dpctl
