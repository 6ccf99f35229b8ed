#include "agent/daemon/event_loop.h"

#include <atomic>
#include <thread>
#include <vector>

#include "tests/support/test.h"

namespace sluice::daemon {

TEST_CASE("calls into the loop run on its thread, and return after the turn", "[threads]") {
  auto loop = EventLoop::Create();
  REQUIRE(loop.ok());
  int sum = 0, seen_after_turn = 0;  // of the loop's thread alone
  (*loop)->SetAfterTurn([&] { seen_after_turn = sum; });
  absl::Status ran;  // Catch is of one thread
  std::thread runner([&] { ran = (*loop)->Run(); });
  std::atomic<int> refused{0};
  std::vector<std::thread> callers;
  callers.reserve(4);
  for (int i = 0; i < 4; ++i)
    callers.emplace_back([&] {
      for (int n = 0; n < 100; ++n) {
        int mine = 0, after = 0;
        if (!(*loop)
                 ->Call([&] {
                   mine = ++sum;
                   return absl::OkStatus();
                 })
                 .ok())
          ++refused;
        (void)(*loop)->Call([&] {
          after = seen_after_turn;
          return absl::OkStatus();
        });
        if (after < mine) ++refused;
      }
    });
  for (std::thread& caller : callers) caller.join();
  CHECK(refused == 0);
  CHECK((*loop)->Call([] { return absl::NotFoundError("x"); }).message() == "x");
  CHECK((*loop)
            ->Call([&] {
              (*loop)->Stop();
              return absl::OkStatus();
            })
            .ok());
  runner.join();
  CHECK(ran.ok());
  CHECK(sum == 400);
  CHECK(absl::IsUnavailable((*loop)->Call([] { return absl::OkStatus(); })));
}

TEST_CASE("a call that waits when the loop ends is told", "[threads]") {
  auto loop = EventLoop::Create();
  REQUIRE(loop.ok());
  std::atomic<int> ended{0};
  std::vector<std::thread> callers;
  callers.reserve(4);
  for (int i = 0; i < 4; ++i)
    callers.emplace_back([&] {
      while (!absl::IsUnavailable((*loop)->Call([] { return absl::OkStatus(); }))) {
      }
      ++ended;
    });
  absl::Status ran;  // Catch is of one thread
  std::thread runner([&] { ran = (*loop)->Run(); });
  (void)(*loop)->Call([&] {
    (*loop)->Stop();
    return absl::OkStatus();
  });
  runner.join();
  CHECK(ran.ok());
  for (std::thread& caller : callers) caller.join();
  CHECK(ended == 4);
}

}  // namespace sluice::daemon
