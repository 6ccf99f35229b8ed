// Where the kernel would send a packet to: one look at the routing table, and events that tell when
// to look again.
//
// Thread-compatible; works in the network namespace of the thread that opened it; needs no
// privilege.
//
//   SLUICE_ASSIGN_OR_RETURN(Routes routes, Routes::Open());
//   SLUICE_ASSIGN_OR_RETURN(Route route, routes.Get({.v4_dst = address}));
//   SLUICE_ASSIGN_OR_RETURN(socket::EventSocket events, OpenRouteEvents());
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "netlink/base/address.h"
#include "netlink/socket/client.h"
#include "netlink/socket/event_socket.h"

namespace sluice::route {

struct Route {
  int ifindex = 0;  // of the device
  base::Ipv4
      v4_gateway{};  // of one family, or neither is set: the destination is a neighbour itself
  base::Ipv6 v6_gateway{};
  uint32_t mtu = 0;  // that the route says; 0: the device's. What a path turned out to take, and
                     // the kernel will forget, is none
  friend bool operator==(const Route&, const Route&) = default;
};

// To an address of one family; the source of the same, or unset.
struct RouteQuery {
  base::Ipv4 v4_dst{}, v4_src{};
  base::Ipv6 v6_dst{}, v6_src{};
};

// Reads an RTM_NEWROUTE message. errno EHOSTUNREACH when it says that there is no way; kDataLoss
// when it is malformed.
absl::StatusOr<Route> ParseRoute(const socket::Message& message);

// What is known of a neighbour's link-layer address.
struct Neighbour {
  int ifindex = 0;  // of the device
  base::Ipv4 v4{};  // of one family
  base::Ipv6 v6{};
  bool failed = false;  // it was asked for its address, and did not answer
  friend bool operator==(const Neighbour&, const Neighbour&) = default;
};

// Reads an RTM_NEWNEIGH or RTM_DELNEIGH message. Nullopt when it tells nothing: the neighbour is
// being asked, is none of IP, or the message is malformed.
std::optional<Neighbour> ParseNeighbour(const socket::Message& message);

class Routes {
 public:
  static absl::StatusOr<Routes> Open(const socket::ClientOptions& options = {});
  explicit Routes(socket::Client client) : client_(std::move(client)) {}

  // The kernel's errno when there is no way: ENETUNREACH, EHOSTUNREACH, EACCES (prohibited), EINVAL
  // (blackhole, or the source is no address of this host).
  absl::StatusOr<Route> Get(const RouteQuery& query);

 private:
  socket::Client client_;
};

// Each message of it is of a neighbour (ParseNeighbour), or says that some route or address may
// have changed; links have events of their own, and routes that went with a link have none.
absl::StatusOr<socket::EventSocket> OpenRouteEvents();

}  // namespace sluice::route
