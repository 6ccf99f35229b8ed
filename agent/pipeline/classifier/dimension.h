// The dimensions by which a lookup rules out subtables before it hashes anything: fields whose
// masks are prefixes, or all or nothing.
//
// For each dimension a table has one trie of its rules' prefixes. A subtable asks in a dimension
// for one prefix length, or for nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "agent/pipeline/classifier/prefix_trie.h"
#include "agent/pipeline/fields.h"

namespace sluice::pipeline {

struct Dimension {
  uint16_t offset;  // in Fields, bytes
  uint8_t width;    // bits
  bool whole;       // a proof reads the whole field, never a part of it
  // Proofs are sought by rank, upwards: reading what differs least between packets comes first.
  uint8_t rank;
};

// The narrow ones first: their tries have one word.
enum DimensionId : uint8_t {
  kDimEthType,
  kDimProto,
  kDimNwSrc,
  kDimNwDst,
  kDimTpSrc,
  kDimTpDst,
  kDimIpv6Src,
  kDimIpv6Dst,
};
inline constexpr size_t kDimensions = 8;
inline constexpr size_t kNarrowDimensions = 6;
inline constexpr size_t kRanks = 4;

inline constexpr std::array<Dimension, kDimensions> kDimensionTable = {{
    {offsetof(Fields, eth_type), 16, true, 0},
    {offsetof(Fields, nw_proto), 8, true, 1},
    {offsetof(Fields, nw_src), 32, false, 2},
    {offsetof(Fields, nw_dst), 32, false, 2},
    {offsetof(Fields, tp_src), 16, false, 3},
    {offsetof(Fields, tp_dst), 16, false, 3},
    {offsetof(Fields, ipv6_src), 128, false, 2},
    {offsetof(Fields, ipv6_dst), 128, false, 2},
}};

// Which dimensions are in use, a bit each.
using DimensionSet = uint8_t;
inline constexpr DimensionSet kTypeDimensions = 1 << kDimEthType | 1 << kDimProto;
inline constexpr DimensionSet kPrefixDimensions =
    1 << kDimNwSrc | 1 << kDimNwDst | 1 << kDimIpv6Src | 1 << kDimIpv6Dst;
inline constexpr DimensionSet kPortDimensions = 1 << kDimTpSrc | 1 << kDimTpDst;

// The value of a dimension, left-aligned.
template <size_t kWords>
inline TrieKey<kWords> DimensionKey(const Fields& fields, size_t dimension) {
  const Dimension& d = kDimensionTable[dimension];
  const char* at = reinterpret_cast<const char*>(&fields) + d.offset;
  if constexpr (kWords == 2) {
    TrieKey<2> key;
    std::memcpy(key.data(), at, sizeof(key));
    return {base::SwapIfLittle(key[0]), base::SwapIfLittle(key[1])};
  } else {
    switch (d.width) {
      case 8:
        return {uint64_t{static_cast<uint8_t>(*at)} << 56};
      case 16: {
        uint16_t value;
        std::memcpy(&value, at, sizeof(value));
        return {uint64_t{base::SwapIfLittle(value)} << 48};
      }
      default: {
        uint32_t value;
        std::memcpy(&value, at, sizeof(value));
        return {uint64_t{base::SwapIfLittle(value)} << 32};
      }
    }
  }
}

// How many leading bits of the dimension a mask has.
unsigned PrefixLength(const Fields& mask, size_t dimension);
// Whether the mask has none but these.
bool IsPrefix(const Fields& mask, size_t dimension);

// Adds the first `bits` bits of the dimension to a mask.
inline void MarkPrefix(size_t dimension, unsigned bits, Fields* mask) {
  const Dimension& d = kDimensionTable[dimension];
  char* at = reinterpret_cast<char*>(mask) + d.offset;
  for (unsigned byte = 0; byte * 8 < bits; ++byte) {
    const unsigned left = bits - byte * 8;
    at[byte] = static_cast<char>(at[byte] | (left >= 8 ? 0xff : 0xff << (8 - left)));
  }
}

}  // namespace sluice::pipeline
