// Versions of the pipeline: readers see one of them whole, while a writer makes the next.
//
// All tables of a pipeline share one Versions. A change of any number of rules in any number of
// tables is one Update; what it did is visible to nobody until Commit(), and then at once.
//
// Readers: each thread has a Reader, and takes a Snapshot for each batch of packets: two stores and
// a fence, no lock. What a snapshot shows stays as it is, and what it points to stays alive, until
// the snapshot goes. Keep it short: nothing that was removed meanwhile is freed before.
//
// Writers: an Update holds the writer's lock from its making to its end. Memory that readers may
// still look at is handed to Retire(); it is freed when the last snapshot that could see it is
// gone, by that or a later Update, or by Reclaim().
//
//   Versions::Reader reader(&versions);              // once a thread
//   {
//     Versions::Snapshot snapshot(&reader);          // for a batch
//     const Rule* rule = table.Lookup(packet, &mask, snapshot.version());
//   }
//
//   Update update(&versions);
//   table.Insert(&update, value, mask, priority, rule);
//   table.Remove(&update, other_value, other_mask, other_priority);
//   update.Commit();                                 // without it, nothing has happened
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace sluice::pipeline {

using Version = uint64_t;
// Later than all versions: what is not removed is removed then.
inline constexpr Version kVersionNever = ~Version{0};

class Update;

// What has a part in an Update: a classifier, for one. Called with the writer's lock held.
class Versioned {
 public:
  virtual ~Versioned() = default;
  // Makes ready what readers of the next version need.
  virtual void BeforeCommit() = 0;
  // Takes out what no reader can see any more; `item` is what DeferRemoval() was given.
  virtual void Unlink(void* item) = 0;
  // After a row of Unlink(), once.
  virtual void AfterUnlink() = 0;
};

class Versions {
 private:
  struct alignas(64) Slot {
    std::atomic<uint64_t> epoch{0};  // 0: no snapshot
    bool taken = false;
  };

 public:
  // A thread that reads. Must go before the Versions does.
  class Reader {
   public:
    explicit Reader(Versions* versions);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

   private:
    friend class Versions;
    Versions* versions_;
    Slot* slot_;
    unsigned depth_ = 0;  // snapshots may be nested; the outermost counts
  };

  class Snapshot {
   public:
    explicit Snapshot(Reader* reader);
    ~Snapshot();
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;
    Version version() const { return version_; }

   private:
    Reader* reader_;
    Version version_;
  };

  Versions() = default;
  // All readers must be gone. Frees what was retired.
  ~Versions();
  Versions(const Versions&) = delete;
  Versions& operator=(const Versions&) = delete;

  Version current() const { return current_.load(std::memory_order_acquire); }
  // Frees what can be freed. For times without updates; an Update does the same.
  void Reclaim() ABSL_LOCKS_EXCLUDED(mutex_);
  // How many removals and frees wait for readers.
  size_t pending() const ABSL_LOCKS_EXCLUDED(mutex_);

  // For the parts of a pipeline, with the writer's lock held.

  // Calls free(object) when no snapshot of now can see it.
  void Retire(void* object, void (*free)(void*)) {
    deferred_.push_back({epoch_.load(std::memory_order_relaxed), nullptr, object, free});
  }
  template <typename T>
  void Retire(T* object) {
    Retire(object, [](void* p) { delete static_cast<T*>(p); });
  }
  // Calls owner->Unlink(item) then.
  void DeferRemoval(Versioned* owner, void* item) {
    deferred_.push_back({epoch_.load(std::memory_order_relaxed), owner, item, nullptr});
  }
  // For an owner that is about to go, and that nobody reads any more: its removals are dropped.
  void Forget(Versioned* owner) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  friend class Update;
  struct Deferred {
    uint64_t epoch;
    Versioned* owner;
    void* object;
    void (*free)(void*);
  };

  uint64_t OldestReader();
  void ReclaimLocked();
  void RunUpTo(uint64_t oldest);

  std::atomic<Version> current_{1};
  std::atomic<uint64_t> epoch_{1};

  // Of the standard library, as ThreadSanitizer sees its locks. Guards slots_ and Slot::taken.
  std::mutex slots_mutex_;
  std::deque<Slot> slots_;

  // The writer's lock. What it guards is also reached through Update, which holds it.
  mutable absl::Mutex mutex_;
  std::deque<Deferred> deferred_;
  std::vector<Versioned*> unlinked_;  // scratch of RunUpTo()
};

// One change. Holds the writer's lock while it lives: keep it short, and make no second one.
class ABSL_SCOPED_LOCKABLE Update {
 public:
  explicit Update(Versions* versions) ABSL_EXCLUSIVE_LOCK_FUNCTION(versions->mutex_);
  // Without Commit(): as if it had never been.
  ~Update() ABSL_UNLOCK_FUNCTION();
  Update(const Update&) = delete;
  Update& operator=(const Update&) = delete;

  // Makes everything visible at once; returns the version that shows it. The Update is empty then
  // and may go on to the next version.
  Version Commit();

  Versions& versions() { return *versions_; }
  // What this update's own lookups see: the current version with its changes.
  Version next() const { return versions_->current_.load(std::memory_order_relaxed) + 1; }

  // For the parts of a pipeline: `added` and `removed` are the version words of what came or went.
  // Undone without Commit().
  void Added(Versioned* owner, void* item, std::atomic<Version>* removed);
  void Removed(Versioned* owner, void* item, std::atomic<Version>* removed);
  // `owner` has something to do before the commit.
  void Touch(Versioned* owner);

 private:
  struct Change {
    Versioned* owner;
    void* item;
    std::atomic<Version>* removed;
    bool added;
  };
  void Rollback();

  Versions* versions_;
  std::vector<Change> changes_;
  std::vector<Versioned*> touched_;
};

}  // namespace sluice::pipeline
