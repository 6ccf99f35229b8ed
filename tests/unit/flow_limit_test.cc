// The limit of flows follows how long rounds take; packets that a flow cannot tell apart.
#include "agent/flowcache/flow_limit.h"

#include "agent/flowcache/verify.h"
#include "netlink/attr/text.h"
#include "tests/support/test.h"

namespace sluice::flowcache {
namespace {

TEST_CASE("flow limit: slow rounds lower it to what can be done, quick ones raise it") {
  FlowLimit limit(200'000);
  CHECK(limit.current() == 200'000);
  limit.OnRound(150'000, FlowLimit::kSlowMs);
  CHECK(limit.current() == 200'000);
  limit.OnRound(180'000, 1500);  // 120,000 in a second
  CHECK(limit.current() == 120'000);
  limit.OnRound(120'000, 60'000);  // not below the half at once
  CHECK(limit.current() == 60'000);
  limit.OnRound(60'000, 700);  // neither slow nor quick
  CHECK(limit.current() == 60'000);
  limit.OnRound(60'000, 100);
  CHECK(limit.current() == 67'500);
  for (int i = 0; i < 100; ++i) limit.OnRound(60'000, 100);
  CHECK(limit.current() == 200'000);
  CHECK(limit.target() < limit.current());
}

TEST_CASE("flow limit: it stays above the least, and within what is configured") {
  FlowLimit limit(200'000);
  for (int i = 0; i < 100; ++i) limit.OnRound(10, 5000);
  CHECK(limit.current() == FlowLimit::kLeast);
  FlowLimit small(64);
  for (int i = 0; i < 100; ++i) small.OnRound(64, 5000);
  CHECK(small.current() == 64);
  small.OnRound(64, 1);
  CHECK(small.current() == 64);
}

TEST_CASE("siblings of a flow: equal under its mask, of the same headers, and random beside") {
  const auto parsed = attr::ParseSet(
      ovs::kKeyTable,
      "recirc_id(0),in_port(1),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x0800),"
      "ipv4(src=10.0.0.1,dst=10.0.0.2,proto=6,tos=0,ttl=64,frag=no),tcp(src=1,dst=80)",
      {});
  const auto masked = attr::ParseSet(
      ovs::kKeyTable, "in_port(1),eth_type(0x0800),ipv4(dst=10.0.0.2/255.255.0.0)", {});
  REQUIRE_OK(parsed);
  REQUIRE_OK(masked);
  ovs::FlowKey key, mask;
  attr::Unknowns unknowns;
  REQUIRE_FALSE(ovs::DecodeFlowKey(parsed->value, &key, &unknowns));
  REQUIRE_FALSE(ovs::DecodeFlowKey(masked->mask, &mask, &unknowns));
  uint64_t random = 7;
  bool other_port = false, other_host = false;
  for (int i = 0; i < 100; ++i) {
    const ovs::FlowKey sibling = RandomSibling(key, mask, &random);
    CHECK(ovs::MatchesUnder(key, sibling, mask));
    CHECK(sibling.ipv4.proto == 6);
    CHECK(sibling.eth_type() == key.eth_type());
    CHECK(sibling.in_port == 1);
    CHECK(sibling.udp.src == key.udp.src);  // it has none
    other_port |= sibling.tcp.dst != key.tcp.dst;
    other_host |= sibling.ipv4.dst != key.ipv4.dst;
  }
  CHECK(other_port);
  CHECK(other_host);
}

}  // namespace
}  // namespace sluice::flowcache
