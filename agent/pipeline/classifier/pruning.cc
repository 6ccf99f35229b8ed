#include "agent/pipeline/classifier/pruning.h"

#include <algorithm>
#include <bit>

namespace sluice::pipeline {

Tries::Tries(Versions* versions)
    : narrow_{{{versions, kDimensionTable[0].width},
               {versions, kDimensionTable[1].width},
               {versions, kDimensionTable[2].width},
               {versions, kDimensionTable[3].width},
               {versions, kDimensionTable[4].width},
               {versions, kDimensionTable[5].width}}},
      wide_{{{versions, kDimensionTable[6].width}, {versions, kDimensionTable[7].width}}} {}

void Tries::Insert(const Fields& value, const Subtable& subtable) {
  for (size_t d = 0; d < kDimensions; ++d) {
    const unsigned length = subtable.length(d);
    if (length == 0) continue;
    if (d < kNarrowDimensions) {
      narrow_[d].Insert(DimensionKey<1>(value, d), length);
    } else {
      wide_[d - kNarrowDimensions].Insert(DimensionKey<2>(value, d), length);
    }
  }
}

void Tries::Remove(const Fields& value, const Subtable& subtable) {
  for (size_t d = 0; d < kDimensions; ++d) {
    const unsigned length = subtable.length(d);
    if (length == 0) continue;
    if (d < kNarrowDimensions) {
      narrow_[d].Remove(DimensionKey<1>(value, d), length);
    } else {
      wide_[d - kNarrowDimensions].Remove(DimensionKey<2>(value, d), length);
    }
  }
}

size_t Tries::bytes() const {
  size_t bytes = 0;
  for (const auto& trie : narrow_) bytes += trie.bytes();
  for (const auto& trie : wide_) bytes += trie.bytes();
  return bytes;
}

Pruning::Pruning(const SubtableOrder& order, const Tries& tries, const Fields& packet,
                 DimensionSet dimensions)
    : order_(order), packet_(packet) {
  for (unsigned used = dimensions & order.used(); used != 0; used &= used - 1) {
    const auto d = static_cast<size_t>(std::countr_zero(used));
    if (d < kNarrowDimensions) {
      Walk(tries.narrow(d), d);
    } else {
      Walk(tries.wide(d), d);
    }
  }
}

template <typename Trie>
void Pruning::Walk(const Trie& trie, size_t dimension) {
  typename Trie::Walk walk;
  constexpr size_t kWords = std::tuple_size_v<typename Trie::Key>;
  trie.Lookup(DimensionKey<kWords>(packet_, dimension), &walk);

  const Dimension& d = kDimensionTable[dimension];
  Use& use = uses_[size_++];
  use = {static_cast<uint8_t>(dimension),
         d.rank,
         order_.UsersOf(dimension),
         0,
         0,
         &columns_[columns_size_],
         &refusals_[refusals_size_]};
  // The trie may know lengths that the order does not: of rules that nobody may see yet. And the
  // other way round: of subtables whose rules nobody may see any more; no bit refuses these.
  typename Trie::Lengths unknown;
  for (uint8_t length : order_.lengths(dimension)) unknown.Add(length);
  walk.matched.ForEach([&](unsigned length) {
    const SubtableOrder::Column column = order_.ColumnOf(dimension, length);
    if (column == SubtableOrder::kNoColumn) return;
    columns_[columns_size_++] = column;
    ++use.matched_size;
  });
  for (size_t i = 0; i < kWords; ++i) unknown.words[i] &= ~walk.matched.words[i];
  for (size_t i = 0; i < walk.size; ++i) {
    for (size_t k = 0; k < kWords; ++k) unknown.words[k] &= ~walk.steps[i].lengths[k];
  }
  const auto refuse = [&](unsigned depth, const typename Trie::Lengths& lengths) {
    lengths.ForEach([&](unsigned length) {
      const SubtableOrder::Column column = order_.ColumnOf(dimension, length);
      if (column == SubtableOrder::kNoColumn) return;
      refusals_[refusals_size_++] = {static_cast<uint8_t>(depth), column};
      ++use.refusals_size;
    });
  };
  refuse(0, unknown);
  for (size_t i = 0; i < walk.size; ++i) {
    refuse(d.whole ? d.width : walk.steps[i].depth, typename Trie::Lengths{walk.steps[i].lengths});
  }
}

// What the dimension refuses at all.
uint64_t Pruning::Refused(const Use& use, size_t block) const {
  uint64_t refused = 0;
  for (size_t i = 0; i < use.refusals_size; ++i) {
    refused |= order_.Bits(block, use.refusals[i].column);
  }
  return refused;
}

// What its first `depth` bits refuse.
uint64_t Pruning::RefusedBy(const Use& use, size_t block, unsigned depth) const {
  uint64_t refused = 0;
  for (size_t i = 0; i < use.refusals_size && use.refusals[i].depth <= depth; ++i) {
    refused |= order_.Bits(block, use.refusals[i].column);
  }
  return refused;
}

// How many bits it takes to refuse all these, which it does refuse.
unsigned Pruning::DepthFor(const Use& use, size_t block, uint64_t subtables) const {
  for (size_t i = use.refusals_size; i-- > 0;) {
    if ((order_.Bits(block, use.refusals[i].column) & subtables) != 0) {
      return use.refusals[i].depth;
    }
  }
  return 0;
}

// Proves what the dimensions of `rank` can of `rest`, and returns what they cannot.
uint64_t Pruning::ProveByRank(uint8_t rank, size_t block, uint64_t rest, Depths* depths) const {
  std::array<uint64_t, kDimensions> can{};
  uint64_t once = 0, twice = 0;  // refused by one dimension at least, by two
  for (size_t i = 0; i < size_; ++i) {
    if (uses_[i].rank != rank) continue;
    can[i] = Refused(uses_[i], block) & rest;
    twice |= once & can[i];
    once |= can[i];
  }
  if (once == 0) return rest;
  uint64_t left = once;
  const auto read = [&](size_t i, uint64_t subtables) {
    uint8_t& depth = (*depths)[uses_[i].dimension];
    depth = std::max(depth, static_cast<uint8_t>(DepthFor(uses_[i], block, subtables)));
    left &= ~RefusedBy(uses_[i], block, depth);
  };
  // First what only one can refuse: there is no choice, and it may do for others.
  for (size_t i = 0; i < size_; ++i) {
    if ((can[i] & ~twice) != 0) read(i, can[i] & ~twice);
  }
  // Then the one that does all of its share with the fewest more bits.
  while (left != 0) {
    size_t best = size_;
    int fewest = 0;
    for (size_t i = 0; i < size_; ++i) {
      if ((can[i] & left) == 0) continue;
      const int more = static_cast<int>(DepthFor(uses_[i], block, can[i] & left)) -
                       (*depths)[uses_[i].dimension];
      if (best == size_ || more < fewest) best = i, fewest = more;
    }
    read(best, can[best] & left);
  }
  return rest & ~once;
}

uint64_t Pruning::ProveByFirstStage(size_t block, uint64_t rest, Fields* mask) const {
  for (uint64_t some = rest & order_.Bits(block, SubtableOrder::kFirstStage); some != 0;
       some &= some - 1) {
    const auto i = static_cast<size_t>(std::countr_zero(some));
    const Subtable& subtable = order_[block * SubtableOrder::kBlock + i];
    if (!subtable.FailsFirstStage(packet_)) continue;
    subtable.MarkFirstStage(mask);
    rest &= ~(uint64_t{1} << i);
  }
  return rest;
}

void Pruning::Prove(size_t count, Depths* read, Fields* mask) const {
  Depths depths = *read;
  for (size_t block = 0; block * SubtableOrder::kBlock < count; ++block) {
    const size_t left = count - block * SubtableOrder::kBlock;
    const uint64_t range = left >= SubtableOrder::kBlock ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
    uint64_t rest = range & ~Candidates(block);
    if (rest == 0) continue;
    for (size_t i = 0; i < size_; ++i) {
      rest &= ~RefusedBy(uses_[i], block, depths[uses_[i].dimension]);
    }
    for (uint8_t rank = 0; rank < kRanks && rest != 0; ++rank) {
      if (rank == 2) rest = ProveByFirstStage(block, rest, mask);
      rest = ProveByRank(rank, block, rest, &depths);
    }
  }
  for (size_t i = 0; i < size_; ++i) {
    const size_t dimension = uses_[i].dimension;
    if (depths[dimension] > (*read)[dimension]) MarkPrefix(dimension, depths[dimension], mask);
  }
  *read = depths;
}

}  // namespace sluice::pipeline
