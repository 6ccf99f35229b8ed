// Told when connections begin, change and end.
//
// Poll fd() and call Receive(). Open it before dumping: events are hints that may be older than the
// dump. After kOverrun, dump again. Unless the sysctl net.netfilter.nf_conntrack_events is 1, newer
// kernels tell nothing of connections that began while nobody listened (seen on 6.1 and 7.2).
// Opening needs CAP_NET_ADMIN. Not thread-safe.
//
//   SLUICE_ASSIGN_OR_RETURN(Events events, Events::Open());
//   events.Receive(1000ms, [&](const ConnectionEvent& event) { ... });
#pragma once

#include <chrono>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "netlink/conntrack/connection.h"
#include "netlink/socket/event_socket.h"

namespace sluice::conntrack {

enum class EventKind : uint8_t {
  kNew,
  kUpdate,
  kDestroy,  // the connection is as it was
  kOverrun,  // events were lost; the connection is empty
};

struct ConnectionEvent {
  EventKind kind = EventKind::kOverrun;
  Connection connection;
};

class Events {
 public:
  static absl::StatusOr<Events> Open(const socket::EventOptions& options = {});
  explicit Events(socket::EventSocket events) : events_(std::move(events)) {}

  int fd() const { return events_.fd(); }
  // Waits at most `timeout` (0: not at all) and hands over what is there; how many events that was.
  absl::StatusOr<size_t> Receive(std::chrono::milliseconds timeout,
                                 absl::FunctionRef<void(const ConnectionEvent&)> take);

 private:
  socket::EventSocket events_;
};

// What an event's message says. A message that cannot be read counts as malformed and is kOverrun:
// nobody knows what it told.
ConnectionEvent ParseEvent(const socket::Event& event);

}  // namespace sluice::conntrack
