// One copy of each value that many flows have in common, such as a mask.
//
// Intern() finds or makes the copy; it goes when the last Handle to it does, and the pool outlives
// all of its handles. A handle is one pointer. Pool and handles are thread-safe in the way of
// shared_ptr: different handles may be used by different threads at once.
//
//   SharedPool<MaskBytes> pool;
//   SharedPool<MaskBytes>::Handle mask = pool.Intern({bytes, &use});
//   pool.size();                                       // how many distinct ones there are
//
// `T` is made from a `T::View`, gives one with view(), and views are compared and hashed.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/container/flat_hash_set.h"

namespace sluice::flowcache {

template <typename T>
class SharedPool {
  struct Entry {
    Entry(SharedPool* p, const typename T::View& view) : pool(p), value(view) {}
    SharedPool* const pool;
    // The last one is given back with the pool locked, so that nobody finds what is about to go.
    std::atomic<size_t> handles{1};
    const T value;
  };

 public:
  class Handle {
   public:
    Handle() = default;
    Handle(Handle&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
    Handle& operator=(Handle&& other) noexcept {
      std::swap(entry_, other.entry_);
      return *this;
    }
    ~Handle() {
      if (entry_ != nullptr) entry_->pool->Release(entry_);
    }
    explicit operator bool() const { return entry_ != nullptr; }
    const T& operator*() const { return entry_->value; }
    const T* operator->() const { return &entry_->value; }

   private:
    friend class SharedPool;
    explicit Handle(Entry* entry) : entry_(entry) {}
    Entry* entry_ = nullptr;
  };

  SharedPool() = default;
  SharedPool(const SharedPool&) = delete;
  SharedPool& operator=(const SharedPool&) = delete;

  Handle Intern(const typename T::View& view) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(view);
    if (found != entries_.end()) return Take(found->get());
    auto made = std::make_unique<Entry>(this, view);
    Entry* entry = made.get();
    entries_.insert(std::move(made));
    size_.store(entries_.size(), std::memory_order_relaxed);
    return Handle(entry);
  }

  size_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(const std::unique_ptr<Entry>& entry) const {
      return (*this)(entry->value.view());
    }
    size_t operator()(const typename T::View& view) const { return T::HashOf(view); }
  };
  struct Same {
    using is_transparent = void;
    static typename T::View Of(const std::unique_ptr<Entry>& entry) { return entry->value.view(); }
    static const typename T::View& Of(const typename T::View& view) { return view; }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return T::IsSame(Of(a), Of(b));
    }
  };

  static Handle Take(Entry* entry) {
    entry->handles.fetch_add(1, std::memory_order_relaxed);
    return Handle(entry);
  }

  void Release(Entry* entry) {
    size_t handles = entry->handles.load(std::memory_order_relaxed);
    while (handles > 1)
      if (entry->handles.compare_exchange_weak(handles, handles - 1, std::memory_order_acq_rel))
        return;
    const std::lock_guard lock(mutex_);
    if (entry->handles.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    entries_.erase(entries_.find(entry->value.view()));
    size_.store(entries_.size(), std::memory_order_relaxed);
  }

  // Of the standard library, as ThreadSanitizer sees its locks. Guards entries_.
  std::mutex mutex_;
  absl::flat_hash_set<std::unique_ptr<Entry>, Hash, Same> entries_;
  std::atomic<size_t> size_{0};
};

}  // namespace sluice::flowcache
