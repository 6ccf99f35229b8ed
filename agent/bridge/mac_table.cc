#include "agent/bridge/mac_table.h"

#include <algorithm>

#include "absl/hash/hash.h"
#include "netlink/base/counters.h"

namespace sluice::bridge {
namespace {

base::Counter& Evictions() {
  static base::Counter& counter = base::Counters::Get(
      "bridge_mac_evictions", "Addresses that were forgotten because the MAC table was full.");
  return counter;
}

}  // namespace

MacTable::Shard& MacTable::ShardOf(const Key& key) {
  return shards_[absl::Hash<Key>()(key) % kShards];
}
const MacTable::Shard& MacTable::ShardOf(const Key& key) const {
  return shards_[absl::Hash<Key>()(key) % kShards];
}

MacTable::Outcome MacTable::Learn(uint16_t vlan, const base::Mac& mac, uint32_t port_no,
                                  base::MonotonicMs now) {
  const Key key{mac, vlan};
  Shard& shard = ShardOf(key);
  absl::MutexLock lock(&shard.mutex);
  auto it = shard.entries.find(key);
  if (it != shard.entries.end()) {
    if (now < it->second.seen) return Outcome::kKnown;
    const bool moved = it->second.port_no != port_no;
    it->second = {port_no, now};
    return moved ? Outcome::kMoved : Outcome::kKnown;
  }
  const bool full = size() >= limit_;
  if (full && !EvictFor(port_no, &shard)) return Outcome::kRefused;
  shard.entries.emplace(key, Value{port_no, now});
  if (!full) size_.fetch_add(1, std::memory_order_relaxed);
  return full ? Outcome::kEvicted : Outcome::kKnown;
}

bool MacTable::EvictFor(uint32_t port_no, Shard* shard) {
  auto before = [port_no](const auto& a, const auto& b) {
    const bool a_own = a.second.port_no == port_no;
    const bool b_own = b.second.port_no == port_no;
    return a_own != b_own ? a_own : a.second.seen < b.second.seen;
  };
  auto victim = std::min_element(shard->entries.begin(), shard->entries.end(), before);
  if (victim == shard->entries.end()) return false;
  shard->entries.erase(victim);
  Evictions().Add();
  return true;
}

std::optional<uint32_t> MacTable::Find(uint16_t vlan, const base::Mac& mac) const {
  const Key key{mac, vlan};
  const Shard& shard = ShardOf(key);
  absl::ReaderMutexLock lock(&shard.mutex);
  auto it = shard.entries.find(key);
  if (it == shard.entries.end()) return std::nullopt;
  return it->second.port_no;
}

template <typename Predicate>
size_t MacTable::EraseIf(Predicate predicate) {
  size_t erased = 0;
  for (Shard& shard : shards_) {
    absl::MutexLock lock(&shard.mutex);
    for (auto it = shard.entries.begin(); it != shard.entries.end();) {
      if (predicate(it->second)) {
        shard.entries.erase(it++);
        ++erased;
      } else {
        ++it;
      }
    }
  }
  size_.fetch_sub(erased, std::memory_order_relaxed);
  return erased;
}

size_t MacTable::Expire(base::MonotonicMs now) {
  return EraseIf([&](const Value& value) { return value.seen + aging_ms_ < now; });
}

size_t MacTable::ForgetPort(uint32_t port_no) {
  return EraseIf([&](const Value& value) { return value.port_no == port_no; });
}

size_t MacTable::Clear() {
  return EraseIf([](const Value&) { return true; });
}

std::vector<MacEntry> MacTable::List() const {
  std::vector<MacEntry> entries;
  entries.reserve(size());
  for (const Shard& shard : shards_) {
    absl::ReaderMutexLock lock(&shard.mutex);
    for (const auto& [key, value] : shard.entries)
      entries.push_back({key.mac, key.vlan, value.port_no, value.seen});
  }
  return entries;
}

}  // namespace sluice::bridge
