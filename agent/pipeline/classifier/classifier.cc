#include "agent/pipeline/classifier/classifier.h"

#include <algorithm>
#include <array>
#include <bit>

namespace sluice::pipeline {

namespace {

constexpr uint8_t kSorting = 1;
constexpr uint8_t kStaged = 2;
// Up to so many subtables a lookup without mask visits rather than walk the tries.
constexpr size_t kFewSubtables = 3;

// The words of a mask that are not zero.
class SparseMask {
 public:
  explicit SparseMask(const Fields& mask) {
    for (size_t i = 0; i < kFieldWords; ++i) {
      if (const uint64_t word = Word(mask, i); word != 0) words_[size_++] = {word, i};
    }
  }
  std::span<const MaskWord> words() const { return {words_.data(), size_}; }

 private:
  std::array<MaskWord, kFieldWords> words_;
  size_t size_ = 0;
};

}  // namespace

size_t RuleIndex::MaskHash::operator()(std::span<const MaskWord> mask) const {
  Hasher hasher;
  for (const MaskWord& word : mask) hasher.Add(word.mask ^ word.word << 56), hasher.Add(word.word);
  return hasher.hash();
}

bool RuleIndex::MaskEqual::operator()(std::span<const MaskWord> a,
                                      std::span<const MaskWord> b) const {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

RuleIndex::RuleIndex(Versions* versions, ClassifierOptions options)
    : versions_(versions),
      tries_(versions),
      order_(new SubtableOrder(std::span<Subtable* const>())) {
  set_options(options);
}

RuleIndex::~RuleIndex() {
  versions_->Forget(this);  // entries that wait are still linked, and go with their subtables
  delete order_.load();
}

void RuleIndex::set_options(ClassifierOptions options) {
  const int flags =
      (options.priority_sorting ? kSorting : 0) | (options.staged_lookup ? kStaged : 0);
  flags_.store(static_cast<uint8_t>(flags), std::memory_order_relaxed);
  const int dimensions = (options.type_tracking ? kTypeDimensions : 0) |
                         (options.prefix_tracking ? kPrefixDimensions : 0) |
                         (options.port_tracking ? kPortDimensions : 0);
  dimensions_.store(static_cast<DimensionSet>(dimensions), std::memory_order_relaxed);
}

template <bool kWithMask>
const Entry* RuleIndex::LookupIn(const SubtableOrder& order, const Fields& packet, Fields* mask,
                                 Version version) const {
  const uint8_t flags = flags_.load(std::memory_order_relaxed);
  const bool sorting = (flags & kSorting) != 0, staged = (flags & kStaged) != 0;
  DimensionSet dimensions = dimensions_.load(std::memory_order_relaxed);
  if (!kWithMask && order.size() <= kFewSubtables) dimensions = 0;
  const Pruning pruning(order, tries_, packet, dimensions);

  const Entry* best = nullptr;
  size_t count = order.size();  // of the subtables that matter
  Pruning::Depths read{};
  for (size_t block = 0; block * SubtableOrder::kBlock < count; ++block) {
    for (uint64_t left = pruning.Candidates(block); left != 0; left &= left - 1) {
      const size_t i = block * SubtableOrder::kBlock + static_cast<size_t>(std::countr_zero(left));
      if (i >= count) break;
      const Subtable& subtable = order[i];
      const Entry* entry;
      if constexpr (kWithMask) {
        Subtable::Read extent{subtable.mask().size(), kStages - 1};
        entry =
            staged ? subtable.FindStaged(packet, version, &extent) : subtable.Find(packet, version);
        subtable.Mark(extent.words, mask);
        const auto& lengths = subtable.lengths(extent.stage);
        for (size_t d = 0; d < kDimensions; ++d) read[d] = std::max(read[d], lengths[d]);
      } else {
        entry = subtable.Find(packet, version);
      }
      if (entry == nullptr || (best != nullptr && entry->priority <= best->priority)) continue;
      best = entry;
      if (sorting) count = std::max(i + 1, order.CountAbove(best->priority));
    }
  }
  if constexpr (kWithMask) pruning.Prove(count, read, mask);
  return best;
}

const void* RuleIndex::Lookup(const Fields& packet, Fields* mask, Version version) const {
  const SubtableOrder& order = Order();
  const Entry* entry = mask != nullptr ? LookupIn<true>(order, packet, mask, version)
                                       : LookupIn<false>(order, packet, nullptr, version);
  return entry == nullptr ? nullptr : entry->rule;
}

const void* RuleIndex::Find(const Fields& value, const Fields& mask, int32_t priority,
                            Version version) const {
  const SparseMask sparse(mask);
  for (const Subtable* subtable : Order().subtables()) {
    if (!MaskEqual()(subtable->mask(), sparse.words())) continue;
    const Entry* entry = subtable->FindExact(value, priority, version);
    return entry == nullptr ? nullptr : entry->rule;
  }
  return nullptr;
}

Version RuleIndex::View(Update* update) {
  BeforeCommit();
  return update->next();
}

Subtable* RuleIndex::SubtableFor(const Fields& mask) {
  const SparseMask sparse(mask);
  const auto it = by_mask_.find(sparse.words());
  if (it != by_mask_.end()) return it->second;
  Subtable* subtable =
      subtables_.emplace_back(std::make_unique<Subtable>(versions_, sparse.words())).get();
  by_mask_[subtable->mask()] = subtable;
  return subtable;
}

const void* RuleIndex::Insert(Update* update, const Fields& value, const Fields& mask,
                              int32_t priority, const void* rule) {
  Subtable* subtable = SubtableFor(mask);
  Entry* old = subtable->FindExact(value, priority, update->next());
  Entry* entry = Entry::New(subtable->mask(), value);
  entry->rule = rule;
  entry->subtable = subtable;
  entry->added = update->next();
  entry->priority = priority;
  // First what makes lookups read more, then the entry: its own version comes last of all.
  tries_.Insert(Masked(value, mask), *subtable);
  if (subtable->Insert(entry)) order_changed_ = true;
  size_.fetch_add(1, std::memory_order_relaxed);
  update->Added(this, entry, &entry->removed);
  if (old == nullptr) return nullptr;
  update->Removed(this, old, &old->removed);
  return old->rule;
}

const void* RuleIndex::Remove(Update* update, const Fields& value, const Fields& mask,
                              int32_t priority) {
  const SparseMask sparse(mask);
  const auto it = by_mask_.find(sparse.words());
  if (it == by_mask_.end()) return nullptr;
  Entry* entry = it->second->FindExact(value, priority, update->next());
  if (entry == nullptr) return nullptr;
  update->Removed(this, entry, &entry->removed);
  return entry->rule;
}

void RuleIndex::ForEachWithin(const Fields& value, const Fields& mask, Version version,
                              const Visitor& visit) const {
  for (const Subtable* subtable : Order().subtables()) {
    const Fields full = subtable->FullMask();
    if (!IsWithin(mask, full)) continue;
    subtable->ForEach([&](const Entry* entry) {
      if (!entry->VisibleIn(version)) return;
      const Fields its = subtable->FullValue(*entry);
      if (MatchesUnder(value, its, mask)) visit(its, full, entry->priority, entry->rule);
    });
  }
}

bool RuleIndex::Overlaps(const Fields& value, const Fields& mask, int32_t priority,
                         Version version) const {
  for (const Subtable* subtable : Order().subtables()) {
    const Fields common = Masked(subtable->FullMask(), mask);
    bool found = false;
    subtable->ForEach([&](const Entry* entry) {
      found = found || (entry->priority == priority && entry->VisibleIn(version) &&
                        MatchesUnder(value, subtable->FullValue(*entry), common));
    });
    if (found) return true;
  }
  return false;
}

void RuleIndex::PublishOrder() {
  const auto first = [](const std::unique_ptr<Subtable>& a, const std::unique_ptr<Subtable>& b) {
    return a->max_priority() > b->max_priority();
  };
  if (!std::is_sorted(subtables_.begin(), subtables_.end(), first)) {
    std::stable_sort(subtables_.begin(), subtables_.end(), first);
  }
  std::vector<Subtable*> subtables;
  subtables.reserve(subtables_.size());
  for (const auto& subtable : subtables_) subtables.push_back(subtable.get());
  SubtableOrder* old = order_.exchange(new SubtableOrder(subtables), std::memory_order_acq_rel);
  versions_->Retire(old);
  order_changed_ = false;
}

void RuleIndex::BeforeCommit() {
  if (order_changed_) PublishOrder();
}

void RuleIndex::Unlink(void* item) {
  auto* entry = static_cast<Entry*>(item);
  Subtable* subtable = entry->subtable;
  tries_.Remove(subtable->FullValue(*entry), *subtable);
  if (subtable->Unlink(entry)) order_changed_ = true;
  if (subtable->empty()) some_empty_ = true;
  size_.fetch_sub(1, std::memory_order_relaxed);
}

void RuleIndex::AfterUnlink() {
  if (!order_changed_) return;
  std::vector<std::unique_ptr<Subtable>> empty;
  if (some_empty_) {
    const auto kept = std::stable_partition(subtables_.begin(), subtables_.end(),
                                            [](const auto& s) { return !s->empty(); });
    std::move(kept, subtables_.end(), std::back_inserter(empty));
    subtables_.erase(kept, subtables_.end());
    some_empty_ = false;
  }
  PublishOrder();
  for (auto& subtable : empty) {
    by_mask_.erase(subtable->mask());
    versions_->Retire(subtable.release());
  }
}

size_t RuleIndex::bytes() const {
  size_t bytes = sizeof(*this) + tries_.bytes();
  for (const auto& subtable : subtables_) bytes += subtable->bytes();
  return bytes;
}

}  // namespace sluice::pipeline
