// Meters: made, changed and deleted by dpctl, and what they really let through.

#include <nlohmann/json.hpp>
#include <string>

#include "netlink/attr/wire.h"
#include "netlink/ovs/datapath.h"
#include "netlink/ovs/meter.h"
#include "netlink/ovs/packet.h"
#include "tests/support/shell.h"
#include "tests/support/test.h"

namespace sluice {
namespace {

using nlohmann::json;
using testing::Fail;
using testing::Has;
using testing::Run;
using testing::Succeed;
using testing::TwoPorts;

// Has the kernel take `meter(ID),7` on so many packets of 1000 bytes, as fast as it can.
void Burst(uint32_t meter, int packets) {
  auto client = socket::Client::Open(NETLINK_GENERIC);
  REQUIRE_OK(client);
  const auto datapath = ovs::Datapaths(&*client).Get("dp0");
  REQUIRE_OK(datapath);
  const auto family = client->ResolveFamily(OVS_PACKET_FAMILY);
  REQUIRE_OK(family);
  base::ByteVector packet(1000);
  packet[0] = packet[6] = 2;  // local addresses
  packet[12] = 0x88;
  packet[13] = 0xb5;  // an Ethernet type for experiments
  base::ByteVector key, actions;
  attr::Writer(&key).Put(OVS_KEY_ATTR_IN_PORT, uint32_t{1});
  attr::Writer(&actions).Put(OVS_ACTION_ATTR_METER, meter);
  attr::Writer(&actions).Put(OVS_ACTION_ATTR_OUTPUT, uint32_t{7});
  socket::Batch batch;
  socket::Request request;
  for (int i = 0; i < packets; ++i) {
    ovs::EncodeExecute(**family, datapath->ifindex,
                       {.packet = packet, .key = key, .actions = actions}, &request);
    REQUIRE(batch.Add(request));
  }
  REQUIRE_OK(client->Run(&batch, socket::BatchMode::kErrorsOnly));
  CHECK(batch.failed() == 0);
}

json Meter(const std::string& id) {
  const json document = json::parse(Succeed("dpctl --json dump-meters dp0 meter=" + id));
  REQUIRE(document["meters"].size() == 1);
  return document["meters"][0];
}

uint64_t Received() {
  return std::stoull(Succeed("cat /sys/class/net/peer1/statistics/rx_packets"));
}

}  // namespace

TEST_CASE("a meter drops what is beyond its rate and its burst") {
  const TwoPorts fixture;
  // Without IPv6, which would send packets of its own.
  Succeed(
      "for d in veth1 peer1; do f=/proc/sys/net/ipv6/conf/$d/disable_ipv6; "
      "[ ! -e $f ] || echo 1 > $f; done; ip link set peer1 up; ip link set veth1 up");
  SECTION("packets a second") {
    Succeed("dpctl add-meter dp0 meter=1,pktps,bands=type=drop,rate=20,burst_size=30");
    const uint64_t before = Received();
    Burst(1, 1000);
    const uint64_t arrived = Received() - before;
    const json meter = Meter("1");
    CHECK(meter["packets"] == 1000);
    CHECK(meter["bytes"] == 1'000'000);
    REQUIRE(meter["bands"].size() == 1);
    // The bucket holds the burst at the start; a slow machine may take seconds for the rest.
    CHECK(arrived >= 30);
    CHECK(arrived < 500);
    CHECK(arrived == 1000 - meter["bands"][0]["packets"].get<uint64_t>());
  }
  SECTION("kilobits a second") {
    Succeed("dpctl add-meter dp0 meter=2,kbps,burst,bands=type=drop,rate=80,burst_size=320");
    const uint64_t before = Received();
    Burst(2, 1000);
    const uint64_t arrived = Received() - before;
    const json meter = Meter("2");
    CHECK(arrived >= 40);  // 320 kilobits are 40,000 bytes
    CHECK(arrived < 500);
    CHECK(meter["bands"][0]["bytes"] == (1000 - arrived) * 1000);
  }
  SECTION("a meter without a band counts only") {
    Succeed("dpctl add-meter dp0 meter=3,pktps");
    const uint64_t before = Received();
    Burst(3, 100);
    CHECK(Received() - before >= 100);
    CHECK(Meter("3")["packets"] == 100);
  }
}

TEST_CASE("meters are added, changed and deleted, and nothing else is made on the way") {
  const TwoPorts fixture;
  Succeed("dpctl add-meter dp0 meter=1,pktps,bands=type=drop,rate=10");
  CHECK(Has(Fail("dpctl add-meter meter=1,kbps,bands=type=drop,rate=10"),
            "dpctl: adding meter 1 of system@dp0 (File exists)\n"));
  Burst(1, 25);
  Succeed("dpctl mod-meter dp0 meter=1,pktps,bands=type=drop,rate=100");
  CHECK(Meter("1")["packets"] == 25);
  Succeed("dpctl mod-meter --clear dp0 meter=1,pktps,bands=type=drop,rate=100");
  CHECK(Meter("1")["packets"] == 0);
  CHECK(Has(Fail("dpctl mod-meter dp0 meter=2,pktps,bands=type=drop,rate=100"),
            "dpctl: changing meter 2 of system@dp0 (No such file or directory)\n"));
  CHECK(Has(Fail("dpctl dump-meters dp0 meter=2"),
            "dpctl: getting meter 2 of system@dp0 (No such file or directory)\n"));
  Succeed("dpctl mod-meter --may-create dp0 meter=2,pktps,bands=type=drop,rate=100");
  CHECK(Has(Fail("dpctl del-meter dp0 meter=3"),
            "dpctl: deleting meter 3 of system@dp0 (No such file or directory)\n"));
  CHECK(Has(Fail("dpctl add-meter dp0 meter=4,pktps,bands=type=drop,rate=1,type=drop,rate=2"),
            "the meter has 2 bands; this kernel takes 1"));
  CHECK(Has(Fail("dpctl add-meter dp0 meter=4,pktps,bands=type=drop,rate=none"), "^"));
  Fail("dpctl --read-only del-meters dp0");
  const std::string dump = Succeed("setpriv --reuid=65534 --clear-groups dpctl dump-meters dp0");
  CHECK(Has(dump, "meter=1, packets:0, bytes:0, used:"));
  CHECK(Has(dump, "s, band0(packets:0, bytes:0)\nmeter=2, "));
  CHECK(Has(Succeed("dpctl meter-features"), "band_types: drop\n"));
  Succeed("dpctl del-meter dp0 meter=1");
  CHECK(Has(Succeed("dpctl dump-meters dp0"), "meter=2, "));
  for (int id = 10; id < 20; ++id)
    Succeed("dpctl add-meter dp0 meter=" + std::to_string(id) + ",kbps,bands=type=drop,rate=1");
  Succeed("dpctl del-meters dp0 meter=12-15");
  CHECK(json::parse(Succeed("dpctl --json dump-meters dp0"))["meters"].size() == 7);
  Succeed("dpctl del-meters dp0");
  CHECK(Succeed("dpctl dump-meters dp0").empty());
  CHECK(Has(Fail("dpctl dump-meters nosuch"), "opening datapath \"nosuch\""));
}

}  // namespace sluice
