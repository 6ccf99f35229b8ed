// Which subtables a packet can have a match in, and what proves that the others have none.
//
// One Pruning lives for one lookup. For each dimension it walks the trie once; a subtable remains
// only if the packet falls under some prefix of the length that it asks for, in every dimension. To
// rule out many subtables is a few operations on words of bits.
//
// Prove() then adds to the mask what rules out those that the lookup passed over, and reads as
// little as it can: what the lookup read anyhow proves for nothing; then the Ethernet type and the
// protocol, which differ little between packets; then stage 0; then addresses, of which it takes
// those with the fewest bits; ports only for what is left, since they differ most.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "agent/pipeline/classifier/dimension.h"
#include "agent/pipeline/classifier/prefix_trie.h"
#include "agent/pipeline/classifier/subtable_order.h"
#include "agent/pipeline/fields.h"

namespace sluice::pipeline {

// The tries of one table.
class Tries {
 public:
  explicit Tries(Versions* versions);

  void Insert(const Fields& value, const Subtable& subtable);
  void Remove(const Fields& value, const Subtable& subtable);
  const PrefixTrie<1>& narrow(size_t dimension) const { return narrow_[dimension]; }
  const PrefixTrie<2>& wide(size_t dimension) const { return wide_[dimension - kNarrowDimensions]; }
  size_t bytes() const;

 private:
  std::array<PrefixTrie<1>, kNarrowDimensions> narrow_;
  std::array<PrefixTrie<2>, kDimensions - kNarrowDimensions> wide_;
};

class Pruning {
 public:
  // How many leading bits of each dimension are read.
  using Depths = std::array<uint8_t, kDimensions>;

  // With the dimensions of `dimensions` alone.
  Pruning(const SubtableOrder& order, const Tries& tries, const Fields& packet,
          DimensionSet dimensions);

  // The subtables of a block that may have a match.
  uint64_t Candidates(size_t block) const {
    uint64_t candidates = order_.All(block);
    for (size_t i = 0; i < size_; ++i) {
      const Use& use = uses_[i];
      uint64_t passed = ~order_.Bits(block, use.users);
      for (size_t k = 0; k < use.matched_size; ++k) passed |= order_.Bits(block, use.matched[k]);
      candidates &= passed;
    }
    return candidates;
  }
  // Adds to `mask` what rules out all that are no candidates among the first `count` subtables.
  // `read` is what the mask has already, and what it has then.
  void Prove(size_t count, Depths* read, Fields* mask) const;

 private:
  static constexpr size_t kMostLengths = 128;
  // The packet falls under no prefix of that length, as its first `depth` bits tell.
  struct Refusal {
    uint8_t depth;
    SubtableOrder::Column column;
  };
  // A dimension of this lookup. The arrays are not initialised.
  struct Use {
    uint8_t dimension;
    uint8_t rank;
    SubtableOrder::Column users;
    size_t matched_size, refusals_size;
    const SubtableOrder::Column* matched;
    const Refusal* refusals;  // by depth, upwards
  };
  struct Proof;

  template <typename Trie>
  void Walk(const Trie& trie, size_t dimension);
  uint64_t Refused(const Use& use, size_t block) const;
  uint64_t RefusedBy(const Use& use, size_t block, unsigned depth) const;
  unsigned DepthFor(const Use& use, size_t block, uint64_t subtables) const;
  uint64_t ProveByRank(uint8_t rank, size_t block, uint64_t rest, Depths* depths) const;
  uint64_t ProveByFirstStage(size_t block, uint64_t rest, Fields* mask) const;

  const SubtableOrder& order_;
  const Fields& packet_;
  size_t size_ = 0;  // of uses_
  std::array<Use, kDimensions> uses_;
  size_t columns_size_ = 0, refusals_size_ = 0;
  // Room for all dimensions together: 32 + 32 + 16 + 16 + 16 + 8 + 128 + 128.
  static constexpr size_t kRoom = 376;
  std::array<SubtableOrder::Column, kRoom> columns_;
  std::array<Refusal, kRoom> refusals_;
};

}  // namespace sluice::pipeline
