// Which connections there are, as events tell: so that after an overrun the table can say what the
// events that were lost would have told.
//
// Holds every connection that matches, some 600 bytes each. Not thread-safe.
//
//   ConnectionCensus census(match);
//   census.Read(&connections);                   // at the beginning: what is there
//   census.Take(event);                          // each event, in its order
//   const auto missed = census.Read(&connections);  // after an overrun
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "netlink/conntrack/connection_match.h"
#include "netlink/conntrack/connections.h"
#include "netlink/conntrack/events.h"

namespace sluice::dpctl {

class ConnectionCensus {
 public:
  explicit ConnectionCensus(const conntrack::ConnectionMatch& match) : match_(match) {}

  // What is there now against what was known, which is then forgotten. What began and ended between
  // two reads is in neither.
  struct Missed {
    std::vector<conntrack::Connection> begun, changed, ended;
  };
  absl::StatusOr<Missed> Read(conntrack::Connections* connections);
  void Take(const conntrack::ConnectionEvent& event);

 private:
  using Known = std::map<std::string, conntrack::Connection, std::less<>>;

  const conntrack::ConnectionMatch& match_;
  Known known_;
};

}  // namespace sluice::dpctl
