// Time as it is passed to whoever needs it. Nothing below agent/daemon asks the system for it.
//
// Milliseconds of CLOCK_MONOTONIC, the clock of the kernel's OVS_FLOW_ATTR_USED. Clocks are
// thread-safe.
#pragma once

#include <time.h>

#include <atomic>
#include <cstdint>

namespace sluice::base {

using MonotonicMs = uint64_t;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual MonotonicMs Now() const = 0;
};

class SystemClock final : public Clock {
 public:
  MonotonicMs Now() const override {
    timespec ts{};
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return static_cast<MonotonicMs>(ts.tv_sec) * 1000 +
           static_cast<MonotonicMs>(ts.tv_nsec) / 1'000'000;
  }
};

// Stands still until it is told to go on.
class FakeClock final : public Clock {
 public:
  explicit FakeClock(MonotonicMs start = 0) : now_(start) {}
  MonotonicMs Now() const override { return now_.load(); }
  void Advance(MonotonicMs ms) { now_ += ms; }

 private:
  std::atomic<MonotonicMs> now_;
};

}  // namespace sluice::base
