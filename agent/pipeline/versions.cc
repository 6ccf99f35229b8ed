#include "agent/pipeline/versions.h"

#include <algorithm>

namespace sluice::pipeline {

Versions::Reader::Reader(Versions* versions) : versions_(versions), slot_(nullptr) {
  const std::lock_guard lock(versions->slots_mutex_);
  for (Slot& slot : versions->slots_) {
    if (!slot.taken) slot_ = &slot;
  }
  if (slot_ == nullptr) slot_ = &versions->slots_.emplace_back();
  slot_->taken = true;
}

Versions::Reader::~Reader() {
  const std::lock_guard lock(versions_->slots_mutex_);
  slot_->taken = false;
}

Versions::Snapshot::Snapshot(Reader* reader) : reader_(reader) {
  Versions& versions = *reader->versions_;
  if (reader->depth_++ == 0) {
    // The store must be seen before this thread loads any pointer: else the writer could look,
    // find nobody, and free what is about to be read. OldestReader() has the other fence.
    reader->slot_->epoch.store(versions.epoch_.load(std::memory_order_relaxed),
                               std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  version_ = versions.current_.load(std::memory_order_acquire);
}

Versions::Snapshot::~Snapshot() {
  if (--reader_->depth_ == 0) reader_->slot_->epoch.store(0, std::memory_order_release);
}

Versions::~Versions() {
  while (!deferred_.empty()) RunUpTo(kVersionNever);
}

uint64_t Versions::OldestReader() {
  std::atomic_thread_fence(std::memory_order_seq_cst);
  uint64_t oldest = kVersionNever;
  const std::lock_guard lock(slots_mutex_);
  for (const Slot& slot : slots_) {
    const uint64_t epoch = slot.epoch.load(std::memory_order_acquire);
    if (epoch != 0) oldest = std::min(oldest, epoch);
  }
  return oldest;
}

void Versions::RunUpTo(uint64_t oldest) {
  while (!deferred_.empty() && deferred_.front().epoch < oldest) {
    const Deferred item = deferred_.front();
    deferred_.pop_front();
    if (item.owner == nullptr) {
      item.free(item.object);
      continue;
    }
    item.owner->Unlink(item.object);
    if (std::find(unlinked_.begin(), unlinked_.end(), item.owner) == unlinked_.end()) {
      unlinked_.push_back(item.owner);
    }
  }
  for (Versioned* owner : unlinked_) owner->AfterUnlink();
  unlinked_.clear();
}

void Versions::ReclaimLocked() {
  // What is unlinked in the first round is freed in the second, if nobody reads.
  for (int round = 0; round < 2 && !deferred_.empty(); ++round) {
    epoch_.fetch_add(1, std::memory_order_acq_rel);
    // Everything so far carries an older epoch than a reader that comes from here on.
    RunUpTo(std::min(OldestReader(), epoch_.load(std::memory_order_relaxed)));
  }
}

void Versions::Reclaim() {
  absl::MutexLock lock(&mutex_);
  ReclaimLocked();
}

size_t Versions::pending() const {
  absl::MutexLock lock(&mutex_);
  return deferred_.size();
}

void Versions::Forget(Versioned* owner) {
  absl::MutexLock lock(&mutex_);
  deferred_.erase(std::remove_if(deferred_.begin(), deferred_.end(),
                                 [&](const Deferred& item) { return item.owner == owner; }),
                  deferred_.end());
}

Update::Update(Versions* versions) : versions_(versions) {
  versions_->mutex_.Lock();
  versions_->ReclaimLocked();
}

Update::~Update() {
  Rollback();
  versions_->ReclaimLocked();
  versions_->mutex_.Unlock();
}

Version Update::Commit() {
  for (Versioned* owner : touched_) owner->BeforeCommit();
  const Version version = next();
  versions_->current_.store(version, std::memory_order_release);
  // Readers of the version before may still see what was removed: first it is unlinked when they
  // are gone, then freed when those who were walking past it are gone too.
  for (const Change& change : changes_) {
    if (!change.added) versions_->DeferRemoval(change.owner, change.item);
  }
  changes_.clear();
  touched_.clear();
  return version;
}

void Update::Added(Versioned* owner, void* item, std::atomic<Version>* removed) {
  changes_.push_back({owner, item, removed, true});
  Touch(owner);
}

void Update::Removed(Versioned* owner, void* item, std::atomic<Version>* removed) {
  removed->store(next(), std::memory_order_relaxed);
  changes_.push_back({owner, item, removed, false});
  Touch(owner);
}

void Update::Touch(Versioned* owner) {
  if (!touched_.empty() && touched_.back() == owner) return;
  if (std::find(touched_.begin(), touched_.end(), owner) == touched_.end()) {
    touched_.push_back(owner);
  }
}

void Update::Rollback() {
  // Backwards, so that what was added and then removed ends as removed.
  for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) {
    change->removed->store(change->added ? 0 : kVersionNever, std::memory_order_relaxed);
    if (change->added) versions_->DeferRemoval(change->owner, change->item);
  }
  for (Versioned* owner : touched_)
    owner->BeforeCommit();  // what it did to itself must be in order
  changes_.clear();
  touched_.clear();
}

}  // namespace sluice::pipeline
