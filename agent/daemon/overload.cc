#include "agent/daemon/overload.h"

#include <spdlog/spdlog.h>

#include <cerrno>
#include <set>

#include "netlink/base/counters.h"
#include "netlink/base/status.h"

namespace sluice::daemon {
namespace {

struct OverloadCounters {
  base::Counter& cut_offs = base::Counters::Get(
      "upcall_cut_offs",
      "Times that the kernel was told to drop what matches no flow of a port beyond its budget.");
  base::Counter& failures = base::Counters::Get(
      "upcall_cut_off_errors", "Times that the kernel refused to, or to let a port in again.");
};

OverloadCounters& Count() {
  static OverloadCounters counters;
  return counters;
}

}  // namespace

Overload::Overload(uint64_t cut_off_ms, upcall::PortLedger* ledger, upcall::Dispatch* dispatch,
                   port::PortKernel* kernel, const base::Clock* clock)
    : guard_(cut_off_ms),
      cut_off_ms_(cut_off_ms),
      ledger_(ledger),
      dispatch_(dispatch),
      kernel_(kernel),
      clock_(clock) {}

Overload::~Overload() { Carry(guard_.LetAllIn()); }

void Overload::Review() {
  ledger_->ClearPleas();
  Carry(guard_.Review(ledger_->List(), clock_->Now()));
}

void Overload::Carry(std::span<const upcall::OverloadGuard::Change> changes) {
  std::set<int> switched;  // datapaths that go over to dispatch per port, or come back
  for (const upcall::OverloadGuard::Change& change : changes) {
    const int dp_ifindex = change.port.dp_ifindex;
    const bool before = dispatch_->HasCutOff(dp_ifindex);
    dispatch_->SetCutOff(change.port, change.cut_off);
    if (before != dispatch_->HasCutOff(dp_ifindex)) switched.insert(dp_ifindex);
    if (change.cut_off) Tell(change);
  }
  const auto check = [this](const absl::Status& status) {
    // A port or a datapath that is gone needs nothing.
    if (status.ok() || base::ErrnoOf(status) == ENODEV) return;
    Count().failures.Add();
    if (failure_.Allow(clock_->Now()))
      spdlog::warn("cannot cut off a port beyond its budget, or let it in again; trying on: {}",
                   base::FromAbsl(status.message()));
  };
  for (const upcall::OverloadGuard::Change& change : changes) {
    const auto [dp_ifindex, port_no] = change.port;
    check(kernel_->SetUpcallPids(dp_ifindex, port_no, kernel_->PidsOf(dp_ifindex, port_no)));
  }
  for (const int dp_ifindex : switched) check(kernel_->ApplyDispatch(dp_ifindex));
}

void Overload::Tell(const upcall::OverloadGuard::Change& change) {
  Count().cut_offs.Add();
  if (!warning_.Allow(clock_->Now())) return;
  spdlog::warn(
      "datapath {}: port {} asks for more than {} new flows a second, and upcalls are lost: its "
      "packets that match no flow are dropped for {} ms (see sluicectl upcalls)",
      change.port.dp_ifindex, change.port.port_no, ledger_->budget().rate, cut_off_ms_);
}

}  // namespace sluice::daemon
