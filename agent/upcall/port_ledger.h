// What each port asked of the handlers, what it got and what it lost; and its budget.
//
// A PortAccount is shared by all handlers: counters, and a budget of upcalls a second with a burst.
// Thread-safe, without locks. The PortLedger owns the accounts by datapath and port; getting one
// takes a lock, so handlers keep what they got until it is retired().
//
//   PortLedger ledger({.rate = 5000, .burst = 10000});
//   std::shared_ptr<PortAccount> account = ledger.Get({dp_ifindex, port_no});
//   const bool within = account->Charge(clock.Now());
#pragma once

#include <array>
#include <atomic>
#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "netlink/base/clock.h"
#include "netlink/base/fd.h"
#include "netlink/base/mutex.h"

namespace sluice::upcall {

struct PortId {
  int dp_ifindex = 0;
  uint32_t port_no = 0;
  // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the generated 0 for a pointer
  friend auto operator<=>(const PortId&, const PortId&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const PortId& id) {
    return H::combine(std::move(h), id.dp_ifindex, id.port_no);
  }
};

// How an upcall of a port that is known was lost.
enum class Loss : uint8_t {
  kQueueFull,   // more waited than may, though the port was within its budget
  kOverBudget,  // the same, of a port beyond it
  kBadKey,      // the flow key could not be decoded
  kExecute,     // the datapath refused to take actions on the packet
};
inline constexpr size_t kLosses = 4;
std::string_view ToString(Loss loss);  // "queue-full", "over-budget", "bad-key", "execute-failed"

class alignas(64) PortAccount {
 public:
  struct Budget {
    uint32_t rate = 5000;  // upcalls a second
    uint32_t burst = 10000;
  };
  struct Reading {
    uint64_t received = 0, served = 0, delayed = 0, not_installed = 0, cut_offs = 0;
    std::array<uint64_t, kLosses> lost{};
    bool over_budget = false, cut_off = false;
  };

  PortAccount(PortId id, const Budget& budget);
  const PortId& id() const { return id_; }

  // An upcall came. False when the port is beyond its budget: `burst` is what it may have at once,
  // and `rate` a second comes back while it asks for less. One that goes on asking for more stays
  // beyond; how much more is not held against it, so that it is within again soon after it stops.
  bool Charge(base::MonotonicMs now);
  bool IsOverBudget(base::MonotonicMs now) const;

  void Served(bool delayed) {
    served_.fetch_add(1, std::memory_order_relaxed);
    if (delayed) delayed_.fetch_add(1, std::memory_order_relaxed);
  }
  void Lost(Loss loss) { lost_[static_cast<size_t>(loss)].fetch_add(1, std::memory_order_relaxed); }
  void NotInstalled() { not_installed_.fetch_add(1, std::memory_order_relaxed); }
  Reading Read(base::MonotonicMs now) const;

  // That misses of the port should not come for a while; taken back by TakePlea().
  bool Plead() { return !plea_.exchange(true, std::memory_order_relaxed); }
  bool TakePlea() { return plea_.exchange(false, std::memory_order_relaxed); }
  void SetCutOff(bool cut_off);

  // The ledger has it no more: ask for another one.
  bool retired() const { return retired_.load(std::memory_order_relaxed); }

 private:
  friend class PortLedger;
  const PortId id_;
  const uint64_t interval_ns_, burst_ns_;
  // When the budget will be whole again.
  std::atomic<uint64_t> whole_at_ns_{0};
  std::atomic<uint64_t> received_{0}, served_{0}, delayed_{0}, not_installed_{0}, cut_offs_{0};
  std::array<std::atomic<uint64_t>, kLosses> lost_{};
  std::atomic<bool> plea_{false}, cut_off_{false}, retired_{false};
};

class PortLedger {
 public:
  explicit PortLedger(const PortAccount::Budget& budget);

  const PortAccount::Budget& budget() const { return budget_; }
  std::shared_ptr<PortAccount> Get(PortId id);
  // By datapath and port.
  std::vector<std::shared_ptr<PortAccount>> List() const;
  // Drops the accounts of ports that are no more.
  void Retain(const std::function<bool(const PortId&)>& is_there);

  // A descriptor that is readable when a port's account has a plea; to be cleared before those are
  // taken.
  int plea_fd() const { return pleas_.get(); }
  void ClearPleas();
  void Plead(PortAccount* account);

 private:
  const PortAccount::Budget budget_;
  base::UniqueFd pleas_;  // eventfd
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<PortId, std::shared_ptr<PortAccount>> accounts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::upcall
