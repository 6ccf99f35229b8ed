#include "netlink/base/clock.h"

#include "tests/support/test.h"

namespace sluice::base {
namespace {

TEST_CASE("a fake clock stands still until it is told to go on") {
  FakeClock clock(1000);
  CHECK(clock.Now() == 1000);
  CHECK(clock.Now() == 1000);
  clock.Advance(250);
  CHECK(clock.Now() == 1250);
}

TEST_CASE("the system clock is the monotonic one, in milliseconds") {
  const SystemClock clock;
  timespec before{};
  timespec after{};
  clock_gettime(CLOCK_MONOTONIC, &before);
  const MonotonicMs now = clock.Now();
  clock_gettime(CLOCK_MONOTONIC, &after);
  CHECK(now >= static_cast<MonotonicMs>(before.tv_sec) * 1000);
  CHECK(now <= static_cast<MonotonicMs>(after.tv_sec) * 1000 + 1000);
}

}  // namespace
}  // namespace sluice::base
