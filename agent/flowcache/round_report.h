// What one round of the revalidator did with the flows of a datapath.
#pragma once

#include <cstdint>
#include <string>

#include "netlink/base/clock.h"

namespace sluice::flowcache {

struct RoundReport {
  uint64_t number = 0;    // of all rounds
  std::string failure{};  // why the flows could not be dumped; empty: they could
  base::MonotonicMs began = 0;
  uint64_t duration_ms = 0;
  // From the change that this round was begun for to its end: for so long packets may have followed
  // what was before.
  uint64_t lag_ms = 0;
  uint64_t flows = 0;       // in the dump
  uint64_t unaffected = 0;  // not translated again: nothing changed of what they rest on
  uint64_t kept = 0;        // translated again, and right
  uint64_t modified = 0;    // other actions
  uint64_t deleted = 0;     // right no more
  uint64_t hurried = 0;     // of the deleted: unused, and no time left to translate them
  uint64_t idle = 0;        // deleted as idle
  uint64_t evicted = 0;     // deleted as the idlest of too many
  uint64_t vanished = 0;    // deleted by someone else
  uint64_t adopted = 0;     // found, and right
  uint64_t foreign = 0;     // found, and not: deleted
  uint64_t refused = 0;     // changes that the kernel refused
  uint64_t purged = 0;      // deleted as it was asked for
};

// How a datapath's flows are kept within bounds. `emergency` while there are more than `limit`:
// then the idlest go.
struct Bounds {
  uint64_t limit = 0, configured = 0;
  bool emergency = false;
  uint64_t idle_timeout_ms = 0;  // in fact: of the last flow that went
  RoundReport last_round{};
};

}  // namespace sluice::flowcache
