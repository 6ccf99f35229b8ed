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
#include <mutex>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "agent/flowcache/cached_flow.h"

namespace sluice::flowcache {

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
  AddResult Add(const ovs::Ufid& ufid, const Decision& decision);
  void Remove(const ovs::Ufid& ufid);

  // Calls `change` with the flow under its shard's lock; false when there is none.
  bool With(const ovs::Ufid& ufid, absl::FunctionRef<void(CachedFlow*)> change);
  // Calls `visit` for each flow, under the lock of its shard; it removes those for which that
  // returns true, and tells how many.
  size_t RemoveIf(absl::FunctionRef<bool(CachedFlow*)> visit);

  size_t size() const { return size_.load(std::memory_order_relaxed); }
  size_t limit() const { return limit_; }
  // How many distinct masks the flows have: what each packet that misses the kernel's mask cache
  // may have to try. Costs nothing to ask.
  size_t masks() const { return pools_.masks.size(); }
  FlowPools* pools() { return &pools_; }

 private:
  using FlowPtr = std::unique_ptr<CachedFlow>;
  struct HashUfid {
    using is_transparent = void;
    size_t operator()(const ovs::Ufid& ufid) const { return absl::HashOf(ufid); }
    size_t operator()(const FlowPtr& flow) const { return absl::HashOf(flow->ufid()); }
  };
  struct SameUfid {
    using is_transparent = void;
    static const ovs::Ufid& Of(const ovs::Ufid& ufid) { return ufid; }
    static const ovs::Ufid& Of(const FlowPtr& flow) { return flow->ufid(); }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return Of(a) == Of(b);
    }
  };
  struct alignas(64) Shard {
    // Of the standard library, as ThreadSanitizer sees its locks. Guards `flows`.
    std::mutex mutex;
    absl::flat_hash_set<FlowPtr, HashUfid, SameUfid> flows;
  };
  static constexpr size_t kShards = 16;
  Shard& ShardOf(const ovs::Ufid& ufid) { return shards_[ufid.bytes[15] % kShards]; }

  const size_t limit_;
  std::atomic<size_t> size_{0};
  FlowPools pools_;  // outlives the flows
  std::array<Shard, kShards> shards_;
};

// The same identifier for the same key and mask, in every run: a restarted agent finds its flows.
ovs::Ufid UfidOf(base::ByteView key, base::ByteView mask);
// Of a flow with that key and mask; writes both as they are put, in place of what the buffers held.
ovs::Ufid UfidOf(const ovs::FlowKey& key, const ovs::FlowKey& mask, base::ByteVector* key_bytes,
                 base::ByteVector* mask_bytes);
// Adds to a mask that the kernel told what it does not tell: that packets with options of a tunnel
// are not matched. The UFID is of the mask as it was put, and so proves it.
void CompleteMask(const ovs::FlowKey& key, const ovs::Ufid& ufid, ovs::FlowKey* mask);

}  // namespace sluice::flowcache
