#include "agent/flowcache/flow_limit.h"

#include <algorithm>

namespace sluice::flowcache {

void FlowLimit::OnRound(size_t flows, uint64_t duration_ms) {
  if (duration_ms > kSlowMs) {
    // What this round would have done in the time that it may take. A slow round of few flows was
    // slow for another reason, and says little: half of the limit is the most that one takes away.
    const size_t possible = flows * kSlowMs / duration_ms;
    current_ = std::clamp(possible, current_ / 2, current_);
    current_ = std::max(current_, std::min(configured_, kLeast));
  } else if (duration_ms < kQuickMs) {
    current_ = std::min(configured_, current_ + std::max(kLeast, current_ / 8));
  }
}

}  // namespace sluice::flowcache
