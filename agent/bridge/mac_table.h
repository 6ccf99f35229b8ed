// Which port of a bridge a MAC address is behind: seen there, or said to be there.
//
// Thread-safe: handlers refresh and look up at the same time; entries are spread over shards with a
// lock each, and what adds, moves or removes one holds another lock besides. Learned addresses age:
// one that was not seen for `aging` is forgotten at the next Expire(). Static ones stay, on their
// port, until they are removed; they take no room of the learned ones.
//
// When the table is full, the port with the most learned addresses gives up the one that it has not
// seen for the longest time: a port that makes addresses up loses its own. A port with a limit of
// its own gives up one of its own.
//
//   MacTable table(/*aging_ms=*/300'000, /*limit=*/8192);
//   if (table.Learn(10, mac, 3, now) == MacTable::Outcome::kMoved) ...
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <list>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "netlink/base/address.h"
#include "netlink/base/clock.h"
#include "netlink/base/mutex.h"

namespace sluice::bridge {

struct MacEntry {
  base::Mac mac;
  uint16_t vlan = 0;
  uint32_t port_no = 0;
  base::MonotonicMs seen = 0;  // or, of a static one, when it was added
  bool is_static = false;
};

// Since the table was made.
struct MacStats {
  uint64_t learned = 0;    // addresses that were new
  uint64_t moved = 0;      // to another port
  uint64_t evicted = 0;    // forgotten as another address needed the room
  uint64_t expired = 0;    // forgotten by age
  uint64_t elsewhere = 0;  // sightings of a static address on another port than its own
  size_t entries = 0;      // now, the static ones included
  size_t statics = 0;      // now
};

class MacTable {
 public:
  static constexpr size_t kMaxStatics = 65536;

  MacTable(uint64_t aging_ms, size_t limit) : aging_ms_(aging_ms), limit_(limit) {}

  enum class Outcome : uint8_t {
    kKnown,    // or older than what is known, or static: no flow is wrong
    kNew,      // no flow is wrong, as unknown destinations have none
    kMoved,    // to another port: flows to it are wrong
    kEvicted,  // another address made room for it: flows to that one may go
  };
  // Notes that `mac` was seen. A sighting older than the entry's changes nothing.
  Outcome Learn(uint16_t vlan, const base::Mac& mac, uint32_t port_no, base::MonotonicMs now);
  // In place of what is known of the address. False when there are kMaxStatics others.
  [[nodiscard]] bool AddStatic(uint16_t vlan, const base::Mac& mac, uint32_t port_no,
                               base::MonotonicMs now);
  // Of the addresses that a port may have learned; 0: no limit but the table's. Takes effect at
  // once.
  void LimitPort(uint32_t port_no, size_t limit);

  std::optional<uint32_t> Find(uint16_t vlan, const base::Mac& mac) const;
  bool IsStatic(uint16_t vlan, const base::Mac& mac) const;

  // Forget: what has aged; all that is on a port, and its limit; one address, static or not; those
  // for which `is_wanted` says so, which must not call back. Each tells how many were forgotten.
  size_t Expire(base::MonotonicMs now);
  size_t ForgetPort(uint32_t port_no);
  bool Remove(uint16_t vlan, const base::Mac& mac);
  size_t RemoveIf(absl::FunctionRef<bool(const MacEntry&)> is_wanted);

  // With the static ones.
  size_t size() const { return size_.load(std::memory_order_relaxed); }
  MacStats stats() const;
  // How many there are on each port, the static ones included.
  absl::flat_hash_map<uint32_t, size_t> CountByPort() const;
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
  using Entries = std::list<MacEntry>;
  struct alignas(64) Shard {
    mutable absl::Mutex mutex;
    absl::flat_hash_map<Key, Entries::iterator> index ABSL_GUARDED_BY(mutex);
    // Learned ones by their port, those seen last at the end; and the static ones.
    absl::flat_hash_map<uint32_t, Entries> learned ABSL_GUARDED_BY(mutex);
    Entries statics ABSL_GUARDED_BY(mutex);
  };
  struct Room {
    size_t used = 0, limit = 0;
  };
  static constexpr size_t kShards = 16;

  Shard& ShardOf(const Key& key);
  const Shard& ShardOf(const Key& key) const;
  static std::optional<Outcome> Refresh(const Key& key, uint32_t port_no, base::MonotonicMs now,
                                        Shard* shard, std::atomic<uint64_t>* elsewhere)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard->mutex);
  // Makes room for one more; false when that took none away.
  bool MakeRoom(uint32_t port_no, bool is_new) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool EvictOldestOf(uint32_t port_no) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint32_t FullestPort() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Add(const MacEntry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Entries::iterator Erase(Shard* shard, Entries* list, Entries::iterator entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_, shard->mutex);
  bool EraseKey(const Key& key) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const uint64_t aging_ms_;
  const size_t limit_;
  std::atomic<size_t> size_{0};
  std::atomic<uint64_t> elsewhere_{0};
  // Of what changes which entries there are; taken before a shard's.
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<uint32_t, Room> rooms_ ABSL_GUARDED_BY(mutex_);
  size_t learned_ ABSL_GUARDED_BY(mutex_) = 0;  // entries that are not static
  MacStats stats_ ABSL_GUARDED_BY(mutex_);
  std::array<Shard, kShards> shards_;
};

}  // namespace sluice::bridge
