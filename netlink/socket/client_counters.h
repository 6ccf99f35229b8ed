// What a Client counts. Private to netlink/socket.
#pragma once

#include "netlink/base/counters.h"

namespace sluice::socket {

struct ClientCounters {
  using Counter = base::Counter;
  using Counters = base::Counters;

  Counter& stale = Counters::Get("netlink_stale_messages",
                                 "Answers to requests that were given up before, passed over.");
  Counter& malformed = Counters::Get("netlink_malformed_messages",
                                     "Messages from the kernel that were cut short or nonsense.");
  Counter& refused =
      Counters::Get("netlink_refused_requests", "Requests that the kernel answered with an error.");
  Counter& timeouts = Counters::Get("netlink_timeouts", "Requests that were not answered in time.");
  Counter& repeated = Counters::Get("netlink_repeated_requests",
                                    "Reading requests sent again as their answer was lost.");
  Counter& unknown = Counters::Get(
      "netlink_unknown_outcomes", "Requests that changed something or not: their answer was lost.");
  Counter& interrupted = Counters::Get(
      "netlink_dump_interrupted", "Passes of a dump that a change or a loss made inconsistent.");
  Counter& aborted = Counters::Get("netlink_dump_aborted",
                                   "Dumps given up as each of their passes was interrupted.");
  Counter& resolved_anew =
      Counters::Get("netlink_family_resolved_anew",
                    "Families that came back with another id: their module was loaded again.");
};

inline ClientCounters& TheClientCounters() {
  static ClientCounters* counters = new ClientCounters;
  return *counters;
}

}  // namespace sluice::socket
