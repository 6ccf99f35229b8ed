// A subtable: the rules of a table that have one mask, found by hashing what the mask leaves.
//
// Written by the holder of the pipeline's Update; read by any thread under a Snapshot. Owns its
// entries while they are linked.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "absl/container/btree_map.h"
#include "agent/pipeline/classifier/dimension.h"
#include "agent/pipeline/classifier/hash_tables.h"
#include "agent/pipeline/fields.h"
#include "agent/pipeline/versions.h"

namespace sluice::pipeline {

// A word of a mask that is not zero.
struct MaskWord {
  uint64_t mask;
  uint64_t word;  // which of Fields
  friend bool operator==(const MaskWord&, const MaskWord&) = default;
};

class Subtable;

// A rule in a table. The words of its value follow the struct, as many as the mask has.
struct Entry {
  std::atomic<Entry*> next{nullptr};  // of the same value: by priority, downwards
  const void* rule = nullptr;
  Subtable* subtable = nullptr;
  Version added = 0;
  std::atomic<Version> removed{kVersionNever};
  uint32_t hash = 0;
  int32_t priority = 0;

  bool VisibleIn(Version version) const {
    return added <= version && version < removed.load(std::memory_order_relaxed);
  }
  const uint64_t* values() const { return reinterpret_cast<const uint64_t*>(this + 1); }

  // `value` may have bits that the mask lacks.
  static Entry* New(std::span<const MaskWord> mask, const Fields& value);
  static void Delete(void* entry);
};

class Subtable {
 public:
  // How far a lookup read when it found that there is no match: as many words of the mask, which
  // are those of the stages up to `stage`.
  struct Read {
    size_t words;
    size_t stage;
  };

  Subtable(Versions* versions, std::span<const MaskWord> mask);
  ~Subtable();
  Subtable(const Subtable&) = delete;
  Subtable& operator=(const Subtable&) = delete;

  std::span<const MaskWord> mask() const { return mask_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // The highest priority of its rules, visible or not. 0 when there are none.
  int32_t max_priority() const { return priorities_.empty() ? 0 : priorities_.rbegin()->first; }
  // The prefix length that it asks for in a dimension; 0: none.
  unsigned length(size_t dimension) const { return lengths_[kStages - 1][dimension]; }
  // The same, of dimensions that have been read when `stage` has.
  const std::array<uint8_t, kDimensions>& lengths(size_t stage) const { return lengths_[stage]; }
  // Whether part of the mask is in stage 0, and part behind it.
  bool has_first_stage() const { return counts_[0] != nullptr; }

  // The visible entry of the highest priority that matches, or null.
  const Entry* Find(const Fields& packet, Version version) const {
    Hasher hasher;
    for (const MaskWord& word : mask_) hasher.Add(Word(packet, word.word) & word.mask);
    return FindHashed(packet, version, hasher.hash());
  }
  // The same, giving up at the first stage that no rule agrees with; `read` says how far it came.
  const Entry* FindStaged(const Fields& packet, Version version, Read* read) const {
    Hasher hasher;
    size_t i = 0;
    for (size_t stage = 0; stage + 1 < kStages; ++stage) {
      if (counts_[stage] == nullptr) continue;
      for (; i < ends_[stage]; ++i) hasher.Add(Word(packet, mask_[i].word) & mask_[i].mask);
      if (!counts_[stage]->Has(hasher.hash())) {
        *read = {i, stage};
        return nullptr;
      }
    }
    for (; i < mask_.size(); ++i) hasher.Add(Word(packet, mask_[i].word) & mask_[i].mask);
    *read = {mask_.size(), kStages - 1};
    return FindHashed(packet, version, hasher.hash());
  }
  // Whether no rule agrees with the packet in stage 0. Only when has_first_stage().
  bool FailsFirstStage(const Fields& packet) const {
    Hasher hasher;
    for (size_t i = 0; i < ends_[0]; ++i) {
      hasher.Add(Word(packet, mask_[i].word) & mask_[i].mask);
    }
    return !counts_[0]->Has(hasher.hash());
  }
  void Mark(size_t words, Fields* mask) const {
    for (size_t i = 0; i < words; ++i) {
      SetWord(mask, mask_[i].word, Word(*mask, mask_[i].word) | mask_[i].mask);
    }
  }
  void MarkFirstStage(Fields* mask) const { Mark(ends_[0], mask); }

  // The visible entry of just this value and priority, or null.
  Entry* FindExact(const Fields& value, int32_t priority, Version version) const;
  // Calls fn(entry) for each entry, visible or not.
  template <typename Fn>
  void ForEach(Fn fn) const {
    table_.ForEach([&](Entry* head) {
      for (Entry* entry = head; entry != nullptr;
           entry = entry->next.load(std::memory_order_acquire))
        fn(entry);
    });
  }
  // The mask, and the value of one of its entries, spread out.
  Fields FullMask() const;
  Fields FullValue(const Entry& entry) const;

  // For the writer.
  void Insert(Entry* entry);
  // Takes it out, and retires it. Whether max_priority() has sunk, or nothing is left.
  bool Unlink(Entry* entry);

  // The priority that readers take for the highest: what max_priority() was when the order that
  // they follow was made. Never below that of a visible rule. For the writer.
  int64_t listed() const { return listed_; }
  void set_listed(int64_t priority) { listed_ = priority; }
  bool in_base() const { return in_base_; }
  void set_in_base(bool in_base) { in_base_ = in_base; }
  bool in_front() const { return in_front_; }
  void set_in_front(bool in_front) { in_front_ = in_front; }

  size_t bytes() const;

 private:
  bool Equals(const Entry& entry, const Fields& packet) const {
    const uint64_t* values = entry.values();
    uint64_t difference = 0;
    for (size_t i = 0; i < mask_.size(); ++i) {
      difference |= (Word(packet, mask_[i].word) & mask_[i].mask) ^ values[i];
    }
    return difference == 0;
  }
  Entry* FindHead(const Fields& packet, uint32_t hash) const {
    return table_.Find(hash, [&](const Entry* entry) { return Equals(*entry, packet); });
  }
  const Entry* FindHashed(const Fields& packet, Version version, uint32_t hash) const {
    const Entry* entry = FindHead(packet, hash);
    while (entry != nullptr && !entry->VisibleIn(version)) {
      entry = entry->next.load(std::memory_order_acquire);
    }
    return entry;
  }
  // Calls fn(counts, hash) for each stage that is counted, and returns the hash of the whole.
  template <typename Fn>
  uint32_t HashStages(const Entry& entry, Fn fn);

  Versions* versions_;
  std::vector<MaskWord> mask_;
  std::array<size_t, kStages> ends_{};  // in mask_
  std::array<std::array<uint8_t, kDimensions>, kStages> lengths_{};
  // Null where a stage tells no more than the one before or the whole.
  std::array<std::unique_ptr<HashCounts>, kStages - 1> counts_;
  RuleTable table_;
  size_t size_ = 0;
  int64_t listed_ = std::numeric_limits<int64_t>::min();
  bool in_base_ = false, in_front_ = false;
  absl::btree_map<int32_t, uint32_t> priorities_;  // how many entries have each
};

}  // namespace sluice::pipeline
