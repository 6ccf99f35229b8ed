// dpctl listen, against a real kernel: beside somebody who takes the upcalls, and taking them.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "tests/support/shell.h"
#include "tests/support/test.h"

namespace sluice {
namespace {

using testing::Fail;
using testing::Has;
using testing::Run;
using testing::Succeed;

// Starts `dpctl listen OPTIONS` with its output in /tmp/NAME and /tmp/NAME.err, and waits until it
// listens; its process is $NAME.
std::string Start(const std::string& name, const std::string& options) {
  return ": >/tmp/" + name + ".err; dpctl listen " + options + " dp0 >/tmp/" + name + " 2>/tmp/" +
         name + ".err & " + name + "=$!; until grep -q 'listening for' /tmp/" + name +
         ".err; do kill -0 $" + name + " || { cat /tmp/" + name +
         ".err; exit 9; }; sleep 0.05; done; ";
}

// `packets` packets of ARP come in by veth0.
std::string Send(int packets) {
  return "for i in $(seq " + std::to_string(packets) +
         "); do ip neigh flush dev peer0; ping -q -c1 -W 0.05 10.1.1.2 >/dev/null; done; ";
}

// Without IPv6, whose own packets would be upcalls too.
void Prepare() {
  Succeed("for i in peer0 veth0; do echo 1 >/proc/sys/net/ipv6/conf/$i/disable_ipv6; done");
  Succeed("ip link set peer0 up; ip link set veth0 up; ip addr add 10.1.1.1/24 dev peer0");
}

bool HasMirrors() {
  Run("modprobe -q nlmon");
  return Run("ip link add probe type nlmon; status=$?; ip link del probe; exit $status").status ==
         0;
}

// Exit status 77 when there is no validator.
constexpr char kValidate[] = SLUICE_GOLDEN_DIR "/../support/validate_json.py " SLUICE_GOLDEN_DIR
                                               "/../../docs/reference/dpctl.schema.json listen ";

// Lines of /tmp/NAME with `text`.
int Count(const std::string& text, const std::string& name) {
  return std::atoi(Run("grep -c " + text + " /tmp/" + name).text.c_str());
}

constexpr char kArp[] = "eth_type(0x0806)";

}  // namespace

TEST_CASE("beside one who takes the upcalls: both see them, and nothing changes") {
  const testing::TwoPorts fixture;
  if (!HasMirrors()) SLUICE_SKIP("needs devices of the kind nlmon");
  Prepare();
  // The first plays the agent.
  const std::string text = Succeed(
      Start("agent", "--take") + "dpctl show --json | grep -A2 -E 'pids|features' >/tmp/before; " +
      Start("look", "-m") + Start("json", "--json") + Start("file", "--pcapng=/tmp/l.pcapng") +
      "dpctl show --json | grep -A2 -E 'pids|features' >/tmp/after; cmp /tmp/before /tmp/after; " +
      Send(3) + "kill $look $json $file; wait $look $json $file; kill $agent; wait $agent; " +
      "cat /tmp/look /tmp/file.err; ip -o link show type nlmon; "
      "tcpdump -r /tmp/l.pcapng -n arp");
  INFO(text);
  const std::string look = Succeed("cat /tmp/look");
  CHECK(Has(look, kArp));
  CHECK(Has(look, "in_port(veth0)"));
  CHECK(Has(look, " packet:ffffffffffff"));
  // Those who look may begin later and end earlier, and see nothing else.
  CHECK(Count("0x0806", "look") >= 1);
  CHECK(Count("0x0806", "agent") >= Count("0x0806", "look"));
  CHECK(Count("'\"eth_type\":2054'", "json") >= 1);
  CHECK(Has(text, "who-has 10.1.1.2"));
  CHECK(Has(text, "upcalls were written"));
  CHECK_FALSE(Has(text, "dplisten"));
  const testing::Outcome valid = Run(std::string(kValidate) + "</tmp/json");
  INFO(valid.text);
  CHECK((valid.status == 0 || valid.status == 77));
  const std::string lines = Succeed("grep 2054 /tmp/json");
  const auto first = nlohmann::json::parse(lines.substr(0, lines.find('\n')), nullptr, false);
  REQUIRE_FALSE(first.is_discarded());
  CHECK(first["kind"] == "miss");
  CHECK(first["key"]["in_port"] == 1);
}

TEST_CASE("userspace() actions are seen, with their userdata") {
  const testing::TwoPorts fixture;
  if (!HasMirrors()) SLUICE_SKIP("needs devices of the kind nlmon");
  Prepare();
  // Its socket is that of the one who listens with --take: what it is called is asked of `show`.
  const std::string text =
      Succeed(Start("agent", "--take") +
              "pid=$(dpctl show --json | python3 -c 'import json,sys; "
              "print([p for p in json.load(sys.stdin)[\"datapaths\"][0][\"ports\"] "
              "if p[\"name\"]==\"veth0\"][0][\"upcall_pids\"][0])'); "
              "dpctl add-flow dp0 'in_port(veth0),eth(),eth_type(0x0806),arp()' "
              "\"userspace(pid=$pid,userdata(0a0b0c),actions),2\"; " +
              Start("look", "-t 20 --port=veth0 -n1") + Send(1) +
              "wait $look; kill $agent; wait $agent; cat /tmp/look");
  CHECK(Has(text, " action "));
  CHECK(Has(text, "in_port(1)"));
  CHECK(Has(text, " userdata(0a0b0c) actions:userspace(pid="));
}

TEST_CASE("upcalls that are taken are given back") {
  const testing::TwoPorts fixture;
  Prepare();
  const char kPids[] = "dpctl show --json | tr -d ' \\n' | grep -o '\"upcall_pids\":[^]]*]'";
  const std::string before = Succeed(kPids);
  const std::string during = Succeed(Start("taker", "-t 20 --take --port=veth0 -n2") + kPids +
                                     "; " + Send(3) + "wait $taker; cat /tmp/taker /tmp/taker.err");
  CHECK_FALSE(Has(during, before));
  CHECK(Has(during, kArp));
  CHECK(Has(during, "to nobody else"));
  CHECK(Succeed(kPids) == before);
  CHECK(Succeed("wc -l </tmp/taker") == "2\n");
}

TEST_CASE("listen says what is wrong, and that there is nobody") {
  const testing::TwoPorts fixture;
  CHECK(Has(Fail("dpctl listen --port=web dp0"), "dp0 has no port \"web\""));
  CHECK(Has(Fail("dpctl listen -n x dp0"), "expected a number"));
  CHECK(Has(Fail("dpctl --read-only listen --take dp0"), "read only"));
  CHECK(Has(Fail("dpctl listen nodp"), "nodp"));
  if (!HasMirrors()) {
    CHECK(Has(Fail("dpctl listen dp0"), "nlmon"));
    return;
  }
  CHECK(Has(Succeed("dpctl -t 1 listen dp0"), "nobody takes the upcalls of dp0"));
  CHECK(Succeed("ip -o link show type nlmon").empty());
}

}  // namespace sluice
