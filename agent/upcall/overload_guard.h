// Decides which ports are cut off: for how long the kernel shall drop their packets that match no
// flow.
//
// A port is cut off when a handler pleads for it: it is beyond its budget, and upcalls were lost,
// its own for want of room in a queue, or anybody's for want of room in a socket. It is let in
// again after a fixed time, and cut off again if it goes on. A port within its budget never is.
//
// Pure: says what to do and does nothing. Used by one thread.
//
//   for (const OverloadGuard::Change& change : guard.Review(ledger.List(), clock.Now()))
//     dispatch.SetCutOff(change.port, change.cut_off);
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "agent/upcall/port_ledger.h"

namespace sluice::upcall {

class OverloadGuard {
 public:
  struct Change {
    PortId port;
    bool cut_off = false;  // else let in again
  };

  // For how long; 0: never.
  explicit OverloadGuard(uint64_t cut_off_ms) : cut_off_ms_(cut_off_ms) {}

  // What changes by now. Ports whose accounts are no more are let in.
  std::vector<Change> Review(std::span<const std::shared_ptr<PortAccount>> accounts,
                             base::MonotonicMs now);
  // Lets all in that are cut off.
  std::vector<Change> LetAllIn();
  // When the next one is to be let in.
  std::optional<base::MonotonicMs> deadline() const;

 private:
  struct CutOff {
    std::shared_ptr<PortAccount> account;
    base::MonotonicMs until = 0;
  };
  const uint64_t cut_off_ms_;
  std::map<PortId, CutOff> cut_off_;
};

}  // namespace sluice::upcall
