#include "agent/pipeline/classifier/dimension.h"

#include <bit>

namespace sluice::pipeline {

namespace {

// The bytes of the dimension, in two left-aligned words.
TrieKey<2> Bits(const Fields& mask, size_t dimension) {
  if (dimension >= kNarrowDimensions) return DimensionKey<2>(mask, dimension);
  return {DimensionKey<1>(mask, dimension)[0], 0};
}

}  // namespace

unsigned PrefixLength(const Fields& mask, size_t dimension) {
  const TrieKey<2> bits = Bits(mask, dimension);
  const auto first = static_cast<unsigned>(std::countl_one(bits[0]));
  return first < 64 ? first : first + static_cast<unsigned>(std::countl_one(bits[1]));
}

bool IsPrefix(const Fields& mask, size_t dimension) {
  const TrieKey<2> bits = Bits(mask, dimension);
  const auto ones = static_cast<unsigned>(std::popcount(bits[0]) + std::popcount(bits[1]));
  return ones == PrefixLength(mask, dimension);
}

}  // namespace sluice::pipeline
