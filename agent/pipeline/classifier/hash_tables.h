// The two hash tables of a subtable, each written by one and read by many without locks.
//
// RuleTable finds the entry of a masked value; HashCounts knows which hashes of the first stages of
// values occur. Both are open-addressed arrays of one word a slot that are replaced when they grow;
// the old array is retired. A reader sees what was there when its version was made, and perhaps
// more.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "agent/pipeline/versions.h"

namespace sluice::pipeline {

struct Entry;

// Slots, a power of two of them.
class SlotArray {
 public:
  explicit SlotArray(size_t slots)
      : mask_(slots - 1), slots_(std::make_unique<std::atomic<uint64_t>[]>(slots)) {}
  size_t mask() const { return mask_; }
  size_t size() const { return mask_ + 1; }
  std::atomic<uint64_t>& operator[](size_t i) { return slots_[i]; }
  uint64_t Load(size_t i) const { return slots_[i].load(std::memory_order_acquire); }

 private:
  size_t mask_;
  std::unique_ptr<std::atomic<uint64_t>[]> slots_;
};

// A hash of 32 bits, made word by word.
class Hasher {
 public:
  void Add(uint64_t word) { state_ = (std::rotl(state_, 23) ^ word) * 0x9e3779b97f4a7c15u; }
  // Of the words so far; more may follow.
  uint32_t hash() const {
    return static_cast<uint32_t>(((state_ ^ state_ >> 32) * 0xd6e8feb86659fd93u) >> 32);
  }

 private:
  uint64_t state_ = 0x243f6a8885a308d3u;
};

// Entries by hash: a slot is 16 bits of the hash and 48 of a pointer, so that what does not match
// is passed over without looking at it.
class RuleTable {
 public:
  explicit RuleTable(Versions* versions);
  ~RuleTable();
  RuleTable(const RuleTable&) = delete;
  RuleTable& operator=(const RuleTable&) = delete;

  // The first entry of that hash that `equal` accepts, or null.
  template <typename Equal>
  Entry* Find(uint32_t hash, Equal equal) const {
    const SlotArray& slots = *slots_.load(std::memory_order_acquire);
    for (size_t i = hash;; ++i) {
      const uint64_t slot = slots.Load(i & slots.mask());
      if (slot == kEmpty) return nullptr;
      if (slot >> kPointerBits != hash >> kTagShift) continue;
      Entry* entry = PointerOf(slot);
      if (entry != nullptr && equal(entry)) return entry;
    }
  }
  // Calls fn(entry) for each.
  template <typename Fn>
  void ForEach(Fn fn) const {
    const SlotArray& slots = *slots_.load(std::memory_order_acquire);
    for (size_t i = 0; i < slots.size(); ++i) {
      if (Entry* entry = PointerOf(slots.Load(i))) fn(entry);
    }
  }

  // `hash_of` gives the hash of an entry that is in the table, for when it grows.
  using HashOf = uint32_t (*)(const Entry*);
  void Insert(Entry* entry, uint32_t hash, HashOf hash_of);
  // Puts `to` in the place of `from`, or nothing when it is null. Both have that hash.
  void Replace(const Entry* from, uint32_t hash, Entry* to);

  size_t size() const { return size_; }
  size_t bytes() const;

 private:
  static constexpr unsigned kPointerBits = 48;
  static constexpr unsigned kTagShift = 16;  // of the hash, to get its tag
  static constexpr uint64_t kEmpty = 0;
  // An entry was here: a tag, and the address null.
  static constexpr uint64_t kGone = uint64_t{1} << 63;

  static uint64_t SlotOf(const Entry* entry, uint32_t hash);
  static Entry* PointerOf(uint64_t slot) {
    return reinterpret_cast<Entry*>(slot & ((uint64_t{1} << kPointerBits) - 1));
  }
  void Rebuild(HashOf hash_of);

  Versions* versions_;
  std::atomic<SlotArray*> slots_;
  size_t size_ = 0, used_ = 0;  // used: also slots whose entry is gone
};

// How many rules have each hash; of two that differ in the lowest bit, together.
class HashCounts {
 public:
  explicit HashCounts(Versions* versions);
  ~HashCounts();
  HashCounts(const HashCounts&) = delete;
  HashCounts& operator=(const HashCounts&) = delete;

  bool Has(uint32_t hash) const {
    const uint64_t tag = TagOf(hash);
    const SlotArray& slots = *slots_.load(std::memory_order_acquire);
    for (size_t i = FirstOf(tag);; ++i) {
      const uint64_t slot = slots.Load(i & slots.mask());
      if (slot == 0) return false;
      if (slot >> 32 == tag) return (slot & 0xffffffff) != 0;
    }
  }
  void Add(uint32_t hash);
  // It must have been added.
  void Remove(uint32_t hash);
  size_t bytes() const;

 private:
  static uint64_t TagOf(uint32_t hash) { return hash | 1; }  // never zero
  static size_t FirstOf(uint64_t tag) { return static_cast<size_t>(tag >> 1); }
  void Rebuild();
  std::atomic<uint64_t>& SlotFor(uint64_t tag);

  Versions* versions_;
  std::atomic<SlotArray*> slots_;
  size_t size_ = 0, used_ = 0;  // used: also tags whose count is zero
};

}  // namespace sluice::pipeline
