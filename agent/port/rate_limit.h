// For warnings: once in a while, however often there is cause.
//
// Not thread-safe.
//
//   RateLimit limit(10'000);
//   if (limit.Allow(clock.Now())) spdlog::warn(...);
#pragma once

#include <optional>

#include "netlink/base/clock.h"

namespace sluice::port {

class RateLimit {
 public:
  explicit RateLimit(base::MonotonicMs interval) : interval_(interval) {}

  // True when the last time that it was is at least the interval ago.
  bool Allow(base::MonotonicMs now) {
    if (last_ && now < *last_ + interval_) return false;
    last_ = now;
    return true;
  }

 private:
  base::MonotonicMs interval_;
  std::optional<base::MonotonicMs> last_;
};

}  // namespace sluice::port
