// dpctl rebind moves flows to another port while traffic flows.
#include <nlohmann/json.hpp>

#include "tests/support/shell.h"
#include "tests/support/test.h"

namespace sluice {
namespace {

using testing::Fail;
using testing::Has;
using testing::Run;
using testing::Succeed;
using testing::TwoPorts;
using testing::WriteFile;

// All flows, without the time that goes on.
constexpr char kDump[] = "dpctl dump-flows -m dp0 | sed s/used:[^,]*// | sort";
constexpr char kPacket[] = "02000000000202000000000188b50000";

// A third port, number 9.
void AddThird() {
  Succeed("ip link add veth2 type veth peer name peer2; dpctl add-if dp0 veth2,port_no=9");
  // No packets but those of the test.
  Run("for i in /proc/sys/net/ipv6/conf/*/disable_ipv6; do echo 1 >$i; done");
  Succeed("for i in 0 1 2; do ip link set veth$i up; ip link set peer$i up; done");
}

// Sends one packet out of a device, as hexadecimal bytes.
void SendPacket(const std::string& device, const std::string& hex) {
  Succeed(
      "python3 -c \"import socket; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); "
      "s.bind(('" +
      device + "', 0)); s.send(bytes.fromhex('" + hex + "'))\"");
}

std::string Flow(const std::string& ports) {
  return Succeed("dpctl dump-flows dp0 | grep '" + ports + "'");
}

}  // namespace

TEST_CASE("flows follow a port to another, and with them packets") {
  const TwoPorts fixture;
  AddThird();
  Succeed("dpctl add-flow dp0 'in_port(1),eth(),eth_type(0x88b5)' 'clone(7),7'");
  Succeed("dpctl add-flow dp0 'in_port(7),eth(),eth_type(0x88b5)' '1'");
  Succeed(
      "dpctl add-flow dp0 'ufid:1910806e-c447-4f7e-b44c-ee1bb834f1d6,in_port(1),eth(),"
      "eth_type(0x88b6)' '1'");
  SendPacket("peer0", kPacket);
  CHECK(Has(Flow("in_port(1).*0x88b5"), "packets:1, "));

  // A look changes nothing.
  const std::string before = Succeed(kDump);
  const std::string plan = Succeed("dpctl rebind -n dp0 veth1 9");
  INFO(plan);
  CHECK(Has(plan, "change: in_port(1),eth(),eth_type(0x88b5), packets:1, "));
  CHECK(Has(plan, "actions:clone(9),9\n"));
  CHECK(Has(plan, "move: in_port(9),eth(),eth_type(0x88b5), packets:0, "));
  CHECK(Has(plan, "system@dp0: 1 flows to change in place, 1 to move\n"));
  CHECK(Succeed(kDump) == before);

  const auto json =
      nlohmann::json::parse(Succeed("dpctl --json rebind dp0 veth1 9"), nullptr, false);
  CHECK(json["changed"] == 1);
  CHECK(json["moved"] == 1);
  // The statistics go on.
  CHECK(Has(Flow("in_port(1).*0x88b5"), "packets:1, "));
  CHECK(Has(Flow("in_port(1).*0x88b5"), "actions:clone(9),9\n"));
  const auto count = [](const std::string& device) {
    return std::stoi(Succeed("cat /sys/class/net/" + device + "/statistics/tx_packets"));
  };
  const int old_port = count("veth1"), new_port = count("veth2"), first = count("veth0");
  SendPacket("peer0", kPacket);
  SendPacket("peer2", kPacket);
  CHECK(Has(Flow("in_port(1).*0x88b5"), "packets:2, "));
  CHECK(Has(Flow("in_port(9).*0x88b5"), "packets:1, "));
  CHECK(count("veth1") == old_port);
  CHECK(count("veth2") == new_port + 2);
  CHECK(count("veth0") == first + 1);
  CHECK(Run("dpctl dump-flows dp0 | grep 'in_port(7)'").status == 1);

  // Back again: UFIDs too.
  Succeed("dpctl rebind dp0 1 7 && dpctl rebind dp0 7 1 && dpctl rebind dp0 9 7");
  CHECK(Has(Succeed("dpctl dump-flows -m dp0"), "ufid:1910806e-c447-4f7e-b44c-ee1bb834f1d6, "));
  CHECK(Has(Succeed("dpctl rebind dp0 9 7"), "system@dp0: 0 flows changed in place, 0 moved\n"));
  Run("ip link del veth2");
}

TEST_CASE("what the kernel refuses leaves all as it was") {
  const TwoPorts fixture;
  std::string lines;
  for (int i = 0; i < 3000; ++i)
    lines +=
        "in_port(1),eth(src=02:00:00:00:00:01/ff:ff:ff:ff:ff:ff),eth_type(0x0800),ipv4(dst=10.0." +
        std::to_string(i / 256) + "." + std::to_string(i % 256) + ") 1\n";
  // The flow that it would become is there already.
  lines += "in_port(7),eth(),eth_type(0x88b5) 1\nin_port(1),eth(),eth_type(0x88b5) 7\n";
  WriteFile("/tmp/flows", lines);
  Succeed("dpctl add-flows dp0 /tmp/flows");
  const std::string before =
      Succeed("dpctl dump-flows -m dp0 | sed s/used:[^,]*// | sort | md5sum");
  const std::string text = Fail("dpctl rebind dp0 1 7");
  CHECK(Has(text, "installing flow in_port(7),eth(),eth_type(0x88b5) (File exists)"));
  CHECK(Has(text, "no flow has changed"));
  CHECK(Succeed("dpctl dump-flows -m dp0 | sed s/used:[^,]*// | sort | md5sum") == before);

  Succeed("dpctl del-flow dp0 'in_port(7),eth(),eth_type(0x88b5)'");
  CHECK(Has(Succeed("dpctl rebind dp0 1 7"), "0 flows changed in place, 3001 moved\n"));
  CHECK(Succeed("dpctl dump-flows dp0 | grep -c 'in_port(7).*actions:7'") == "3001\n");
}

TEST_CASE("wrong arguments are named") {
  const TwoPorts fixture;
  CHECK(Has(Fail("dpctl rebind dp0 1"), "requires"));
  CHECK(Has(Fail("dpctl rebind dp0 1 veth0"), "1 and veth0 are the same port"));
  CHECK(Has(Fail("dpctl rebind dp0 1 8"), "no port number 8 in system@dp0"));
  CHECK(Has(Fail("dpctl rebind dp0 nobody 7"), "no port named nobody in system@dp0"));
  CHECK(Has(Fail("dpctl rebind dp0 70000 7"), "a port has a number below 65535"));
  CHECK(Has(Fail("dpctl --read-only rebind dp0 1 7"), "read only mode"));
}

}  // namespace sluice
