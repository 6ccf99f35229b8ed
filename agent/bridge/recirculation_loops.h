// Packets that rules sent round until they were dropped: the last of them, for whoever warns of it.
//
// Thread-safe. Handlers note packets, which are few: such a packet's flow is installed.
//
//   bridge.loops().Note(key);
//   if (std::optional<ovs::FlowKey> key = bridge.loops().Take()) spdlog::warn(...);
#pragma once

#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "netlink/base/mutex.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::bridge {

class RecirculationLoops {
 public:
  // As the packet came the last time.
  void Note(const ovs::FlowKey& key) {
    const base::MutexLock lock(&mutex_);
    last_ = key;
  }
  // Nothing when there was none since.
  std::optional<ovs::FlowKey> Take() {
    const base::MutexLock lock(&mutex_);
    return std::exchange(last_, std::nullopt);
  }

 private:
  absl::Mutex mutex_;
  std::optional<ovs::FlowKey> last_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::bridge
