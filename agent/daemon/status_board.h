// What the local API tells: the main loop posts what it knows, the API's threads read it.
//
// It takes the changes of rules that the API asks for to their bridge. Thread-safe. Numbers that
// change all the time are asked for when they are wanted: those of the kernel with a socket of the
// board's own, by GET requests alone.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "agent/bridge/bridge.h"
#include "agent/control/server.h"
#include "agent/daemon/bridge_runtime.h"
#include "agent/daemon/conntrack_requests.h"
#include "agent/flowcache/datapath_flows.h"
#include "agent/flowcache/revalidator.h"
#include "agent/port/conntrack_keeper.h"
#include "agent/port/port_manager.h"
#include "agent/upcall/dispatch.h"
#include "agent/upcall/handler_pool.h"
#include "netlink/socket/client.h"

namespace sluice::daemon {

struct BridgePosting {
  std::string name;
  int dp_ifindex = 0;
  std::string problem;
  std::string rules_problem;
  uint32_t mac_limit = 0;
  uint32_t flow_limit = 0;
  std::vector<port::PortStatus> ports;
  MeterPosting meters;
  std::shared_ptr<bridge::Bridge> bridge;
  std::shared_ptr<flowcache::DatapathFlows> flows;
};

// Who takes changes of the desired state. Thread-safe.
class DesiredStateKeeper {
 public:
  virtual ~DesiredStateKeeper() = default;
  virtual absl::StatusOr<v1::ApplyResponse> Apply(const v1::ApplyRequest& request) = 0;
  virtual absl::StatusOr<v1::ApplyResponse> Edit(const v1::EditRequest& request) = 0;
  virtual absl::StatusOr<v1::GetConfigResponse> GetConfig() = 0;
};

class StatusBoard final : public control::Source {
 public:
  // The pointers outlive it.
  StatusBoard(const upcall::HandlerPool* handlers, flowcache::Revalidator* revalidator,
              upcall::DispatchMode mode, socket::Client client, DesiredStateKeeper* keeper,
              const base::Clock* clock);

  void Post(std::vector<BridgePosting> bridges, port::ConntrackStatus conntrack);

  v1::GetHealthResponse Health() override;
  v1::GetStatusResponse Status() override;
  absl::StatusOr<v1::ListMacsResponse> Macs(const std::string& bridge) override;
  absl::StatusOr<v1::ChangeMacsResponse> ChangeMacs(const v1::ChangeMacsRequest& request) override;
  absl::StatusOr<v1::ListMirrorsResponse> Mirrors(const std::string& bridge) override;
  absl::StatusOr<v1::ListMetersResponse> Meters(const std::string& bridge) override;
  absl::Status DumpConnections(const v1::DumpConnectionsRequest& request,
                               absl::FunctionRef<bool(const v1::Connection&)> send) override {
    return daemon::DumpConnections(request, send);
  }
  absl::StatusOr<v1::FlushConnectionsResponse> FlushConnections(
      const v1::FlushConnectionsRequest& request) override {
    return daemon::FlushConnections(request);
  }
  absl::StatusOr<v1::GetConnectionStatsResponse> ConnectionStats(
      const v1::GetConnectionStatsRequest& request) override {
    return daemon::CountConnections(request);
  }
  absl::StatusOr<v1::ListConnectionLimitsResponse> ConnectionLimits() override;
  absl::StatusOr<v1::GetMasksResponse> Masks(const std::string& bridge) override;
  absl::StatusOr<v1::SetMasksResponse> SetMasks(const v1::SetMasksRequest& request) override;
  absl::StatusOr<v1::ChangeRulesResponse> ChangeRules(
      const v1::ChangeRulesRequest& request) override;
  absl::StatusOr<v1::DumpRulesResponse> DumpRules(const v1::DumpRulesRequest& request) override;
  absl::StatusOr<v1::DiffRulesResponse> DiffRules(const v1::DiffRulesRequest& request) override;
  absl::StatusOr<v1::ApplyResponse> Apply(const v1::ApplyRequest& request) override {
    return keeper_->Apply(request);
  }
  absl::StatusOr<v1::ApplyResponse> Edit(const v1::EditRequest& request) override {
    return keeper_->Edit(request);
  }
  absl::StatusOr<v1::GetConfigResponse> GetConfig() override { return keeper_->GetConfig(); }
  absl::StatusOr<v1::TraceResponse> Trace(const v1::TraceRequest& request) override;
  absl::Status WatchPacketIns(const v1::WatchPacketInsRequest& request,
                              control::PacketInStream* stream) override;
  v1::GetUpcallsResponse Upcalls() override;
  absl::Status DumpFlows(const v1::DumpFlowsRequest& request,
                         absl::FunctionRef<bool(const v1::FlowEntry&)> send) override;
  absl::StatusOr<v1::VerifyFlowsResponse> VerifyFlows(
      const v1::VerifyFlowsRequest& request) override;
  absl::StatusOr<v1::RevalidateFlowsResponse> RevalidateFlows(
      const v1::RevalidateFlowsRequest& request) override;
  absl::StatusOr<v1::PurgeFlowsResponse> PurgeFlows(const v1::PurgeFlowsRequest& request) override;
  absl::StatusOr<v1::ExplainFlowResponse> ExplainFlow(
      const v1::ExplainFlowRequest& request) override;

 private:
  std::shared_ptr<const std::vector<BridgePosting>> bridges() const;
  port::ConntrackStatus conntrack() const;
  absl::StatusOr<std::shared_ptr<bridge::Bridge>> Find(const std::string& name) const;
  // Visits the bridge of that name, or all of them for an empty one; kNotFound when there is none.
  absl::Status ForEachOf(const std::string& bridge,
                         absl::FunctionRef<void(const BridgePosting&)> visit) const;
  absl::Status WaitForRevalidation();
  void FillCounted(v1::GetStatusResponse* out);
  // The bridge of that name, or all of those with a datapath.
  absl::StatusOr<std::vector<std::shared_ptr<flowcache::DatapathFlows>>> FlowsOf(
      const std::string& bridge) const;
  void FillDatapath(int dp_ifindex, v1::Bridge* out);

  const upcall::HandlerPool* const handlers_;
  flowcache::Revalidator* const revalidator_;
  const upcall::DispatchMode mode_;
  DesiredStateKeeper* const keeper_;
  const base::Clock* const clock_;
  const base::MonotonicMs started_;

  mutable absl::Mutex mutex_;
  std::shared_ptr<const std::vector<BridgePosting>> bridges_ ABSL_GUARDED_BY(mutex_);
  port::ConntrackStatus conntrack_ ABSL_GUARDED_BY(mutex_);
  absl::Mutex client_mutex_;
  socket::Client client_ ABSL_GUARDED_BY(client_mutex_);
};

}  // namespace sluice::daemon
