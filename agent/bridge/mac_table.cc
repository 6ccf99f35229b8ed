#include "agent/bridge/mac_table.h"

#include <algorithm>

#include "absl/hash/hash.h"

namespace sluice::bridge {

MacTable::Shard& MacTable::ShardOf(const Key& key) {
  return shards_[absl::Hash<Key>()(key) % kShards];
}
const MacTable::Shard& MacTable::ShardOf(const Key& key) const {
  return shards_[absl::Hash<Key>()(key) % kShards];
}

// What most sightings come to: nothing but a later time. Nothing for those that need more.
std::optional<MacTable::Outcome> MacTable::Refresh(const Key& key, uint32_t port_no,
                                                   base::MonotonicMs now, Shard* shard,
                                                   std::atomic<uint64_t>* elsewhere) {
  const auto found = shard->index.find(key);
  if (found == shard->index.end()) return std::nullopt;
  MacEntry& entry = *found->second;
  if (entry.is_static) {
    if (entry.port_no != port_no) elsewhere->fetch_add(1, std::memory_order_relaxed);
    return Outcome::kKnown;
  }
  if (now < entry.seen) return Outcome::kKnown;
  if (entry.port_no != port_no) return std::nullopt;
  entry.seen = now;
  Entries& list = shard->learned[port_no];
  list.splice(list.end(), list, found->second);
  return Outcome::kKnown;
}

MacTable::Outcome MacTable::Learn(uint16_t vlan, const base::Mac& mac, uint32_t port_no,
                                  base::MonotonicMs now) {
  const Key key{mac, vlan};
  Shard& shard = ShardOf(key);
  {
    base::MutexLock lock(&shard.mutex);
    if (const auto outcome = Refresh(key, port_no, now, &shard, &elsewhere_)) return *outcome;
  }
  base::MutexLock lock(&mutex_);
  {
    base::MutexLock shard_lock(&shard.mutex);  // another thread may have been first
    if (const auto outcome = Refresh(key, port_no, now, &shard, &elsewhere_)) return *outcome;
  }
  const bool moved = EraseKey(key);
  const bool evicted = MakeRoom(port_no, !moved);
  Add({mac, vlan, port_no, now, /*is_static=*/false});
  ++(moved ? stats_.moved : stats_.learned);
  if (moved) return Outcome::kMoved;
  return evicted ? Outcome::kEvicted : Outcome::kNew;
}

bool MacTable::AddStatic(uint16_t vlan, const base::Mac& mac, uint32_t port_no,
                         base::MonotonicMs now) {
  base::MutexLock lock(&mutex_);
  if (stats_.statics >= kMaxStatics && !IsStatic(vlan, mac)) return false;
  EraseKey({mac, vlan});
  Add({mac, vlan, port_no, now, /*is_static=*/true});
  return true;
}

bool MacTable::MakeRoom(uint32_t port_no, bool is_new) {
  const auto room = rooms_.find(port_no);
  const bool port_full =
      room != rooms_.end() && room->second.limit != 0 && room->second.used >= room->second.limit;
  if (port_full) return EvictOldestOf(port_no);
  return is_new && learned_ >= limit_ && EvictOldestOf(FullestPort());
}

uint32_t MacTable::FullestPort() const {
  const auto fullest =
      std::max_element(rooms_.begin(), rooms_.end(),
                       [](const auto& a, const auto& b) { return a.second.used < b.second.used; });
  return fullest == rooms_.end() ? 0 : fullest->first;
}

bool MacTable::EvictOldestOf(uint32_t port_no) {
  Shard* victim = nullptr;
  base::MonotonicMs oldest = 0;
  for (Shard& shard : shards_) {
    base::MutexLock lock(&shard.mutex);
    const auto list = shard.learned.find(port_no);
    if (list == shard.learned.end()) continue;
    const base::MonotonicMs seen = list->second.front().seen;
    if (victim != nullptr && seen >= oldest) continue;
    victim = &shard;
    oldest = seen;
  }
  if (victim == nullptr) return false;
  base::MutexLock lock(&victim->mutex);
  Entries& list = victim->learned[port_no];
  Erase(victim, &list, list.begin());
  if (list.empty()) victim->learned.erase(port_no);
  ++stats_.evicted;
  return true;
}

void MacTable::Add(const MacEntry& entry) {
  const Key key{entry.mac, entry.vlan};
  Shard& shard = ShardOf(key);
  base::MutexLock lock(&shard.mutex);
  Entries& list = entry.is_static ? shard.statics : shard.learned[entry.port_no];
  list.push_back(entry);
  shard.index[key] = std::prev(list.end());
  if (entry.is_static) {
    ++stats_.statics;
  } else {
    ++learned_;
    ++rooms_[entry.port_no].used;
  }
  size_.fetch_add(1, std::memory_order_relaxed);
}

MacTable::Entries::iterator MacTable::Erase(Shard* shard, Entries* list, Entries::iterator entry) {
  if (entry->is_static) {
    --stats_.statics;
  } else {
    --learned_;
    const auto room = rooms_.find(entry->port_no);
    if (--room->second.used == 0 && room->second.limit == 0) rooms_.erase(room);
  }
  size_.fetch_sub(1, std::memory_order_relaxed);
  shard->index.erase({entry->mac, entry->vlan});
  return list->erase(entry);
}

bool MacTable::EraseKey(const Key& key) {
  Shard& shard = ShardOf(key);
  base::MutexLock lock(&shard.mutex);
  const auto found = shard.index.find(key);
  if (found == shard.index.end()) return false;
  const MacEntry entry = *found->second;
  Entries& list = entry.is_static ? shard.statics : shard.learned[entry.port_no];
  Erase(&shard, &list, found->second);
  if (!entry.is_static && list.empty()) shard.learned.erase(entry.port_no);
  return true;
}

void MacTable::LimitPort(uint32_t port_no, size_t limit) {
  base::MutexLock lock(&mutex_);
  if (limit == 0 && !rooms_.contains(port_no)) return;
  rooms_[port_no].limit = limit;
  while (limit != 0 && rooms_[port_no].used > limit && EvictOldestOf(port_no)) {
  }
  if (limit == 0 && rooms_[port_no].used == 0) rooms_.erase(port_no);
}

std::optional<uint32_t> MacTable::Find(uint16_t vlan, const base::Mac& mac) const {
  const Key key{mac, vlan};
  const Shard& shard = ShardOf(key);
  base::ReaderMutexLock lock(&shard.mutex);
  const auto found = shard.index.find(key);
  if (found == shard.index.end()) return std::nullopt;
  return found->second->port_no;
}

bool MacTable::IsStatic(uint16_t vlan, const base::Mac& mac) const {
  const Key key{mac, vlan};
  const Shard& shard = ShardOf(key);
  base::ReaderMutexLock lock(&shard.mutex);
  const auto found = shard.index.find(key);
  return found != shard.index.end() && found->second->is_static;
}

// Lists are in the order of their sightings but for those that the kernel told of late: what hides
// behind one of these goes a moment later.
size_t MacTable::Expire(base::MonotonicMs now) {
  base::MutexLock lock(&mutex_);
  size_t expired = 0;
  for (Shard& shard : shards_) {
    base::MutexLock shard_lock(&shard.mutex);
    for (auto it = shard.learned.begin(); it != shard.learned.end();) {
      Entries& list = it->second;
      while (!list.empty() && list.front().seen + aging_ms_ < now) {
        Erase(&shard, &list, list.begin());
        ++expired;
      }
      const auto here = it++;
      if (list.empty()) shard.learned.erase(here);
    }
  }
  stats_.expired += expired;
  return expired;
}

size_t MacTable::ForgetPort(uint32_t port_no) {
  const size_t forgotten =
      RemoveIf([&](const MacEntry& entry) { return entry.port_no == port_no; });
  LimitPort(port_no, 0);
  return forgotten;
}

bool MacTable::Remove(uint16_t vlan, const base::Mac& mac) {
  base::MutexLock lock(&mutex_);
  return EraseKey({mac, vlan});
}

size_t MacTable::RemoveIf(absl::FunctionRef<bool(const MacEntry&)> is_wanted) {
  base::MutexLock lock(&mutex_);
  size_t removed = 0;
  for (Shard& shard : shards_) {
    base::MutexLock shard_lock(&shard.mutex);
    const auto sweep = [&](Entries* list) ABSL_NO_THREAD_SAFETY_ANALYSIS {  // both are held
      for (auto entry = list->begin(); entry != list->end();) {
        if (is_wanted(*entry)) {
          entry = Erase(&shard, list, entry);
          ++removed;
        } else {
          ++entry;
        }
      }
    };
    sweep(&shard.statics);
    for (auto it = shard.learned.begin(); it != shard.learned.end();) {
      sweep(&it->second);
      const auto here = it++;
      if (here->second.empty()) shard.learned.erase(here);
    }
  }
  return removed;
}

MacStats MacTable::stats() const {
  base::MutexLock lock(&mutex_);
  MacStats stats = stats_;
  stats.entries = learned_ + stats_.statics;
  stats.elsewhere = elsewhere_.load(std::memory_order_relaxed);
  return stats;
}

absl::flat_hash_map<uint32_t, size_t> MacTable::CountByPort() const {
  absl::flat_hash_map<uint32_t, size_t> counts;
  base::MutexLock lock(&mutex_);
  for (const auto& [port_no, room] : rooms_)
    if (room.used > 0) counts[port_no] = room.used;
  if (stats_.statics == 0) return counts;
  for (const Shard& shard : shards_) {
    base::ReaderMutexLock shard_lock(&shard.mutex);
    for (const MacEntry& entry : shard.statics) ++counts[entry.port_no];
  }
  return counts;
}

std::vector<MacEntry> MacTable::List() const {
  std::vector<MacEntry> entries;
  entries.reserve(size());
  for (const Shard& shard : shards_) {
    base::ReaderMutexLock lock(&shard.mutex);
    for (const auto& [key, entry] : shard.index) entries.push_back(*entry);
  }
  return entries;
}

}  // namespace sluice::bridge
