#include "netlink/conntrack/events.h"

#include <linux/netfilter/nfnetlink.h>

#include "netlink/base/status.h"

namespace sluice::conntrack {

absl::StatusOr<Events> Events::Open(const socket::EventOptions& options) {
  SLUICE_ASSIGN_OR_RETURN(
      socket::EventSocket events,
      socket::EventSocket::OpenGroups(
          NETLINK_NETFILTER,
          {NFNLGRP_CONNTRACK_NEW, NFNLGRP_CONNTRACK_UPDATE, NFNLGRP_CONNTRACK_DESTROY}, options));
  return Events(std::move(events));
}

ConnectionEvent ParseEvent(const socket::Event& event) {
  ConnectionEvent out;
  if (event.kind != socket::EventKind::kMessage) return out;
  absl::StatusOr<Connection> connection = ParseConnection(event.message);
  if (!connection.ok()) return out;
  out.connection = *std::move(connection);
  if ((event.message.type & 0xff) == IPCTNL_MSG_CT_DELETE) {
    out.kind = EventKind::kDestroy;
  } else {
    out.kind = (event.message.flags & NLM_F_CREATE) != 0 ? EventKind::kNew : EventKind::kUpdate;
  }
  return out;
}

absl::StatusOr<size_t> Events::Receive(std::chrono::milliseconds timeout,
                                       absl::FunctionRef<void(const ConnectionEvent&)> take) {
  return events_.Receive(timeout, [take](const socket::Event& event) { take(ParseEvent(event)); });
}

}  // namespace sluice::conntrack
