// Ends the connections that match: one by its tuple, or whatever a list of all of them has.
//
//   SLUICE_ASSIGN_OR_RETURN(socket::Client reader, OpenNetfilter());
//   SLUICE_ASSIGN_OR_RETURN(socket::Client writer, OpenNetfilter());
//   DeleteReport report;
//   status = Sweep(match, &reader, &writer, [](std::span<const Connection>) {}, &report);
#pragma once

#include <optional>
#include <span>

#include "absl/functional/function_ref.h"
#include "netlink/conntrack/connection_match.h"
#include "netlink/conntrack/connections.h"

namespace sluice::conntrack {

// What the kernel may leave out of a dump for this match.
DumpWish WishFor(const ConnectionMatch& match);

// The one connection that is meant, by its tuple, when it is given in full and alone.
struct OneTuple {
  Tuple tuple;
  Direction direction;
};
std::optional<OneTuple> TheTuple(const ConnectionMatch& match);

// Lists all, and deletes those that match, many at a time, while the list comes in. `total` is
// what became of them, also when it fails; `each` is told of those that were to be deleted.
absl::Status Sweep(const ConnectionMatch& match, socket::Client* reader, socket::Client* writer,
                   absl::FunctionRef<void(std::span<const Connection>)> each, DeleteReport* total);

}  // namespace sluice::conntrack
