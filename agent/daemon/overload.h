// Has the kernel do what the guard against overload decides.
//
// Used by the main loop: Review() when a handler pleads (fd()) and at deadline(). What cannot be
// set now is set by the next Reconcile() of the bridge's ports, as Dispatch remembers it.
// Destroying it lets all ports in again.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "agent/port/port_kernel.h"
#include "agent/port/rate_limit.h"
#include "agent/upcall/dispatch.h"
#include "agent/upcall/overload_guard.h"
#include "netlink/base/clock.h"

namespace sluice::daemon {

class Overload {
 public:
  // The pointers outlive it.
  Overload(uint64_t cut_off_ms, upcall::PortLedger* ledger, upcall::Dispatch* dispatch,
           port::PortKernel* kernel, const base::Clock* clock);
  ~Overload();
  Overload(const Overload&) = delete;
  Overload& operator=(const Overload&) = delete;

  int fd() const { return ledger_->plea_fd(); }
  void Review();
  std::optional<base::MonotonicMs> deadline() const { return guard_.deadline(); }

 private:
  void Carry(std::span<const upcall::OverloadGuard::Change> changes);
  void Tell(const upcall::OverloadGuard::Change& change);

  upcall::OverloadGuard guard_;
  const uint64_t cut_off_ms_;
  upcall::PortLedger* const ledger_;
  upcall::Dispatch* const dispatch_;
  port::PortKernel* const kernel_;
  const base::Clock* const clock_;
  port::RateLimit warning_{10'000};
  port::RateLimit failure_{10'000};
};

}  // namespace sluice::daemon
