// A learning VLAN switch in one datapath: its ports, its MAC table, and when they last changed.
//
// Thread-safe. The port table is replaced as a whole; a reader works on the snapshot that it took.
// Each change that can make an installed flow wrong raises generation(): whoever translates reads
// it first, and a flow that was translated before the current generation is looked at again.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "agent/bridge/mac_table.h"
#include "agent/pipeline/port_table.h"
#include "agent/translate/translate.h"
#include "netlink/base/clock.h"

namespace sluice::bridge {

struct BridgeOptions {
  std::string name;
  uint64_t mac_aging_ms = 300'000;
  size_t mac_limit = 8192;
};

class Bridge final : public translate::MacLookup {
 public:
  Bridge(BridgeOptions options, const base::Clock* clock);

  const std::string& name() const { return options_.name; }

  // Replaces the ports. Addresses seen on ports that are gone are forgotten.
  void SetPorts(std::vector<pipeline::BridgePort> ports);
  std::shared_ptr<const pipeline::PortTable> ports() const;

  // Carries out a translation's side effect. `seen` is when the packet came.
  void Learn(const translate::Learned& learned, base::MonotonicMs seen);
  // Forgets addresses that have aged.
  void ExpireMacs();
  size_t FlushMacs();
  const MacTable& macs() const { return macs_; }

  std::optional<uint32_t> FindPort(uint16_t vlan, const base::Mac& mac) const override;

  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  void BumpGeneration();
  // Called, by whatever thread, after each change of the generation. To be set before other threads
  // use the bridge; must not call back.
  void SetChangeListener(std::function<void()> listener) { on_change_ = std::move(listener); }

 private:
  const BridgeOptions options_;
  const base::Clock* const clock_;
  MacTable macs_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<const pipeline::PortTable> ports_ ABSL_GUARDED_BY(mutex_);
  std::atomic<uint64_t> generation_{1};
  std::atomic<bool> evicted_{false};  // since the last ExpireMacs()
  std::function<void()> on_change_;
};

}  // namespace sluice::bridge
