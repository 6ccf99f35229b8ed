#include "agent/flowcache/flow_cache.h"

namespace sluice::flowcache {

void CachedFlow::RestOn(const translate::Translation& translation, const bridge::Sight& sight) {
  learned = translation.learned;
  credits.assign(translation.credits.begin(), translation.credits.end());
  generation = sight.generation();
  version = sight.version();
  tables = translation.tables;
  groups = translation.groups;
}

bool CachedFlow::StillRests(const bridge::Bridge& bridge) const {
  if (generation < bridge.switch_generation()) return false;
  const pipeline::Pipeline& pipeline = bridge.pipeline();
  if (groups && pipeline.groups_changed() > version) return false;
  for (size_t i = 0; i < pipeline::kTables; ++i)
    if (tables[i] && pipeline.changed(static_cast<uint8_t>(i)) > version) return false;
  return true;
}

void CachedFlow::Count(const ovs::FlowStats& now) {
  if (now.packets > stats.packets) {
    for (const std::shared_ptr<pipeline::UseStats>& credit : credits)
      credit->Credit(now.packets - stats.packets, now.bytes - stats.bytes, now.used);
  }
  stats = now;
}

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
