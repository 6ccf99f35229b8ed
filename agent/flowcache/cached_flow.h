// A flow as the agent remembers it, in as few bytes as can be: there may be hundreds of thousands.
//
// What many flows have in common, masks and what their decisions rest on, is kept once
// (SharedPool). The key, the addresses learned and the actions lie in one block of memory; of the
// key only words that are not zero. `build/release/bin/bench/flow_memory` measures:
// docs/performance.md.
//
// Not thread-safe: FlowCache hands it out under the lock of its shard.
#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "agent/bridge/bridge.h"
#include "agent/flowcache/shared_pool.h"
#include "agent/pipeline/classifier/mask_budget.h"
#include "agent/translate/translate.h"
#include "netlink/base/clock.h"
#include "netlink/ovs/flow.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::flowcache {

// Attributes of a mask, as the kernel has them, and its use of the bridge's budget.
class MaskBytes {
 public:
  struct View {
    base::ByteView bytes;  // alone tell whether two are the same
    const pipeline::MaskUse* use;
  };
  explicit MaskBytes(const View& view)
      : bytes_(view.bytes.begin(), view.bytes.end()), use_(*view.use) {}
  View view() const { return {bytes_, &use_}; }
  static size_t HashOf(const View& view);
  static bool IsSame(const View& a, const View& b) { return base::Equal(a.bytes, b.bytes); }

 private:
  base::ByteVector bytes_;
  pipeline::MaskUse use_;
};

// What a decision rests on beside the packet, and whose packets its flow's are.
class Basis {
 public:
  struct View {
    std::span<const std::shared_ptr<pipeline::UseStats>> credits;
    const pipeline::TableSet* tables;
    bool groups;
    std::span<const translate::Recirculations::Ref> recirculations;
  };
  explicit Basis(const View& view)
      : credits(view.credits.begin(), view.credits.end()),
        tables(*view.tables),
        groups(view.groups),
        recirculations(view.recirculations.begin(), view.recirculations.end()) {}
  View view() const { return {credits, &tables, groups, recirculations}; }
  static size_t HashOf(const View& view);
  static bool IsSame(const View& a, const View& b);

  const std::vector<std::shared_ptr<pipeline::UseStats>> credits;
  const pipeline::TableSet tables;
  const bool groups;
  const std::vector<translate::Recirculations::Ref> recirculations;  // held
};

struct FlowPools {
  SharedPool<MaskBytes> masks;
  SharedPool<Basis> bases;
};

enum class Origin : uint8_t {
  kMiss,     // a packet missed
  kAdopted,  // found in the datapath, and right
};
std::string_view ToString(Origin origin);

// All that is to be remembered of a translation. Borrowed for a call.
struct Decision {
  const ovs::FlowKey& key;
  base::ByteView mask;
  pipeline::MaskUse mask_use{};
  const translate::Translation& translation;
  const bridge::Sight& sight;
  base::MonotonicMs now;
  Origin origin = Origin::kMiss;
};

class CachedFlow {
 public:
  CachedFlow(const ovs::Ufid& ufid, const Decision& decision, FlowPools* pools);

  const ovs::Ufid& ufid() const { return ufid_; }
  // Of a packet of the flow; translating it again gives what holds for all of them.
  ovs::FlowKey Key() const;
  base::ByteView mask() const { return mask_->view().bytes; }
  base::ByteView actions() const;
  // Which addresses the flow's packets keep alive.
  std::span<const translate::Learned> learned() const;
  const Basis& basis() const { return *basis_; }

  // Takes over another translation, of the same key and mask: what it rests on, and its actions.
  void RestOn(const translate::Translation& translation, const bridge::Sight& sight,
              FlowPools* pools);
  // Whether nothing has changed since on which it rests.
  bool StillRests(const bridge::Bridge& bridge) const;
  // As new as what is seen, as nothing changed on which it rests.
  void Refresh(const bridge::Sight& sight);
  uint64_t generation() const { return generation_; }

  // New statistics of the kernel: what is more than before is credited to rules.
  void Count(const ovs::FlowStats& now);
  // What it did before is nobody's.
  void CountFrom(const ovs::FlowStats& now);
  ovs::FlowStats stats() const { return {packets_, bytes_, used_, tcp_flags_}; }
  // When it was last used, or last put.
  base::MonotonicMs last() const { return std::max(used_, installed); }
  base::MonotonicMs created() const { return created_; }
  Origin origin() const { return origin_; }
  translate::Verdict verdict() const { return verdict_; }
  // Bytes of memory that are this flow's alone, those of its actions aside.
  size_t memory() const;

  base::MonotonicMs installed;  // when it was last put
  uint32_t round = 0;           // of the dump that last showed it
  // The kernel had a flow of that identifier already, perhaps with other actions.
  bool uncertain = false;

 private:
  static constexpr size_t kKeyWords = sizeof(ovs::FlowKey) / sizeof(uint64_t);
  static_assert(sizeof(ovs::FlowKey) % sizeof(uint64_t) == 0 && kKeyWords <= 128);
  static constexpr size_t kMapWords = 2;  // of one bit for each word of a key

  std::span<const uint64_t> KeyWords() const { return {block_.get(), key_words_}; }
  size_t BlockWords() const;
  // Writes the block anew. The views may be into the old one.
  void Pack(std::span<const uint64_t> key, std::span<const translate::Learned> learned,
            base::ByteView actions);

  ovs::Ufid ufid_;
  SharedPool<MaskBytes>::Handle mask_;
  SharedPool<Basis>::Handle basis_;
  // Maps and words of the key, addresses, actions: one after the other.
  std::unique_ptr<uint64_t[]> block_;
  uint64_t generation_ = 0;
  pipeline::Version version_ = 0;
  base::MonotonicMs created_;
  uint64_t packets_ = 0, bytes_ = 0;
  base::MonotonicMs used_ = 0;
  uint32_t actions_size_ = 0;
  uint16_t learned_ = 0;
  uint8_t key_words_ = 0;  // maps included
  uint8_t tcp_flags_ = 0;
  Origin origin_;
  translate::Verdict verdict_ = translate::Verdict::kForward;
};

}  // namespace sluice::flowcache
