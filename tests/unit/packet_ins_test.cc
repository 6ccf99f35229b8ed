// Packets for user space on their way to listeners.
#include "agent/bridge/packet_ins.h"

#include <thread>

#include "agent/bridge/bridge.h"
#include "agent/daemon/packet_in_stream.h"
#include "netlink/attr/text.h"
#include "netlink/ovs/flow_key.h"
#include "tests/support/test.h"

namespace sluice::bridge {
namespace {

PacketIn Numbered(uint8_t number) {
  PacketIn packet;
  packet.packet = {number, 2, 3, 4};
  packet.length = 4;
  return packet;
}

TEST_CASE("packet-ins: the first listener and the last are told of") {
  int changes = 0;
  PacketIns hub([&] { ++changes; });
  CHECK_FALSE(hub.wanted());
  auto first = hub.Listen(1);
  CHECK(changes == 1);
  auto second = hub.Listen(1);
  CHECK(hub.listeners() == 2);
  first.reset();
  CHECK(hub.wanted());
  CHECK(changes == 1);
  second.reset();
  CHECK(changes == 2);
  CHECK_FALSE(hub.wanted());
}

TEST_CASE("packet-ins: each listener has a queue, and what does not fit is counted") {
  PacketIns hub([] {});
  const auto narrow = hub.Listen(1), wide = hub.Listen(2);
  hub.Publish(Numbered(1));
  hub.Publish(Numbered(2));
  CHECK(narrow->missed() == 1);
  CHECK(wide->missed() == 0);
  const SharedPacketIn packet = narrow->Next(absl::ZeroDuration());
  REQUIRE(packet != nullptr);
  CHECK(packet->packet[0] == 1);
  CHECK(narrow->Next(absl::ZeroDuration()) == nullptr);
  hub.Publish(Numbered(3));
  CHECK(narrow->Next(absl::ZeroDuration())->packet[0] == 3);
  CHECK(wide->missed() == 1);
  CHECK(wide->Next(absl::ZeroDuration())->packet[0] == 1);
  CHECK(wide->Next(absl::ZeroDuration())->packet[0] == 2);
}

TEST_CASE("packet-ins: a listener may outlive its bridge") {
  std::shared_ptr<PacketInListener> listener;
  {
    PacketIns hub([] {});
    listener = hub.Listen(4);
    hub.Publish(Numbered(1));
  }
  CHECK(listener->Next(absl::ZeroDuration()) != nullptr);
  CHECK(listener->Next(absl::ZeroDuration()) == nullptr);
}

TEST_CASE("packet-ins: flows are looked at again when listeners come and go") {
  base::FakeClock clock(1000);
  Bridge bridge({.name = "br0"}, &clock);
  const uint64_t before = bridge.generation();
  CHECK_FALSE(Sight(&bridge).view().packet_ins);
  auto listener = bridge.packet_ins().Listen(1);
  CHECK(bridge.generation() == before + 1);
  CHECK(Sight(&bridge).view().packet_ins);
  listener.reset();
  CHECK(bridge.generation() == before + 2);
  CHECK(bridge.switch_generation() == bridge.generation());
}

TEST_CASE("packet-ins: publishing and listening by many threads", "[threads]") {
  std::atomic<int> changes{0};
  PacketIns hub([&] { ++changes; });
  constexpr int kPackets = 2000;
  const auto steady = hub.Listen(2 * kPackets);
  const auto publish = [&] {
    for (int i = 0; i < kPackets; ++i) hub.Publish(Numbered(1));
  };
  std::thread one(publish), other(publish);
  std::thread comes_and_goes([&] {
    for (int i = 0; i < 200; ++i) (void)hub.Listen(4)->Next(absl::ZeroDuration());
  });
  int heard = 0;
  while (heard < 2 * kPackets && steady->Next(absl::Seconds(30)) != nullptr) ++heard;
  one.join();
  other.join();
  comes_and_goes.join();
  CHECK(heard == 2 * kPackets);
  CHECK(steady->missed() == 0);
  CHECK(changes == 1);
}

TEST_CASE("packet-ins: in the words of the API") {
  const auto key = attr::ParseSet(ovs::kKeyTable,
                                  "in_port(7),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),"
                                  "eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=6,ttl=64),"
                                  "tcp(src=5,dst=80)",
                                  {});
  REQUIRE_OK(key);
  PacketIn packet = Numbered(9);
  packet.data = {.reason = pipeline::PacketInReason::kInvalidTtl, .table = 3, .id = 5, .cookie = 8};
  packet.user_data = {1, 2};
  packet.key = key->value;
  packet.length = 60;
  const pipeline::PortTable ports({{.port_no = 7, .name = "web"}});
  v1::PacketIn message = daemon::ToMessage(packet, ports, /*max_bytes=*/2);
  CHECK(message.reason() == "invalid_ttl");
  CHECK(message.table() == 3);
  CHECK(message.id() == 5);
  CHECK(message.cookie() == 8);
  CHECK(message.user_data() == "\x01\x02");
  CHECK(message.in_port() == 7);
  CHECK(message.in_port_name() == "web");
  CHECK(message.length() == 60);
  CHECK(message.packet() == "\x09\x02");
  CHECK(message.flow() ==
        "tcp,in_port=web,dl_src=0a:00:00:00:00:01,dl_dst=0a:00:00:00:00:02,nw_src=10.0.0.1,"
        "nw_dst=10.0.0.2,nw_ttl=64,tp_src=5,tp_dst=80");

  packet.data.kind = translate::UserDataKind::kSample;
  packet.data.collector_set = 4;
  packet.key = {1};  // what no kernel sends
  message = daemon::ToMessage(packet, ports, 0);
  CHECK(message.reason() == "sample");
  CHECK(message.collector_set() == 4);
  CHECK(message.packet().size() == 4);
  CHECK(message.flow().empty());
}

}  // namespace
}  // namespace sluice::bridge
