#include "agent/upcall/fair_queue.h"

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <string>

#include "tests/support/test.h"

namespace sluice::upcall {
namespace {

constexpr base::MonotonicMs kNow = 1000;

class Lab {
 public:
  explicit Lab(FairQueue::Options options = {}, PortAccount::Budget budget = {})
      : ledger(budget), queue(options, &ledger) {}

  bool Push(uint32_t port, const std::string& message, base::MonotonicMs now = kNow) {
    return queue.Push(queue.Find({1, port}),
                      {reinterpret_cast<const uint8_t*>(message.data()), message.size()}, now);
  }
  PortAccount::Reading Read(uint32_t port, base::MonotonicMs now = kNow) {
    return ledger.Get({1, port})->Read(now);
  }
  static uint64_t LostOf(const PortAccount::Reading& reading) {
    uint64_t lost = 0;
    for (const uint64_t n : reading.lost) lost += n;
    return lost;
  }

  PortLedger ledger;
  FairQueue queue;
};

class Dice {
 public:
  explicit Dice(unsigned seed) : engine_(seed) {}
  uint32_t Below(size_t n) { return static_cast<uint32_t>(engine_() % n); }

 private:
  std::mt19937 engine_;
};

std::string TextOf(const FairQueue::Item& item) {
  return {reinterpret_cast<const char*>(item.message.data()), item.message.size()};
}

size_t CostOf(const FairQueue::Item& item) { return FairQueue::kCost + item.message.size(); }

TEST_CASE("a port that sends one upcall is served within a round of those that send thousands") {
  Lab lab;
  for (uint32_t port = 1; port <= 3; ++port)
    for (int i = 0; i < 200; ++i) lab.Push(port, std::string(300, 'x'));
  for (int i = 0; i < 20; ++i) REQUIRE(lab.queue.Pop() != nullptr);
  lab.queue.ReleasePopped();
  lab.Push(9, "ping");
  size_t before = 0;
  for (const FairQueue::Item* item; (item = lab.queue.Pop())->account->id().port_no != 9;)
    before += CostOf(*item);
  CHECK(before <= 3 * (FairQueue::kQuantum + FairQueue::kCost + 300));
}

TEST_CASE("in any stretch of time, ports that always have something waiting get the same") {
  Dice random(GENERATE(1u, 2u, 3u));
  constexpr uint32_t kPorts = 5;
  constexpr size_t kLongest = 1500, kLongestCost = kLongest + FairQueue::kCost;
  // Each port has sizes and a rate of its own.
  std::array<size_t, kPorts> longest{64, 200, 600, kLongest, kLongest};
  Lab lab({.port_limit = 64, .slots = 1024});
  std::array<int64_t, kPorts> got{};
  std::map<std::pair<uint32_t, uint32_t>, std::pair<int64_t, int64_t>> extremes;
  for (int step = 0; step < 20'000; ++step) {
    // Ports 0 to 4 are kept full; beside them come and go others.
    for (uint32_t port = 0; port < kPorts; ++port)
      while (lab.Push(port, std::string(1 + random.Below(longest[port]), 'x'))) {
      }
    if (random.Below(4) == 0) lab.Push(100 + random.Below(3), "now and then");
    for (unsigned i = random.Below(8); i > 0; --i) {
      const FairQueue::Item* item = lab.queue.Pop();
      REQUIRE(item != nullptr);
      const uint32_t port = item->account->id().port_no;
      if (port < kPorts) got[port] += static_cast<int64_t>(CostOf(*item));
      for (uint32_t a = 0; a < kPorts; ++a) {
        for (uint32_t b = 0; b < a; ++b) {
          auto& [least, most] = extremes[{a, b}];
          least = std::min(least, got[a] - got[b]);
          most = std::max(most, got[a] - got[b]);
        }
      }
    }
    lab.queue.ReleasePopped();
  }
  // The difference between two ports changes, over any stretch, by no more than that.
  for (const auto& [ports, extreme] : extremes)
    CHECK(static_cast<size_t>(extreme.second - extreme.first) <=
          2 * (FairQueue::kQuantum + kLongestCost));
}

TEST_CASE("what was pushed comes out, of each port in its order, whatever happens between") {
  Dice random(7);
  Lab lab({.port_limit = 40,
           .slots = 100,
           .slot_bytes = 64,
           .large_slots = 5,
           .large_slot_bytes = 256});
  std::map<uint32_t, std::deque<std::string>> model;
  size_t waiting = 0;
  const auto count_lost = [&] {
    uint64_t lost = 0;
    for (const auto& account : lab.ledger.List()) lost += Lab::LostOf(account->Read(kNow));
    return lost;
  };
  for (int step = 0; step < 30'000; ++step) {
    if (random.Below(3) != 0) {
      const uint32_t port = random.Below(5);
      std::string message = std::to_string(step) + std::string(random.Below(8) == 0 ? 150 : 9, '.');
      const uint64_t lost = count_lost();
      const bool queued = lab.Push(port, message);
      REQUIRE(count_lost() == lost + (lab.queue.size() == waiting + 1 ? 0 : 1));
      if (queued) model[port].push_back(std::move(message));
      waiting = lab.queue.size();
    } else {
      for (unsigned i = random.Below(12); i > 0; --i) {
        const FairQueue::Item* item = lab.queue.Pop();
        if (item == nullptr) break;
        --waiting;
        // What a fuller port gave up is missing, and counted.
        std::deque<std::string>& expected = model[item->account->id().port_no];
        while (!expected.empty() && expected.front() != TextOf(*item)) expected.pop_front();
        REQUIRE(!expected.empty());
        expected.pop_front();
      }
      REQUIRE(lab.queue.size() == waiting);
      lab.queue.ReleasePopped();
    }
  }
  while (lab.queue.Pop() != nullptr) --waiting;
  CHECK(waiting == 0);
  CHECK(lab.queue.empty());
  CHECK(lab.queue.active_ports() == 0);
}

TEST_CASE("a port has a bound, and what is beyond is counted for it") {
  Lab lab({.port_limit = 10});
  for (int i = 0; i < 10; ++i) CHECK(lab.Push(1, "x"));
  CHECK_FALSE(lab.Push(1, "x"));
  CHECK(lab.Push(2, "x"));
  CHECK(lab.Read(1).lost[static_cast<size_t>(Loss::kQueueFull)] == 1);
  CHECK(Lab::LostOf(lab.Read(2)) == 0);
  CHECK(lab.Read(1).received == 11);
}

TEST_CASE("when all slots are taken the port with the most gives up its newest") {
  Lab lab({.port_limit = 10, .slots = 10});
  for (int i = 0; i < 10; ++i) CHECK(lab.Push(1, std::to_string(i)));
  CHECK(lab.Push(2, "a"));
  CHECK(lab.Push(2, "b"));
  CHECK(Lab::LostOf(lab.Read(1)) == 2);
  // Not its oldest, and never from one that has less.
  std::vector<std::string> of_first;
  while (const FairQueue::Item* item = lab.queue.Pop())
    if (item->account->id().port_no == 1) of_first.push_back(TextOf(*item));
  CHECK(of_first == std::vector<std::string>{"0", "1", "2", "3", "4", "5", "6", "7"});
  lab.queue.ReleasePopped();
  for (int i = 0; i < 5; ++i) {
    lab.Push(1, "x");
    lab.Push(2, "x");
  }
  CHECK_FALSE(lab.Push(1, "x"));
  CHECK(Lab::LostOf(lab.Read(2)) == 0);
}

TEST_CASE("long messages have slots of their own; one beyond any slot is lost") {
  Lab lab({.slots = 4, .slot_bytes = 16, .large_slots = 1, .large_slot_bytes = 64});
  CHECK(lab.Push(1, std::string(16, 'a')));
  CHECK(lab.Push(1, std::string(17, 'b')));
  CHECK_FALSE(lab.Push(2, std::string(17, 'c')));
  CHECK_FALSE(lab.Push(2, std::string(65, 'd')));
  CHECK(lab.Push(2, {}));
  std::vector<size_t> sizes;
  while (const FairQueue::Item* item = lab.queue.Pop()) sizes.push_back(item->message.size());
  CHECK(sizes == std::vector<size_t>{16, 17, 0});
}

TEST_CASE("an upcall that others overtake is delayed") {
  Lab lab;
  lab.Push(1, "a");
  lab.Push(1, "b");
  CHECK_FALSE(lab.queue.Pop()->delayed);
  lab.queue.ReleasePopped();
  CHECK(lab.queue.Pop()->delayed);
}

TEST_CASE("beyond its budget and waiting, a port is pressed, and pleads when it loses") {
  Lab lab({.port_limit = 8}, {.rate = 10, .burst = 3});
  for (int i = 0; i < 8; ++i) CHECK(lab.Push(1, "x"));
  lab.ledger.ClearPleas();
  CHECK_FALSE(lab.ledger.Get({1, 1})->TakePlea());
  CHECK_FALSE(lab.Push(1, "x"));
  CHECK(lab.ledger.Get({1, 1})->TakePlea());
  CHECK(lab.Read(1).lost[static_cast<size_t>(Loss::kOverBudget)] == 1);
  std::vector<bool> pressed;
  while (const FairQueue::Item* item = lab.queue.Pop()) pressed.push_back(item->pressed);
  // Four were within: the burst, and one that begins; then the queue has to be half full.
  CHECK(pressed == std::vector<bool>{false, false, false, false, true, true, true, true});
  lab.queue.BlameOverrun(kNow);
  CHECK(lab.ledger.Get({1, 1})->TakePlea());
  // Within again after an interval, however much was beyond.
  CHECK_FALSE(lab.Read(1, kNow + 101).over_budget);
  lab.queue.BlameOverrun(kNow + 101);
  CHECK_FALSE(lab.ledger.Get({1, 1})->TakePlea());
}

TEST_CASE("a port is within its budget for a burst, and while it keeps to its rate") {
  PortAccount account({1, 1}, {.rate = 100, .burst = 50});
  int within = 0;
  for (base::MonotonicMs now = kNow; now < kNow + 1000; ++now)
    for (int i = 0; i < 5; ++i) within += account.Charge(now) ? 1 : 0;
  // It asks for five times its rate: beyond for good, once the burst is spent.
  CHECK(within >= 50);
  CHECK(within <= 55);
  CHECK(account.IsOverBudget(kNow + 1000));
  // A rest of a tenth of a second is worth as much of the rate.
  within = 0;
  for (int i = 0; i < 100; ++i) within += account.Charge(kNow + 1100) ? 1 : 0;
  CHECK(within >= 9);
  CHECK(within <= 11);
  PortAccount steady({1, 2}, {.rate = 100, .burst = 1});
  for (base::MonotonicMs now = kNow; now < kNow + 10'000; now += 10) REQUIRE(steady.Charge(now));
}

TEST_CASE("a port that went and came again has a new account") {
  Lab lab;
  lab.Push(1, "x");
  lab.Push(2, "x");
  lab.ledger.Retain([](const PortId& id) { return id.port_no == 2; });
  CHECK(lab.ledger.List().size() == 1);
  lab.Push(1, "y");
  lab.Push(2, "y");
  CHECK(lab.Read(1).received == 1);
  CHECK(lab.Read(2).received == 2);
  size_t count = 0;
  while (lab.queue.Pop() != nullptr) ++count;
  CHECK(count == 4);
}

TEST_CASE("more ports than are remembered") {
  Lab lab;
  for (uint32_t port = 0; port < 10'000; ++port) {
    REQUIRE(lab.Push(port, "x"));
    REQUIRE(lab.queue.Pop()->account->id().port_no == port);
    lab.queue.ReleasePopped();
  }
  CHECK(lab.Read(17).received == 1);
}

}  // namespace
}  // namespace sluice::upcall
