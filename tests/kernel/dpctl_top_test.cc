// dpctl top with real traffic, on a terminal and without one.
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/shell.h"
#include "tests/support/test.h"

namespace sluice {
namespace {

using testing::Fail;
using testing::Has;
using testing::Run;
using testing::Succeed;

constexpr char kTerminal[] = "python3 " SLUICE_GOLDEN_DIR "/../support/terminal.py ";

// Two flows from port 1 to port 7 that packets come for all the time: ten of one (0x88b5) for one
// of the other (0x88b6).
class Traffic {
 public:
  Traffic() {
    Succeed("for i in 0 1; do ip link set veth$i up; ip link set peer$i up; done");
    Succeed("dpctl add-flow dp0 'in_port(1),eth(),eth_type(0x88b6)' 7");
    Succeed("dpctl add-flow dp0 'in_port(1),eth(),eth_type(0x88b5)' 7");
    testing::WriteFile("/tmp/traffic.py",
                       "import socket, time\n"
                       "s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n"
                       "s.bind(('peer0', 0))\n"
                       "while True:\n"
                       "    for kind in [b'\\x88\\xb6'] + 10 * [b'\\x88\\xb5']:\n"
                       "        s.send(12 * b'\\x02' + kind + 86 * b'\\0')\n"
                       "    time.sleep(0.01)\n");
    Succeed("python3 /tmp/traffic.py >/dev/null 2>&1 & echo $! >/tmp/traffic.pid");
    Succeed(
        "timeout 60 sh -c 'until dpctl dump-flows dp0 | grep 0x88b5 | grep -q packets:[1-9]; do "
        "sleep 0.1; done'");
  }
  ~Traffic() { Run("kill $(cat /tmp/traffic.pid)"); }
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;
};

}  // namespace

TEST_CASE("the screen has the busiest flow at the top, and leaves the terminal as it was") {
  const testing::TwoPorts fixture;
  const Traffic traffic;
  const std::string text = Succeed(
      std::string(kTerminal) +
      "size=100x12 'wait=flows by packets' 'wait=1.00 masks/packet' 'row=4,eth_type(0x88b5)' "
      "'row=5,eth_type(0x88b6)' "
      // 102 bytes a packet or so: bytes have the same order; used does not matter here.
      "type=b 'wait=flows by bytes' 'row=4,0x88b5' show "
      "type=r 'wait=veth0 (netdev)' type=m 'row=4,in_port,eth_type' type=f "
      "'type=/88b6\\n' 'row=4,0x88b6' 'wait=only: 88b6' type=n 'wait=in_port(veth0)' "
      "'type= ' wait=paused 'type= ' type=h 'wait=the next of these' type=q end -- dpctl top -d "
      "0.2");
  INFO(text);
  CHECK(Has(text, "system@dp0 hit "));
  CHECK(Has(text, "2 flows, 1 masks, 1.00 masks/packet"));
}

TEST_CASE("40 columns are enough, and a terminal may change its size") {
  const testing::TwoPorts fixture;
  const Traffic traffic;
  const std::string text = Succeed(std::string(kTerminal) +
                                   "size=40x8 'row=4,in_port(1),eth(),eth_type(0' show "
                                   "size=90x10 'row=4,eth_type(0x88b5) actions:7' 'row=9,q quit' "
                                   "type=q end -- dpctl top -d 0.2");
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 40);
}

TEST_CASE("a signal leaves the terminal as it was; so does the last interval") {
  const testing::TwoPorts fixture;
  for (const std::string signal : {"INT", "TERM", "HUP"})
    Succeed(kTerminal + ("'wait=flows by' signal=" + signal + " end -- dpctl top"));
  Succeed(std::string(kTerminal) + "end -- dpctl top -n 2 -d 0.1");
}

TEST_CASE("without a terminal: lines, and JSON") {
  const testing::TwoPorts fixture;
  const Traffic traffic;
  const std::string text = Succeed("dpctl top -d 0.3 -n 2 --rows=1");
  INFO(text);
  CHECK(Has(text, "pkt/s byte/s  used flow\n"));
  CHECK(Has(text, "in_port(1),eth(),eth_type(0x88b5) actions:7\n"));
  CHECK_FALSE(Has(text, "0x88b6"));
  std::istringstream lines(Succeed("dpctl --json top -d 0.3 -n 2 --sort=bytes"));
  size_t documents = 0;
  for (std::string line; std::getline(lines, line); ++documents) {
    INFO(line);
    const auto json = nlohmann::json::parse(line, nullptr, false);
    REQUIRE(json.is_object());
    REQUIRE(json["flows"].size() == 2);
    CHECK(json["flows"][0]["flow"]["key"]["eth_type"] == 0x88b5);
    const double busy = json["flows"][0]["packets_per_second"];
    const double idle = json["flows"][1]["packets_per_second"];
    CHECK(busy > 5 * idle);
    CHECK(json["hit_per_second"] > 0.5 * busy);
    // The kernel's counters are read one after the other.
    const double masks = json["masks_per_packet"];
    CHECK(masks > 0.8);
    CHECK(masks < 1.2);
  }
  CHECK(documents == 2);
  CHECK(Has(Succeed("dpctl top -n 1 -d 0.1 --panel=ports"), " 1 veth0 (netdev)\n"));
  // Nobody reads: it ends.
  Succeed("timeout 20 sh -c 'dpctl top -d 0.1 | true'");
}

TEST_CASE("wrong options are refused") {
  const testing::TwoPorts fixture;
  CHECK(Has(Fail("dpctl top -n 0"), "expected at least 1"));
  CHECK(Has(Fail("dpctl top -d 0"), "expected seconds, 0.1 to 86400"));
  CHECK(Has(Fail("dpctl top --panel=rows"), "expected flows, masks or ports"));
  CHECK(Has(Fail("dpctl top --sort=name"), "expected packets, bytes or used"));
  CHECK(Has(Fail("dpctl top nobody"), "nobody"));
}

}  // namespace sluice
