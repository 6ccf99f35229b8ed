// What a rule, a group, a bucket or a mirror has done: credited by whoever learns of packets.
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>

#include "netlink/base/clock.h"

namespace sluice::pipeline {

struct UseStats {
  std::atomic<uint64_t> packets{0}, bytes{0};
  std::atomic<base::MonotonicMs> used{0};  // 0: never

  void Credit(uint64_t more_packets, uint64_t more_bytes, base::MonotonicMs when);
};

}  // namespace sluice::pipeline
