#include "agent/flowcache/flow_cache.h"

namespace sluice::flowcache {

AddResult FlowCache::Add(const ovs::Ufid& ufid, const CachedFlow& flow) {
  Shard& shard = ShardOf(ufid);
  absl::MutexLock lock(&shard.mutex);
  auto it = shard.flows.find(ufid);
  if (it != shard.flows.end()) {
    CachedFlow& there = it->second;
    const bool same = there.actions == flow.actions;
    if (same && flow.installed < there.installed + kSettleMs) {
      there.generation = std::max(there.generation, flow.generation);
      return AddResult::kThere;
    }
    const ovs::FlowStats stats = there.stats;
    there = flow;
    there.stats = stats;
    return AddResult::kPut;
  }
  if (size() >= limit_) return AddResult::kFull;
  shard.flows.emplace(ufid, flow);
  size_.fetch_add(1, std::memory_order_relaxed);
  return AddResult::kPut;
}

void FlowCache::Remove(const ovs::Ufid& ufid) {
  Shard& shard = ShardOf(ufid);
  absl::MutexLock lock(&shard.mutex);
  if (shard.flows.erase(ufid) > 0) size_.fetch_sub(1, std::memory_order_relaxed);
}

bool FlowCache::With(const ovs::Ufid& ufid, absl::FunctionRef<void(CachedFlow*)> change) {
  Shard& shard = ShardOf(ufid);
  absl::MutexLock lock(&shard.mutex);
  auto it = shard.flows.find(ufid);
  if (it == shard.flows.end()) return false;
  change(&it->second);
  return true;
}

size_t FlowCache::RemoveIf(absl::FunctionRef<bool(const ovs::Ufid&, CachedFlow*)> visit) {
  size_t removed = 0;
  for (Shard& shard : shards_) {
    absl::MutexLock lock(&shard.mutex);
    for (auto it = shard.flows.begin(); it != shard.flows.end();) {
      if (visit(it->first, &it->second)) {
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
