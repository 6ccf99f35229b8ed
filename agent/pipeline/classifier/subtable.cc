#include "agent/pipeline/classifier/subtable.h"

#include <algorithm>
#include <new>

namespace sluice::pipeline {

Entry* Entry::New(std::span<const MaskWord> mask, const Fields& value) {
  void* memory = ::operator new(sizeof(Entry) + mask.size() * sizeof(uint64_t));
  auto* entry = new (memory) Entry;
  auto* values = reinterpret_cast<uint64_t*>(entry + 1);
  for (const MaskWord& word : mask) *values++ = Word(value, word.word) & word.mask;
  return entry;
}

void Entry::Delete(void* entry) {
  static_assert(std::is_trivially_destructible_v<Entry>);
  ::operator delete(entry);
}

Subtable::Subtable(Versions* versions, std::span<const MaskWord> mask)
    : versions_(versions), mask_(mask.begin(), mask.end()), table_(versions) {
  const Fields full = FullMask();
  size_t begin = 0;
  for (size_t stage = 0; stage < kStages; ++stage) {
    size_t end = begin;
    while (end < mask_.size() && mask_[end].word < kStageEnds[stage]) ++end;
    ends_[stage] = end;
    if (stage + 1 < kStages && end > begin && end < mask_.size()) {
      counts_[stage] = std::make_unique<HashCounts>(versions);
    }
    for (size_t d = 0; d < kDimensions; ++d) {
      if (FieldWord(kDimensionTable[d].offset) < kStageEnds[stage]) {
        lengths_[stage][d] = static_cast<uint8_t>(PrefixLength(full, d));
      }
    }
    begin = end;
  }
}

Subtable::~Subtable() {
  table_.ForEach([](Entry* head) {
    while (head != nullptr) Entry::Delete(std::exchange(head, head->next.load()));
  });
}

Fields Subtable::FullMask() const {
  Fields mask;
  Mark(mask_.size(), &mask);
  return mask;
}

Fields Subtable::FullValue(const Entry& entry) const {
  Fields value;
  for (size_t i = 0; i < mask_.size(); ++i) SetWord(&value, mask_[i].word, entry.values()[i]);
  return value;
}

Entry* Subtable::FindExact(const Fields& value, int32_t priority, Version version) const {
  Hasher hasher;
  for (const MaskWord& word : mask_) hasher.Add(Word(value, word.word) & word.mask);
  Entry* entry = FindHead(value, hasher.hash());
  while (entry != nullptr && (entry->priority != priority || !entry->VisibleIn(version))) {
    entry = entry->next.load(std::memory_order_acquire);
  }
  return entry;
}

template <typename Fn>
uint32_t Subtable::HashStages(const Entry& entry, Fn fn) {
  Hasher hasher;
  size_t i = 0;
  for (size_t stage = 0; stage + 1 < kStages; ++stage) {
    if (counts_[stage] == nullptr) continue;
    for (; i < ends_[stage]; ++i) hasher.Add(entry.values()[i]);
    fn(counts_[stage].get(), hasher.hash());
  }
  for (; i < mask_.size(); ++i) hasher.Add(entry.values()[i]);
  return hasher.hash();
}

void Subtable::Insert(Entry* entry) {
  entry->hash = HashStages(*entry, [](HashCounts* counts, uint32_t hash) { counts->Add(hash); });
  const auto same = [&](const Entry* other) {
    return std::equal(other->values(), other->values() + mask_.size(), entry->values());
  };
  Entry* head = table_.Find(entry->hash, same);
  if (head == nullptr) {
    table_.Insert(entry, entry->hash, [](const Entry* e) { return e->hash; });
  } else if (head->priority <= entry->priority) {
    entry->next.store(head, std::memory_order_relaxed);
    table_.Replace(head, entry->hash, entry);
  } else {
    Entry* before_it = head;
    Entry* after_it = head->next.load(std::memory_order_relaxed);
    while (after_it != nullptr && after_it->priority > entry->priority) {
      before_it = after_it;
      after_it = after_it->next.load(std::memory_order_relaxed);
    }
    entry->next.store(after_it, std::memory_order_relaxed);
    before_it->next.store(entry, std::memory_order_release);
  }
  ++size_;
  ++priorities_[entry->priority];
}

bool Subtable::Unlink(Entry* entry) {
  const int32_t before = max_priority();
  HashStages(*entry, [](HashCounts* counts, uint32_t hash) { counts->Remove(hash); });
  // Readers that stand on it find their way on: its `next` stays.
  Entry* next = entry->next.load(std::memory_order_relaxed);
  const auto same = [&](const Entry* other) {
    return std::equal(other->values(), other->values() + mask_.size(), entry->values());
  };
  Entry* head = table_.Find(entry->hash, same);
  if (head == entry) {
    table_.Replace(entry, entry->hash, next);
  } else {
    while (head->next.load(std::memory_order_relaxed) != entry) {
      head = head->next.load(std::memory_order_relaxed);
    }
    head->next.store(next, std::memory_order_release);
  }
  --size_;
  const auto count = priorities_.find(entry->priority);
  if (--count->second == 0) priorities_.erase(count);
  versions_->Retire(entry, &Entry::Delete);
  return empty() || max_priority() != before;
}

size_t Subtable::bytes() const {
  size_t bytes = sizeof(*this) + mask_.capacity() * sizeof(MaskWord) + table_.bytes() +
                 size_ * (sizeof(Entry) + mask_.size() * sizeof(uint64_t)) +
                 priorities_.size() * sizeof(*priorities_.begin());
  for (const auto& counts : counts_) {
    if (counts != nullptr) bytes += sizeof(*counts) + counts->bytes();
  }
  return bytes;
}

}  // namespace sluice::pipeline
