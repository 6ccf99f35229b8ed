#include "netlink/route/link_events.h"

#include <linux/rtnetlink.h>
#include <net/if.h>

#include "netlink/base/counters.h"
#include "netlink/base/status.h"

namespace sluice::route {
namespace {

base::Counter& Malformed() {
  static base::Counter& counter =
      base::Counters::Get("route_malformed_links", "Link messages that could not be read.");
  return counter;
}

// A bridge sends messages of the same types about its ports, of a family of their own: a port that
// leaves a bridge is no device that goes.
bool IsAboutDevice(const socket::Message& message) {
  return (message.type == RTM_NEWLINK || message.type == RTM_DELLINK) &&
         message.payload.size() >= sizeof(ifinfomsg) &&
         base::Load<ifinfomsg>(message.payload.data()).ifi_family == AF_UNSPEC;
}

}  // namespace

absl::StatusOr<LinkEvents> LinkEvents::Open(const socket::EventOptions& options) {
  SLUICE_ASSIGN_OR_RETURN(socket::EventSocket events,
                          socket::EventSocket::OpenGroups(NETLINK_ROUTE, {RTNLGRP_LINK}, options));
  return LinkEvents(std::move(events));
}

absl::StatusOr<size_t> LinkEvents::Receive(absl::FunctionRef<void(const LinkEvent&)> take) {
  size_t count = 0;
  const auto take_one = [&](const socket::Event& event) {
    LinkEvent out;
    if (event.kind != socket::EventKind::kMessage) {
      out.kind = LinkEventKind::kOverrun;
    } else {
      if (!IsAboutDevice(event.message)) return;
      absl::StatusOr<Link> link = ParseLink(event.message);
      if (!link.ok()) {
        Malformed().Add();
        return;
      }
      out.link = *std::move(link);
      if (event.message.type == RTM_DELLINK) {
        out.kind = LinkEventKind::kRemoved;
        known_.erase(out.link.ifindex);
      } else {
        out.kind = known_.insert(out.link.ifindex).second ? LinkEventKind::kAdded
                                                          : LinkEventKind::kChanged;
      }
    }
    ++count;
    take(out);
  };
  // Until there is something to tell, or nothing left.
  while (count == 0) {
    SLUICE_ASSIGN_OR_RETURN(const size_t received,
                            events_.Receive(std::chrono::milliseconds(0), take_one));
    if (received == 0) break;
  }
  return count;
}

}  // namespace sluice::route
