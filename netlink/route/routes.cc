#include "netlink/route/routes.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <cerrno>

#include "netlink/attr/wire.h"
#include "netlink/base/status.h"

namespace sluice::route {
namespace {

// What the kernel would send to, or has an answer of.
constexpr uint16_t kAnswered =
    NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_PROBE | NUD_STALE | NUD_DELAY;

void TakeAddress(base::ByteView bytes, base::Ipv4* v4, base::Ipv6* v6) {
  if (bytes.size() == sizeof(*v4)) *v4 = base::Load<base::Ipv4>(bytes.data());
  if (bytes.size() == sizeof(*v6)) *v6 = base::Load<base::Ipv6>(bytes.data());
}

}  // namespace

absl::StatusOr<Route> ParseRoute(const socket::Message& message) {
  if (message.type != RTM_NEWROUTE || message.payload.size() < sizeof(rtmsg))
    return absl::DataLossError("not a route message");
  const auto header = base::Load<rtmsg>(message.payload.data());
  if (header.rtm_type == RTN_UNREACHABLE || header.rtm_type == RTN_BLACKHOLE ||
      header.rtm_type == RTN_PROHIBIT)
    return base::KernelError(EHOSTUNREACH, "route get");
  const base::ByteView attributes = message.payload.subspan(sizeof(rtmsg));
  Route route;
  const base::ByteView device = attr::Find(attributes, RTA_OIF);
  if (device.size() >= sizeof(int)) route.ifindex = base::Load<int>(device.data());
  TakeAddress(attr::Find(attributes, RTA_GATEWAY), &route.v4_gateway, &route.v6_gateway);
  // Of another family than the destination's.
  const base::ByteView via = attr::Find(attributes, RTA_VIA);
  if (via.size() > sizeof(uint16_t))
    TakeAddress(via.subspan(sizeof(uint16_t)), &route.v4_gateway, &route.v6_gateway);
  const base::ByteView cache = attr::Find(attributes, RTA_CACHEINFO);
  const bool passes = cache.size() >= sizeof(rta_cacheinfo) &&
                      base::Load<rta_cacheinfo>(cache.data()).rta_expires != 0;
  const base::ByteView mtu = attr::Find(attr::Find(attributes, RTA_METRICS), RTAX_MTU);
  if (mtu.size() >= sizeof(uint32_t) && !passes) route.mtu = base::Load<uint32_t>(mtu.data());
  return route;
}

std::optional<Neighbour> ParseNeighbour(const socket::Message& message) {
  const bool is_new = message.type == RTM_NEWNEIGH;
  if (!is_new && message.type != RTM_DELNEIGH) return std::nullopt;
  if (message.payload.size() < sizeof(ndmsg)) return std::nullopt;
  const auto header = base::Load<ndmsg>(message.payload.data());
  Neighbour neighbour{.ifindex = header.ndm_ifindex};
  TakeAddress(attr::Find(message.payload.subspan(sizeof(ndmsg)), NDA_DST), &neighbour.v4,
              &neighbour.v6);
  if (neighbour.v4 == base::Ipv4() && neighbour.v6 == base::Ipv6()) return std::nullopt;
  neighbour.failed = is_new && (header.ndm_state & NUD_FAILED) != 0;
  if (is_new && !neighbour.failed && (header.ndm_state & kAnswered) == 0) return std::nullopt;
  return neighbour;
}

absl::StatusOr<Routes> Routes::Open(const socket::ClientOptions& options) {
  SLUICE_ASSIGN_OR_RETURN(socket::Client client, socket::Client::Open(NETLINK_ROUTE, options));
  return Routes(std::move(client));
}

absl::StatusOr<Route> Routes::Get(const RouteQuery& query) {
  const bool v4 = query.v4_dst != base::Ipv4();
  rtmsg header{};
  header.rtm_family = v4 ? AF_INET : AF_INET6;
  header.rtm_dst_len = v4 ? 32 : 128;
  socket::Request request(RTM_GETROUTE, 0, base::AsBytes(header));
  request.set_label("route get");
  request.set_read_only(true);
  if (v4) {
    request.attributes().Put(RTA_DST, query.v4_dst);
    if (query.v4_src != base::Ipv4()) request.attributes().Put(RTA_SRC, query.v4_src);
  } else {
    request.attributes().Put(RTA_DST, query.v6_dst);
    if (query.v6_src != base::Ipv6()) request.attributes().Put(RTA_SRC, query.v6_src);
  }
  SLUICE_ASSIGN_OR_RETURN(const socket::Reply reply, client_.Transact(request));
  socket::Message answer;
  answer.type = reply.type;
  answer.payload = reply.payload;
  return ParseRoute(answer);
}

absl::StatusOr<socket::EventSocket> OpenRouteEvents() {
  return socket::EventSocket::OpenGroups(
      NETLINK_ROUTE, {RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV4_IFADDR,
                      RTNLGRP_IPV6_IFADDR, RTNLGRP_NEIGH});
}

}  // namespace sluice::route
