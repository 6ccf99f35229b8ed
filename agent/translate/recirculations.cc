#include "agent/translate/recirculations.h"

#include <algorithm>

#include "netlink/base/counters.h"
#include "netlink/base/mutex.h"

namespace sluice::translate {
namespace {

struct Counters {
  base::Counter& made =
      base::Counters::Get("recirculation_states", "States of recirculation that were made.");
  base::Counter& freed = base::Counters::Get(
      "recirculation_states_freed", "States of recirculation that nobody needed any more.");
  base::Counter& refused = base::Counters::Get(
      "recirculation_refused",
      "Decisions not made because the bridge has as many states of recirculation as it may.");
  base::Counter& shared_hashes = base::Counters::Get(
      "recirculation_hash_collisions",
      "States whose id could not follow from their content, as another state had it.");
};

Counters& Count() {
  static Counters counters;
  return counters;
}

}  // namespace

Recirculations::Recirculations(const Recirculations* under)
    : under_(under),
      next_of_run_(kFirstOfRun),
      limit_(under->limit() - std::min(under->limit(), under->size())) {}

Recirculations::Ref Recirculations::Peek(uint32_t id) const {
  const base::MutexLock lock(&mutex_);
  const auto& entries = id < kFirstOfRun ? entries_ : of_run_;
  const auto found = entries.find(id);
  return found == entries.end() ? nullptr : found->second.state;
}

Recirculations::Ref Recirculations::PeekOther(uint32_t hash, base::ByteView bytes) const {
  const base::MutexLock lock(&mutex_);
  const auto usual = entries_.find(hash);
  if (usual != entries_.end() && base::Equal(usual->second.bytes, bytes))
    return usual->second.state;
  for (const auto& [id, entry] : of_run_)
    if (base::Equal(entry.bytes, bytes)) return entry.state;
  return nullptr;
}

// Among those whose hash was taken.
Recirculations::Entry* Recirculations::FindOther(uint32_t hash, base::ByteView bytes) {
  const auto usual = entries_.find(hash);
  if (usual != entries_.end() && base::Equal(usual->second.bytes, bytes)) return &usual->second;
  for (auto& [id, entry] : of_run_)
    if (base::Equal(entry.bytes, bytes)) return &entry;
  return nullptr;
}

uint32_t Recirculations::FreeId(uint32_t hash) {
  if (!entries_.contains(hash) && (under_ == nullptr || under_->Peek(hash) == nullptr)) return hash;
  if (under_ == nullptr) Count().shared_hashes.Add();
  uint32_t id = 0;
  do {
    id = next_of_run_;
    next_of_run_ = (next_of_run_ + 1) | kFirstOfRun;
  } while (of_run_.contains(id) || (under_ != nullptr && under_->Peek(id) != nullptr));
  return id;
}

Recirculations::Ref Recirculations::Intern(FrozenState state) {
  base::ByteVector bytes = BytesOf(state);
  const uint32_t hash = HashOf(bytes);
  const base::MutexLock lock(&mutex_);
  if (Entry* there = FindOther(hash, bytes)) {
    there->asked = true;
    return there->state;
  }
  if (under_ != nullptr) {
    if (Ref below = under_->PeekOther(hash, bytes)) return below;
  }
  if (entries_.size() + of_run_.size() >= limit_) {
    if (under_ == nullptr) Count().refused.Add();
    return nullptr;
  }
  state.id = FreeId(hash);
  auto& entries = state.id == hash ? entries_ : of_run_;
  auto made = std::make_shared<const FrozenState>(std::move(state));
  entries.emplace(made->id, Entry{.state = made, .bytes = std::move(bytes)});
  size_.store(entries_.size() + of_run_.size(), std::memory_order_relaxed);
  if (under_ == nullptr) Count().made.Add();
  return made;
}

Recirculations::Ref Recirculations::Find(uint32_t id) {
  const base::MutexLock lock(&mutex_);
  auto& entries = id < kFirstOfRun ? entries_ : of_run_;
  const auto found = entries.find(id);
  if (found == entries.end()) return under_ == nullptr ? nullptr : under_->Peek(id);
  found->second.asked = true;
  return found->second.state;
}

size_t Recirculations::Expire(base::MonotonicMs now) {
  const base::MutexLock lock(&mutex_);
  size_t freed = 0;
  for (auto* entries : {&entries_, &of_run_}) {
    for (auto it = entries->begin(); it != entries->end();) {
      Entry& entry = it->second;
      // New holders come by Intern() and Find() alone, or from one who holds it: with one holder,
      // which is this table, there will be no other while the lock is held.
      if (std::exchange(entry.asked, false) || entry.state.use_count() > 1) entry.idle_since = now;
      if (entry.idle_since + kGraceMs >= now) {
        ++it;
        continue;
      }
      entries->erase(it++);
      ++freed;
    }
  }
  size_.store(entries_.size() + of_run_.size(), std::memory_order_relaxed);
  Count().freed.Add(freed);
  return freed;
}

}  // namespace sluice::translate
