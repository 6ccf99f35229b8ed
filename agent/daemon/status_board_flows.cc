// The part of StatusBoard that asks of flows.
#include <random>

#include "absl/strings/str_cat.h"
#include "agent/daemon/flow_requests.h"
#include "agent/daemon/status_board.h"
#include "netlink/base/status.h"

namespace sluice::daemon {
namespace {

using flowcache::DatapathFlows;

constexpr absl::Duration kPatience = absl::Seconds(30);

}  // namespace

absl::StatusOr<std::vector<std::shared_ptr<DatapathFlows>>> StatusBoard::FlowsOf(
    const std::string& bridge) const {
  std::vector<std::shared_ptr<DatapathFlows>> found;
  for (const BridgePosting& posting : *bridges()) {
    if (!bridge.empty() && posting.name != bridge) continue;
    if (posting.flows != nullptr) {
      found.push_back(posting.flows);
    } else if (!bridge.empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat("bridge \"", bridge, "\" has no datapath: ", posting.problem));
    }
  }
  if (found.empty() && !bridge.empty())
    return absl::NotFoundError(absl::StrCat("there is no bridge \"", bridge, "\""));
  return found;
}

absl::Status StatusBoard::DumpFlows(const v1::DumpFlowsRequest& request,
                                    absl::FunctionRef<bool(const v1::FlowEntry&)> send) {
  SLUICE_ASSIGN_OR_RETURN(const auto all, FlowsOf(request.bridge()));
  for (const std::shared_ptr<DatapathFlows>& flows : all)
    if (!daemon::DumpFlows(flows.get(), clock_->Now(), send)) break;
  return absl::OkStatus();
}

absl::StatusOr<v1::VerifyFlowsResponse> StatusBoard::VerifyFlows(
    const v1::VerifyFlowsRequest& request) {
  SLUICE_ASSIGN_OR_RETURN(const auto all, FlowsOf(request.bridge()));
  // A socket of its own: this may take a while.
  SLUICE_ASSIGN_OR_RETURN(socket::Client client, socket::Client::Open(NETLINK_GENERIC));
  v1::VerifyFlowsRequest seeded = request;
  if (seeded.seed() == 0) seeded.set_seed(std::random_device()());
  v1::VerifyFlowsResponse response;
  response.set_seed(seeded.seed());
  for (const std::shared_ptr<DatapathFlows>& flows : all)
    SLUICE_RETURN_IF_ERROR(daemon::VerifyFlows(seeded, flows.get(), &client, &response));
  return response;
}

absl::StatusOr<v1::RevalidateFlowsResponse> StatusBoard::RevalidateFlows(
    const v1::RevalidateFlowsRequest& request) {
  SLUICE_ASSIGN_OR_RETURN(const auto all, FlowsOf(request.bridge()));
  v1::RevalidateFlowsResponse response;
  for (const std::shared_ptr<DatapathFlows>& flows : all) {
    SLUICE_ASSIGN_OR_RETURN(const flowcache::RoundReport round,
                            revalidator_->Revalidate(flows->dp_ifindex, kPatience));
    FillRound(*flows, round, response.add_rounds());
  }
  return response;
}

absl::StatusOr<v1::PurgeFlowsResponse> StatusBoard::PurgeFlows(
    const v1::PurgeFlowsRequest& request) {
  SLUICE_ASSIGN_OR_RETURN(const auto all, FlowsOf(request.bridge()));
  v1::PurgeFlowsResponse response;
  for (const std::shared_ptr<DatapathFlows>& flows : all) {
    SLUICE_ASSIGN_OR_RETURN(const flowcache::RoundReport round,
                            revalidator_->Purge(flows->dp_ifindex, kPatience));
    FillRound(*flows, round, response.add_rounds());
  }
  return response;
}

absl::StatusOr<v1::ExplainFlowResponse> StatusBoard::ExplainFlow(
    const v1::ExplainFlowRequest& request) {
  SLUICE_ASSIGN_OR_RETURN(const auto all, FlowsOf(""));
  return daemon::ExplainFlow(request.ufid(), all, clock_->Now());
}

}  // namespace sluice::daemon
