// One datapath with its bridge and its flows: what handlers and the revalidator work on.
#pragma once

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "agent/bridge/bridge.h"
#include "agent/flowcache/flow_cache.h"
#include "agent/flowcache/flow_limit.h"
#include "agent/flowcache/install_gate.h"
#include "agent/flowcache/round_report.h"

namespace sluice::flowcache {

struct DatapathFlows {
  DatapathFlows(int ifindex, std::shared_ptr<bridge::Bridge> b, size_t limit_of_flows)
      : dp_ifindex(ifindex),
        bridge(std::move(b)),
        cache(limit_of_flows),
        limit(limit_of_flows),
        bounds_{.limit = limit_of_flows, .configured = limit_of_flows} {}

  const int dp_ifindex;
  const std::shared_ptr<bridge::Bridge> bridge;
  FlowCache cache;
  FlowLimit limit;  // the revalidator's

  // What the revalidator tells of itself. Thread-safe.
  Bounds bounds() const {
    absl::MutexLock lock(&mutex_);
    return bounds_;
  }
  void SetBounds(Bounds bounds) {
    absl::MutexLock lock(&mutex_);
    bounds_ = std::move(bounds);
  }

 private:
  mutable absl::Mutex mutex_;
  Bounds bounds_ ABSL_GUARDED_BY(mutex_);
};

// The datapaths by ifindex; an immutable snapshot. Made anew when one comes or goes.
using DatapathSet = std::vector<std::shared_ptr<DatapathFlows>>;

// Holds the current set, and the gate that whoever installs flows passes. Thread-safe.
class Datapaths {
 public:
  std::shared_ptr<const DatapathSet> Get() const;
  void Set(DatapathSet datapaths);
  InstallGate& gate() { return gate_; }

 private:
  InstallGate gate_;
  mutable absl::Mutex mutex_;
  std::shared_ptr<const DatapathSet> current_ ABSL_GUARDED_BY(mutex_) =
      std::make_shared<DatapathSet>();
};

}  // namespace sluice::flowcache
