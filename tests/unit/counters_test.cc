#include "netlink/base/counters.h"

#include <algorithm>
#include <thread>

#include "tests/support/test.h"

namespace sluice::base {
namespace {

TEST_CASE("one name is one counter") {
  Counter& first = Counters::Get("test_same", "Counted by this test.");
  Counter& again = Counters::Get("test_same", "Another help text.");
  CHECK(&first == &again);
  CHECK(&first != &Counters::Get("test_other", "Not the same."));
}

TEST_CASE("a counter starts at zero and adds up") {
  Counter& counter = Counters::Get("test_adds", "Counted by this test.");
  CHECK(counter.value() == 0);
  counter.Add();
  counter.Add(41);
  CHECK(counter.value() == 42);
}

TEST_CASE("readings come in order of their names, with the first help text") {
  Counters::Get("test_read_b", "The second.").Add(2);
  Counters::Get("test_read_a", "The first.").Add(1);
  Counters::Get("test_read_a", "Too late.");

  const std::vector<CounterReading> readings = Counters::Read();
  CHECK(std::is_sorted(readings.begin(), readings.end(),
                       [](const auto& a, const auto& b) { return a.name < b.name; }));
  const auto it = std::find_if(readings.begin(), readings.end(),
                               [](const auto& r) { return r.name == "test_read_a"; });
  REQUIRE(it != readings.end());
  CHECK(it->help == "The first.");
  CHECK(it->value == 1);
}

TEST_CASE("nothing is lost when threads count and ask for counters at once", "[threads]") {
  constexpr int kThreads = 4;
  constexpr int kRounds = 1000;
  Counter& counter = Counters::Get("test_threads", "Counted by all threads.");
  {
    std::vector<std::jthread> threads;
    threads.reserve(kThreads);
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([] {
        for (int round = 0; round < kRounds; ++round)
          Counters::Get("test_threads", "Counted by all threads.").Add();
      });
    }
  }
  CHECK(counter.value() == kThreads * kRounds);
}

}  // namespace
}  // namespace sluice::base
