// Ports of every type, made, shown, changed and removed by dpctl.

#include <linux/openvswitch.h>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "netlink/ovs/datapath.h"
#include "netlink/ovs/vport.h"
#include "netlink/route/tunnel_devices.h"
#include "tests/support/shell.h"

namespace sluice {
namespace {

using testing::Fail;
using testing::Has;
using testing::Run;
using testing::Succeed;

// A datapath dp0 without ports.
struct OneDatapath {
  OneDatapath() { Succeed("dpctl add-dp dp0"); }
  ~OneDatapath() { Run("dpctl del-dp dp0"); }
  OneDatapath(const OneDatapath&) = delete;
  OneDatapath& operator=(const OneDatapath&) = delete;
};

bool HasModule(const std::string& name) { return Run("modprobe -q " + name).status == 0; }

struct Case {
  std::string argument, module, device, shown, link;
};

const Case kCases[] = {
    {"t,type=vxlan", "vxlan", "vxlan_sys_4789", "(vxlan: packet_type=ptap)",
     "vxlan external .*dstport 4789 nolearning .*udp6zerocsumrx"},
    {"t,type=vxlan,dst_port=4790,exts=gbp", "vxlan", "vxlan_sys_4790",
     "(vxlan: dst_port=4790, exts=gbp, packet_type=ptap)", "vxlan external .*dstport 4790 .*gbp"},
    {"t,type=vxlan,dst_port=4791,exts=gpe", "vxlan", "vxlan_sys_4791",
     "(vxlan: dst_port=4791, exts=gpe, packet_type=ptap)", "vxlan external .*dstport 4791 .*gpe"},
    {"t,type=vxlan,remote_ip=flow,local_ip=flow,key=flow,ttl=inherit", "vxlan", "vxlan_sys_4789",
     "(vxlan: packet_type=ptap)", "vxlan external"},
    {"t,type=geneve", "geneve", "genev_sys_6081", "(geneve: packet_type=ptap)",
     "geneve external .*dstport 6081 .*udp6zerocsumrx"},
    {"t,type=geneve,dst_port=7000", "geneve", "genev_sys_7000",
     "(geneve: dst_port=7000, packet_type=ptap)", "geneve external .*dstport 7000"},
    {"t,type=gre", "ip_gre", "gre_sys", "(gre: packet_type=ptap)", "gretap external"},
    {"t,type=ip6gre", "ip6_gre", "ip6gre_sys", "(ip6gre: packet_type=ptap)", "ip6gretap external"},
    {"t,type=erspan,key=flow", "ip_gre", "erspan_sys", "(erspan: erspan_ver=0, packet_type=ptap)",
     "erspan external"},
    {"t,type=ip6erspan", "ip6_gre", "ip6erspan_sys", "(ip6erspan: erspan_ver=0, packet_type=ptap)",
     "ip6erspan external"},
    {"t,type=bareudp", "bareudp", "udp_sys_6635", "(bareudp: packet_type=ptap, payload_type=ip)",
     "bareudp dstport 6635 ethertype ip.* multiproto"},
    {"t,type=bareudp,dst_port=7001,payload_type=mpls", "bareudp", "udp_sys_7001",
     "(bareudp: dst_port=7001, packet_type=ptap, payload_type=mpls)",
     "bareudp dstport 7001 ethertype mpls_uc.* multiproto"},
    {"t,type=bareudp,dst_port=7002,payload_type=0x8847", "bareudp", "udp_sys_7002",
     "(bareudp: dst_port=7002, packet_type=ptap, payload_type=0x8847)",
     "bareudp dstport 7002 ethertype mpls_uc.* nomultiproto"},
};

}  // namespace

TEST_CASE("tunnels of every kind are made, shown as they are, and go with their port") {
  const OneDatapath fixture;
  for (const Case& one : kCases) {
    CAPTURE(one.argument);
    if (!HasModule(one.module)) {
      CHECK(Has(Fail("dpctl add-if dp0 " + one.argument), one.module));
      continue;
    }
    CHECK(Has(Succeed("dpctl add-if dp0 " + one.argument), "the port is called " + one.device));
    CHECK(Has(Succeed("dpctl show dp0"), "  port 1: " + one.device + " " + one.shown + "\n"));
    CHECK(Has(Succeed("setpriv --reuid=65534 --clear-groups dpctl show dp0"), one.shown));
    const std::string link = Succeed("ip -d link show " + one.device);
    CHECK(Has(link, ",UP"));
    CHECK(Has(link, "mtu 65000"));
    INFO(link);
    CHECK(Run("ip -d link show " + one.device + " | grep -E '" + one.link + "'").status == 0);
    Succeed("dpctl del-if dp0 " + one.device);
    Fail("ip link show " + one.device);
  }
}

TEST_CASE("a UDP port that was given up a moment ago is had again") {
  if (!HasModule("vxlan") || !HasModule("geneve")) SLUICE_SKIP("needs vxlan and geneve");
  const OneDatapath fixture;
  for (int i = 0; i < 20; ++i) {
    Succeed("dpctl add-if dp0 v,type=vxlan g,type=geneve");
    Succeed("dpctl del-if dp0 vxlan_sys_4789 genev_sys_6081");
  }
}

TEST_CASE("what is in the way of a tunnel is named, and nothing is left behind") {
  if (!HasModule("vxlan") || !HasModule("ip_gre")) SLUICE_SKIP("needs vxlan and ip_gre");
  const OneDatapath fixture;
  Succeed("ip link add other0 type vxlan external dstport 4789; ip link set other0 up");
  CHECK(Has(Fail("dpctl add-if dp0 v,type=vxlan"), "device other0 has UDP port 4789"));
  Succeed("ip link del other0");

  Succeed("ip link add vxlan_sys_4789 type vxlan external dstport 4789 nolearning gbp");
  CHECK(Has(Fail("dpctl add-if dp0 v,type=vxlan"),
            "device vxlan_sys_4789 is there already, and it is made with gbp"));
  CHECK(Has(Succeed("ip link show vxlan_sys_4789"), "state DOWN"));
  // One that fits is taken over, and brought up.
  Succeed("dpctl add-if dp0 v,type=vxlan,exts=gbp");
  CHECK(Has(Succeed("ip link show vxlan_sys_4789"), ",UP"));
  CHECK(Has(Fail("dpctl add-if dp0 w,type=vxlan,exts=gbp"), "adding w to dp0"));
  CHECK(Has(Succeed("dpctl show"), "vxlan_sys_4789"));
  Succeed("dpctl del-if dp0 vxlan_sys_4789");

  Succeed("ip link add gre7 type gretap external");
  CHECK(Has(Fail("dpctl add-if dp0 g,type=gre"), "device gre7 is one of the same kind"));
  Succeed("ip link del gre7");

  Succeed("ip link add vxlan_sys_4789 type dummy");
  CHECK(Has(Fail("dpctl add-if dp0 v,type=vxlan"), "is there already, and is no tunnel"));
  Succeed("dpctl add-if dp0 vxlan_sys_4789");
  CHECK(Has(Succeed("dpctl show"), "port 1: vxlan_sys_4789\n"));
  Succeed("dpctl del-if dp0 vxlan_sys_4789; ip link del vxlan_sys_4789");

  // The device is made, and the port refused.
  Succeed("dpctl add-if dp0 int0,type=internal,port_no=5");
  CHECK(Has(Fail("dpctl add-if dp0 v,type=vxlan,port_no=5"), "adding v to dp0"));
  Fail("ip link show vxlan_sys_4789");
  // A later port is refused.
  CHECK(Has(Fail("dpctl add-if dp0 v,type=vxlan nosuch"), "adding nosuch to dp0"));
  Fail("ip link show vxlan_sys_4789");
  CHECK_FALSE(Has(Succeed("dpctl show"), "vxlan"));
  CHECK(Has(Fail("dpctl add-dp dp1 v,type=vxlan nosuch"), "adding nosuch to dp1"));
  Fail("ip link show vxlan_sys_4789");
}

TEST_CASE("another socket that has the UDP port: a bounded number of tries") {
  if (!HasModule("vxlan")) SLUICE_SKIP("needs vxlan");
  const OneDatapath fixture;
  const std::string hold =
      "python3 -c 'import socket,subprocess,sys; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM);"
      "s.bind((\"0.0.0.0\",4789)); sys.exit(subprocess.call(sys.argv[1:]))' ";
  CHECK(Has(Fail(hold + "dpctl add-if dp0 v,type=vxlan"), "UDP port 4789 stayed in use"));
  Fail("ip link show vxlan_sys_4789");
}

TEST_CASE("a deleted datapath takes its tunnel devices along") {
  if (!HasModule("geneve")) SLUICE_SKIP("needs geneve");
  Succeed("dpctl add-dp dp0 g,type=geneve");
  Succeed("dpctl del-dp dp0");
  Fail("ip link show genev_sys_6081");
}

TEST_CASE("options are checked, and those that say nothing are said") {
  if (!HasModule("vxlan")) SLUICE_SKIP("needs vxlan");
  const OneDatapath fixture;
  CHECK(Has(Succeed("dpctl add-if dp0 v,type=vxlan,remote_ip=10.0.0.1,key=5"),
            "remote_ip=10.0.0.1 has no effect: flows say it, with set(tunnel(dst=IP,..))"));
  const std::pair<const char*, const char*> kBad[] = {
      {"v,type=vxlan,dst_port=0", "expected a UDP port"},
      {"v,type=vxlan,foo=1", "a port of type vxlan has no option \"foo\": there are type"},
      {"v,type=gre,dst_port=1", "has no option \"dst_port\""},
      {"v,type=geneve,remote_ip=nonsense", "remote_ip=nonsense: expected an IP address, or flow"},
      {"v,type=gtpu", "v: type gtpu: the kernel's datapath has no ports of this type"},
      {"v,type=strange", "unknown type \"strange\": expected one of system, internal"},
      {"v,type=tap", "make it first: ip tuntap add v mode tap"},
      {"vxlan_sys_4800", "with type=vxlan the device is made"},
  };
  for (const auto& [argument, text] : kBad) {
    CAPTURE(argument);
    CHECK(Has(Fail(std::string("dpctl add-if dp0 ") + argument), text));
  }
}

TEST_CASE("set-if changes what can be changed, all of it or nothing") {
  if (!HasModule("vxlan")) SLUICE_SKIP("needs vxlan");
  const testing::TwoPorts fixture;
  Succeed("dpctl add-if dp0 v,type=vxlan,dst_port=4790,mtu=9000 int0,type=internal,mtu=1300");
  CHECK(Has(Succeed("ip link show vxlan_sys_4790"), "mtu 9000"));
  CHECK(Has(Succeed("ip link show int0"), "mtu 1300"));
  Succeed("dpctl set-if dp0 veth0,type=system,port_no=1,mtu=1400 vxlan_sys_4790,type=vxlan,mtu=");
  CHECK(Has(Succeed("ip link show veth0"), "mtu 1400"));
  CHECK(Has(Succeed("ip link show vxlan_sys_4790"), "mtu 65000"));
  Succeed("dpctl set-if dp0 vxlan_sys_4790,dst_port=4790,exts=");
  const std::pair<const char*, const char*> kBad[] = {
      {"vxlan_sys_4790,dst_port=4791", "cannot be changed while the port is there"},
      {"vxlan_sys_4790,dst_port=", "its dst_port is 4790, not 4789"},
      {"vxlan_sys_4790,exts=gbp", "it is made without gbp"},
      {"vxlan_sys_4790,type=geneve", "can't change type from vxlan to geneve"},
      {"veth0,port_no=2", "can't change port number from 1 to 2"},
      {"veth0,key=1", "has no option \"key\""},
      {"nosuch,mtu=1", "no port named nosuch in system@dp0"},
      {"veth0,mtu=1200 veth1,mtu=1", "veth1: setting the MTU to 1"},
  };
  for (const auto& [argument, text] : kBad) {
    CAPTURE(argument);
    CHECK(Has(Fail(std::string("dpctl set-if dp0 ") + argument), text));
  }
  CHECK(Has(Succeed("ip link show veth0"), "mtu 1400"));
}

TEST_CASE("tunnels that are the module's own ports are shown, and can be deleted") {
  if (!HasModule("vport-vxlan")) SLUICE_SKIP("needs vport-vxlan");
  const OneDatapath fixture;
  socket::Client client = *socket::Client::Open(NETLINK_GENERIC);
  const auto datapath = ovs::Datapaths(&client).Get("dp0");
  REQUIRE_OK(datapath);
  ovs::Vports vports(&client);
  const auto add = [&](const char* name, uint32_t type, const ovs::TunnelOptions& options) {
    const auto port =
        vports.Add(datapath->ifindex,
                   {.name = name, .type = type, .options = ovs::EncodeTunnelOptions(options)});
    REQUIRE_OK(port);
  };
  add("vx0", OVS_VPORT_TYPE_VXLAN, {.dst_port = 4790, .gbp = true});
  CHECK(Has(Succeed("dpctl show"),
            "port 1: vx0 (vxlan: dst_port=4790, exts=gbp, packet_type=ptap)\n"));
  if (HasModule("vport-geneve")) {
    add("ge0", OVS_VPORT_TYPE_GENEVE, {.dst_port = 6081});
    CHECK(Has(Succeed("dpctl show"), "port 2: ge0 (geneve: packet_type=ptap)\n"));
    Succeed("dpctl del-if dp0 ge0");
  }
  if (HasModule("vport-gre")) {
    add("gre7", OVS_VPORT_TYPE_GRE, {});
    CHECK(Has(Succeed("dpctl show"), "gre7 (gre: packet_type=ptap)\n"));
    Succeed("dpctl del-if dp0 gre7");
  }
  const auto json = nlohmann::json::parse(Succeed("dpctl show --json"), nullptr, false);
  REQUIRE_FALSE(json.is_discarded());
  const auto& port = json["datapaths"][0]["ports"][1];
  CHECK(port["type"] == "vxlan");
  CHECK(port["vport_type"] == "vxlan");
  CHECK(port["configuration"]["dst_port"] == 4790);
  CHECK(Has(Fail("dpctl set-if dp0 vx0,dst_port=4789"), "cannot be changed"));
  Succeed("dpctl del-if dp0 vx0");
  Fail("ip link show vx0");
}

TEST_CASE("JSON of ports") {
  if (!HasModule("vxlan")) SLUICE_SKIP("needs vxlan");
  const OneDatapath fixture;
  const auto added = nlohmann::json::parse(
      Succeed("dpctl add-if --json dp0 v,type=vxlan i,type=internal,port_no=9"), nullptr, false);
  REQUIRE_FALSE(added.is_discarded());
  CHECK(added["ports"][0] == nlohmann::json({{"argument", "v"},
                                             {"port_no", 1},
                                             {"name", "vxlan_sys_4789"},
                                             {"type", "vxlan"},
                                             {"device_made", true}}));
  const auto shown = nlohmann::json::parse(Succeed("dpctl show --json"), nullptr, false);
  REQUIRE_FALSE(shown.is_discarded());
  const auto& ports = shown["datapaths"][0]["ports"];
  CHECK(ports[1]["vport_type"] == "netdev");
  CHECK(ports[1]["configuration"]["dst_port"] == 4789);
  CHECK(ports[2]["configuration"].is_null());
}

TEST_CASE("the peer shows our ports as we do, and we its") {
  if (Run("command -v ovs-dpctl").status != 0) SLUICE_SKIP("needs ovs-dpctl: tools/setup peer");
  if (!HasModule("ip6_gre") || !HasModule("vxlan")) SLUICE_SKIP("needs vxlan and ip6_gre");
  HasModule("geneve");
  HasModule("ip_gre");
  const std::string types =
      " a,type=vxlan,remote_ip=flow b,type=vxlan,dst_port=4790,remote_ip=flow "
      "c,type=geneve,remote_ip=flow d,type=gre,remote_ip=flow e,type=ip6gre,remote_ip=flow "
      "f,type=erspan,remote_ip=flow,key=flow g,type=ip6erspan,remote_ip=flow,key=flow "
      "i,type=internal";
  const OneDatapath fixture;
  // Devices that come up send packets of their own: the datapath's counters move between the two.
  const std::string kPorts = " | grep -v 'lookups:\\|masks:\\|cache:'";
  Succeed("dpctl add-if dp0" + types);
  CHECK(Succeed("dpctl show" + kPorts) == Succeed("ovs-dpctl show 2>/dev/null" + kPorts));
  Succeed("dpctl del-if dp0 1 2 3 4 5 6 7 8");
  Succeed("ovs-dpctl add-if dp0" + types);
  CHECK(Succeed("dpctl show" + kPorts) == Succeed("ovs-dpctl show 2>/dev/null" + kPorts));
  CHECK(Has(Succeed("dpctl show"), "port 7: ip6erspan_sys (ip6erspan"));
  Succeed("dpctl del-if dp0 1 2 3 4 5 6 7 8");
  Fail("ip link show gre_sys");
}

TEST_CASE("VXLAN between two hosts, by flows that say where packets go") {
  if (!HasModule("vxlan")) SLUICE_SKIP("needs vxlan");
  // Two hosts that know each other as 10.9.0.1 and .2, each with a datapath and a guest behind it.
  Succeed(
      "ip netns add A && ip netns add B && ip link add u netns A type veth peer name u netns B");
  for (const auto& [host, own, other] : {std::tuple("A", "1", "2"), std::tuple("B", "2", "1")}) {
    const std::string in = std::string("ip netns exec ") + host + " ";
    Succeed(absl::StrCat(in, "ip link set lo up; ", in, "ip addr add 10.9.0.", own, "/24 dev u; ",
                         in, "ip link set u up"));
    Succeed(absl::StrCat(in,
                         "dpctl add-dp dp0 i,type=internal,port_no=1,mtu=1400 "
                         "v,type=vxlan,port_no=2"));
    Succeed(absl::StrCat(in, "ip addr add 10.8.0.", own, "/24 dev i"));
    Succeed(absl::StrCat(in,
                         "dpctl add-flow dp0 'in_port(1),eth()' 'set(tunnel(tun_id=0x7,dst=10.9.0.",
                         other, ",ttl=64,tp_dst=4789,flags(df|key))),vxlan_sys_4789'"));
    Succeed(absl::StrCat(in, "dpctl add-flow dp0 'tunnel(tun_id=0x7,src=10.9.0.", other,
                         ",dst=10.9.0.", own, ",ttl=0/0,flags(+key)),in_port(2),eth()' 1"));
  }
  const std::string ping = "ip netns exec A ping -q -c 3 -i 0.1 -W 2 10.8.0.2";
  CHECK(Has(Succeed(ping), " 0% packet loss"));
  CHECK(Has(Succeed("ip netns exec B dpctl dump-flows dp0"), "tunnel(tun_id=0x7,src=10.9.0.1"));
  Run("ip netns exec A dpctl del-dp dp0; ip netns exec B dpctl del-dp dp0; ip netns del A; ip "
      "netns "
      "del B");
}

}  // namespace sluice
