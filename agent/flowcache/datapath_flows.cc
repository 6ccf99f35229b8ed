#include "agent/flowcache/datapath_flows.h"

namespace sluice::flowcache {

std::shared_ptr<const DatapathSet> Datapaths::Get() const {
  absl::MutexLock lock(&mutex_);
  return current_;
}

void Datapaths::Set(DatapathSet datapaths) {
  auto fresh = std::make_shared<const DatapathSet>(std::move(datapaths));
  absl::MutexLock lock(&mutex_);
  current_ = std::move(fresh);
}

}  // namespace sluice::flowcache
