// A bridge in one datapath: its ports, its rules, its MAC table, and when they last changed.
//
// Thread-safe. What translation looks at is seen through a Sight, which stays as it is. Each change
// that can make an installed flow wrong raises generation(): a flow that was translated before the
// current generation is looked at again, unless only rules changed, in tables that it never saw.
//
//   const bridge::Sight sight(&bridge);                    // for a batch
//   translator.Translate(key, sight.view(), &translation);
//   if (bridge.generation() == sight.generation()) ...     // it still holds
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "agent/bridge/mac_table.h"
#include "agent/bridge/packet_ins.h"
#include "agent/bridge/peer_monitor.h"
#include "agent/bridge/recirculation_loops.h"
#include "agent/pipeline/classifier/mask_budget.h"
#include "agent/pipeline/pipeline.h"
#include "agent/pipeline/port_table.h"
#include "agent/translate/translate.h"
#include "netlink/base/clock.h"

namespace sluice::bridge {

// An address that stays on its port. By the port's name: it is in force while the bridge has that
// port.
struct StaticMac {
  base::Mac mac;
  uint16_t vlan = 0;
  std::string port{};
  friend bool operator==(const StaticMac&, const StaticMac&) = default;
};

struct BridgeOptions {
  std::string name;
  uint64_t mac_aging_ms = 300'000;
  size_t mac_limit = 8192;
  pipeline::MaskOptions masks{};
};

class Bridge final : public translate::MacLookup {
 public:
  Bridge(BridgeOptions options, const base::Clock* clock);

  const std::string& name() const { return options_.name; }

  // Replaces the ports. Addresses seen on ports that are gone, or whose link is, are forgotten.
  void SetPorts(std::vector<pipeline::BridgePort> ports);
  std::shared_ptr<const pipeline::PortTable> ports() const;
  // Mirrors keep their statistics by name.
  void SetSwitchOptions(pipeline::SwitchOptions options);
  // What the datapath can do. To be set before other threads use the bridge.
  void SetAbilities(const translate::Abilities& abilities) { abilities_ = abilities; }
  const translate::Abilities& abilities() const { return abilities_; }

  // The kernel's meters, and which ones are declared. Rules name no others.
  void SetMeters(pipeline::MeterIds meters);
  std::shared_ptr<const pipeline::MeterIds> meters() const;
  // The same of timeout policies.
  void SetTimeouts(std::shared_ptr<const pipeline::TimeoutPolicies> timeouts);
  std::shared_ptr<const pipeline::TimeoutPolicies> timeouts() const;
  // Rules that name the meter, in the order of tables, then groups.
  std::vector<std::string> RulesWithMeter(uint32_t meter) const;
  std::vector<std::string> RulesWithTimeout(std::string_view name) const;

  // A new bridge has one rule: priority 0, actions=normal. All changes of a call take effect at
  // once, or none: see Pipeline for errors.
  absl::StatusOr<pipeline::Pipeline::Report> ChangeRules(
      std::span<const pipeline::RuleChange> rules, std::span<const pipeline::GroupChange> groups);
  absl::StatusOr<pipeline::Pipeline::Report> ReplaceRules(std::span<const pipeline::Rule> rules,
                                                          std::span<const pipeline::Group> groups);
  // Removes rules whose time is up.
  void ExpireRules();
  const pipeline::Pipeline& pipeline() const { return pipeline_; }

  // How masks of flows are made, from now on; flows that have others are replaced.
  void SetMaskOptions(const pipeline::MaskOptions& options);
  pipeline::MaskOptions mask_options() const;
  // The masks of the installed flows.
  pipeline::MaskBudget* masks() { return &masks_; }
  const pipeline::MaskBudget* masks() const { return &masks_; }
  // Of the last change of how masks are made; 0: none yet.
  uint64_t masks_generation() const { return masks_generation_.load(std::memory_order_acquire); }

  // Packets of this bridge that are between their halves.
  translate::Recirculations& recirculations() const { return recirculations_; }
  // Frees states of recirculation that nobody needs.
  void ExpireRecirculations();

  // Packets that rules send round without an end.
  RecirculationLoops& loops() { return loops_; }

  // Carries out a translation's side effect. `seen` is when the packet came.
  void Learn(const translate::Learned& learned, base::MonotonicMs seen);
  // Forgets addresses that have aged.
  void ExpireMacs();
  // Those for which `is_wanted` says so; static ones for good. Tells how many.
  size_t FlushMacs(absl::FunctionRef<bool(const MacEntry&)> is_wanted);
  // All static addresses, in place of those that there were.
  void SetStaticMacs(std::vector<StaticMac> macs);
  // One more, or another port for one. kNotFound when the bridge has no such port now.
  absl::Status AddStaticMac(const StaticMac& mac);
  // kNotFound when the address is not known.
  absl::Status RemoveMac(uint16_t vlan, const base::Mac& mac);
  const MacTable& macs() const { return macs_; }

  // Whoever listens to packets that rules send to user space. Flows send them up only while
  // somebody does: the generation is raised when that changes.
  PacketIns& packet_ins() { return packet_ins_; }
  const PacketIns& packet_ins() const { return packet_ins_; }

  // Heartbeats of the overlay's peers.
  PeerMonitor& peers() { return *peers_; }
  const PeerMonitor& peers() const { return *peers_; }
  // One that another bridge had before. To be set before other threads use the bridge.
  void SetPeers(std::shared_ptr<PeerMonitor> peers) { peers_ = std::move(peers); }

  std::optional<uint32_t> FindPort(uint16_t vlan, const base::Mac& mac) const override;
  bool IsStatic(uint16_t vlan, const base::Mac& mac) const override;

  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  // Of the last change that was not one of rules.
  uint64_t switch_generation() const { return switch_generation_.load(std::memory_order_acquire); }
  void BumpGeneration();
  // Called, by whatever thread, after each change of the generation. To be set before other threads
  // use the bridge; must not call back.
  void SetChangeListener(std::function<void()> listener) { on_change_ = std::move(listener); }

 private:
  void ForgetMirrored(const pipeline::PortTable& ports) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void PlaceStatics(const pipeline::PortTable& ports) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Whether what they name is declared.
  absl::Status CheckNames(pipeline::ActionSpan actions, const pipeline::Match& match,
                          absl::FunctionRef<std::string()> whose) const;
  absl::Status CheckNames(const pipeline::Rule& rule) const;
  absl::Status CheckNames(const pipeline::Group& group) const;
  std::vector<std::string> RulesWith(absl::FunctionRef<bool(pipeline::ActionSpan)> names) const;
  void OnRulesChanged(const pipeline::Pipeline::Report& report);

  const BridgeOptions options_;
  const base::Clock* const clock_;
  MacTable macs_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<const pipeline::PortTable> ports_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const pipeline::MeterIds> meters_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const pipeline::TimeoutPolicies> timeouts_ ABSL_GUARDED_BY(mutex_);
  std::vector<StaticMac> statics_ ABSL_GUARDED_BY(mutex_);
  pipeline::MaskOptions mask_options_ ABSL_GUARDED_BY(mutex_);
  pipeline::MaskBudget masks_;
  pipeline::Pipeline pipeline_;
  translate::Abilities abilities_;
  // Not part of what the bridge is: translations add to it.
  mutable translate::Recirculations recirculations_;
  RecirculationLoops loops_;
  std::atomic<uint64_t> generation_{1}, switch_generation_{1}, masks_generation_{0};
  std::atomic<bool> evicted_{false};  // since the last ExpireMacs()
  std::function<void()> on_change_;
  std::shared_ptr<PeerMonitor> peers_ = std::make_shared<PeerMonitor>();
  PacketIns packet_ins_{[this] { BumpGeneration(); }};  // last: it calls the rest
};

// What one thread sees of a bridge for a while. Not thread-safe; keep it short, as rules that were
// removed meanwhile are kept for it.
class Sight {
 public:
  explicit Sight(const Bridge* bridge)
      : bridge_(bridge),
        generation_(bridge->generation()),  // first: what follows may only be newer
        packet_ins_(bridge->packet_ins().wanted()),
        ports_(bridge->ports()),
        meters_(bridge->meters()),
        timeouts_(bridge->timeouts()),
        reader_(&bridge->pipeline().versions()),
        snapshot_(&reader_) {}
  Sight(const Sight&) = delete;
  Sight& operator=(const Sight&) = delete;

  uint64_t generation() const { return generation_; }
  pipeline::Version version() const { return snapshot_.version(); }
  translate::View view(translate::Observer* observer = nullptr) const {
    return {.pipeline = bridge_->pipeline(),
            .version = version(),
            .ports = *ports_,
            .macs = *bridge_,
            .kernel = bridge_->abilities(),
            .observer = observer,
            .packet_ins = packet_ins_,
            .recirculations = &bridge_->recirculations(),
            .meters = meters_.get(),
            .timeouts = timeouts_.get()};
  }

 private:
  const Bridge* bridge_;
  uint64_t generation_;
  bool packet_ins_;
  std::shared_ptr<const pipeline::PortTable> ports_;
  std::shared_ptr<const pipeline::MeterIds> meters_;
  std::shared_ptr<const pipeline::TimeoutPolicies> timeouts_;
  pipeline::Versions::Reader reader_;
  pipeline::Versions::Snapshot snapshot_;
};

}  // namespace sluice::bridge
