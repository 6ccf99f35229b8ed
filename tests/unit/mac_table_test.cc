// The MAC table: who makes room for whom, and what stays.
#include "agent/bridge/mac_table.h"

#include <thread>

#include "agent/bridge/bridge.h"
#include "tests/support/test.h"

namespace sluice::bridge {
namespace {

using Outcome = MacTable::Outcome;

base::Mac Host(uint32_t n) {
  return {{0x0a, 0, 0, static_cast<uint8_t>(n >> 16), static_cast<uint8_t>(n >> 8),
           static_cast<uint8_t>(n)}};
}

size_t CountOn(const MacTable& table, uint32_t port_no) {
  size_t count = 0;
  for (const MacEntry& entry : table.List()) count += entry.port_no == port_no ? 1 : 0;
  return count;
}

TEST_CASE("MAC table: addresses are counted by port") {
  bridge::MacTable table(1000, 100);
  for (uint8_t i = 1; i <= 5; ++i) table.Learn(0, {{2, 0, 0, 0, 0, i}}, i < 4 ? 1 : 2, 0);
  REQUIRE(table.AddStatic(0, {{2, 0, 0, 0, 0, 5}}, 1, 0));
  REQUIRE(table.AddStatic(7, {{2, 0, 0, 0, 0, 9}}, 3, 0));
  CHECK(table.CountByPort() == absl::flat_hash_map<uint32_t, size_t>{{1, 4}, {2, 1}, {3, 1}});
}

TEST_CASE("MAC table: the fullest port makes room, with what it has not seen for longest") {
  MacTable table(/*aging_ms=*/100'000, /*limit=*/10);
  for (uint32_t i = 0; i < 7; ++i) CHECK(table.Learn(0, Host(i), 1, 100 + i) == Outcome::kNew);
  for (uint32_t i = 7; i < 10; ++i) CHECK(table.Learn(0, Host(i), 2, 200 + i) == Outcome::kNew);
  CHECK(table.Learn(0, Host(0), 1, 300) == Outcome::kKnown);
  CHECK(table.Learn(0, Host(10), 2, 301) == Outcome::kEvicted);
  CHECK_FALSE(table.Find(0, Host(1)));  // the oldest of port 1, as 0 was seen again
  CHECK(table.Find(0, Host(0)) == 1u);
  CHECK(table.Learn(0, Host(11), 3, 302) == Outcome::kEvicted);
  CHECK_FALSE(table.Find(0, Host(2)));
  CHECK(CountOn(table, 1) == 5);
  CHECK(CountOn(table, 2) == 4);
  // A port that makes addresses up keeps no more than its share.
  for (uint32_t i = 1000; i < 2000; ++i) table.Learn(0, Host(i), 4, 1000 + i);
  CHECK(table.size() == 10);
  for (uint32_t port = 1; port <= 4; ++port) CHECK(CountOn(table, port) >= 1);
  CHECK(CountOn(table, 3) == 1);
  const MacStats stats = table.stats();
  CHECK(stats.learned == 12 + 1000);
  CHECK(stats.evicted == stats.learned - 10);
  CHECK(stats.entries == 10);
}

TEST_CASE("MAC table: a port has a limit of its own") {
  MacTable table(/*aging_ms=*/100'000, /*limit=*/100);
  table.LimitPort(1, 2);
  CHECK(table.Learn(0, Host(1), 1, 1) == Outcome::kNew);
  CHECK(table.Learn(0, Host(2), 1, 2) == Outcome::kNew);
  CHECK(table.Learn(0, Host(3), 1, 3) == Outcome::kEvicted);
  CHECK_FALSE(table.Find(0, Host(1)));
  // What moves here needs room here.
  CHECK(table.Learn(0, Host(4), 2, 4) == Outcome::kNew);
  CHECK(table.Learn(0, Host(4), 1, 5) == Outcome::kMoved);
  CHECK(CountOn(table, 1) == 2);
  CHECK(CountOn(table, 2) == 0);
  table.LimitPort(1, 1);
  CHECK(table.Find(0, Host(4)) == 1u);
  CHECK(table.size() == 1);
  table.LimitPort(1, 0);
  for (uint32_t i = 10; i < 60; ++i) CHECK(table.Learn(0, Host(i), 1, 10 + i) == Outcome::kNew);
}

TEST_CASE("MAC table: a static address stays where it is") {
  MacTable table(/*aging_ms=*/1000, /*limit=*/2);
  CHECK(table.Learn(0, Host(1), 1, 100) == Outcome::kNew);
  CHECK(table.AddStatic(0, Host(1), 2, 200));
  CHECK(table.Find(0, Host(1)) == 2u);
  CHECK(table.IsStatic(0, Host(1)));
  CHECK(table.Learn(0, Host(1), 1, 300) == Outcome::kKnown);
  CHECK(table.Find(0, Host(1)) == 2u);
  CHECK(table.stats().elsewhere == 1);
  CHECK(table.Expire(1'000'000) == 0);
  // It takes no room of learned ones, and makes none for them.
  CHECK(table.Learn(0, Host(2), 2, 1'000'001) == Outcome::kNew);
  CHECK(table.Learn(0, Host(3), 2, 1'000'002) == Outcome::kNew);
  CHECK(table.Learn(0, Host(4), 2, 1'000'003) == Outcome::kEvicted);
  CHECK(table.Find(0, Host(1)) == 2u);
  CHECK(table.size() == 3);
  CHECK(table.RemoveIf([](const MacEntry& entry) { return !entry.is_static; }) == 2);
  CHECK(table.Remove(0, Host(1)));
  CHECK_FALSE(table.Remove(0, Host(1)));
  CHECK(table.size() == 0);
  CHECK(table.stats().statics == 0);
}

TEST_CASE("MAC table: what has aged goes, port by port") {
  MacTable table(/*aging_ms=*/1000, /*limit=*/1000);
  for (uint32_t i = 0; i < 100; ++i) table.Learn(0, Host(i), i % 3, 100 + i);
  CHECK(table.Expire(1149) == 49);
  CHECK(table.stats().expired == 49);
  CHECK(table.size() == 51);
  CHECK(table.Expire(5000) == 51);
  CHECK(table.List().empty());
}

TEST_CASE("bridge: static addresses follow their port, and come back with it") {
  base::FakeClock clock(1000);
  Bridge bridge({.name = "br0"}, &clock);
  bridge.SetStaticMacs({{Host(1), 0, "v1"}, {Host(2), 10, "v2"}});
  CHECK_FALSE(bridge.FindPort(0, Host(1)));
  bridge.SetPorts({{.port_no = 1, .name = "v1"}, {.port_no = 2, .name = "v2"}});
  CHECK(bridge.FindPort(0, Host(1)) == 1u);
  CHECK(bridge.FindPort(10, Host(2)) == 2u);
  bridge.SetPorts({{.port_no = 2, .name = "v2"}});
  CHECK_FALSE(bridge.FindPort(0, Host(1)));
  bridge.SetPorts({{.port_no = 2, .name = "v2"}, {.port_no = 7, .name = "v1"}});
  CHECK(bridge.FindPort(0, Host(1)) == 7u);

  uint64_t generation = bridge.generation();
  CHECK(absl::IsNotFound(bridge.AddStaticMac({Host(3), 0, "v9"})));
  CHECK(absl::IsNotFound(bridge.RemoveMac(0, Host(3))));
  CHECK(bridge.generation() == generation);
  REQUIRE_OK(bridge.AddStaticMac({Host(3), 0, "v2"}));
  CHECK(bridge.generation() > generation);
  REQUIRE_OK(bridge.AddStaticMac({Host(3), 0, "v1"}));  // another port
  CHECK(bridge.FindPort(0, Host(3)) == 7u);
  REQUIRE_OK(bridge.RemoveMac(0, Host(1)));
  bridge.SetPorts({{.port_no = 7, .name = "v1"}});
  CHECK_FALSE(bridge.FindPort(0, Host(1)));
  CHECK(bridge.FlushMacs([](const MacEntry&) { return true; }) == 1);
  bridge.SetPorts({{.port_no = 7, .name = "v1"}, {.port_no = 2, .name = "v2"}});
  CHECK_FALSE(bridge.FindPort(0, Host(3)));
  CHECK(bridge.FindPort(10, Host(2)) == 2u);  // was not in force when all were flushed
}

TEST_CASE("bridge: a static address is refused where its VLAN is not carried") {
  base::FakeClock clock(1000);
  Bridge bridge({.name = "br0"}, &clock);
  bridge.SetPorts({{.port_no = 1, .name = "v1", .access_vlan = 10}});
  CHECK(absl::IsInvalidArgument(bridge.AddStaticMac({Host(1), 20, "v1"})));
  CHECK(bridge.AddStaticMac({Host(1), 10, "v1"}).ok());
}

TEST_CASE("bridge: a port that loses its link loses its addresses, and learns none") {
  base::FakeClock clock(1000);
  Bridge bridge({.name = "br0"}, &clock);
  bridge.SetStaticMacs({{Host(2), 0, "v1"}});
  bridge.SetPorts({{.port_no = 1, .name = "v1"}});
  bridge.Learn({Host(1), 0, 1}, 1000);
  CHECK(bridge.FindPort(0, Host(1)) == 1u);
  bridge.SetPorts({{.port_no = 1, .name = "v1", .up = false}});
  CHECK_FALSE(bridge.FindPort(0, Host(1)));
  CHECK(bridge.FindPort(0, Host(2)) == 1u);
  bridge.Learn({Host(1), 0, 1}, 1001);  // the kernel tells of late
  bridge.Learn({Host(3), 0, 9}, 1001);
  CHECK_FALSE(bridge.FindPort(0, Host(1)));
  CHECK_FALSE(bridge.FindPort(0, Host(3)));
}

TEST_CASE("bridge: a peer that falls silent keeps its addresses, until its port has no link") {
  base::FakeClock clock(1000);
  Bridge bridge({.name = "br0"}, &clock);
  bridge.SetPorts({{.port_no = 1, .name = "peer"}});
  bridge.Learn({Host(1), 0, 1}, 1000);
  bridge.SetPorts({{.port_no = 1, .name = "peer", .up = false, .is_silent = true}});
  CHECK(bridge.FindPort(0, Host(1)) == 1u);
  bridge.Learn({Host(2), 0, 1}, 1001);
  CHECK(bridge.FindPort(0, Host(2)) == 1u);
  bridge.SetPorts({{.port_no = 1, .name = "peer", .up = false}});
  CHECK_FALSE(bridge.FindPort(0, Host(1)));
  CHECK_FALSE(bridge.FindPort(0, Host(2)));
}

TEST_CASE("MAC table: many threads learn, look up and change at once [threads]", "[threads]") {
  MacTable table(/*aging_ms=*/50, /*limit=*/200);
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([&table, t] {
      for (uint32_t i = 0; i < 5000; ++i) {
        table.Learn(0, Host(i * 7 % 500), (i + t) % 5, i);
        (void)table.Find(0, Host(i % 500));
        if (i % 100 == t) table.Expire(i);
        if (i % 1000 == t) table.ForgetPort(t);
        if (i % 500 == t) (void)table.AddStatic(0, Host(i % 3), t, i);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const MacStats stats = table.stats();
  CHECK(table.List().size() == table.size());
  CHECK(stats.entries == table.size());
  CHECK(stats.entries - stats.statics <= 200);
}

}  // namespace
}  // namespace sluice::bridge
