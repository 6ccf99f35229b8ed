#include "agent/pipeline/classifier/hash_tables.h"

#include <cstdlib>

namespace sluice::pipeline {

namespace {

constexpr size_t kFewestSlots = 4;

// Slots for `size` things, of which at most two thirds are ever used.
size_t SlotsFor(size_t size) {
  const size_t slots = std::bit_ceil(size * 2);
  return slots < kFewestSlots ? kFewestSlots : slots;
}

bool IsFull(size_t used, const SlotArray& slots) { return used * 3 > slots.size() * 2; }

}  // namespace

RuleTable::RuleTable(Versions* versions)
    : versions_(versions), slots_(new SlotArray(kFewestSlots)) {}

RuleTable::~RuleTable() { delete slots_.load(); }

uint64_t RuleTable::SlotOf(const Entry* entry, uint32_t hash) {
  const auto address = reinterpret_cast<uint64_t>(entry);
  if (address >> kPointerBits != 0) std::abort();  // no such machine is supported
  return address | (uint64_t{hash} >> kTagShift << kPointerBits);
}

void RuleTable::Rebuild(HashOf hash_of) {
  SlotArray* old = slots_.load(std::memory_order_relaxed);
  auto* fresh = new SlotArray(SlotsFor(size_ + 1));
  ForEach([&](Entry* entry) {
    const uint32_t hash = hash_of(entry);
    size_t i = hash;
    while (fresh->Load(i & fresh->mask()) != kEmpty) ++i;
    (*fresh)[i & fresh->mask()].store(SlotOf(entry, hash), std::memory_order_relaxed);
  });
  used_ = size_;
  slots_.store(fresh, std::memory_order_release);
  versions_->Retire(old);
}

void RuleTable::Insert(Entry* entry, uint32_t hash, HashOf hash_of) {
  if (IsFull(used_ + 1, *slots_.load(std::memory_order_relaxed))) Rebuild(hash_of);
  SlotArray& slots = *slots_.load(std::memory_order_relaxed);
  size_t i = hash;
  while (true) {
    const uint64_t slot = slots.Load(i & slots.mask());
    if (slot == kEmpty || slot == kGone) {
      if (slot == kEmpty) ++used_;
      break;
    }
    ++i;
  }
  slots[i & slots.mask()].store(SlotOf(entry, hash), std::memory_order_release);
  ++size_;
}

void RuleTable::Replace(const Entry* from, uint32_t hash, Entry* to) {
  SlotArray& slots = *slots_.load(std::memory_order_relaxed);
  const uint64_t old = SlotOf(from, hash);
  size_t i = hash;
  while (slots.Load(i & slots.mask()) != old) ++i;
  slots[i & slots.mask()].store(to == nullptr ? kGone : SlotOf(to, hash),
                                std::memory_order_release);
  if (to == nullptr) --size_;
}

size_t RuleTable::bytes() const {
  return slots_.load(std::memory_order_acquire)->size() * sizeof(uint64_t);
}

HashCounts::HashCounts(Versions* versions)
    : versions_(versions), slots_(new SlotArray(kFewestSlots)) {}

HashCounts::~HashCounts() { delete slots_.load(); }

std::atomic<uint64_t>& HashCounts::SlotFor(uint64_t tag) {
  SlotArray& slots = *slots_.load(std::memory_order_relaxed);
  size_t i = FirstOf(tag);
  while (true) {
    const uint64_t slot = slots.Load(i & slots.mask());
    if (slot == 0 || slot >> 32 == tag) return slots[i & slots.mask()];
    ++i;
  }
}

void HashCounts::Rebuild() {
  SlotArray* old = slots_.load(std::memory_order_relaxed);
  auto* fresh = new SlotArray(SlotsFor(size_ + 1));
  for (size_t k = 0; k < old->size(); ++k) {
    const uint64_t slot = old->Load(k);
    if ((slot & 0xffffffff) == 0) continue;
    size_t i = FirstOf(slot >> 32);
    while (fresh->Load(i & fresh->mask()) != 0) ++i;
    (*fresh)[i & fresh->mask()].store(slot, std::memory_order_relaxed);
  }
  used_ = size_;
  slots_.store(fresh, std::memory_order_release);
  versions_->Retire(old);
}

void HashCounts::Add(uint32_t hash) {
  const uint64_t tag = TagOf(hash);
  std::atomic<uint64_t>* slot = &SlotFor(tag);
  uint64_t old = slot->load(std::memory_order_relaxed);
  if (old == 0) {
    if (IsFull(used_ + 1, *slots_.load(std::memory_order_relaxed))) {
      Rebuild();
      slot = &SlotFor(tag);
    }
    ++used_;
    old = tag << 32;
  }
  if ((old & 0xffffffff) == 0) ++size_;
  slot->store(old + 1, std::memory_order_release);
}

void HashCounts::Remove(uint32_t hash) {
  std::atomic<uint64_t>& slot = SlotFor(TagOf(hash));
  const uint64_t now = slot.load(std::memory_order_relaxed) - 1;
  slot.store(now, std::memory_order_release);
  if ((now & 0xffffffff) == 0) --size_;
}

size_t HashCounts::bytes() const {
  return slots_.load(std::memory_order_acquire)->size() * sizeof(uint64_t);
}

}  // namespace sluice::pipeline
