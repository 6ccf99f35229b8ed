// No flow is installed after an invalidation that began before it.
//
// A handler is inside the gate from before it looks at what it decides by until its flows are in
// the kernel: a batch. Whoever has invalidated something calls AwaitThoseInside(): from then on all
// flows that rest on what was before are in the cache and in the kernel, and can be found there;
// those that come later know of the change.
//
// Thread-safe. A handler waits at the gate while somebody waits for those inside: for one batch.
#pragma once

#include <optional>

#include "absl/synchronization/mutex.h"

namespace sluice::flowcache {

class InstallGate {
 public:
  // In the hands of one thread.
  class Pass {
   public:
    void Enter(InstallGate* gate) {
      if (!lock_) lock_.emplace(&gate->mutex_);
    }
    void Leave() { lock_.reset(); }

   private:
    std::optional<absl::ReaderMutexLock> lock_;
  };

  void AwaitThoseInside() { absl::WriterMutexLock lock(&mutex_); }
  // Calls `work` while nobody is inside.
  template <typename Work>
  void Alone(Work work) {
    absl::WriterMutexLock lock(&mutex_);
    work();
  }

 private:
  absl::Mutex mutex_;
};

}  // namespace sluice::flowcache
