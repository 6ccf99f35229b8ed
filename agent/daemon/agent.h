// The whole of sluiced below its command line: starts things in order, and keeps them so.
//
// Start() leaves the kernel as it was when something cannot be had. Run() is the main loop: signals
// (SIGTERM and SIGINT end it, SIGHUP reloads), events of links, ports and datapaths, timers. The
// threads beside it are the handlers', the revalidator's and the local API's. The signals must be
// blocked before any thread exists: BlockSignals().
//
// Destroying it stops the threads and leaves datapaths, ports and flows to the kernel, which
// forwards on.
//
//   BlockSignals();
//   SLUICE_ASSIGN_OR_RETURN(auto agent, Agent::Start(config, {.config_file = path}));
//   SLUICE_RETURN_IF_ERROR(agent->Run());
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "agent/control/server.h"
#include "agent/daemon/bridge_runtime.h"
#include "agent/daemon/config.h"
#include "agent/daemon/desired_state.h"
#include "agent/daemon/event_loop.h"
#include "agent/daemon/heartbeats.h"
#include "agent/daemon/overload.h"
#include "agent/daemon/service_manager.h"
#include "agent/daemon/status_board.h"
#include "agent/flowcache/revalidator.h"
#include "agent/port/conntrack_keeper.h"
#include "agent/port/link_table.h"
#include "agent/port/port_kernel.h"
#include "agent/port/rate_limit.h"
#include "agent/upcall/dispatch.h"
#include "agent/upcall/handler_pool.h"
#include "netlink/base/clock.h"
#include "netlink/route/link_events.h"
#include "netlink/socket/event_socket.h"

namespace sluice::daemon {

struct AgentOptions {
  std::string config_file;      // read again on SIGHUP
  bool keep_log_level = false;  // the command line gave one: the file's does not count
};

// SIGTERM, SIGINT and SIGHUP go to the main loop, for this thread and those that it will make.
void BlockSignals();

class Agent final : public DesiredStateKeeper {
 public:
  // Errors are one line for the operator, and say what to do.
  static absl::StatusOr<std::unique_ptr<Agent>> Start(const DesiredState& desired,
                                                      const AgentOptions& options);
  ~Agent() override;
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  // Until SIGTERM or SIGINT.
  absl::Status Run();

  // By the local API's threads.
  absl::StatusOr<v1::ApplyResponse> Apply(const v1::ApplyRequest& request) override;
  absl::StatusOr<v1::ApplyResponse> Edit(const v1::EditRequest& request) override;
  absl::StatusOr<v1::GetConfigResponse> GetConfig() override;

 private:
  using MakeDesired = absl::FunctionRef<absl::StatusOr<DesiredState>(const DesiredState& now)>;

  Agent(const DesiredState& desired, const AgentOptions& options)
      : desired_(desired), config_(desired.config()), options_(options) {}

  absl::Status OpenEvents();
  absl::Status StartEngine();
  absl::Status StartHandlers();
  absl::Status StartConntrack();
  absl::Status WatchAll();
  absl::Status WatchSignals();

  void OnSignals();
  void OnTick();
  // Looks whether the kernel has the objects that we made.
  void CheckKernelObjects();
  void TakeTimeouts();
  void TellOverruns();
  void OnHeartbeat();
  void OnLinkEvents();
  void OnRouteEvents();
  void OnNeighbour(const socket::Message& message);
  void NoteRoutes();
  void OnOvsEvents();
  void OnOvsMessage(const socket::Event& event);
  void RefreshLinks();
  void OnChangeOutside(bool may_have_set);

  // Tells what would change, and makes it so unless it is a dry run.
  absl::StatusOr<v1::ApplyResponse> InLoop(const MakeDesired& make, bool dry_run);
  absl::Status CheckMetersInUse(const BridgeConfig& wanted) const;
  absl::Status CheckTimeoutsInUse(const Config& wanted) const;
  absl::Status Compare(const DesiredState& wanted, v1::ApplyResponse* response);
  void Take(const DesiredState& wanted);
  // Whether something differs that is taken at the start alone.
  bool NeedsStart(const Config& config) const;
  void Reload();
  void Apply(const Config& config);
  // Puts right what is due, and tells the status board.
  void AfterTurn();
  void PostStatus();
  void RetainAccounts();

  BridgeRuntime* FindBridge(int dp_ifindex, std::string_view name);
  void MarkDirty(BridgeRuntime* bridge);
  void AdoptFlows(flowcache::DatapathFlows* flows);
  void PublishDatapaths();

  // In the order in which they depend on each other: destroyed from the end.
  DesiredState desired_;
  Config config_;
  const AgentOptions options_;
  base::SystemClock clock_;
  ServiceManager service_manager_;
  std::unique_ptr<EventLoop> loop_;
  base::UniqueFd signals_;
  std::optional<socket::EventSocket> ovs_events_;
  std::optional<route::LinkEvents> link_events_;
  std::optional<socket::EventSocket> route_events_;
  port::LinkTable links_;
  flowcache::Datapaths datapaths_;
  std::unique_ptr<flowcache::Revalidator> revalidator_;
  std::unique_ptr<upcall::HandlerPool> handlers_;
  std::optional<upcall::Dispatch> dispatch_;
  std::unique_ptr<port::NetlinkPortKernel> kernel_;
  std::unique_ptr<port::NetlinkMeterKernel> meter_kernel_;
  std::unique_ptr<port::NetlinkConntrackKernel> conntrack_kernel_;
  std::unique_ptr<port::ConntrackKeeper> conntrack_;
  std::unique_ptr<Overload> overload_;
  std::optional<Heartbeats> heartbeats_;
  BridgeContext context_;
  std::vector<std::unique_ptr<BridgeRuntime>> bridges_;
  std::vector<BridgeRuntime*> dirty_;
  std::unique_ptr<StatusBoard> board_;
  std::unique_ptr<control::Server> server_;
  Timer* deadline_timer_ = nullptr;
  port::RateLimit receive_errors_{10'000};
  port::RateLimit overruns_{10'000};
  port::RateLimit upcall_overruns_{10'000};
  uint64_t upcall_overruns_told_ = 0;
  uint32_t ticks_ = 0;
  bool ct_zones_ = true;
  bool running_ = false;  // the revalidator's thread is
};

}  // namespace sluice::daemon
