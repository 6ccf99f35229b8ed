// dpctl as a user runs it, against the kernel and beside the peer's program.

#include <nlohmann/json.hpp>
#include <string>

#include "kmod-compat/features.h"
#include "tests/support/shell.h"
#include "tests/support/test.h"

namespace sluice {
namespace {

using testing::Fail;
using testing::Has;
using testing::Run;
using testing::Succeed;
using Fixture = testing::TwoPorts;

constexpr char kArp[] = "'in_port(1),eth(),eth_type(0x0806),arp()'";
constexpr char kUnprivileged[] = "setpriv --reuid=65534 --clear-groups ";

void AddSomeFlows() {
  Succeed(std::string("dpctl add-flow dp0 ") + kArp + " veth1");
  Succeed(
      "dpctl add-flow ufid:1910806e-c447-4f7e-b44c-ee1bb834f1d6,"
      "'in_port(veth0),eth(dst=02:00:00:00:00:01),eth_type(0x0800),ipv4(dst=10.0.0.0/8)' "
      "'push_vlan(vid=5,pcp=1),7,set(ipv4(ttl=63/0xff)),1'");
  Succeed(
      "dpctl add-flow "
      "'recirc_id(0x1),in_port(7),eth(),eth_type(0x86dd),ipv6(proto=17),udp(dst=53)' ''");
}

}  // namespace

TEST_CASE("ports are added, shown and taken out; a failure leaves nothing behind") {
  const Fixture fixture;
  Succeed("dpctl add-if dp0 int0,type=internal");
  const std::string shown = Succeed("dpctl show dp0");
  CHECK(Has(shown, "system@dp0:\n  lookups: hit:"));
  CHECK(Has(shown, "  port 0: dp0 (internal)\n  port 1: veth0\n"));
  CHECK(Has(shown, "  port 2: int0 (internal)\n  port 7: veth1\n"));
  CHECK(Has(Succeed("ip link show int0"), ",UP"));
  CHECK(Has(Fail("dpctl add-if dp0 peer0 nosuch"), "adding nosuch to dp0 (No such device)"));
  CHECK_FALSE(Has(Succeed("dpctl show"), "peer0"));
  CHECK(Has(Fail("dpctl del-if dp0 int0 nosuch"), "no port named nosuch in system@dp0"));
  CHECK(Has(Succeed("dpctl show"), "int0"));
  Succeed("dpctl del-if dp0 2 veth1");
  CHECK_FALSE(Has(Succeed("dpctl show"), "veth1"));
  CHECK(Has(Fail("dpctl add-dp dp0"), "(File exists)"));
  CHECK(Has(Fail("dpctl add-dp dp1 nosuch"), "(No such device)"));
  CHECK(Succeed("dpctl dump-dps") == "system@dp0\n");
}

TEST_CASE("what dump-flows prints is taken again, line by line, and gives the same dump") {
  const Fixture fixture;
  AddSomeFlows();
  for (const std::string options : {"", "--names", "-m", "-m --no-names"}) {
    const std::string dump = "dpctl dump-flows " + options;
    INFO(dump);
    const std::string before = Succeed(dump + " | sort");
    Succeed(dump +
            " >/tmp/flows; dpctl del-flows; while read -r line; do dpctl add-flow dp0 \"$line\" || "
            "exit 1; done </tmp/flows");
    CHECK(Succeed(dump + " | sort") == before);
    Succeed("dpctl del-flows");
    AddSomeFlows();
  }
}

TEST_CASE("flows are changed, told and removed") {
  const Fixture fixture;
  AddSomeFlows();
  CHECK(Has(Fail(std::string("dpctl add-flow dp0 ") + kArp + " 1"),
            "dpctl: updating flow table (File exists)"));
  CHECK(Succeed(std::string("dpctl mod-flow -s dp0 ") + kArp + " 1") ==
        "packets:0, bytes:0, used:never\n");
  CHECK(Succeed(std::string("dpctl get-flow ") + kArp) ==
        "in_port(1),eth(),eth_type(0x0806), packets:0, bytes:0, used:never, actions:1\n");
  CHECK(Has(Succeed("dpctl get-flow -m ufid:1910806e-c447-4f7e-b44c-ee1bb834f1d6"),
            "ufid:1910806e-c447-4f7e-b44c-ee1bb834f1d6, "));
  CHECK(Has(Fail("dpctl get-flow ufid:00000000-0000-0000-0000-000000000001"),
            "getting flow (No such file or directory)"));
  CHECK(Succeed(std::string("dpctl del-flow -s dp0 ") + kArp) ==
        "packets:0, bytes:0, used:never\n");
  CHECK(
      Has(Fail(std::string("dpctl del-flow dp0 ") + kArp), "Perhaps you need to specify a UFID?"));
  CHECK(Has(Fail("dpctl add-flow 'in_port(1),eth_type(0x08zz)' 1"), "^"));
  CHECK(Has(Fail("dpctl add-flow 'in_port(1),eth(),eth_type(0x0800)' 'set(tcp(src=1))'"),
            "see dmesg"));
}

TEST_CASE("fields that need others of the kernel's come without them") {
  const Fixture fixture;
  const std::string ip4 = "in_port(1),eth(),eth_type(0x0800),",
                    ip6 = "in_port(1),eth(),eth_type(0x86dd),";
  for (const std::string& flow :
       {ip4 + "ipv4(proto=6),tcp(dst=80)", ip4 + "ipv4(proto=17),udp(dst=53)",
        ip4 + "ipv4(proto=132)", ip4 + "ipv4(proto=1)", ip4 + "ipv4(proto=6,frag=later)",
        ip6 + "ipv6(proto=6)", ip6 + "ipv6(proto=58),icmpv6(type=135,code=0)",
        ip6 + "ipv6(proto=58)", std::string("in_port(1),eth(),eth_type(0x8035)"),
        std::string("in_port(1),eth(),eth_type(0x8100),vlan(vid=5,pcp=0),"
                    "encap(eth_type(0x0800),ipv4(proto=6),tcp(dst=80))")}) {
    Succeed("dpctl add-flow dp0 '" + flow + "' 7");
    const std::string line = Succeed("dpctl dump-flows dp0");
    CHECK(Has(line, flow + ", packets:0"));
    Succeed("dpctl del-flows; dpctl add-flow dp0 \"" + line.substr(0, line.find('\n')) + "\"");
    CHECK(Succeed("dpctl dump-flows dp0") == line);
    Succeed("dpctl del-flows dp0");
  }
}

TEST_CASE("a reader that goes away ends a dump without a word") {
  const Fixture fixture;
  AddSomeFlows();
  CHECK(Succeed("dpctl dump-flows -m | true").empty());
}

TEST_CASE("looking needs no privilege and sends nothing but GET") {
  const Fixture fixture;
  AddSomeFlows();
  for (const std::string command : {"show -s", "dump-dps", "dump-flows -m", "cache-get-size",
                                    "get-flow ufid:1910806e-c447-4f7e-b44c-ee1bb834f1d6"}) {
    INFO(command);
    Succeed(kUnprivileged + ("dpctl " + command));
    // The command is the first byte behind the nlmsghdr: 3 is GET in all these families.
    const std::string trace =
        Succeed("strace -qq -xx -e trace=sendto,sendmsg,sendmmsg dpctl " + command +
                " 2>&1 >/dev/null | grep -v NETLINK_ROUTE | "
                "grep -v RTM_GETLINK | grep -v 'x03.x0[12]' || true");
    CHECK(trace.empty());
  }
  CHECK(Has(Fail(std::string(kUnprivileged) + "dpctl del-flows"), "CAP_NET_ADMIN"));
}

TEST_CASE("JSON is valid and says what the text says") {
  const Fixture fixture;
  AddSomeFlows();
  const auto parse = [](const std::string& text) {
    return nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  };
  const auto shown = parse(Succeed("dpctl show -s --json"));
  REQUIRE_FALSE(shown.is_discarded());
  CHECK(shown["datapaths"][0]["ports"][2]["name"] == "veth1");
  CHECK(shown["datapaths"][0]["ports"][2]["statistics"]["rx_packets"].is_number());
  const auto flows = parse(Succeed("dpctl --json dump-flows"));
  REQUIRE_FALSE(flows.is_discarded());
  CHECK(flows["flows"].size() == 3);
  const auto features = parse(Succeed("dpctl features --json"));
  REQUIRE_FALSE(features.is_discarded());
  CHECK(features["features"].size() == compat::kFeatureCount);
}

TEST_CASE("the peer's program prints the same") {
  if (Run("command -v ovs-dpctl").status != 0) SLUICE_SKIP("needs ovs-dpctl: tools/setup peer");
  const Fixture fixture;
  AddSomeFlows();
  // Its release has no line UPCALL, and does not know the key of IPv6 extension headers.
  constexpr char kNoKey32[] = " | sed 's/key32([^)]*),//'";
  CHECK(Succeed("dpctl show -s | grep -v UPCALL") == Succeed("ovs-dpctl show -s"));
  CHECK(Succeed("dpctl dump-flows | sort") ==
        Succeed(std::string("ovs-dpctl dump-flows | sort") + kNoKey32));
  CHECK(Succeed("dpctl dump-flows --names | sort") ==
        Succeed(std::string("ovs-dpctl dump-flows --names | sort") + kNoKey32));
}

TEST_CASE("a filtered dump shows what the peer's shows") {
  if (Run("command -v ovs-dpctl").status != 0) SLUICE_SKIP("needs ovs-dpctl: tools/setup peer");
  const Fixture fixture;
  const std::string ip = "in_port(1),eth(),eth_type(0x0800),";
  for (const std::string& flow :
       {ip + "ipv4(proto=6,frag=no),tcp(src=100)", ip + "ipv4(proto=17,frag=no),udp(src=100)",
        ip + "ipv4(dst=10.0.0.0/8,frag=no)", std::string("in_port(7),eth(),eth_type(0x0806),arp()"),
        std::string("in_port(7),eth(),eth_type(0x8100),vlan(vid=5,pcp=0),encap(eth_type(0x0800),"
                    "ipv4(frag=no))")})
    Succeed("dpctl add-flow dp0 '" + flow + "' 7");
  for (const std::string filter :
       {"", "tcp,tp_src=100", "ip", "dl_vlan=5", "vlan_tci=0", "arp", "tcp6", "in_port=1",
        "in_port=veth1", "ip,nw_dst=11.1.1.1", "tun_id=5", "dl_type=0x0806"}) {
    CAPTURE(filter);
    const std::string sorted = "dpctl dump-flows dp0 filter=" + filter + " | sort";
    CHECK(Succeed(sorted) == Succeed("ovs-" + sorted));
  }
  for (const std::string filter : {"tp_dst=1", "nw_proto=6", "tcp,udp_src=1"}) {
    const std::string filtered = "dpctl dump-flows dp0 filter=" + filter;
    CHECK(Has(Fail(filtered), "prerequisites not met"));
    CHECK(Has(Fail("ovs-" + filtered), "prerequisites not met"));
  }
  CHECK(Succeed("dpctl dump-flows type=ovs | wc -l") == "5\n");
  CHECK(Succeed("dpctl dump-flows type=tc,dpdk,offloaded").empty());
  CHECK(Has(Fail("dpctl dump-flows type=foo"), "expected one of ovs, tc"));
  CHECK(Has(Fail("dpctl dump-flows pmd=1"), "pmd="));
}

TEST_CASE("output that cannot be written is a failure") {
  const Fixture fixture;
  CHECK(Has(Fail("dpctl show >/dev/full"), "No space left on device"));
}

TEST_CASE("features are tried, and nothing of it is left") {
  const auto features = compat::Probe();
  REQUIRE(features.ok());
  for (compat::Feature feature :
       {compat::Feature::kMegaflowMask, compat::Feature::kUfid, compat::Feature::kSetMasked,
        compat::Feature::kCt, compat::Feature::kRecirc, compat::Feature::kVportPids,
        compat::Feature::kPerCpuUpcalls, compat::Feature::kUpcallHash, compat::Feature::kIpv6Tunnel,
        compat::Feature::kGeneve, compat::Feature::kMeters})
    CHECK(features->Has(feature));
  CHECK(Succeed("dpctl dump-dps").empty());
  const std::string text = Fail(std::string(kUnprivileged) + "dpctl features");
  CHECK(Has(text, "CAP_SYS_ADMIN"));
  CHECK_FALSE(Has(text, " yes"));
}

}  // namespace sluice
