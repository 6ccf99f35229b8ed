// Keeps the number of distinct masks of the installed flows within a budget.
//
// The kernel tries one mask after the other, for each packet and each install. Lookups read as few
// bits as they can, and so yield many masks, the more so for traffic that is crafted for it (tuple
// space explosion). Fit() adds bits to a mask until it has a shape that is there already, or one of
// few: more bits are always sound, and cost some flows. The fuller the budget, the coarser:
//
//   free      the mask as it is
//   reuse     from half the budget on: an installed mask that has all its bits and few more
//   rounded   else prefixes and ports rounded up to steps of 8 bits, from three quarters on of 16
//   whole     from seven eighths on: each address and port that is read at all is read whole
//   exact     beyond the budget: every bit; so there is at most one mask more than the budget
//
// A mask counts while flows have it: each Fit() is a use, to be given back by Release() with what
// Fit() made of it. Thread-safe. A later translation may need fewer bits than a flow has: compare
// with IsWithin(), not for equality.
//
//   budget.Fit(&mask);          // before the flow is put
//   budget.Release(mask);       // after it was deleted
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "agent/pipeline/fields.h"

namespace sluice::pipeline {

struct MaskBudgetOptions {
  size_t masks = 64;  // 0: no limit, and masks stay as they are
  // How many bits more a mask may have to be used instead of a new one.
  unsigned reuse_bits = 24;
};

enum class MaskFit : uint8_t { kFree, kReused, kRounded, kWhole, kExact };
inline constexpr size_t kMaskFits = 5;

class MaskBudget {
 public:
  struct Stats {
    size_t masks = 0;                        // in use now
    std::array<uint64_t, kMaskFits> fits{};  // by what was done
    uint64_t bits_added = 0;                 // to all masks together
  };

  explicit MaskBudget(MaskBudgetOptions options = {}) : options_(options) {}

  MaskFit Fit(Fields* mask) ABSL_LOCKS_EXCLUDED(mutex_);
  // A mask that was not given by Fit() is ignored.
  void Release(const Fields& mask) ABSL_LOCKS_EXCLUDED(mutex_);
  // Counts a flow that was there before: an adopted one.
  void Adopt(const Fields& mask) ABSL_LOCKS_EXCLUDED(mutex_);
  Stats stats() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Hash {
    size_t operator()(const Fields& mask) const;
  };
  MaskFit Choose(Fields* mask) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  const Fields* Wider(const Fields& mask) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const MaskBudgetOptions options_;
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<Fields, size_t, Hash> uses_ ABSL_GUARDED_BY(mutex_);
  Stats stats_ ABSL_GUARDED_BY(mutex_);
};

// Rounds every prefix that a mask has of an address or port up to a multiple of `step` bits; ports
// have none or all from 16 on. What is no prefix becomes whole.
void RoundPrefixes(unsigned step, Fields* mask);

}  // namespace sluice::pipeline
