#include "agent/translate/hash_slots.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "absl/container/inlined_vector.h"

namespace sluice::translate {

using pipeline::Bucket;
using pipeline::Group;

uint64_t Mix(uint64_t h) {
  h ^= h >> 33;
  h *= 0xff51afd7ed558ccdULL;
  h ^= h >> 33;
  h *= 0xc4ceb9fe1a85ec53ULL;
  return h ^ (h >> 33);
}

namespace {

constexpr uint32_t kFewest = 16, kMost = 256;

// Where a slot stands among all, each somewhere else: two groups behind each other shall not agree
// on the slots. Each step can be turned back.
uint32_t PlaceOf(uint32_t slot, uint32_t slots, uint32_t group) {
  const int half = std::countr_zero(slots) / 2;
  const auto key = static_cast<uint32_t>(Mix(group));
  uint32_t place = (slot + key) & (slots - 1);
  place ^= place >> half;
  place = place * (key >> 8 | 1) & (slots - 1);
  return place ^ place >> half;
}

}  // namespace

uint32_t SlotsOf(const Group& group) {
  uint64_t total = 0, least = ~uint64_t{0};
  for (const Bucket& bucket : group.buckets) {
    if (bucket.weight == 0) continue;
    total += bucket.weight;
    least = std::min<uint64_t>(least, bucket.weight);
  }
  if (total == 0) return kFewest;
  const uint64_t wanted = std::bit_ceil((total + least - 1) / least);
  return static_cast<uint32_t>(std::clamp<uint64_t>(wanted, kFewest, kMost));
}

std::optional<size_t> BucketOfSlot(const Group& group, uint32_t slot,
                                   absl::FunctionRef<bool(const Bucket&)> lives) {
  const uint32_t place = PlaceOf(slot, SlotsOf(group), group.id);
  // Slots are given away one by one, each to who is the furthest from a share by weight (Webster).
  absl::InlinedVector<uint32_t, 16> given(group.buckets.size(), 0);
  std::optional<size_t> owner;
  for (uint32_t i = 0; i <= place; ++i) {
    owner.reset();
    double best = 0;
    for (size_t b = 0; b < given.size(); ++b) {
      const double claim = group.buckets[b].weight / (2.0 * given[b] + 1);
      if (claim <= best) continue;
      best = claim;
      owner = b;
    }
    if (!owner) return std::nullopt;
    ++given[*owner];
  }
  if (lives(group.buckets[*owner])) return owner;
  return RaceOfBuckets(group, Mix(place ^ uint64_t{group.id} << 32), lives);
}

std::optional<size_t> RaceOfBuckets(const Group& group, uint64_t hash,
                                    absl::FunctionRef<bool(const Bucket&)> lives) {
  std::optional<size_t> best;
  double best_score = 0;
  for (size_t i = 0; i < group.buckets.size(); ++i) {
    const Bucket& bucket = group.buckets[i];
    if (bucket.weight == 0 || !lives(bucket)) continue;
    const uint64_t luck = Mix(hash ^ (uint64_t{bucket.id} * 0x9e3779b97f4a7c15ULL));
    const double uniform = (static_cast<double>(luck >> 11) + 1) * 0x1p-53;  // (0, 1]
    const double score = -std::log(uniform) / bucket.weight;
    if (best && score >= best_score) continue;
    best = i;
    best_score = score;
  }
  return best;
}

}  // namespace sluice::translate
