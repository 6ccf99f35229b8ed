#include "netlink/route/routes.h"

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
