// Connections, limits and timeouts, as a user of dpctl sees them, against the kernel.

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "tests/support/shell.h"
#include "tests/support/test.h"

namespace sluice {
namespace {

using testing::Fail;
using testing::Has;
using testing::Run;
using testing::Succeed;

constexpr char kTcp[] =
    "tcp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=PORT,dport=80),"
    "reply=(src=10.0.0.2,dst=10.0.0.1,sport=80,dport=PORT)";

// Hosts h1 and h2 on a datapath that tracks what they say to each other, in zone 5 if there are
// zones; a TCP connection, and a UDP packet without an answer.
class Hosts {
 public:
  Hosts() {
    Run("modprobe nf_conntrack_netlink; modprobe nfnetlink_cttimeout");
    Succeed("rm -f /tmp/listens /tmp/talked; sysctl -qw net.netfilter.nf_conntrack_acct=1");
    for (const std::string i : {"1", "2"})
      Succeed(absl::StrCat(
          "ip netns add h", i, "; ip link add v", i, " type veth peer name eth0 netns h", i,
          "; ip -n h", i, " link set eth0 up; ip -n h", i, " addr add 10.0.0.", i, "/24 dev eth0"));
    Succeed("dpctl add-dp dp0 v1,port_no=1 v2,port_no=2");
    if (Run(Flows("zone=5,")).status == 0)
      zone_ = ",zone=5";
    else
      Succeed(Flows(""));
    Run(std::string("(ip netns exec h2 python3 -c '") + kListen + "' >/dev/null 2>&1 &)");
    Succeed("while ! test -e /tmp/listens; do sleep 0.05; done");
    Run(std::string("(ip netns exec h1 python3 -c '") + kTalk + "' >/dev/null 2>&1 &)");
    Succeed("while ! test -e /tmp/talked; do sleep 0.05; done");
  }
  ~Hosts() {
    Run("ip netns pids h1 | xargs -r kill; ip netns pids h2 | xargs -r kill; dpctl flush-conntrack;"
        " dpctl del-dp dp0; ip netns del h1; ip netns del h2; ip link del v1; ip link del v2");
  }

  // ",zone=5", or nothing.
  const std::string& zone() const { return zone_; }
  std::string zone_number() const { return zone_.empty() ? "0" : "5"; }

 private:
  static constexpr char kListen[] =
      "import socket, time\n"
      "s = socket.socket(); s.bind((\"10.0.0.2\", 80)); s.listen()\n"
      "u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind((\"10.0.0.2\", 53))\n"
      "open(\"/tmp/listens\", \"w\").close()\n"
      "c, _ = s.accept(); time.sleep(300)";
  static constexpr char kTalk[] =
      "import socket, time\n"
      "s = socket.socket(); s.bind((\"10.0.0.1\", 1000)); s.connect((\"10.0.0.2\", 80))\n"
      "u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind((\"10.0.0.1\", 1053))\n"
      "u.sendto(b\"x\", (\"10.0.0.2\", 53))\n"
      "open(\"/tmp/talked\", \"w\").close(); time.sleep(300)";

  static std::string Flows(const std::string& zone) {
    std::string text = "true";
    for (const std::string in : {"1", "2"}) {
      const std::string out = in == "1" ? "2" : "1";
      absl::StrAppend(&text, " && dpctl mod-flow --may-create dp0 'in_port(", in,
                      "),eth(),eth_type(0x0806)' ", out,
                      " && dpctl mod-flow --may-create dp0 'in_port(", in,
                      "),eth(),eth_type(0x0800),ipv4(frag=no)' 'ct(commit,", zone,
                      "mark=0x10/0xff),", out, "'");
    }
    return text;
  }

  std::string zone_;
};

std::string TcpLine(const std::string& zone) {
  std::string line = kTcp;
  for (size_t at = line.find("PORT"); at != std::string::npos; at = line.find("PORT"))
    line.replace(at, 4, "1000");
  return line + zone + ",mark=16,protoinfo=(state=ESTABLISHED)\n";
}

}  // namespace

TEST_CASE("dump-conntrack: real connections, and filters") {
  const Hosts hosts;
  const std::string tcp = TcpLine(hosts.zone());
  const std::string udp =
      "udp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1053,dport=53),"
      "reply=(src=10.0.0.2,dst=10.0.0.1,sport=53,dport=1053)" +
      hosts.zone() + ",mark=16\n";
  CHECK(Succeed("dpctl dump-conntrack | sort") == tcp + udp);
  for (const std::string& filter :
       {std::string("ct_nw_proto=6"), std::string("state=ESTABLISHED"),
        std::string("status=ASSURED"), std::string("dp0 ct_tp_dst=80,ct_nw_src=10.0.0.0/24"),
        std::string("'' ct_tp_src=80"),
        "zone=" + hosts.zone_number() + " proto=tcp mark=0x10/0x10"})
    CHECK(Succeed("dpctl dump-conntrack " + filter) == tcp);
  CHECK(Succeed("dpctl dump-conntrack zone=77").empty());
  CHECK(Succeed("dpctl dump-conntrack mark=1").empty());
  const std::string more = Succeed("dpctl dump-conntrack -m -s ct_nw_proto=6");
  CHECK(Has(more, ",packets="));
  CHECK(Has(more, ",status=SEEN_REPLY|ASSURED|CONFIRMED,timeout="));
  CHECK(Has(more, "protoinfo=(state_orig=ESTABLISHED,state_reply=ESTABLISHED,wscale_orig="));
  const auto json =
      nlohmann::json::parse(Succeed("dpctl dump-conntrack --json proto=udp"), nullptr, false);
  REQUIRE(json["connections"].size() == 1);
  CHECK(json["connections"][0]["orig"]["dst_port"] == 53);
  const std::string stats = Succeed("dpctl ct-stats-show -m -s");
  CHECK(Has(stats,
            "Connections Stats:\n    Total: 2\n  TCP: 1\n    Conn per TCP states:\n"
            "\t  [ESTABLISHED]=1\n  UDP: 1\nKernel counters:\n    Entries: "));
  CHECK(Has(stats, "\n  CPU 0: found:"));
  CHECK(Has(Fail("dpctl dump-conntrack zone=70000"), "^"));
  CHECK(Has(Fail("dpctl dump-conntrack nosuch"), "No such device"));
  CHECK(Has(Fail("setpriv --reuid=65534 --clear-groups dpctl dump-conntrack"), "CAP_NET_ADMIN"));
}

TEST_CASE("flush-conntrack: one, those that match, a zone, all") {
  const Hosts hosts;
  const std::string zone = "zone=" + hosts.zone_number();
  const std::string tuple =
      " ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,ct_nw_proto=17,ct_tp_src=1053,ct_tp_dst=53";
  CHECK(Has(Fail("dpctl flush-conntrack --read-only"), "read only"));
  Succeed("dpctl flush-conntrack " + zone + tuple);
  CHECK(Succeed("dpctl dump-conntrack") == TcpLine(hosts.zone()));
  CHECK(Has(Fail("dpctl flush-conntrack " + zone + tuple), "(No such file or directory)"));
  CHECK(Succeed("dpctl flush-conntrack -s proto=udp") == "deleted 0 connections\n");
  CHECK(Succeed("dpctl flush-conntrack zone=77").empty());
  CHECK(Succeed("dpctl dump-conntrack") == TcpLine(hosts.zone()));
  const auto json = nlohmann::json::parse(
      Succeed("dpctl flush-conntrack --json mark=0x10 '' ct_tp_src=80"), nullptr, false);
  CHECK(json["deleted"] == 1);
  CHECK(json["connections"].size() == 1);
  CHECK(Succeed("dpctl dump-conntrack").empty());
}

TEST_CASE("flush-conntrack of a zone leaves the others alone") {
  const Hosts hosts;
  if (hosts.zone().empty()) SLUICE_SKIP("the kernel has no zones");
  Succeed("dpctl flush-conntrack zone=6");
  CHECK(Succeed("dpctl dump-conntrack | wc -l") == "2\n");
  Succeed("dpctl flush-conntrack zone=0");
  CHECK(Succeed("dpctl dump-conntrack | wc -l") == "2\n");
  Succeed("dpctl flush-conntrack zone=5");
  CHECK(Succeed("dpctl dump-conntrack").empty());
}

TEST_CASE("dump-conntrack --events follows") {
  const Hosts hosts;
  // It listens once a netfilter socket (protocol 12) has joined the three groups. The kernel tells
  // nothing of connections that began while nobody listened.
  Succeed(
      "dpctl dump-conntrack --events --count=3 ct_nw_proto=1 >/tmp/events & "
      "until awk '$2 == 12 && $4 == \"00000007\" {found = 1} END {exit !found}' "
      "/proc/net/netlink; do sleep 0.05; done; ip netns exec h1 ping -c 1 10.0.0.2; "
      "dpctl flush-conntrack ct_nw_proto=1; wait $!");
  const std::string icmp = " icmp,orig=(src=10.0.0.1,dst=10.0.0.2,id=";
  const std::string events = Succeed("cat /tmp/events");
  const size_t update = events.find("\n[update]" + icmp);
  CHECK(events.rfind("[new]" + icmp, 0) == 0);
  REQUIRE(update != std::string::npos);
  CHECK(events.find("\n[destroy]" + icmp, update) != std::string::npos);
  CHECK(Has(Fail("setpriv --reuid=65534 --clear-groups dpctl dump-conntrack --events"),
            "CAP_NET_ADMIN"));
  CHECK(Has(Fail("dpctl dump-conntrack --events --count=x"), "expected a number"));
}

TEST_CASE("dump-conntrack --events survives an overrun, and tells what it missed") {
  const Hosts hosts;
  // It is stopped while more connections begin than its socket has room for. The one from port 1053
  // began before and ends meanwhile.
  constexpr int kMany = 6000;
  const std::string script =
      "dpctl dump-conntrack --events ct_nw_proto=17 >/tmp/events & pid=$!; "
      "until awk '$2 == 12 && $4 == \"00000007\" {found = 1} END {exit !found}' "
      "/proc/net/netlink; do sleep 0.05; done; "
      "kill -STOP $pid; dpctl flush-conntrack ct_nw_proto=17,ct_tp_src=1053; "
      "ip netns exec h1 python3 -c '\n"
      "import socket\n"
      "u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind((\"10.0.0.1\", 2000))\n"
      "for port in range(10000, 10000 + " +
      std::to_string(kMany) +
      "): u.sendto(b\"x\", (\"10.0.0.2\", port))'; kill -CONT $pid; "
      "until grep -q overrun /tmp/events; do kill -0 $pid || exit 1; sleep 0.05; done; "
      "dpctl flush-conntrack ct_nw_proto=17,ct_tp_dst=10000; "
      "until grep -q 'destroy. .*dport=10000)' /tmp/events; do kill -0 $pid || exit 1; sleep 0.05; "
      "done; kill $pid; wait $pid";
  Succeed(script);
  // Each is told once, as it came or as missed.
  CHECK(Succeed("grep '^.new' /tmp/events | sed 's/.*sport=2000,dport=//; s/).*//' | sort -u | "
                "wc -l") == std::to_string(kMany) + "\n");
  CHECK(Succeed("grep -c '^.new, missed. udp,' /tmp/events") != "0\n");
  CHECK(Has(Succeed("grep '^.overrun' /tmp/events"), ", 0 changed, "));
  CHECK(Succeed("grep -c '^.destroy.*sport=1053' /tmp/events") == "1\n");
}

TEST_CASE("limits of connections by zone") {
  const testing::TwoPorts fixture;
  Succeed("dpctl ct-set-limits dp0 default=100 zone=5,limit=3 zone=7,limit=0");
  CHECK(Succeed("dpctl ct-get-limits") ==
        "default limit=100\nzone=5,limit=3,count=0\nzone=7,limit=0,count=0\n");
  CHECK(Succeed("setpriv --reuid=65534 --clear-groups dpctl ct-get-limits dp0 zone=9,5") ==
        "default limit=100\nzone=9,limit=100,count=0\nzone=5,limit=3,count=0\n");
  Succeed("dpctl ct-del-limits default zone=5");
  Succeed("dpctl ct-del-limits zone=9,7");
  CHECK(Succeed("dpctl ct-get-limits") == "default limit=0\n");
  for (const std::string bad :
       {"ct-set-limits zone=5", "ct-set-limits zone=5,limit=x", "ct-set-limits default=5,zone=1",
        "ct-set-limits zone=65536,limit=1", "ct-del-limits zone=5,", "ct-get-limits zone=5,x"})
    CHECK(Has(Fail("dpctl " + bad), "^"));
  CHECK(Has(Fail("dpctl ct-set-limits dp0"), "no limit is given"));
  CHECK(Has(Fail("setpriv --reuid=65534 --clear-groups dpctl ct-set-limits default=1"),
            "CAP_NET_ADMIN"));
}

TEST_CASE("timeout policies") {
  Run("modprobe nfnetlink_cttimeout");
  Succeed("dpctl ct timeout add dns inet6 udp unreplied=3,replied=10");
  Succeed("dpctl ct-timeout-add web inet tcp established=300 close=5");
  const std::string list = Succeed("dpctl ct timeout list");
  CHECK(Has(list, "name=dns,family=inet6,proto=udp,uses="));
  CHECK(Has(list, ",timeouts=(unreplied=3,replied=10)\nname=web,family=inet,proto=tcp,"));
  CHECK(Has(list, ",established=300,"));
  CHECK(Has(Fail("dpctl ct-timeout-add dns inet6 udp replied=9"), "(File exists)"));
  Succeed("dpctl ct-timeout-add --replace dns inet6 udp replied=9");
  CHECK(Has(Succeed("dpctl ct-timeout-list"), "replied=9)"));
  CHECK(Has(Fail("dpctl ct-timeout-add x inet tcp clse=6"), "^"));
  CHECK(Has(Fail("dpctl ct-timeout-add x ipv4 tcp close=6"), "expected inet or inet6"));
  Succeed("dpctl ct-timeout-del dns; dpctl ct timeout del web");
  CHECK(Has(Fail("dpctl ct-timeout-del web"), "(No such file or directory)"));
  CHECK(Succeed("dpctl ct-timeout-list").empty());
}

TEST_CASE("commands that userspace datapaths alone have say so") {
  for (const std::string name : {"ct-bkts", "ct-get-maxconns", "ipf-get-status"})
    CHECK(Has(Fail("dpctl " + name + " dp0"), "works for userspace datapaths only"));
}

}  // namespace sluice
