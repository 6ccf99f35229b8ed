// The flows that the agent has in the kernel: what each was translated from, when, and its
// statistics.
//
// Thread-safe: handlers add, the revalidator walks; flows are spread over shards by UFID, each with
// a lock of its own.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "agent/bridge/bridge.h"
#include "agent/translate/translate.h"
#include "netlink/base/clock.h"
#include "netlink/ovs/flow.h"

namespace sluice::flowcache {

struct CachedFlow {
  base::ByteVector key;  // of a packet of the flow; translating it again gives what holds for all
  base::ByteVector mask;
  base::ByteVector actions;
  // Which addresses the flow's packets keep alive, and whose packets they are.
  absl::InlinedVector<translate::Learned, 1> learned;
  std::vector<std::shared_ptr<pipeline::UseStats>> credits;
  // The kernel had a flow of that identifier already, perhaps with other actions.
  bool uncertain = false;
  // What it was translated from: the bridge's generation, and of the rules their version, and the
  // tables that were searched.
  uint64_t generation = 0;
  pipeline::Version version = 0;
  pipeline::TableSet tables;
  bool groups = false;
  base::MonotonicMs installed = 0;  // when it was last put
  ovs::FlowStats stats;             // as last dumped
  uint64_t round = 0;               // of the dump that last showed it

  // Takes over on what a translation rests, and what follows from it beside the actions.
  void RestOn(const translate::Translation& translation, const bridge::Sight& sight);
  // Whether nothing has changed since on which it rests.
  bool StillRests(const bridge::Bridge& bridge) const;
  // New statistics: what is more than before is credited to rules.
  void Count(const ovs::FlowStats& now);
};

enum class AddResult {
  kPut,    // new, or perhaps lost from the kernel: send it
  kThere,  // already there: executing the packet is enough
  kFull,   // the limit is reached: only execute
};

class FlowCache {
 public:
  explicit FlowCache(size_t limit) : limit_(limit) {}

  // Records a flow that is about to be put. A flow that is there already and was put less than
  // `kSettleMs` ago is kThere: its first packets were on their way when it was installed. One that
  // was put longer ago and misses nevertheless is put again, as someone may have deleted it.
  static constexpr base::MonotonicMs kSettleMs = 100;
  AddResult Add(const ovs::Ufid& ufid, const CachedFlow& flow);
  void Remove(const ovs::Ufid& ufid);

  // Calls `change` with the flow under its shard's lock; false when there is none.
  bool With(const ovs::Ufid& ufid, absl::FunctionRef<void(CachedFlow*)> change);
  // Calls `visit` for each flow, under the lock of its shard; it removes those for which that
  // returns true, and tells how many.
  size_t RemoveIf(absl::FunctionRef<bool(const ovs::Ufid&, CachedFlow*)> visit);

  size_t size() const { return size_.load(std::memory_order_relaxed); }
  size_t limit() const { return limit_; }

 private:
  struct alignas(64) Shard {
    absl::Mutex mutex;
    absl::flat_hash_map<ovs::Ufid, CachedFlow> flows ABSL_GUARDED_BY(mutex);
  };
  static constexpr size_t kShards = 16;
  Shard& ShardOf(const ovs::Ufid& ufid) { return shards_[ufid.bytes[15] % kShards]; }

  const size_t limit_;
  std::atomic<size_t> size_{0};
  std::array<Shard, kShards> shards_;
};

// The same identifier for the same key and mask, in every run: a restarted agent finds its flows.
ovs::Ufid UfidOf(base::ByteView key, base::ByteView mask);

}  // namespace sluice::flowcache
