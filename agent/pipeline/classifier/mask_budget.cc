#include "agent/pipeline/classifier/mask_budget.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <mutex>

#include "absl/container/flat_hash_map.h"
#include "agent/pipeline/classifier/dimension.h"
#include "agent/pipeline/classifier/hash_tables.h"

namespace sluice::pipeline {

namespace {

constexpr unsigned kHoweverMany = std::numeric_limits<unsigned>::max();

struct FieldsHash {
  size_t operator()(const Fields& mask) const {
    Hasher hasher;
    for (size_t i = 0; i < kFieldWords; ++i) hasher.Add(Word(mask, i));
    return hasher.hash();
  }
};

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

std::string_view ToString(MaskFit fit) {
  constexpr std::array<std::string_view, kMaskFits> kNames = {"free", "reused", "rounded", "whole",
                                                              "exact"};
  return kNames[static_cast<size_t>(fit)];
}

// Lives as long as the budget or any use.
struct MaskBudget::State : std::enable_shared_from_this<MaskBudget::State> {
  // `id` tells whether the entry is still that of a use that goes.
  struct Entry {
    std::weak_ptr<const Fields> use;
    const Fields* id = nullptr;
  };
  using Exact = absl::FunctionRef<Fields()>;

  // Adds bits to `mask`.
  MaskFit Choose(Exact exact, Fields* mask) const;
  const Fields* Wider(const Fields& mask, const Fields& exact, unsigned bits) const;
  // The use of exactly this mask, made when there is none.
  MaskUse Take(const Fields& mask);
  void Drop(const Fields* mask);

  // Of the standard library, as ThreadSanitizer sees its locks. Guards what follows. The functions
  // above want it held, but for Drop().
  mutable std::mutex mutex;
  MaskBudgetOptions options;
  absl::flat_hash_map<Fields, Entry, FieldsHash> uses;
  Stats stats;
};

// The mask in use that needs the fewest bits more, if these are few enough, and all of them such as
// the packet has.
const Fields* MaskBudget::State::Wider(const Fields& mask, const Fields& exact,
                                       unsigned bits) const {
  const Fields* best = nullptr;
  unsigned fewest = bits;
  for (const auto& [used, entry] : uses) {
    if (!IsWithin(mask, used) || !IsWithin(used, exact)) continue;
    const unsigned extra = ExtraBits(mask, used);
    if (extra > fewest || (best != nullptr && extra == fewest)) continue;
    fewest = extra;
    best = &used;
  }
  return best;
}

MaskFit MaskBudget::State::Choose(Exact exact, Fields* mask) const {
  if (options.exact) {
    AddMask(exact(), mask);
    return MaskFit::kExact;
  }
  const size_t used = uses.size(), budget = options.masks;
  if (budget == 0 || used < budget / 2 || uses.contains(*mask)) return MaskFit::kFree;
  Fields all = exact();
  AddMask(*mask, &all);
  if (const Fields* wider = Wider(*mask, all, options.reuse_bits)) {
    *mask = *wider;
    return MaskFit::kReused;
  }
  const bool nearly = used >= budget - budget / 8;
  RoundPrefixes(nearly ? 128 : used >= budget - budget / 4 ? 16 : 8, mask);
  *mask = Masked(*mask, all);
  if (used < budget || uses.contains(*mask)) return nearly ? MaskFit::kWhole : MaskFit::kRounded;
  const Fields* wider = Wider(*mask, all, kHoweverMany);
  *mask = wider != nullptr ? *wider : all;
  return MaskFit::kExact;
}

MaskUse MaskBudget::State::Take(const Fields& mask) {
  Entry& entry = uses[mask];
  if (MaskUse use = entry.use.lock()) return use;
  const auto* made = new Fields(mask);
  MaskUse use(made, [state = shared_from_this()](const Fields* gone) { state->Drop(gone); });
  entry = {use, made};
  return use;
}

void MaskBudget::State::Drop(const Fields* mask) {
  {
    const std::lock_guard lock(mutex);
    const auto it = uses.find(*mask);
    if (it != uses.end() && it->second.id == mask) uses.erase(it);
  }
  delete mask;
}

MaskBudget::MaskBudget(MaskBudgetOptions options) : state_(std::make_shared<State>()) {
  set_options(options);
}

void MaskBudget::set_options(const MaskBudgetOptions& options) {
  const std::lock_guard lock(state_->mutex);
  state_->options = options;
}

MaskBudgetOptions MaskBudget::options() const {
  const std::lock_guard lock(state_->mutex);
  return state_->options;
}

MaskUse MaskBudget::Fit(const Fields& mask, absl::FunctionRef<Fields()> exact) {
  const std::lock_guard lock(state_->mutex);
  Fields fitted = mask;
  const MaskFit fit = state_->Choose(exact, &fitted);
  ++state_->stats.fits[static_cast<size_t>(fit)];
  state_->stats.bits_added += ExtraBits(mask, fitted);
  return state_->Take(fitted);
}

MaskUse MaskBudget::Count(const Fields& mask) {
  const std::lock_guard lock(state_->mutex);
  return state_->Take(mask);
}

bool MaskBudget::IsCrowded() const {
  const std::lock_guard lock(state_->mutex);
  const size_t budget = state_->options.masks;
  return budget != 0 && state_->uses.size() >= budget / 2;
}

MaskBudget::Stats MaskBudget::stats() const {
  const std::lock_guard lock(state_->mutex);
  Stats stats = state_->stats;
  stats.masks = state_->uses.size();
  return stats;
}

}  // namespace sluice::pipeline
