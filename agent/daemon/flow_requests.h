// What the local API asks of a bridge's flows: records and findings to messages.
//
// Thread-safe, as the flows are. Nothing here changes them.
#pragma once

#include <memory>
#include <span>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "agent/control/sluice.pb.h"
#include "agent/flowcache/datapath_flows.h"
#include "netlink/socket/client.h"

namespace sluice::daemon {

void FillFlowCache(const flowcache::DatapathFlows& flows, v1::FlowCacheStats* out);
void FillRound(const flowcache::DatapathFlows& flows, const flowcache::RoundReport& round,
               v1::FlowRound* out);

// Each flow, in no order, until `send` returns false: then false too.
bool DumpFlows(flowcache::DatapathFlows* flows, base::MonotonicMs now,
               absl::FunctionRef<bool(const v1::FlowEntry&)> send);
// Adds what was found to the response.
absl::Status VerifyFlows(const v1::VerifyFlowsRequest& request, flowcache::DatapathFlows* flows,
                         socket::Client* client, v1::VerifyFlowsResponse* response);
absl::StatusOr<v1::ExplainFlowResponse> ExplainFlow(
    const std::string& ufid, std::span<const std::shared_ptr<flowcache::DatapathFlows>> all,
    base::MonotonicMs now);

}  // namespace sluice::daemon
