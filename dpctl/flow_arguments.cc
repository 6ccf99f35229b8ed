#include "dpctl/flow_arguments.h"

#include "absl/strings/str_cat.h"
#include "dpctl/failure.h"
#include "netlink/attr/json.h"
#include "netlink/base/status.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::dpctl {

absl::StatusOr<FlowArguments> ReadFlowArguments(Session* session, TakesActions takes) {
  const std::vector<std::string>& args = session->args();
  // Which argument is FLOW: the last, or the last but one when ACTIONS follow it.
  size_t flow_at = args.size() - 1;
  const bool actions_follow =
      takes != TakesActions::kNo && args.size() > 1 &&
      (args.size() > 2 || !ovs::HasActionsText(args.back())) &&
      !(takes == TakesActions::kOptional && args.size() == 2 &&
        args[0].find('(') == std::string::npos && args[0].substr(0, 5) != "ufid:");
  if (actions_follow) --flow_at;
  std::optional<std::string_view> dp;
  if (flow_at > 0) dp = args[0];
  FlowArguments result;
  SLUICE_ASSIGN_OR_RETURN(result.datapath, session->DatapathOrOnly(dp));
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  result.ports = std::make_unique<DatapathPorts>(client, result.datapath.ifindex);
  auto flow = ovs::ParseFlowText(args[flow_at], result.ports.get());
  if (!flow.ok()) return Failed("parsing flow", flow.status());
  result.flow = *std::move(flow);
  if (actions_follow) {
    auto actions = ovs::ParseActionsText(args.back(), result.ports.get());
    if (!actions.ok()) return Failed("parsing actions", actions.status());
    result.flow.actions = *std::move(actions);
  } else if (takes == TakesActions::kYes && !result.flow.actions) {
    return UsageError("the actions are missing: give them behind the flow, '' for none");
  }
  return result;
}

Json StatsToJson(const ovs::FlowStats& stats, base::MonotonicMs now) {
  Json json = {{"packets", stats.packets}, {"bytes", stats.bytes}, {"used", nullptr}};
  if (stats.used != 0)
    json["used"] = static_cast<double>(now > stats.used ? now - stats.used : 0) / 1000.0;
  std::string flags;
  ovs::AppendTcpFlags(stats.tcp_flags, &flags);
  json["tcp_flags"] = std::move(flags);
  return json;
}

Json FlowToJson(const ovs::FlowView& flow, const ovs::FlowTextOptions& options) {
  const attr::TextOptions text{.verbose = options.verbose, .ports = options.ports};
  Json json;
  const auto ufid = flow.ufid_value();
  json["ufid"] = ufid ? Json(ovs::ToString(*ufid)) : Json();
  json["key"] =
      attr::SetToJson(ovs::kKeyTable, flow.key,
                      flow.mask ? attr::MaskView::Of(*flow.mask) : attr::MaskView{}, text);
  if (flow.actions) json["actions"] = attr::ListToJson(ovs::kActionTable, *flow.actions, text);
  json["statistics"] = StatsToJson(flow.stats, options.now);
  return json;
}

ovs::FlowView ViewOf(const ovs::Flow& flow, const base::ByteVector& ufid_bytes) {
  ovs::FlowView view;
  view.key = flow.key;
  if (flow.mask) view.mask = *flow.mask;
  if (flow.actions) view.actions = *flow.actions;
  view.ufid = ufid_bytes;
  view.stats = flow.stats;
  return view;
}

void PrintFlow(const ovs::Flow& flow, const DatapathPorts& ports, Session* session) {
  base::ByteVector ufid;
  if (flow.ufid) ufid.assign(flow.ufid->bytes.begin(), flow.ufid->bytes.end());
  const Options& options = session->options();
  const ovs::FlowTextOptions text{.verbose = options.verbosity > 0,
                                  .ports = options.wants_names() ? &ports : nullptr,
                                  .now = base::SystemClock().Now()};
  const ovs::FlowView view = ViewOf(flow, ufid);
  if (options.json) return session->Print(FlowToJson(view, text));
  ovs::AppendFlow(view, text, &session->out().buffer());
  session->out().Write("\n");
}

void PrintStats(const ovs::FlowStats& stats, Session* session) {
  const base::MonotonicMs now = base::SystemClock().Now();
  if (session->options().json) return session->Print({{"statistics", StatsToJson(stats, now)}});
  ovs::AppendFlowStats(stats, now, &session->out().buffer());
  session->out().Write("\n");
}

}  // namespace sluice::dpctl
