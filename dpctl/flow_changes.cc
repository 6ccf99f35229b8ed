#include "dpctl/flow_changes.h"

#include <linux/openvswitch.h>

#include <algorithm>
#include <cerrno>

#include "dpctl/failure.h"
#include "netlink/base/status.h"
#include "netlink/ovs/family_request.h"

namespace sluice::dpctl {
namespace {

// How many flows are asked for, or brought back, at a time.
constexpr size_t kStep = 1024;

const char* What(FlowVerb verb) {
  return verb == FlowVerb::kDelete ? "deleting flow" : "updating flow table";
}

ovs::FlowId IdOf(const ovs::FlowText& flow) { return {.key = flow.key, .ufid = flow.ufid}; }

ovs::FlowSpec SpecOf(const ovs::Flow& flow) {
  ovs::FlowSpec spec{.key = flow.key, .ufid = flow.ufid};
  if (flow.mask) spec.mask = *flow.mask;
  if (flow.actions) spec.actions = *flow.actions;
  return spec;
}

void EncodeGet(const socket::Family& family, int dp_ifindex, const ovs::FlowText& flow,
               socket::Request* request) {
  ovs::ResetOvsRequest(family, OVS_FLOW_CMD_GET, 0, dp_ifindex, "flow get", request);
  if (flow.ufid) request->attributes().Put(OVS_FLOW_ATTR_UFID, flow.ufid->bytes);
  if (!flow.key.empty()) request->attributes().Put(OVS_FLOW_ATTR_KEY, flow.key);
  request->set_read_only(true);
}

}  // namespace

absl::Status FlowChanges::Add(size_t line, const FlowLine& flow) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, ovs::Resolve(client_, OVS_FLOW_FAMILY));
  if (flow.verb == FlowVerb::kDelete) {
    ovs::EncodeFlowDelete(*family, dp_ifindex_, IdOf(flow.flow), /*echo=*/false, &request_);
  } else {
    ovs::FlowSpec spec{.key = flow.flow.key, .mask = flow.flow.mask, .ufid = flow.flow.ufid};
    if (flow.flow.actions) spec.actions = *flow.flow.actions;
    if (flow.verb == FlowVerb::kAdd) {
      ovs::EncodeFlowPut(*family, dp_ifindex_, spec, &request_);
    } else {
      spec.clear_stats = options_.clear_stats;
      ovs::EncodeFlowModify(*family, dp_ifindex_, spec, options_.may_create, &request_);
    }
  }
  if (!batch_.Add(request_)) return UsageError("the flow is too large for a netlink request");
  items_.push_back({line, flow.verb});
  return absl::OkStatus();
}

absl::Status FlowChanges::Run(Report report) {
  if (batch_.empty()) return absl::OkStatus();
  const absl::Status sent = client_->Run(&batch_, socket::BatchMode::kErrorsOnly);
  for (size_t i = 0; i < batch_.size(); ++i) {
    if (batch_.error(i) == socket::Batch::kNotSent) continue;
    report(items_[i].line, items_[i].verb,
           FailedAndLogged(What(items_[i].verb), client_->StatusOf(batch_, i)));
  }
  batch_.Clear();
  items_.clear();
  // Lost answers were told of with their lines.
  return base::ErrnoOf(sent) == ENOBUFS ? absl::OkStatus() : sent;
}

absl::StatusOr<FlowSnapshot> FlowSnapshot::Take(socket::Client* client, int dp_ifindex,
                                                const std::vector<FlowLine>& lines,
                                                std::optional<size_t>* refused) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, ovs::Resolve(client, OVS_FLOW_FAMILY));
  FlowSnapshot snapshot(client, dp_ifindex);
  snapshot.before_.resize(lines.size());
  socket::Request request;
  socket::Batch batch;
  for (size_t begin = 0; begin < lines.size(); begin += kStep) {
    const size_t end = std::min(begin + kStep, lines.size());
    batch.Clear();
    for (size_t i = begin; i < end; ++i) {
      EncodeGet(*family, dp_ifindex, lines[i].flow, &request);
      if (!batch.Add(request)) return UsageError("a flow is too large for a netlink request");
    }
    absl::Status malformed;
    SLUICE_RETURN_IF_ERROR(client->Run(&batch, socket::BatchMode::kErrorsOnly,
                                       [&](size_t index, const socket::Message& message) {
                                         const auto flow = ovs::ParseFlow(message);
                                         malformed.Update(flow.status());
                                         if (flow.ok())
                                           snapshot.before_[begin + index].emplace(*flow);
                                       }));
    SLUICE_RETURN_IF_ERROR(malformed);
    for (size_t i = begin; i < end; ++i) {
      // What cannot be looked up cannot be brought back, unless it is only to be added.
      const int error = batch.error(i - begin);
      if (error == 0 || error == ENOENT || lines[i].verb == FlowVerb::kAdd) continue;
      *refused = i;
      return client->StatusOf(batch, i - begin);
    }
  }
  return snapshot;
}

absl::StatusOr<size_t> FlowSnapshot::Delete(const std::vector<FlowLine>& lines,
                                            const std::vector<bool>& done) {
  size_t failed = 0;
  FlowChanges changes(client_, dp_ifindex_, {});
  const auto count = [&failed](size_t, FlowVerb, const absl::Status& status) {
    if (!status.ok() && base::ErrnoOf(status) != ENOENT) ++failed;
  };
  for (size_t i = 0; i < lines.size(); ++i) {
    // What is there under the name of a flow that was added, or was not there before, is the
    // file's.
    const bool added = lines[i].verb == FlowVerb::kAdd || !before_[i];
    if (!done[i] || !added || lines[i].verb == FlowVerb::kDelete) continue;
    FlowLine undo{.verb = FlowVerb::kDelete, .flow = lines[i].flow};
    SLUICE_RETURN_IF_ERROR(changes.Add(i, undo));
    if (changes.full()) SLUICE_RETURN_IF_ERROR(changes.Run(count));
  }
  SLUICE_RETURN_IF_ERROR(changes.Run(count));
  return failed;
}

absl::StatusOr<size_t> FlowSnapshot::Restore(const std::vector<FlowLine>& lines,
                                             const std::vector<bool>& done) {
  SLUICE_ASSIGN_OR_RETURN(size_t failed, Delete(lines, done));
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, ovs::Resolve(client_, OVS_FLOW_FAMILY));
  socket::Request request;
  socket::Batch batch;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (done[i] && before_[i]) {
      // Creates it, or gives it its actions back: twice does no harm.
      ovs::EncodeFlowModify(*family, dp_ifindex_, SpecOf(*before_[i]), /*may_create=*/true,
                            &request);
      if (!batch.Add(request)) ++failed;
    }
    if (batch.size() < kStep && i + 1 < lines.size()) continue;
    if (!batch.empty())
      SLUICE_RETURN_IF_ERROR(client_->Run(&batch, socket::BatchMode::kErrorsOnly));
    failed += batch.failed();
    batch.Clear();
  }
  return failed;
}

}  // namespace sluice::dpctl
