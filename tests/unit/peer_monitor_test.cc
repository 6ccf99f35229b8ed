#include "agent/bridge/peer_monitor.h"

#include <algorithm>
#include <string>

#include "tests/support/test.h"

namespace sluice::bridge {
namespace {

// Two monitors and a path between them that takes frames of so many bytes; 0: none.
struct Path {
  Path() { Configure({}); }
  void Configure(const HeartbeatOptions& options, uint32_t mtu = 1500) {
    near.Configure({{"far", {.port_no = 1, .mtu = mtu}}}, options);
    far.Configure({{"near", {.port_no = 2, .mtu = mtu}}}, options);
  }
  // What was sent in so many seconds.
  size_t Pass(int seconds) {
    size_t sent = 0;
    for (const base::MonotonicMs end = now + 1000 * static_cast<unsigned>(seconds); now < end;
         now += 100) {
      for (const PeerMonitor::Frame& frame : near.Tick(now)) {
        ++sent;
        largest = std::max(largest, frame.bytes.size());
        (frame.bytes.size() == PeerMonitor::kSmallest ? small : large) = frame.bytes;
        if (!speaks || frame.bytes.size() > takes) continue;
        const auto answer = far.OnFrame(2, frame.bytes, now);
        REQUIRE(answer);
        CHECK(answer->bytes.size() == PeerMonitor::kSmallest);
        CHECK_FALSE(near.OnFrame(1, answer->bytes, now + 5));
      }
    }
    return sent;
  }
  PeerHealth Health() const { return near.Health().at("far"); }

  PeerMonitor near{7}, far{8};
  bool speaks = true;  // the far end knows of heartbeats
  size_t takes = 65535, largest = 0;
  base::ByteVector small, large;  // the last that were sent
  base::MonotonicMs now = 1'000'000;
};

TEST_CASE("peers: one that answers is there, with its round trip and all of the MTU") {
  Path path;
  path.Pass(5);
  CHECK_FALSE(path.Health().silent);
  CHECK(path.Health().round_trip == 5);
  CHECK(path.Health().path_mtu == 1500);
  CHECK(path.Health().path_mtu_is_final);
  CHECK_FALSE(path.near.TakeChanged());
}

TEST_CASE("peers: one that answers no more is silent after three intervals, until it does") {
  Path path;
  path.Pass(5);
  path.takes = 0;
  path.Pass(2);
  CHECK_FALSE(path.Health().silent);
  path.Pass(4);
  CHECK(path.Health().silent);
  CHECK(path.near.TakeChanged());
  CHECK_FALSE(path.near.TakeChanged());
  path.takes = 65535;
  path.Pass(2);
  CHECK_FALSE(path.Health().silent);
  CHECK(path.near.TakeChanged());
  CHECK(path.Health().path_mtu == 1500);  // nothing was wrong with that
}

TEST_CASE("peers: one that has never answered is left alone, unless it must") {
  Path path;
  path.speaks = false;
  path.Pass(60);
  CHECK_FALSE(path.Health().silent);
  CHECK(path.largest == PeerMonitor::kSmallest);
  path.Configure({.must_answer = true});
  path.Pass(5);
  CHECK(path.Health().silent);
  CHECK(path.near.TakeChanged());
  path.Configure({});
  CHECK_FALSE(path.Health().silent);
  CHECK(path.near.TakeChanged());
}

TEST_CASE("peers: the path's MTU is found, as it is lowered and raised") {
  Path path;
  path.takes = 1414;
  path.Pass(40);
  CHECK_FALSE(path.Health().silent);
  CHECK(path.Health().path_mtu == 1400);
  CHECK(path.Health().path_mtu_is_final);
  path.takes = 1014;
  path.Pass(60);
  CHECK(path.Health().path_mtu == 1000);
  CHECK(path.Health().path_mtu_is_final);
  path.takes = 1214;
  path.Pass(120);
  CHECK(path.Health().path_mtu == 1200);
  path.takes = 65535;
  path.Pass(120);
  CHECK(path.Health().path_mtu == 1500);
  path.takes = 400;  // less than is looked for
  path.Pass(60);
  CHECK_FALSE(path.Health().silent);
  CHECK(path.Health().path_mtu == 0);
  path.takes = 714;
  path.Pass(60);
  CHECK(path.Health().path_mtu == 700);
}

TEST_CASE("peers: how much is sent is bounded, and not in step") {
  Path path;
  const size_t sent = path.Pass(100);
  CHECK(sent <= 2 * 115);
  CHECK(sent >= 100 * 8 / 9);
  PeerMonitor many(3);
  std::map<std::string, PeerPort> peers;
  for (uint32_t i = 0; i < 1000; ++i) peers[std::to_string(i)] = {.port_no = i + 1, .mtu = 1500};
  many.Configure(peers, {});
  for (base::MonotonicMs now = 0; now < 5000; now += 100) CHECK(many.Tick(now).size() < 500);
}

TEST_CASE("peers: no heartbeats when there is no interval, and nobody is silent then") {
  Path path;
  path.Pass(2);
  path.takes = 0;
  path.Pass(6);
  CHECK(path.Health().silent);
  path.Configure({.interval = 0});
  CHECK_FALSE(path.Health().silent);
  CHECK(path.near.TakeChanged());
  CHECK(path.near.Tick(path.now).empty());
  path.Configure({});
  path.Pass(6);
  CHECK(path.Health().silent);
  CHECK(path.near.TakeChanged());
  path.near.Configure({}, {});
  CHECK(path.near.Health().empty());
  CHECK(path.near.TakeChanged());
}

TEST_CASE("peers: what is no heartbeat is not answered") {
  Path path;
  path.Pass(5);
  const base::MonotonicMs answered = *path.Health().answered;
  path.takes = 0;
  path.Pass(2);
  REQUIRE(path.small.size() == PeerMonitor::kSmallest);
  REQUIRE(path.large.size() == 1514);
  for (size_t size = 0; size < PeerMonitor::kSmallest; ++size)
    CHECK_FALSE(path.far.OnFrame(2, base::ByteView(path.small).first(size), path.now));
  for (size_t at = 12; at < 20; ++at) {
    base::ByteVector other = path.small;
    other[at] ^= 0x80;
    CHECK_FALSE(path.far.OnFrame(2, other, path.now));
  }
  // Cut on its way.
  CHECK_FALSE(path.far.OnFrame(2, base::ByteView(path.large).first(1000), path.now));
  // An answer by another port than that of the peer is none of it, nor is one of another number.
  auto answer = path.far.OnFrame(2, path.small, path.now);
  REQUIRE(answer);
  CHECK_FALSE(path.near.OnFrame(9, answer->bytes, path.now));
  answer->bytes[25] ^= 0x40;
  CHECK_FALSE(path.near.OnFrame(1, answer->bytes, path.now));
  CHECK(path.Health().answered == answered);
}

}  // namespace
}  // namespace sluice::bridge
