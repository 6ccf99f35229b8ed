#include "netlink/route/routes.h"

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <cerrno>

#include "netlink/attr/wire.h"
#include "netlink/base/status.h"
#include "tests/support/test.h"

namespace sluice::route {
namespace {

struct Answer {
  uint8_t type = RTN_UNICAST;
  int ifindex = 3;
  uint32_t mtu = 0, expires = 0;
};

base::ByteVector Bytes(const Answer& answer) {
  const rtmsg header{.rtm_family = AF_INET,
                     .rtm_dst_len = 32,
                     .rtm_src_len = 0,
                     .rtm_tos = 0,
                     .rtm_table = 0,
                     .rtm_protocol = 0,
                     .rtm_scope = 0,
                     .rtm_type = answer.type,
                     .rtm_flags = 0};
  const base::ByteView head = base::AsBytes(header);
  base::ByteVector bytes(head.begin(), head.end());
  attr::Writer writer(&bytes);
  writer.Put(RTA_OIF, answer.ifindex);
  if (answer.mtu != 0) {
    const auto metrics = writer.Nest(RTA_METRICS);
    writer.Put(RTAX_MTU, answer.mtu);
  }
  rta_cacheinfo cache{};
  cache.rta_expires = static_cast<int32_t>(answer.expires);
  writer.Put(RTA_CACHEINFO, cache);
  return bytes;
}

absl::StatusOr<Route> Parse(const base::ByteVector& bytes, uint16_t type = RTM_NEWROUTE) {
  socket::Message message;
  message.type = type;
  message.payload = bytes;
  return ParseRoute(message);
}

TEST_CASE("routes: the device, and an MTU that the route itself has") {
  CHECK(*Parse(Bytes({})) == Route{.ifindex = 3});
  CHECK(*Parse(Bytes({.mtu = 1300})) == Route{.ifindex = 3, .mtu = 1300});
  // What the kernel learned of the path, and will forget.
  CHECK(*Parse(Bytes({.mtu = 1300, .expires = 60000})) == Route{.ifindex = 3});
}

TEST_CASE("routes: the gateway, also one of another family") {
  base::ByteVector bytes = Bytes({});
  attr::Writer(&bytes).Put(RTA_GATEWAY, *base::ParseIpv4("192.0.2.9"));
  CHECK(Parse(bytes)->v4_gateway == *base::ParseIpv4("192.0.2.9"));
  bytes = Bytes({});
  struct Via {
    uint16_t family = AF_INET6;
    base::Ipv6 address = *base::ParseIpv6("fe80::1");
  };
  attr::Writer(&bytes).Put(RTA_VIA, Via());
  CHECK(Parse(bytes)->v4_gateway == base::Ipv4());
  CHECK(Parse(bytes)->v6_gateway == *base::ParseIpv6("fe80::1"));
}

base::ByteVector NeighbourBytes(int state, std::string_view address) {
  ndmsg header{};
  header.ndm_family = AF_INET;
  header.ndm_ifindex = 3;
  header.ndm_state = static_cast<uint16_t>(state);
  const base::ByteView head = base::AsBytes(header);
  base::ByteVector bytes(head.begin(), head.end());
  attr::Writer(&bytes).Put(NDA_DST, *base::ParseIpv4(address));
  return bytes;
}

std::optional<Neighbour> Neigh(const base::ByteVector& bytes, uint16_t type = RTM_NEWNEIGH) {
  socket::Message message;
  message.type = type;
  message.payload = bytes;
  return ParseNeighbour(message);
}

TEST_CASE("routes: a neighbour fails, or answers, or nothing is told") {
  Neighbour known{.ifindex = 3, .v4 = *base::ParseIpv4("192.0.2.9")};
  for (const int state : {NUD_REACHABLE, NUD_STALE, NUD_PERMANENT, NUD_DELAY, NUD_PROBE})
    CHECK(Neigh(NeighbourBytes(state, "192.0.2.9")) == known);
  // Forgotten: it may be asked anew, whatever it was.
  CHECK(Neigh(NeighbourBytes(NUD_FAILED, "192.0.2.9"), RTM_DELNEIGH) == known);
  CHECK_FALSE(Neigh(NeighbourBytes(NUD_INCOMPLETE, "192.0.2.9")));
  CHECK_FALSE(Neigh(NeighbourBytes(NUD_REACHABLE, "192.0.2.9"), RTM_NEWROUTE));
  known.failed = true;
  const base::ByteVector whole = NeighbourBytes(NUD_FAILED, "192.0.2.9");
  CHECK(Neigh(whole) == known);
  for (size_t size = 0; size < whole.size(); ++size)
    CHECK_FALSE(Neigh({whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)}));
}

TEST_CASE("routes: no way") {
  for (const uint8_t type : {RTN_UNREACHABLE, RTN_BLACKHOLE, RTN_PROHIBIT})
    CHECK(base::ErrnoOf(Parse(Bytes({.type = type})).status()) == EHOSTUNREACH);
}

TEST_CASE("routes: what is malformed is an error or less, never more") {
  const base::ByteVector whole = Bytes({.mtu = 1300});
  CHECK(absl::IsDataLoss(Parse(whole, RTM_DELROUTE).status()));
  for (size_t size = 0; size < whole.size(); ++size) {
    const base::ByteVector cut(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    const absl::StatusOr<Route> route = Parse(cut);
    CHECK(route.ok() == (size >= sizeof(rtmsg)));
    if (route.ok()) CHECK((route->mtu == 0 || route->mtu == 1300));
  }
}

}  // namespace
}  // namespace sluice::route
