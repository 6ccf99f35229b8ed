#include "agent/pipeline/classifier/mask_budget.h"

#include <algorithm>
#include <bit>

#include "agent/pipeline/classifier/dimension.h"
#include "agent/pipeline/classifier/hash_tables.h"

namespace sluice::pipeline {

namespace {

// How many bits `wide` has that `narrow` lacks.
unsigned ExtraBits(const Fields& narrow, const Fields& wide) {
  int bits = 0;
  for (size_t i = 0; i < kFieldWords; ++i) {
    bits += std::popcount(Word(wide, i) & ~Word(narrow, i));
  }
  return static_cast<unsigned>(bits);
}

bool ReadsAny(const Fields& mask, size_t dimension) {
  return PrefixLength(mask, dimension) != 0 || !IsPrefix(mask, dimension);
}

}  // namespace

void RoundPrefixes(unsigned step, Fields* mask) {
  for (size_t d = 0; d < kDimensions; ++d) {
    if (!ReadsAny(*mask, d)) continue;
    const unsigned width = kDimensionTable[d].width;
    const unsigned length = PrefixLength(*mask, d);
    const bool whole = kDimensionTable[d].whole || !IsPrefix(*mask, d);
    MarkPrefix(d, whole ? width : std::min(width, (length + step - 1) / step * step), mask);
  }
}

size_t MaskBudget::Hash::operator()(const Fields& mask) const {
  Hasher hasher;
  for (size_t i = 0; i < kFieldWords; ++i) hasher.Add(Word(mask, i));
  return hasher.hash();
}

// The mask in use that needs the fewest bits more, if these are few enough.
const Fields* MaskBudget::Wider(const Fields& mask) const {
  const Fields* best = nullptr;
  unsigned fewest = options_.reuse_bits + 1;
  for (const auto& [used, flows] : uses_) {
    if (!IsWithin(mask, used)) continue;
    const unsigned extra = ExtraBits(mask, used);
    if (extra >= fewest) continue;
    fewest = extra;
    best = &used;
  }
  return best;
}

MaskFit MaskBudget::Choose(Fields* mask) const {
  if (options_.masks == 0 || uses_.contains(*mask)) return MaskFit::kFree;
  const size_t used = uses_.size(), budget = options_.masks;
  if (used < budget / 2) return MaskFit::kFree;
  if (const Fields* wider = Wider(*mask)) {
    *mask = *wider;
    return MaskFit::kReused;
  }
  const bool nearly = used >= budget / 8 * 7;
  RoundPrefixes(nearly ? 128 : used >= budget / 4 * 3 ? 16 : 8, mask);
  if (uses_.contains(*mask) || used < budget) return nearly ? MaskFit::kWhole : MaskFit::kRounded;
  for (size_t i = 0; i < kFieldWords; ++i) SetWord(mask, i, ~uint64_t{0});
  return MaskFit::kExact;
}

MaskFit MaskBudget::Fit(Fields* mask) {
  const absl::MutexLock lock(&mutex_);
  const Fields before = *mask;
  const MaskFit fit = Choose(mask);
  ++uses_[*mask];
  ++stats_.fits[static_cast<size_t>(fit)];
  stats_.bits_added += ExtraBits(before, *mask);
  return fit;
}

void MaskBudget::Release(const Fields& mask) {
  const absl::MutexLock lock(&mutex_);
  const auto it = uses_.find(mask);
  if (it != uses_.end() && --it->second == 0) uses_.erase(it);
}

void MaskBudget::Adopt(const Fields& mask) {
  const absl::MutexLock lock(&mutex_);
  ++uses_[mask];
}

MaskBudget::Stats MaskBudget::stats() const {
  const absl::MutexLock lock(&mutex_);
  Stats stats = stats_;
  stats.masks = uses_.size();
  return stats;
}

}  // namespace sluice::pipeline
