// One bridge at work: its MAC table and ports, its datapath, and the flows in that.
//
// Ties the PortManager, which knows what the kernel has, to the Bridge and DatapathFlows, which the
// handlers and the revalidator work on. Used by the daemon's main loop; what it hands out as
// shared_ptr is thread-safe by itself.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "agent/bridge/bridge.h"
#include "agent/daemon/config.h"
#include "agent/flowcache/datapath_flows.h"
#include "agent/port/meter_keeper.h"
#include "agent/port/port_manager.h"
#include "agent/port/rate_limit.h"

namespace sluice::daemon {

// The meters of a bridge, for the local API.
struct MeterPosting {
  std::vector<port::MeterStatus> meters;
  std::string problem;  // why the datapath has none; empty: it can
  uint32_t max_meters = 0, max_bands = 0;
  std::vector<uint32_t> foreign;  // kernel ids of those that somebody else made
};

// What bridges have in common; outlives them.
struct BridgeContext {
  port::PortKernel* kernel = nullptr;
  port::MeterKernel* meter_kernel = nullptr;
  const port::LinkTable* links = nullptr;
  const base::Clock* clock = nullptr;
  uint32_t flow_limit = 0;
  translate::Abilities abilities{};
  std::shared_ptr<const pipeline::TimeoutPolicies> timeouts;
  std::function<void()> on_generation;                   // by any thread
  std::function<void(flowcache::DatapathFlows*)> adopt;  // before upcalls of it are answered
  std::function<void()> on_datapaths;                    // some bridge's flows() changed
};

class BridgeRuntime final : public port::PortSink {
 public:
  BridgeRuntime(const BridgeConfig& config, const BridgeContext* context);

  // A reload; takes effect with the next Reconcile().
  void Reconfigure(const BridgeConfig& config);

  port::PortManager& ports() { return ports_; }
  const port::PortManager& ports() const { return ports_; }
  const BridgeConfig& config() const { return config_; }
  const std::shared_ptr<bridge::Bridge>& bridge() const { return bridge_; }
  // Why the rules are not those of the files; empty when they are.
  const std::string& rules_problem() const { return rules_problem_; }
  MeterPosting MetersNow() const;
  // Makes meters again that somebody else deleted. True when MetersNow() changed.
  bool CheckMeters();
  // After context->timeouts has changed.
  void TakeTimeouts() { bridge_->SetTimeouts(context_->timeouts); }
  // Tells the monitor of peers which there are, and how large packets are: after Reconcile().
  void ConfigureMonitor();
  // nullptr while there is no datapath.
  const std::shared_ptr<flowcache::DatapathFlows>& flows() const { return flows_; }

  // Logs when there began to be too many flows, and when that ended; not often.
  void TellEmergency(base::MonotonicMs now);
  // Logs that rules send a packet round without an end, which ones and how to see its way; not
  // often.
  void TellLoops(base::MonotonicMs now);

  void OnPorts(std::vector<pipeline::BridgePort> ports) override;
  void OnDatapath(int dp_ifindex) override;

 private:
  std::shared_ptr<bridge::Bridge> MakeBridge() const;
  // The files of rules and groups, as they are now and by the ports that there are now. When they
  // cannot be taken the bridge keeps what it has, which is nothing before the first time: it
  // forwards nothing until then.
  void LoadRules();

  void SyncMeters(int dp_ifindex);

  BridgeConfig config_;
  const BridgeContext* const context_;
  const std::shared_ptr<bridge::PeerMonitor> peers_;  // of bridge_, and those that come after it
  std::shared_ptr<bridge::Bridge> bridge_;
  std::shared_ptr<flowcache::DatapathFlows> flows_;
  std::string rules_problem_;  // why the files could not be taken; empty: they were
  bool emergency_told_ = false;
  port::RateLimit emergency_lines_{10'000}, loop_lines_{10'000};
  std::optional<ovs::FlowKey> looped_;  // not told yet
  port::MeterKeeper meters_;
  port::PortManager ports_;
};

}  // namespace sluice::daemon
