// Told when devices come, change and go.
//
// Poll fd() and call Receive(), which never waits. Open it before listing the links: events are
// hints that may be older than the list. After kOverrun, list again. Not thread-safe.
//
//   SLUICE_ASSIGN_OR_RETURN(LinkEvents events, LinkEvents::Open());
//   SLUICE_ASSIGN_OR_RETURN(std::vector<Link> now, links.List());
//   events.Receive([&](const LinkEvent& event) { ... });
#pragma once

#include "absl/container/flat_hash_set.h"
#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "netlink/route/links.h"
#include "netlink/socket/event_socket.h"

namespace sluice::route {

enum class LinkEventKind {
  kAdded,    // heard of by this object for the first time
  kChanged,  // any of it, also what Link does not hold
  kRemoved,  // `link` is as it was
  kOverrun,  // events were lost: list the links again; `link` is empty
};

struct LinkEvent {
  LinkEventKind kind = LinkEventKind::kChanged;
  Link link;
};

class LinkEvents {
 public:
  static absl::StatusOr<LinkEvents> Open(const socket::EventOptions& options = {});
  explicit LinkEvents(socket::EventSocket events) : events_(std::move(events)) {}

  int fd() const { return events_.fd(); }
  // Hands over what is there; how many events that was.
  absl::StatusOr<size_t> Receive(absl::FunctionRef<void(const LinkEvent&)> take);

 private:
  socket::EventSocket events_;
  absl::flat_hash_set<int> known_;
};

}  // namespace sluice::route
