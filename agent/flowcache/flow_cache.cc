#include "agent/flowcache/flow_cache.h"

namespace sluice::flowcache {

AddResult FlowCache::Add(const ovs::Ufid& ufid, const Decision& decision) {
  Shard& shard = ShardOf(ufid);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.flows.find(ufid);
  if (found == shard.flows.end()) {
    if (size() >= limit_) return AddResult::kFull;
    shard.flows.insert(std::make_unique<CachedFlow>(ufid, decision, &pools_));
    size_.fetch_add(1, std::memory_order_relaxed);
    return AddResult::kPut;
  }
  CachedFlow& there = **found;
  // Another handler knew more: what this one knows may not take its place.
  if (there.generation() > decision.sight.generation()) return AddResult::kThere;
  const bool same = base::Equal(there.actions(), decision.translation.actions.bytes());
  there.RestOn(decision.translation, decision.sight, &pools_);
  if (same && decision.now < there.installed + kSettleMs) return AddResult::kThere;
  there.installed = decision.now;
  there.uncertain = false;
  return AddResult::kPut;
}

void FlowCache::Remove(const ovs::Ufid& ufid) {
  Shard& shard = ShardOf(ufid);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.flows.find(ufid);
  if (found == shard.flows.end()) return;
  shard.flows.erase(found);
  size_.fetch_sub(1, std::memory_order_relaxed);
}

bool FlowCache::With(const ovs::Ufid& ufid, absl::FunctionRef<void(CachedFlow*)> change) {
  Shard& shard = ShardOf(ufid);
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.flows.find(ufid);
  if (found == shard.flows.end()) return false;
  change(found->get());
  return true;
}

size_t FlowCache::RemoveIf(absl::FunctionRef<bool(CachedFlow*)> visit) {
  size_t removed = 0;
  for (Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (auto it = shard.flows.begin(); it != shard.flows.end();) {
      if (visit(it->get())) {
        shard.flows.erase(it++);
        ++removed;
      } else {
        ++it;
      }
    }
  }
  size_.fetch_sub(removed, std::memory_order_relaxed);
  return removed;
}

}  // namespace sluice::flowcache
