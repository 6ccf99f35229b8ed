// The classifier of one table: finds the rule of the highest priority that a packet matches, and
// says which bits of the packet it had to read for that.
//
// Tuple space search: one subtable for each mask that rules have, visited by priority. What keeps
// the search short and the mask small can be switched off, to measure what it does (Options).
//
// The mask is sound: every packet that agrees with this one in all bits that a lookup marked has
// the same result in the same version. docs/classifier.md explains how, and at what cost.
//
// Thread contract: Lookup(), Find() and the loops are for any thread that holds a Snapshot of the
// Versions, without locks. Insert() and Remove() want an Update, so there is one writer at a time;
// what they do is visible from the commit on, together with all else that this Update did.
// Rules are the caller's: one that was removed or replaced must live until no snapshot can see it
// (Versions::Retire).
//
//   Versions versions;
//   Classifier<Rule> table(&versions);
//   {
//     Update update(&versions);
//     table.Insert(&update, value, mask, /*priority=*/100, rule);
//     update.Commit();
//   }
//   Versions::Snapshot snapshot(&reader);
//   Fields read;
//   const Rule* rule = table.Lookup(packet, &read, snapshot.version());
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/pipeline/classifier/mask_options.h"
#include "agent/pipeline/classifier/pruning.h"
#include "agent/pipeline/classifier/subtable.h"
#include "agent/pipeline/classifier/subtable_order.h"
#include "agent/pipeline/fields.h"
#include "agent/pipeline/versions.h"

namespace sluice::pipeline {

// Classifier without the type of its rules.
class RuleIndex : private Versioned {
 public:
  explicit RuleIndex(Versions* versions, ClassifierOptions options = {});
  // Nobody may read it any more.
  ~RuleIndex() override;
  RuleIndex(const RuleIndex&) = delete;
  RuleIndex& operator=(const RuleIndex&) = delete;

  // For measuring; may be called at any time. Lookups under way may use either.
  void set_options(ClassifierOptions options);

  const void* Lookup(const Fields& packet, Fields* mask, Version version) const;
  const void* Find(const Fields& value, const Fields& mask, int32_t priority,
                   Version version) const;
  const void* Insert(Update* update, const Fields& value, const Fields& mask, int32_t priority,
                     const void* rule);
  const void* Remove(Update* update, const Fields& value, const Fields& mask, int32_t priority);

  using Visitor = std::function<void(const Fields& value, const Fields& mask, int32_t priority,
                                     const void* rule)>;
  void ForEachWithin(const Fields& value, const Fields& mask, Version version,
                     const Visitor& visit) const;
  bool Overlaps(const Fields& value, const Fields& mask, int32_t priority, Version version) const;

  // The version in which the update sees what it has done so far, made ready for reading.
  Version View(Update* update);

  // Of the newest version; exact when nothing waits to be reclaimed.
  size_t size() const { return size_.load(std::memory_order_relaxed); }
  size_t subtables() const { return View().base->size() + View().fresh.size(); }
  // Memory, but for the rules themselves. For the writer.
  size_t bytes() const;

 private:
  struct Found;
  struct MaskHash {
    size_t operator()(std::span<const MaskWord> mask) const;
  };
  struct MaskEqual {
    bool operator()(std::span<const MaskWord> a, std::span<const MaskWord> b) const;
  };

  const SubtableView& View() const { return *view_.load(std::memory_order_acquire); }
  const Entry* FindAtOnce(const SubtableView& view, const Fields& packet, Version version) const;
  template <bool kWithMask>
  const Entry* LookupIn(const SubtableView& view, const Fields& packet, Fields* mask,
                        Version version) const;
  template <bool kWithMask>
  void Search(const SubtableOrder& order, const Pruning& pruning, const Fields& packet,
              Version version, Found* found, Fields* mask) const;
  Subtable* SubtableFor(const Fields& mask);
  void Publish();
  void RebuildBase();

  void BeforeCommit() override;
  void Unlink(void* item) override;
  void AfterUnlink() override;

  Versions* versions_;
  std::atomic<uint8_t> flags_{0};  // of the options
  std::atomic<DimensionSet> dimensions_{0};
  std::atomic<size_t> size_{0};
  Tries tries_;
  std::atomic<SubtableView*> view_;

  // The writer's.
  std::vector<std::unique_ptr<Subtable>> subtables_;
  std::vector<Subtable*> front_;  // what has to be visited earlier than the base says
  std::unique_ptr<SubtableOrder> base_;
  absl::flat_hash_map<std::span<const MaskWord>, Subtable*, MaskHash, MaskEqual> by_mask_;
  bool front_changed_ = false;
  size_t sunk_ = 0;  // subtables that are empty or visited earlier than they need, at most
};

template <typename Rule>
class Classifier {
 public:
  explicit Classifier(Versions* versions, ClassifierOptions options = {})
      : index_(versions, options) {}

  void set_options(ClassifierOptions options) { index_.set_options(options); }

  // The rule of the highest priority that matches, or null. Of several of one priority, any.
  // What was read of the packet is added to `mask`, unless it is null (and then it is faster).
  // What is in `mask` already is never relied on: it may be of another stage of the packet.
  const Rule* Lookup(const Fields& packet, Fields* mask, Version version) const {
    return Cast(index_.Lookup(packet, mask, version));
  }
  // The rule with exactly this match and priority, or null.
  const Rule* Find(const Fields& value, const Fields& mask, int32_t priority,
                   Version version) const {
    return Cast(index_.Find(value, mask, priority, version));
  }
  // Adds a rule; one with the same match and priority is replaced, and returned. Bits of `value`
  // that `mask` lacks are ignored. A few microseconds, however many rules there are.
  const Rule* Insert(Update* update, const Fields& value, const Fields& mask, int32_t priority,
                     const Rule* rule) {
    return Cast(index_.Insert(update, value, mask, priority, rule));
  }
  // Removes the rule with exactly this match and priority, and returns it; null if there is none.
  const Rule* Remove(Update* update, const Fields& value, const Fields& mask, int32_t priority) {
    return Cast(index_.Remove(update, value, mask, priority));
  }

  // Calls visit(value, mask, priority, rule) for all rules, in no order; for those alone whose
  // match lies within the given one (what a loose delete or modify means). In the View() of an
  // Update, `visit` may insert and remove: it is called for each rule that was there before, and
  // for some of the new ones.
  template <typename Visit>
  void ForEachWithin(const Fields& value, const Fields& mask, Version version, Visit visit) const {
    index_.ForEachWithin(value, mask, version,
                         [&](const Fields& v, const Fields& m, int32_t priority, const void* rule) {
                           visit(v, m, priority, Cast(rule));
                         });
  }
  template <typename Visit>
  void ForEach(Version version, Visit visit) const {
    ForEachWithin(Fields{}, Fields{}, version, visit);
  }
  // Whether some packet matches both this and a rule of the same priority.
  bool Overlaps(const Fields& value, const Fields& mask, int32_t priority, Version version) const {
    return index_.Overlaps(value, mask, priority, version);
  }

  // The version in which an update sees what it has done so far, for the functions above.
  Version View(Update* update) { return index_.View(update); }

  // Rules of the newest version, and of older ones while somebody reads them.
  size_t size() const { return index_.size(); }
  size_t subtables() const { return index_.subtables(); }
  size_t bytes() const { return index_.bytes(); }

 private:
  static const Rule* Cast(const void* rule) { return static_cast<const Rule*>(rule); }
  RuleIndex index_;
};

}  // namespace sluice::pipeline
