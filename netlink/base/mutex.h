// Locks of absl::Mutex that ThreadSanitizer sees. Debian's Abseil is built without telling it.
//
// As absl::MutexLock and absl::ReaderMutexLock are. Nobody may Await() on such a mutex: conditions
// are looked at where ThreadSanitizer sees no lock; std::condition_variable does for that.
#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

#if defined(__SANITIZE_THREAD__)
#define SLUICE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SLUICE_TSAN 1
#endif
#endif

#ifdef SLUICE_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace sluice::base {

inline void TellAcquired([[maybe_unused]] absl::Mutex* mutex) {
#ifdef SLUICE_TSAN
  __tsan_acquire(mutex);
#endif
}
inline void TellReleased([[maybe_unused]] absl::Mutex* mutex) {
#ifdef SLUICE_TSAN
  __tsan_release(mutex);
#endif
}

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(absl::Mutex* mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_->Lock();
    TellAcquired(mutex_);
  }
  ~MutexLock() ABSL_UNLOCK_FUNCTION() {
    TellReleased(mutex_);
    mutex_->Unlock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  absl::Mutex* const mutex_;
};

class ABSL_SCOPED_LOCKABLE ReaderMutexLock {
 public:
  explicit ReaderMutexLock(absl::Mutex* mutex) ABSL_SHARED_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_->ReaderLock();
    TellAcquired(mutex_);
  }
  ~ReaderMutexLock() ABSL_UNLOCK_FUNCTION() {
    TellReleased(mutex_);
    mutex_->ReaderUnlock();
  }
  ReaderMutexLock(const ReaderMutexLock&) = delete;
  ReaderMutexLock& operator=(const ReaderMutexLock&) = delete;

 private:
  absl::Mutex* const mutex_;
};

}  // namespace sluice::base
