// The recirculations of a datapath: which id stands for which frozen state.
//
// Equal states share an id, which follows from the state's content: an agent that starts anew finds
// the flows of the one before it to mean the same. Where two states would have the same id, the
// later one gets an id of this run (the highest bit is set), which no other run gives to anything
// it can be taken for (docs/decisions/0010-recirculation-ids.md).
//
// Whoever needs a state holds a Ref: flows do, first and second halves alike. A state that nobody
// holds stays for kGraceMs, for packets that are between their halves, and is freed by Expire(). A
// table holds at most `limit` states; further ones are refused. Thread-safe.
//
//   Recirculations table(seed);
//   Recirculations::Ref state = table.Intern(std::move(wanted));   // null: there is no room
//   actions.Recirculate(state->id);
//   table.Find(key.recirc_id);                                     // null: nobody knows it
//
// A trace looks at a table without a trace in it, by a table of its own on top:
//
//   Recirculations on_top(&table);  // what is interned there is gone with it, and is not counted
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "agent/translate/frozen_state.h"
#include "netlink/base/clock.h"

namespace sluice::translate {

class Recirculations {
 public:
  using Ref = std::shared_ptr<const FrozenState>;
  static constexpr size_t kDefaultLimit = 65536;
  static constexpr base::MonotonicMs kGraceMs = 10'000;
  // The lowest id that does not follow from a state's content.
  static constexpr uint32_t kFirstOfRun = 0x80000000;

  // Ids of this run begin somewhere that depends on `seed`.
  explicit Recirculations(uint32_t seed, size_t limit = kDefaultLimit)
      : next_of_run_(seed | kFirstOfRun), limit_(limit) {}
  // Has all that `under` has, which stays as it is and lives longer.
  explicit Recirculations(const Recirculations* under);
  Recirculations(const Recirculations&) = delete;
  Recirculations& operator=(const Recirculations&) = delete;

  // The state with its id; null, and counted, when there are too many.
  Ref Intern(FrozenState state);
  // Null when no state has that id.
  Ref Find(uint32_t id);
  // Frees what nobody has held or asked for since kGraceMs before `now`; tells how many.
  size_t Expire(base::MonotonicMs now);

  size_t size() const { return size_.load(std::memory_order_relaxed); }
  size_t limit() const { return limit_; }

 private:
  struct Entry {
    Ref state;
    base::ByteVector bytes;
    base::MonotonicMs idle_since = 0;
    bool asked = true;  // since the last Expire()
  };
  // As Find() and FindOther(), and nobody is the wiser.
  Ref Peek(uint32_t id) const;
  Ref PeekOther(uint32_t hash, base::ByteView bytes) const;
  Entry* FindOther(uint32_t hash, base::ByteView bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint32_t FreeId(uint32_t hash) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Recirculations* const under_ = nullptr;
  mutable absl::Mutex mutex_;  // taken before that of `under_`
  absl::flat_hash_map<uint32_t, Entry> entries_ ABSL_GUARDED_BY(mutex_);  // by id
  // Ids of this run: there is seldom one.
  absl::flat_hash_map<uint32_t, Entry> of_run_ ABSL_GUARDED_BY(mutex_);
  uint32_t next_of_run_ ABSL_GUARDED_BY(mutex_);
  const size_t limit_;
  std::atomic<size_t> size_{0};
};

}  // namespace sluice::translate
