// One datapath with its bridge and its flows: what handlers and the revalidator work on.
#pragma once

#include <memory>

#include "agent/bridge/bridge.h"
#include "agent/flowcache/flow_cache.h"

namespace sluice::flowcache {

struct DatapathFlows {
  DatapathFlows(int ifindex, std::shared_ptr<bridge::Bridge> b, size_t limit)
      : dp_ifindex(ifindex), bridge(std::move(b)), cache(limit) {}

  const int dp_ifindex;
  const std::shared_ptr<bridge::Bridge> bridge;
  FlowCache cache;
};

// The datapaths by ifindex; an immutable snapshot. Made anew when one comes or goes.
using DatapathSet = std::vector<std::shared_ptr<DatapathFlows>>;

// Holds the current set. Thread-safe.
class Datapaths {
 public:
  std::shared_ptr<const DatapathSet> Get() const;
  void Set(DatapathSet datapaths);

 private:
  mutable absl::Mutex mutex_;
  std::shared_ptr<const DatapathSet> current_ ABSL_GUARDED_BY(mutex_) =
      std::make_shared<DatapathSet>();
};

}  // namespace sluice::flowcache
