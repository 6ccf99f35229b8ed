// How many flows a datapath shall have: as many as the revalidator can keep true in good time.
//
// A round over all flows that takes longer than it should lowers the limit to what could be done in
// that time, by half at most; one that is quick raises it again, up to what is configured. Pure.
// Run by the revalidator alone.
//
//   FlowLimit limit(200'000);
//   limit.OnRound(flows, duration_ms);
//   if (flows > limit.current()) ...               // let go of the idlest
#pragma once

#include <cstddef>
#include <cstdint>

namespace sluice::flowcache {

class FlowLimit {
 public:
  // What a round may take, and below what the limit rises.
  static constexpr uint64_t kSlowMs = 1000, kQuickMs = 500;
  // It is not lowered below that many, if so many are configured.
  static constexpr size_t kLeast = 1000;

  explicit FlowLimit(size_t configured) : configured_(configured), current_(configured) {}

  void OnRound(size_t flows, uint64_t duration_ms);

  size_t configured() const { return configured_; }
  size_t current() const { return current_; }
  // Down to how many flows to go when there are more than the limit: some less, so that not every
  // round has to.
  size_t target() const { return current_ - current_ / 16; }

 private:
  const size_t configured_;
  size_t current_;
};

}  // namespace sluice::flowcache
