// Arguments `[DP] FLOW [ACTIONS]` of the commands that deal with one flow, and flows as JSON.
#pragma once

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "dpctl/port_names.h"
#include "dpctl/session.h"
#include "netlink/ovs/flow_text.h"

namespace sluice::dpctl {

struct FlowArguments {
  ovs::Datapath datapath;
  std::unique_ptr<DatapathPorts> ports;
  ovs::FlowText flow;  // with the actions of ACTIONS, where the command takes them
};

enum class TakesActions {
  kNo,
  kOptional,
  kYes,  // as an argument of their own, or within FLOW as a line of a dump has them
};
// Names of ports are read in FLOW and ACTIONS.
absl::StatusOr<FlowArguments> ReadFlowArguments(Session* session, TakesActions takes);

// One flow as an object: ufid, key, actions, statistics. `now` is of the monotonic clock.
Json FlowToJson(const ovs::FlowView& flow, const ovs::FlowTextOptions& options);
// {"packets":1,"bytes":60,"used":0.5,"tcp_flags":"S"}; used is in seconds, null for never.
Json StatsToJson(const ovs::FlowStats& stats, base::MonotonicMs now);

ovs::FlowView ViewOf(const ovs::Flow& flow, const base::ByteVector& ufid_bytes);
// One flow as a line, or as JSON.
void PrintFlow(const ovs::Flow& flow, const DatapathPorts& ports, Session* session);
void PrintStats(const ovs::FlowStats& stats, Session* session);

}  // namespace sluice::dpctl
