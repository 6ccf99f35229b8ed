// The part of Agent that runs in the main loop: events, signals, timers, reloading.
#include <linux/openvswitch.h>
#include <linux/rtnetlink.h>
#include <spdlog/spdlog.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>

#include "agent/daemon/agent.h"
#include "agent/daemon/logging.h"
#include "agent/daemon/memory.h"
#include "netlink/base/counters.h"
#include "netlink/base/status.h"
#include "netlink/ovs/datapath.h"
#include "netlink/ovs/vport.h"

namespace sluice::daemon {
namespace {

constexpr base::MonotonicMs kTickMs = 1000;
constexpr uint32_t kTicksOfObjects = 3;          // between looks for what others may have deleted
constexpr base::MonotonicMs kHeartbeatMs = 100;  // how often it is looked whether one is due
constexpr base::MonotonicMs kMemoryMs = 60'000;
// Batches of events taken in one turn, so that a flood of them does not starve the rest.
constexpr int kMaxBatches = 64;

sigset_t OurSignals() {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  return set;
}

}  // namespace

void BlockSignals() {
  const sigset_t set = OurSignals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a client of the API that hangs up is no reason to die
}

absl::Status Agent::WatchAll() {
  SLUICE_RETURN_IF_ERROR(WatchSignals());
  SLUICE_RETURN_IF_ERROR(loop_->Watch(ovs_events_->fd(), [this] { OnOvsEvents(); }));
  SLUICE_RETURN_IF_ERROR(loop_->Watch(link_events_->fd(), [this] { OnLinkEvents(); }));
  SLUICE_RETURN_IF_ERROR(loop_->Watch(route_events_->fd(), [this] { OnRouteEvents(); }));
  SLUICE_RETURN_IF_ERROR(loop_->Watch(overload_->fd(), [this] { overload_->Review(); }));
  SLUICE_ASSIGN_OR_RETURN(deadline_timer_, loop_->AddTimer([] {}));  // AfterTurn() does the work
  SLUICE_ASSIGN_OR_RETURN(Timer * tick, loop_->AddTimer([this] { OnTick(); }));
  tick->SetEvery(kTickMs);
  SLUICE_ASSIGN_OR_RETURN(Timer * heartbeat, loop_->AddTimer([this] { OnHeartbeat(); }));
  heartbeat->SetEvery(kHeartbeatMs);
  SLUICE_ASSIGN_OR_RETURN(Timer * memory, loop_->AddTimer(ReturnFreeMemory));
  memory->SetEvery(kMemoryMs);
  if (const base::MonotonicMs interval = service_manager_.watchdog_interval(); interval > 0) {
    SLUICE_ASSIGN_OR_RETURN(Timer * watchdog,
                            loop_->AddTimer([this] { service_manager_.KickWatchdog(); }));
    watchdog->SetEvery(interval);
  }
  loop_->SetAfterTurn([this] { AfterTurn(); });
  return absl::OkStatus();
}

absl::Status Agent::WatchSignals() {
  const sigset_t set = OurSignals();
  signals_ = base::UniqueFd(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!signals_.valid()) return base::ErrnoError(errno, "signalfd");
  return loop_->Watch(signals_.get(), [this] { OnSignals(); });
}

absl::Status Agent::Run() {
  AfterTurn();  // what had to wait while starting
  service_manager_.Ready();
  spdlog::info("ready");
  absl::Status status = loop_->Run();
  service_manager_.Stopping();
  spdlog::info("stopping; the kernel forwards on with the flows that it has");
  return status;
}

void Agent::OnSignals() {
  signalfd_siginfo info{};
  while (read(signals_.get(), &info, sizeof(info)) == sizeof(info)) {
    if (info.ssi_signo == SIGHUP) {
      Reload();
    } else {
      return loop_->Stop();
    }
  }
}

void Agent::OnTick() {
  for (const std::unique_ptr<BridgeRuntime>& bridge : bridges_) {
    bridge->ports().Check();
    bridge->TellEmergency(clock_.Now());
    bridge->TellLoops(clock_.Now());
  }
  TellOverruns();
  if (++ticks_ % kTicksOfObjects == 0) CheckKernelObjects();
}

void Agent::CheckKernelObjects() {
  bool changed = false;
  for (const std::unique_ptr<BridgeRuntime>& bridge : bridges_) changed |= bridge->CheckMeters();
  if (!conntrack_->idle()) changed |= conntrack_->Check(revalidator_->rounds());
  if (!changed) return;
  TakeTimeouts();
  PostStatus();
}

void Agent::TakeTimeouts() {
  context_.timeouts = conntrack_->policies();
  for (const std::unique_ptr<BridgeRuntime>& bridge : bridges_) bridge->TakeTimeouts();
}

void Agent::OnHeartbeat() {
  for (const std::unique_ptr<BridgeRuntime>& bridge : bridges_)
    if (heartbeats_->Beat(bridge.get(), clock_.Now())) MarkDirty(bridge.get());
}

// Handlers count, as they have no time to tell.
void Agent::TellOverruns() {
  uint64_t overruns = 0;
  for (const upcall::HandlerStats& stats : handlers_->stats()) overruns += stats.overruns;
  if (overruns == upcall_overruns_told_ || !upcall_overruns_.Allow(clock_.Now())) return;
  spdlog::warn(
      "upcalls were lost {} times since the last such line, as a handler's socket was full: their "
      "packets were dropped (see `lost` of dpctl show)",
      overruns - upcall_overruns_told_);
  upcall_overruns_told_ = overruns;
}

void Agent::MarkDirty(BridgeRuntime* bridge) {
  if (bridge != nullptr && std::find(dirty_.begin(), dirty_.end(), bridge) == dirty_.end())
    dirty_.push_back(bridge);
}

void Agent::OnChangeOutside(bool may_have_set) {
  for (const std::unique_ptr<BridgeRuntime>& bridge : bridges_) {
    if (may_have_set) bridge->ports().NoteForeignSet(/*certain=*/false);
    MarkDirty(bridge.get());
  }
}

BridgeRuntime* Agent::FindBridge(int dp_ifindex, std::string_view name) {
  for (const std::unique_ptr<BridgeRuntime>& bridge : bridges_)
    if ((dp_ifindex != 0 && bridge->ports().dp_ifindex() == dp_ifindex) ||
        bridge->config().name == name)
      return bridge.get();
  return nullptr;
}

void Agent::OnLinkEvents() {
  bool overrun = false, routes = false;
  const auto take = [&](const route::LinkEvent& event) {
    // A device that was renamed is missed under its old name.
    const route::Link* known = links_.Find(event.link.ifindex);
    const std::string old_name = known == nullptr ? event.link.name : known->name;
    // Routes that go with a device go without a word.
    routes |= known != nullptr && (known->up != event.link.up || known->mtu != event.link.mtu ||
                                   known->running != event.link.running);
    overrun |= !links_.Apply(event);
    for (const std::unique_ptr<BridgeRuntime>& bridge : bridges_)
      for (const std::string& name : {old_name, event.link.name})
        if (bridge->config().name == name || bridge->ports().Wants(name)) MarkDirty(bridge.get());
  };
  for (int i = 0; i < kMaxBatches; ++i) {
    const absl::StatusOr<size_t> received = link_events_->Receive(take);
    if (!received.ok() && receive_errors_.Allow(clock_.Now()))
      spdlog::error("cannot receive link events: {}", base::FromAbsl(received.status().message()));
    if (!received.ok() || *received == 0) break;
  }
  if (routes) NoteRoutes();
  if (overrun) {
    if (overruns_.Allow(clock_.Now()))
      spdlog::warn("events of links were lost, as the socket was full: looking at all links anew");
    RefreshLinks();
  }
}

void Agent::OnNeighbour(const socket::Message& message) {
  const std::optional<route::Neighbour> neighbour = route::ParseNeighbour(message);
  if (!neighbour) return;
  for (const std::unique_ptr<BridgeRuntime>& bridge : bridges_)
    if (bridge->ports().OnNeighbour(*neighbour)) MarkDirty(bridge.get());
}

// Neighbours aside, whatever it is, and be it an overrun: look at the routes that tunnels need.
void Agent::OnRouteEvents() {
  bool heard = false;
  for (int i = 0; i < kMaxBatches; ++i) {
    const absl::StatusOr<size_t> received =
        route_events_->Receive(std::chrono::milliseconds(0), [&](const socket::Event& event) {
          const bool is_neighbour =
              event.kind == socket::EventKind::kMessage &&
              (event.message.type == RTM_NEWNEIGH || event.message.type == RTM_DELNEIGH);
          if (is_neighbour) return OnNeighbour(event.message);
          heard = true;
        });
    if (!received.ok() && receive_errors_.Allow(clock_.Now()))
      spdlog::error("cannot receive route events: {}", base::FromAbsl(received.status().message()));
    if (!received.ok() || *received == 0) break;
  }
  if (heard) NoteRoutes();
}

void Agent::NoteRoutes() {
  for (const std::unique_ptr<BridgeRuntime>& bridge : bridges_) {
    if (!bridge->ports().has_tunnels()) continue;
    bridge->ports().NoteRoutes();
    MarkDirty(bridge.get());
  }
}

void Agent::RefreshLinks() {
  absl::StatusOr<std::vector<route::Link>> links = kernel_->ListLinks();
  if (links.ok()) {
    links_.Replace(*std::move(links));
  } else {
    spdlog::error("cannot list links: {}", base::FromAbsl(links.status().message()));
  }
  NoteRoutes();
  OnChangeOutside(/*may_have_set=*/false);
}

void Agent::OnOvsEvents() {
  using std::chrono::milliseconds;
  for (int i = 0; i < kMaxBatches; ++i) {
    const absl::StatusOr<size_t> received = ovs_events_->Receive(
        milliseconds(0), [this](const socket::Event& event) { OnOvsMessage(event); });
    if (!received.ok() && receive_errors_.Allow(clock_.Now()))
      spdlog::error("cannot receive datapath events: {}",
                    base::FromAbsl(received.status().message()));
    if (!received.ok() || *received == 0) return;
  }
}

void Agent::OnOvsMessage(const socket::Event& event) {
  if (event.kind == socket::EventKind::kOverrun && overruns_.Allow(clock_.Now()))
    spdlog::warn(
        "events of datapaths were lost, as the socket was full: looking at all bridges anew");
  if (event.kind != socket::EventKind::kMessage)
    return OnChangeOutside(/*may_have_set=*/event.kind == socket::EventKind::kOverrun);
  if (event.message.port == kernel_->port_id()) return;  // our own doing
  const auto generic = socket::ParseGeneric(event.message, sizeof(ovs_header));
  if (!generic) return;
  if (event.family == OVS_VPORT_FAMILY) {
    const absl::StatusOr<ovs::Vport> vport = ovs::ParseVport(event.message);
    if (vport.ok()) MarkDirty(FindBridge(vport->dp_ifindex, ""));
    return;
  }
  const absl::StatusOr<ovs::Datapath> datapath = ovs::ParseDatapath(event.message);
  if (!datapath.ok()) return;
  BridgeRuntime* bridge = FindBridge(datapath->ifindex, datapath->name);
  // Kernels before 4.19 tell of a SET as if it were NEW.
  if (bridge != nullptr && generic->command != OVS_DP_CMD_DEL)
    bridge->ports().NoteForeignSet(/*certain=*/true);
  MarkDirty(bridge);
}

void Agent::AfterTurn() {
  const base::MonotonicMs now = clock_.Now();
  for (const std::unique_ptr<BridgeRuntime>& bridge : bridges_)
    if (bridge->ports().deadline().value_or(now + 1) <= now) MarkDirty(bridge.get());
  if (!dirty_.empty()) {
    for (BridgeRuntime* bridge : std::exchange(dirty_, {})) {
      bridge->ports().Reconcile();
      bridge->ConfigureMonitor();
    }
    PostStatus();
  }
  if (overload_->deadline().value_or(now + 1) <= now) overload_->Review();
  std::optional<base::MonotonicMs> next = overload_->deadline();
  for (const std::unique_ptr<BridgeRuntime>& bridge : bridges_)
    if (const auto deadline = bridge->ports().deadline())
      next = std::min(next.value_or(*deadline), *deadline);
  if (next) {
    deadline_timer_->SetAt(*next);
  } else {
    deadline_timer_->Cancel();
  }
}

void Agent::Reload() {
  service_manager_.Reloading();
  static base::Counter& reloads =
      base::Counters::Get("config_reloads", "Times that a new configuration was taken.");
  static base::Counter& refused = base::Counters::Get(
      "config_reload_refused", "Times that a new configuration had errors: nothing was changed.");
  const absl::StatusOr<DesiredState> desired = DesiredState::Load(options_.config_file);
  (desired.ok() ? reloads : refused).Add();
  if (desired.ok()) {
    Apply(desired->config());
    desired_ = *desired;
    spdlog::info("{}: reloaded", options_.config_file);
  } else {
    spdlog::error("not reloaded, nothing was changed:\n{}",
                  base::FromAbsl(desired.status().message()));
  }
  service_manager_.Ready();
}

bool Agent::NeedsStart(const Config& config) const {
  return config.handlers != config_.handlers || config.dispatch != config_.dispatch ||
         config.flows != config_.flows || config.upcalls != config_.upcalls ||
         config.control_socket != config_.control_socket;
}

void Agent::Apply(const Config& config) {
  if (NeedsStart(config))
    spdlog::warn(
        "{}: handlers, dispatch, flows, upcalls and control.socket change with the next start only",
        options_.config_file);
  if (!options_.keep_log_level) SetLogLevel(config.log_level);
  conntrack_->Sync(config.conntrack, revalidator_->rounds());
  context_.timeouts = conntrack_->policies();
  std::vector<std::unique_ptr<BridgeRuntime>> old = std::move(bridges_);
  bridges_.clear();
  for (const BridgeConfig& wanted : config.bridges) {
    const auto known = std::find_if(old.begin(), old.end(), [&](const auto& bridge) {
      return bridge != nullptr && bridge->config().name == wanted.name;
    });
    if (known == old.end()) {
      bridges_.push_back(std::make_unique<BridgeRuntime>(wanted, &context_));
    } else {
      bridges_.push_back(std::move(*known));
    }
  }
  // Those that are gone let go of their devices before others ask for them.
  for (const std::unique_ptr<BridgeRuntime>& gone : old) {
    if (gone == nullptr) continue;
    const absl::Status status = gone->ports().Remove();
    if (status.ok()) {
      spdlog::info("{}: removed, as the configuration names it no more", gone->config().name);
    } else {
      spdlog::error("{}: cannot be removed: {}", gone->config().name,
                    base::FromAbsl(status.message()));
    }
  }
  dirty_.clear();
  for (size_t i = 0; i < bridges_.size(); ++i) bridges_[i]->Reconfigure(config.bridges[i]);
  for (const std::unique_ptr<BridgeRuntime>& bridge : bridges_) bridge->ports().ReleaseDropped();
  PublishDatapaths();
  RefreshLinks();
  config_ = config;
}

}  // namespace sluice::daemon
