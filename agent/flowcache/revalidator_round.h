// Internal to the revalidator: what one round over one datapath knows, and the counters of all.
#pragma once

#include <vector>

#include "agent/flowcache/revalidator.h"

namespace sluice::flowcache {

// Of a change whose refusal is only counted.
inline constexpr uint64_t kNoTag = UINT64_MAX;

struct Revalidator::Round {
  DatapathFlows* datapath;
  RoundReport report{};
  bool complete = false;             // the dump was not interrupted
  std::vector<ovs::Flow> unknown{};  // in the dump, not in the cache; keys only without a UFID
  bool emergency = false;
  uint64_t idle_timeout_ms = 0;

  // By which flows know that a dump showed them.
  uint32_t mark() const { return static_cast<uint32_t>(report.number); }
};

}  // namespace sluice::flowcache
