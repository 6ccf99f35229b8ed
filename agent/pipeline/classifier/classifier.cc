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

// So many subtables, and a quarter of all, may have sunk before the order is made anew.
constexpr size_t kMostSunk = 16;

bool HigherFirst(const Subtable* a, const Subtable* b) {
  return a->max_priority() > b->max_priority();
}

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
      view_(nullptr),
      base_(std::make_unique<SubtableOrder>(std::span<Subtable* const>())) {
  view_.store(new SubtableView{base_.get(), *base_, {}});
  set_options(options);
}

RuleIndex::~RuleIndex() {
  versions_->Forget(this);  // entries that wait are still linked, and go with their subtables
  delete view_.load();
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

struct RuleIndex::Found {
  bool sorting, staged;
  const Entry* best = nullptr;
  Pruning::Depths read{};

  // How many subtables of an order matter still.
  size_t Count(const SubtableOrder& order) const {
    return best == nullptr || !sorting ? order.size() : order.CountAbove(best->priority);
  }
};

template <bool kWithMask>
void RuleIndex::Search(const SubtableOrder& order, const Pruning& pruning, const Fields& packet,
                       Version version, Found* found, Fields* mask) const {
  size_t count = found->Count(order);
  for (size_t block = 0; block * SubtableOrder::kBlock < count; ++block) {
    for (uint64_t left = pruning.Candidates(block); left != 0; left &= left - 1) {
      const size_t i = block * SubtableOrder::kBlock + static_cast<size_t>(std::countr_zero(left));
      if (i >= count) return;
      const Subtable& subtable = order[i];
      const Entry* entry;
      if constexpr (kWithMask) {
        Subtable::Read extent{subtable.mask().size(), kStages - 1};
        entry = found->staged ? subtable.FindStaged(packet, version, &extent)
                              : subtable.Find(packet, version);
        subtable.Mark(extent.words, mask);
        const auto& lengths = subtable.lengths(extent.stage);
        for (size_t d = 0; d < kDimensions; ++d) {
          found->read[d] = std::max(found->read[d], lengths[d]);
        }
      } else {
        entry = subtable.Find(packet, version);
      }
      if (entry == nullptr) continue;
      if (found->best != nullptr && entry->priority <= found->best->priority) continue;
      found->best = entry;
      count = found->Count(order);
    }
  }
}

// A match in the first subtable, when no other can have one above it: then there is nothing to rule
// out. Most tables of a pipeline have one mask, and most of their packets match.
const Entry* RuleIndex::FindAtOnce(const SubtableView& view, const Fields& packet,
                                   Version version) const {
  const SubtableOrder& order = *view.base;
  if (order.size() == 0 || order.size() > kFewSubtables || view.front.size() != 0) return nullptr;
  const Entry* entry = order[0].Find(packet, version);
  if (entry == nullptr || (order.size() > 1 && order.max_priority(1) > entry->priority)) {
    return nullptr;
  }
  return entry;
}

template <bool kWithMask>
const Entry* RuleIndex::LookupIn(const SubtableView& view, const Fields& packet, Fields* mask,
                                 Version version) const {
  const uint8_t flags = flags_.load(std::memory_order_relaxed);
  Found found{(flags & kSorting) != 0, (flags & kStaged) != 0};
  if (found.sorting) {
    if (const Entry* entry = FindAtOnce(view, packet, version)) {
      if (kWithMask) entry->subtable->Mark(entry->subtable->mask().size(), mask);
      return entry;
    }
  }
  DimensionSet dimensions = dimensions_.load(std::memory_order_relaxed);
  if (!kWithMask && view.base->size() + view.front.size() <= kFewSubtables) dimensions = 0;
  const Pruning pruning(*view.base, tries_, packet, dimensions);
  if (view.front.size() == 0) {
    Search<kWithMask>(*view.base, pruning, packet, version, &found, mask);
  } else {
    const Pruning front_pruning(view.front, tries_, packet, dimensions);
    Search<kWithMask>(view.front, front_pruning, packet, version, &found, mask);
    Search<kWithMask>(*view.base, pruning, packet, version, &found, mask);
    if (kWithMask) front_pruning.Prove(found.Count(view.front), &found.read, mask);
  }
  if (kWithMask) pruning.Prove(found.Count(*view.base), &found.read, mask);
  return found.best;
}

const void* RuleIndex::Lookup(const Fields& packet, Fields* mask, Version version) const {
  const SubtableView& view = View();
  const Entry* entry = mask != nullptr ? LookupIn<true>(view, packet, mask, version)
                                       : LookupIn<false>(view, packet, nullptr, version);
  return entry == nullptr ? nullptr : entry->rule;
}

const void* RuleIndex::Find(const Fields& value, const Fields& mask, int32_t priority,
                            Version version) const {
  const SparseMask sparse(mask);
  const Entry* found = nullptr;
  View().ForEach([&](const Subtable& subtable) {
    if (!MaskEqual()(subtable.mask(), sparse.words())) return true;
    found = subtable.FindExact(value, priority, version);
    return false;
  });
  return found == nullptr ? nullptr : found->rule;
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
  subtable->Insert(entry);
  if (priority > subtable->listed()) {
    // Readers must hear of it before the commit. Several rules of one update are one change.
    front_changed_ = true;
    if (!subtable->in_front()) front_.push_back(subtable);
    subtable->set_in_front(true);
  }
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
  View().ForEach([&](const Subtable& subtable) {
    const Fields full = subtable.FullMask();
    if (!IsWithin(mask, full)) return true;
    subtable.ForEach([&](const Entry* entry) {
      if (!entry->VisibleIn(version)) return;
      const Fields its = subtable.FullValue(*entry);
      if (MatchesUnder(value, its, mask)) visit(its, full, entry->priority, entry->rule);
    });
    return true;
  });
}

bool RuleIndex::Overlaps(const Fields& value, const Fields& mask, int32_t priority,
                         Version version) const {
  bool found = false;
  View().ForEach([&](const Subtable& subtable) {
    const Fields common = Masked(subtable.FullMask(), mask);
    subtable.ForEach([&](const Entry* entry) {
      found = found || (entry->priority == priority && entry->VisibleIn(version) &&
                        MatchesUnder(value, subtable.FullValue(*entry), common));
    });
    return !found;
  });
  return found;
}

// Makes a base of all, without those that are empty.
void RuleIndex::RebuildBase() {
  std::vector<std::unique_ptr<Subtable>> empty;
  const auto kept = std::stable_partition(subtables_.begin(), subtables_.end(),
                                          [](const auto& s) { return !s->empty(); });
  std::move(kept, subtables_.end(), std::back_inserter(empty));
  subtables_.erase(kept, subtables_.end());
  std::vector<Subtable*> order;
  order.reserve(subtables_.size());
  for (const auto& subtable : subtables_) order.push_back(subtable.get());
  std::stable_sort(order.begin(), order.end(), HigherFirst);
  for (Subtable* subtable : order) {
    subtable->set_listed(subtable->max_priority());
    subtable->set_in_base(true);
    subtable->set_in_front(false);
  }
  front_.clear();
  sunk_ = 0;
  SubtableOrder* old = base_.release();
  base_ = std::make_unique<SubtableOrder>(order);
  Publish();
  versions_->Retire(old);
  for (auto& subtable : empty) {
    by_mask_.erase(subtable->mask());
    versions_->Retire(subtable.release());
  }
}

// Makes readers follow the base and the front as they are now.
void RuleIndex::Publish() {
  std::stable_sort(front_.begin(), front_.end(), HigherFirst);
  std::vector<Subtable*> fresh;
  for (Subtable* subtable : front_) {
    subtable->set_listed(subtable->max_priority());
    if (!subtable->in_base()) fresh.push_back(subtable);
  }
  auto* view = new SubtableView{base_.get(), SubtableOrder(front_), std::move(fresh)};
  versions_->Retire(view_.exchange(view, std::memory_order_acq_rel));
  front_changed_ = false;
}

void RuleIndex::BeforeCommit() {
  if (!front_changed_) return;
  // To order few anew costs no more than a front would.
  if (front_.size() > SubtableOrder::kBlock || subtables_.size() <= SubtableOrder::kBlock) {
    RebuildBase();
  } else {
    Publish();
  }
}

void RuleIndex::Unlink(void* item) {
  auto* entry = static_cast<Entry*>(item);
  Subtable* subtable = entry->subtable;
  tries_.Remove(subtable->FullValue(*entry), *subtable);
  if (subtable->Unlink(entry)) ++sunk_;
  size_.fetch_sub(1, std::memory_order_relaxed);
}

void RuleIndex::AfterUnlink() {
  // Subtables that stand too far ahead cost a little; to put all in order costs more.
  if (sunk_ > kMostSunk + subtables_.size() / 4 || size() == 0) RebuildBase();
}

size_t RuleIndex::bytes() const {
  size_t bytes = sizeof(*this) + tries_.bytes();
  for (const auto& subtable : subtables_) bytes += subtable->bytes();
  return bytes;
}

}  // namespace sluice::pipeline
