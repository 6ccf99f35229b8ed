#include "agent/upcall/port_ledger.h"

#include <poll.h>

#include <thread>
#include <vector>

#include "tests/support/test.h"

namespace sluice::upcall {
namespace {

bool Readable(int fd) {
  pollfd poller{fd, POLLIN, 0};
  return poll(&poller, 1, 0) == 1;
}

TEST_CASE("a plea wakes who waits for it, once until it is taken") {
  PortLedger ledger({});
  const std::shared_ptr<PortAccount> account = ledger.Get({1, 1});
  CHECK_FALSE(Readable(ledger.plea_fd()));
  ledger.Plead(account.get());
  CHECK(Readable(ledger.plea_fd()));
  ledger.ClearPleas();
  ledger.Plead(account.get());
  CHECK_FALSE(Readable(ledger.plea_fd()));
  CHECK(account->TakePlea());
  CHECK_FALSE(account->TakePlea());
  ledger.Plead(account.get());
  CHECK(Readable(ledger.plea_fd()));
}

TEST_CASE("handlers share a port's budget and counters", "[threads]") {
  constexpr int kThreads = 4, kEach = 5000;
  PortLedger ledger({.rate = 1, .burst = 1000});
  (void)ledger.Get({1, 7});  // the reader may be faster than all others
  std::atomic<int> within{0};
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kEach; ++i) {
        const std::shared_ptr<PortAccount> account = ledger.Get({1, 7});
        if (account->Charge(5)) ++within;
        account->Served(i % 2 == 0);
        account->Lost(Loss::kBadKey);
        ledger.Plead(account.get());
      }
    });
  }
  std::thread reader([&] {
    for (int i = 0; i < 100; ++i) {
      for (const std::shared_ptr<PortAccount>& account : ledger.List()) {
        account->TakePlea();
        account->SetCutOff(i % 2 == 0);
        (void)account->Read(5);
      }
      ledger.Retain([](const PortId&) { return true; });
      ledger.ClearPleas();
    }
  });
  for (std::thread& thread : threads) thread.join();
  reader.join();
  CHECK(within == 1000);
  const PortAccount::Reading reading = ledger.Get({1, 7})->Read(5);
  CHECK(reading.received == kThreads * kEach);
  CHECK(reading.served == kThreads * kEach);
  CHECK(reading.delayed == kThreads * kEach / 2);
  CHECK(reading.lost[static_cast<size_t>(Loss::kBadKey)] == kThreads * kEach);
  CHECK(reading.over_budget);
  CHECK(reading.cut_offs == 50);
}

}  // namespace
}  // namespace sluice::upcall
