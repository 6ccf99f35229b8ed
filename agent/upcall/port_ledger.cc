#include "agent/upcall/port_ledger.h"

#include <sys/eventfd.h>

#include <algorithm>

namespace sluice::upcall {
namespace {

constexpr uint64_t kNsPerMs = 1'000'000, kNsPerSecond = 1'000'000'000;

}  // namespace

std::string_view ToString(Loss loss) {
  constexpr std::array<std::string_view, kLosses> kNames = {"queue-full", "over-budget", "bad-key",
                                                            "execute-failed"};
  return kNames[static_cast<size_t>(loss)];
}

PortAccount::PortAccount(PortId id, const Budget& budget)
    : id_(id),
      interval_ns_(std::max<uint64_t>(kNsPerSecond / std::max(budget.rate, 1u), 1)),
      burst_ns_(interval_ns_ * std::max(budget.burst, 1u)) {}

bool PortAccount::Charge(base::MonotonicMs now) {
  received_.fetch_add(1, std::memory_order_relaxed);
  const uint64_t now_ns = now * kNsPerMs, most = now_ns + burst_ns_ + interval_ns_;
  uint64_t whole_at = whole_at_ns_.load(std::memory_order_relaxed);
  uint64_t next;
  do {
    next = std::min(std::max(whole_at, now_ns) + interval_ns_, most);
  } while (!whole_at_ns_.compare_exchange_weak(whole_at, next, std::memory_order_relaxed));
  return next <= now_ns + burst_ns_;
}

bool PortAccount::IsOverBudget(base::MonotonicMs now) const {
  return whole_at_ns_.load(std::memory_order_relaxed) > now * kNsPerMs + burst_ns_;
}

PortAccount::Reading PortAccount::Read(base::MonotonicMs now) const {
  Reading reading;
  reading.received = received_.load(std::memory_order_relaxed);
  reading.served = served_.load(std::memory_order_relaxed);
  reading.delayed = delayed_.load(std::memory_order_relaxed);
  reading.not_installed = not_installed_.load(std::memory_order_relaxed);
  reading.cut_offs = cut_offs_.load(std::memory_order_relaxed);
  for (size_t i = 0; i < kLosses; ++i) reading.lost[i] = lost_[i].load(std::memory_order_relaxed);
  reading.over_budget = IsOverBudget(now);
  reading.cut_off = cut_off_.load(std::memory_order_relaxed);
  return reading;
}

void PortAccount::SetCutOff(bool cut_off) {
  if (cut_off) cut_offs_.fetch_add(1, std::memory_order_relaxed);
  cut_off_.store(cut_off, std::memory_order_relaxed);
}

PortLedger::PortLedger(const PortAccount::Budget& budget)
    : budget_(budget), pleas_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

std::shared_ptr<PortAccount> PortLedger::Get(PortId id) {
  base::MutexLock lock(&mutex_);
  std::shared_ptr<PortAccount>& account = accounts_[id];
  if (account == nullptr) account = std::make_shared<PortAccount>(id, budget_);
  return account;
}

std::vector<std::shared_ptr<PortAccount>> PortLedger::List() const {
  std::vector<std::shared_ptr<PortAccount>> list;
  {
    base::MutexLock lock(&mutex_);
    for (const auto& [id, account] : accounts_) list.push_back(account);
  }
  std::sort(list.begin(), list.end(),
            [](const auto& a, const auto& b) { return a->id() < b->id(); });
  return list;
}

void PortLedger::Retain(const std::function<bool(const PortId&)>& is_there) {
  base::MutexLock lock(&mutex_);
  absl::erase_if(accounts_, [&](const auto& entry) {
    if (is_there(entry.first)) return false;
    entry.second->retired_.store(true, std::memory_order_relaxed);
    return true;
  });
}

void PortLedger::ClearPleas() {
  eventfd_t count = 0;
  // EAGAIN: nobody has asked.
  (void)eventfd_read(pleas_.get(), &count);
}

void PortLedger::Plead(PortAccount* account) {
  if (account->Plead()) (void)eventfd_write(pleas_.get(), 1);
}

}  // namespace sluice::upcall
