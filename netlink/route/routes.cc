#include "netlink/route/routes.h"

#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <cerrno>

#include "netlink/attr/wire.h"
#include "netlink/base/status.h"

namespace sluice::route {

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
  const base::ByteView cache = attr::Find(attributes, RTA_CACHEINFO);
  const bool passes = cache.size() >= sizeof(rta_cacheinfo) &&
                      base::Load<rta_cacheinfo>(cache.data()).rta_expires != 0;
  const base::ByteView mtu = attr::Find(attr::Find(attributes, RTA_METRICS), RTAX_MTU);
  if (mtu.size() >= sizeof(uint32_t) && !passes) route.mtu = base::Load<uint32_t>(mtu.data());
  return route;
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
  return socket::EventSocket::OpenGroups(NETLINK_ROUTE, {RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
                                                         RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR});
}

}  // namespace sluice::route
