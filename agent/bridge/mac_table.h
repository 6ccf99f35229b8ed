// Which port of a bridge a MAC address was last seen on.
//
// Thread-safe: handlers learn and look up at the same time; entries are spread over shards with a
// lock each. Addresses age: one that was not seen for `aging` is forgotten at the next Expire().
// When the table is full, an address of the same shard makes room: of the same port if there is
// one, so that a port that makes addresses up loses its own first, else the one not seen for the
// longest time.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "netlink/base/address.h"
#include "netlink/base/clock.h"

namespace sluice::bridge {

struct MacEntry {
  base::Mac mac;
  uint16_t vlan = 0;
  uint32_t port_no = 0;
  base::MonotonicMs seen = 0;
};

class MacTable {
 public:
  MacTable(uint64_t aging_ms, size_t limit) : aging_ms_(aging_ms), limit_(limit) {}

  enum class Outcome : uint8_t {
    kKnown,    // or new, or older than what is known: no flow is wrong
    kMoved,    // to another port: flows to it are wrong
    kEvicted,  // another address made room for it: flows to that one may go
    kRefused,  // full, and nothing could make room
  };
  // Notes that `mac` was seen. A sighting older than the entry's changes nothing.
  Outcome Learn(uint16_t vlan, const base::Mac& mac, uint32_t port_no, base::MonotonicMs now);
  std::optional<uint32_t> Find(uint16_t vlan, const base::Mac& mac) const;

  // Forget: what has aged, what was on a port, everything. Each returns how many were forgotten.
  size_t Expire(base::MonotonicMs now);
  size_t ForgetPort(uint32_t port_no);
  size_t Clear();

  size_t size() const { return size_.load(std::memory_order_relaxed); }
  // A copy, in no order.
  std::vector<MacEntry> List() const;

 private:
  struct Key {
    base::Mac mac;
    uint16_t vlan;
    friend bool operator==(const Key&, const Key&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Key& key) {
      return H::combine(std::move(h), key.mac, key.vlan);
    }
  };
  struct Value {
    uint32_t port_no;
    base::MonotonicMs seen;
  };
  struct alignas(64) Shard {
    mutable absl::Mutex mutex;
    absl::flat_hash_map<Key, Value> entries ABSL_GUARDED_BY(mutex);
  };
  static constexpr size_t kShards = 16;

  Shard& ShardOf(const Key& key);
  const Shard& ShardOf(const Key& key) const;
  template <typename Predicate>
  size_t EraseIf(Predicate predicate);
  static bool EvictFor(uint32_t port_no, Shard* shard) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->mutex);

  const uint64_t aging_ms_;
  const size_t limit_;
  std::atomic<size_t> size_{0};
  std::array<Shard, kShards> shards_;
};

}  // namespace sluice::bridge
