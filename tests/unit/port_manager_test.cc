#include "agent/port/port_manager.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "netlink/base/status.h"
#include "tests/support/test.h"

namespace sluice::port {
namespace {

// One datapath, in memory; refuses what it is told to.
class FakeKernel final : public PortKernel {
 public:
  absl::StatusOr<ovs::Datapath> GetDatapath(std::string_view) override {
    if (!module) return absl::UnavailableError("no module");
    if (get_error != 0) return base::KernelError(get_error, "datapath get");
    if (dp_ifindex == 0) return base::KernelError(ENODEV, "datapath get");
    ovs::Datapath datapath;
    datapath.ifindex = dp_ifindex;
    return datapath;
  }
  absl::StatusOr<ovs::Datapath> CreateDatapath(const ovs::DatapathConfig& config) override {
    if (create_error != 0) return base::KernelError(create_error, "datapath create");
    dp_ifindex = next_ifindex++;
    ports = {{0, MakePort(0, config.name, OVS_VPORT_TYPE_INTERNAL)}};
    return GetDatapath(config.name);
  }
  absl::Status DeleteDatapath(int) override {
    dp_ifindex = 0;
    return absl::OkStatus();
  }
  absl::Status ApplyDispatch(int) override {
    ++applied;
    in_force = true;
    return absl::OkStatus();
  }
  absl::StatusOr<route::Route> RouteTo(const route::RouteQuery&) override {
    ++route_looks;
    if (route_error != 0) return base::KernelError(route_error, "route get");
    return route;
  }
  bool IsDispatchInForce(const ovs::Datapath&) const override { return in_force; }
  std::vector<uint32_t> PidsForPort() const override { return {11, 12}; }
  std::vector<uint32_t> PidsOf(int, uint32_t port_no) const override {
    return port_no == cut_off ? std::vector<uint32_t>{0} : PidsForPort();
  }

  absl::StatusOr<std::vector<ovs::Vport>> ListPorts(int) override {
    if (list_error != 0) return base::KernelError(list_error, "vport dump");
    std::vector<ovs::Vport> out;
    for (const auto& [number, vport] : ports) out.push_back(vport);
    return out;
  }
  absl::StatusOr<ovs::Vport> AddPort(int, const ovs::VportConfig& config) override {
    ++tries;
    if (add_error != 0) return base::KernelError(add_error, "vport add");
    uint32_t number = 1;
    while (ports.count(number) != 0) ++number;
    ports[number] = MakePort(number, config.name, config.type);
    ports[number].upcall_pids = config.upcall_pids;
    return ports[number];
  }
  absl::Status SetUpcallPids(int, uint32_t number, std::span<const uint32_t> pids) override {
    ports[number].upcall_pids.assign(pids.begin(), pids.end());
    return absl::OkStatus();
  }
  absl::Status DeletePort(int, uint32_t number) override {
    return ports.erase(number) != 0 ? absl::OkStatus() : base::KernelError(ENODEV, "vport del");
  }
  absl::Status SetLinkUp(int ifindex) override {
    brought_up.push_back(ifindex);
    return absl::OkStatus();
  }
  absl::StatusOr<route::TunnelMade> EnsureTunnel(const route::TunnelSpec& spec) override {
    if (tunnel_error != 0) return base::KernelError(tunnel_error, "tunnel device add");
    const std::string name = spec.DeviceName();
    const auto there = devices.find(name);
    if (there != devices.end() && there->second != spec.gbp)
      return absl::AlreadyExistsError("it is made with another gbp");
    devices[name] = spec.gbp;
    return route::TunnelMade{.device = {.ifindex = 50, .spec = spec},
                             .made = there == devices.end()};
  }
  absl::Status RemoveTunnel(std::string_view device) override {
    devices.erase(std::string(device));
    return absl::OkStatus();
  }

  ovs::Vport MakePort(uint32_t number, std::string name, uint32_t type) const {
    ovs::Vport vport;
    vport.port_no = number;
    vport.name = std::move(name);
    vport.type = type;
    vport.ifindex = 100 + static_cast<int>(number);
    return vport;
  }

  bool module = true;
  bool in_force = false;
  std::optional<uint32_t> cut_off;
  int get_error = 0;
  int list_error = 0;
  int create_error = 0;
  int add_error = 0;
  int dp_ifindex = 0;
  int next_ifindex = 7;
  int applied = 0;
  int tries = 0;
  int tunnel_error = 0;
  int route_looks = 0, route_error = 0;
  route::Route route{.ifindex = 3, .mtu = 1500};
  std::map<std::string, bool> devices;  // of tunnels, and whether they have gbp
  std::vector<int> brought_up;
  std::map<uint32_t, ovs::Vport> ports;
};

class Sink final : public PortSink {
 public:
  void OnPorts(std::vector<pipeline::BridgePort> now) override {
    names.clear();
    for (const pipeline::BridgePort& port : now) names.push_back(port.name);
    ports = now;
    ++changes;
  }
  void OnDatapath(int dp_ifindex) override { ifindexes.push_back(dp_ifindex); }

  std::vector<std::string> names;
  std::vector<pipeline::BridgePort> ports;
  std::vector<int> ifindexes;
  int changes = 0;
};

struct Lab {
  explicit Lab(std::vector<PortSpec> wanted)
      : manager("br0", std::move(wanted), &kernel, &links, &sink, &clock) {
    spdlog::set_level(spdlog::level::off);
  }

  void AddLink(int ifindex, const std::string& name, int master = 0) {
    route::Link link;
    link.ifindex = ifindex;
    link.name = name;
    link.master = master;
    links.Apply({.kind = route::LinkEventKind::kChanged, .link = link});
  }
  void Adopt(std::vector<ovs::Vport> vports) {
    kernel.dp_ifindex = 3;
    kernel.ports[0] = kernel.MakePort(0, "br0", OVS_VPORT_TYPE_INTERNAL);
    for (ovs::Vport& vport : vports) kernel.ports[vport.port_no] = std::move(vport);
  }
  PortState State(std::string_view name) {
    for (const PortStatus& port : manager.Status())
      if (port.spec.name == name) return port.state;
    FAIL("no port " << name);
    return PortState::kAbsent;
  }
  std::string Reason(std::string_view name) {
    for (const PortStatus& port : manager.Status())
      if (port.spec.name == name) return port.reason;
    return "no such port";
  }
  void Wait(base::MonotonicMs ms) {
    clock.Advance(ms);
    manager.Reconcile();
  }

  FakeKernel kernel;
  LinkTable links;
  Sink sink;
  base::FakeClock clock{1'000'000};
  PortManager manager;
};

using Names = std::vector<std::string>;

TEST_CASE("a port is added when its device comes, and brought up") {
  Lab lab({{.name = "a"}});
  lab.manager.Reconcile();
  CHECK(lab.State("a") == PortState::kAbsent);
  CHECK(lab.sink.names == Names{"br0"});
  CHECK(lab.kernel.tries == 0);

  lab.AddLink(5, "a");
  lab.manager.Reconcile();
  CHECK(lab.State("a") == PortState::kUp);
  CHECK(lab.sink.names == Names{"br0", "a"});
  CHECK(lab.kernel.brought_up == std::vector<int>{101});
  CHECK(lab.kernel.ports[1].upcall_pids == std::vector<uint32_t>{11, 12});
  CHECK_FALSE(lab.manager.deadline());

  const int changes = lab.sink.changes;
  lab.manager.Reconcile();
  CHECK(lab.sink.changes == changes);  // nothing new, nothing told
}

TEST_CASE("a port that left the datapath is told, and added again when it comes back") {
  Lab lab({{.name = "a"}});
  lab.AddLink(5, "a");
  lab.manager.Reconcile();
  lab.kernel.ports.erase(1);
  lab.links.Apply({.kind = route::LinkEventKind::kRemoved, .link = *lab.links.Find("a")});
  lab.manager.Reconcile();
  CHECK(lab.State("a") == PortState::kAbsent);
  CHECK(lab.sink.names == Names{"br0"});
  lab.AddLink(6, "a");
  lab.manager.Reconcile();
  CHECK(lab.State("a") == PortState::kUp);
}

TEST_CASE("what the kernel refuses for now is tried again, a bounded number of times") {
  Lab lab({{.name = "a"}});
  lab.AddLink(5, "a");
  lab.kernel.add_error = EBUSY;
  lab.manager.Reconcile();
  CHECK(lab.State("a") == PortState::kAdding);
  CHECK(lab.manager.deadline() == lab.clock.Now() + 50);

  lab.Wait(49);
  CHECK(lab.kernel.tries == 1);
  lab.Wait(1);
  CHECK(lab.kernel.tries == 2);
  for (int i = 0; i < 100 && lab.State("a") == PortState::kAdding; ++i) lab.Wait(50);
  CHECK(lab.kernel.tries == PortManager::kQuickTries);
  CHECK(lab.State("a") == PortState::kFailed);

  lab.kernel.add_error = 0;
  lab.Wait(PortManager::kSlowRetryMs);
  CHECK(lab.State("a") == PortState::kUp);
}

TEST_CASE("a device that another has is tried again when it changes") {
  Lab lab({{.name = "a"}});
  lab.AddLink(4, "other");
  lab.AddLink(5, "a", /*master=*/4);
  lab.kernel.add_error = EBUSY;
  lab.manager.Reconcile();
  CHECK(lab.State("a") == PortState::kFailed);
  CHECK(lab.Reason("a") == "the device is a port of other already: take it out there");
  lab.manager.Reconcile();
  CHECK(lab.kernel.tries == 1);

  lab.kernel.add_error = 0;
  lab.AddLink(5, "a");
  lab.manager.Reconcile();
  CHECK(lab.State("a") == PortState::kUp);
}

TEST_CASE("an adopted datapath keeps its ports, and lets go of devices that are not wanted") {
  Lab lab({{.name = "a"}, {.name = "i", .internal = true}});
  lab.AddLink(5, "a");
  lab.Adopt({lab.kernel.MakePort(4, "a", OVS_VPORT_TYPE_NETDEV),
             lab.kernel.MakePort(5, "stale", OVS_VPORT_TYPE_NETDEV),
             lab.kernel.MakePort(6, "mine", OVS_VPORT_TYPE_INTERNAL)});
  lab.manager.Reconcile();
  CHECK(lab.sink.ifindexes == std::vector<int>{3});
  CHECK(lab.kernel.applied == 1);
  CHECK(lab.kernel.ports.count(5) == 0);
  CHECK(lab.kernel.ports.count(6) == 1);
  CHECK(lab.State("mine") == PortState::kUnmanaged);
  CHECK(lab.kernel.ports[4].upcall_pids == std::vector<uint32_t>{11, 12});
  CHECK(lab.sink.names == Names{"br0", "a", "i"});
  CHECK(lab.kernel.brought_up.size() == 1);  // "i" alone: whoever took "a" down meant it
}

TEST_CASE("a port that someone adds later is left alone and not forwarded to") {
  Lab lab({});
  lab.manager.Reconcile();
  lab.kernel.ports[9] = lab.kernel.MakePort(9, "theirs", OVS_VPORT_TYPE_NETDEV);
  lab.manager.Reconcile();
  CHECK(lab.State("theirs") == PortState::kUnmanaged);
  CHECK(lab.kernel.ports.count(9) == 1);
  CHECK(lab.sink.names == Names{"br0"});
}

TEST_CASE("a reload removes what it does not name any more, internal ports too") {
  Lab lab({{.name = "i", .internal = true}, {.name = "j", .internal = true}});
  lab.manager.Reconcile();
  REQUIRE(lab.sink.names == Names{"br0", "i", "j"});
  lab.manager.SetWanted({{.name = "j", .internal = true, .vlan = uint16_t{4}}});
  lab.manager.Reconcile();
  CHECK(lab.sink.names == Names{"br0", "j"});
  CHECK(lab.kernel.ports.size() == 2);
}

TEST_CASE("a port of the wanted name and another type has failed") {
  Lab lab({{.name = "a"}});
  lab.Adopt({lab.kernel.MakePort(1, "a", OVS_VPORT_TYPE_INTERNAL)});
  lab.manager.Reconcile();
  CHECK(lab.State("a") == PortState::kFailed);
  CHECK(lab.Reason("a") == "the datapath has a port of that name, of type internal");
  CHECK(lab.kernel.tries == 0);
}

TEST_CASE("features and pids that others set are set back, not more often than bounded") {
  Lab lab({});
  lab.manager.Reconcile();
  CHECK(lab.kernel.applied == 1);
  lab.clock.Advance(1000);
  lab.manager.NoteForeignSet(/*certain=*/true);
  lab.manager.Reconcile();
  CHECK(lab.kernel.applied == 2);  // at once

  lab.manager.NoteForeignSet(/*certain=*/true);
  lab.manager.Reconcile();
  CHECK(lab.kernel.applied == 2);
  REQUIRE(lab.manager.deadline() == lab.clock.Now() + PortManager::kReassertIntervalMs);
  lab.Wait(PortManager::kReassertIntervalMs);
  CHECK(lab.kernel.applied == 3);

  lab.clock.Advance(1000);
  lab.kernel.in_force = false;  // without an event: the check finds it
  lab.manager.Check();
  CHECK(lab.manager.deadline() == lab.clock.Now());
  lab.manager.Reconcile();
  CHECK(lab.kernel.applied == 4);
}

TEST_CASE("a port that is cut off stays so, and its pids come back when it is let in") {
  Lab lab({{.name = "a"}});
  lab.AddLink(5, "a");
  lab.manager.Reconcile();
  lab.kernel.cut_off = 1;
  lab.manager.Reconcile();
  CHECK(lab.kernel.ports[1].upcall_pids == std::vector<uint32_t>{0});
  lab.kernel.cut_off.reset();
  lab.manager.Reconcile();
  CHECK(lab.kernel.ports[1].upcall_pids == std::vector<uint32_t>{11, 12});
}

TEST_CASE("a datapath that was deleted is made again, with its ports") {
  Lab lab({{.name = "a"}});
  lab.AddLink(5, "a");
  lab.manager.Reconcile();
  lab.kernel.dp_ifindex = 0;
  lab.kernel.ports.clear();
  lab.manager.Reconcile();
  CHECK(lab.sink.ifindexes == std::vector<int>{7, 8});
  CHECK(lab.sink.names == Names{"br0", "a"});
  CHECK(lab.kernel.applied == 2);
}

TEST_CASE("without a module there is no datapath, until it is back") {
  Lab lab({{.name = "a"}});
  lab.AddLink(5, "a");
  lab.manager.Reconcile();
  lab.kernel.module = false;
  lab.manager.Reconcile();
  CHECK(lab.manager.datapath_problem() == "no module");
  CHECK(lab.sink.names.empty());
  CHECK(lab.State("a") == PortState::kAbsent);
  CHECK(lab.manager.deadline() == lab.clock.Now() + PortManager::kDatapathRetryMs);

  lab.kernel.module = true;
  lab.kernel.dp_ifindex = 0;
  lab.kernel.ports.clear();
  lab.Wait(PortManager::kDatapathRetryMs);
  CHECK(lab.manager.datapath_problem().empty());
  CHECK(lab.sink.ifindexes == std::vector<int>{7, 0, 8});
  CHECK(lab.State("a") == PortState::kUp);
}

TEST_CASE("a kernel that cannot answer now has not lost the datapath") {
  Lab lab({{.name = "a"}});
  lab.AddLink(5, "a");
  lab.manager.Reconcile();
  const int changes = lab.sink.changes;
  for (int* error : {&lab.kernel.get_error, &lab.kernel.list_error}) {
    for (int number : {ENOMEM, ENOBUFS, ETIMEDOUT, EPERM}) {
      *error = number;
      lab.manager.Reconcile();
      CHECK_FALSE(lab.manager.datapath_problem().empty());
      CHECK(lab.State("a") == PortState::kUp);
      CHECK(lab.manager.deadline() == lab.clock.Now() + PortManager::kDatapathRetryMs);
    }
    *error = 0;
    lab.Wait(PortManager::kDatapathRetryMs);
    CHECK(lab.manager.datapath_problem().empty());
    CHECK_FALSE(lab.manager.deadline());
  }
  CHECK(lab.sink.changes == changes);
  CHECK(lab.sink.ifindexes == std::vector<int>{7});

  lab.kernel.list_error = ENODEV;  // it went between the two questions
  lab.manager.Reconcile();
  CHECK(lab.State("a") == PortState::kAbsent);
  CHECK(lab.sink.ifindexes == std::vector<int>{7, 0});
}

TEST_CASE("a datapath that is gone and cannot be made again is lost") {
  Lab lab({{.name = "a"}});
  lab.AddLink(5, "a");
  lab.manager.Reconcile();
  lab.kernel.dp_ifindex = 0;
  lab.kernel.create_error = ENOMEM;
  lab.manager.Reconcile();
  CHECK(lab.State("a") == PortState::kAbsent);
  CHECK(lab.sink.ifindexes == std::vector<int>{7, 0});
}

TEST_CASE("a device that has the datapath's name is a problem that is told") {
  Lab lab({});
  lab.AddLink(5, "br0");
  lab.kernel.create_error = EEXIST;
  lab.manager.Reconcile();
  CHECK(lab.manager.datapath_problem() ==
        "there is a device of that name which is no datapath: rename either");
}

PortSpec TunnelPort(const std::string& name, uint64_t key, uint16_t udp_port = 0,
                    bool gbp = false) {
  PortSpec spec{.name = name};
  spec.tunnel = TunnelConfig{.udp_port = udp_port, .gbp = gbp};
  spec.tunnel->end.in_key = spec.tunnel->end.out_key = key;
  return spec;
}

TEST_CASE("ports: tunnels of one type and UDP port share a device, and have numbers of their own") {
  Lab lab({TunnelPort("t5", 5), TunnelPort("t6", 6), TunnelPort("u", 5, 4790)});
  lab.manager.Reconcile();
  CHECK(lab.kernel.devices.size() == 2);
  CHECK(lab.kernel.ports.size() == 3);
  CHECK(lab.sink.names == std::vector<std::string>{"br0", "t5", "t6", "u"});
  const auto& ports = lab.sink.ports;
  REQUIRE(ports.size() == 4);
  CHECK(ports[1].port_no == pipeline::kFirstTunnelPort);
  CHECK(ports[2].port_no == pipeline::kFirstTunnelPort + 1);
  CHECK(ports[1].tunnel->vport == ports[2].tunnel->vport);
  CHECK(ports[1].tunnel->vport != ports[3].tunnel->vport);
  CHECK(ports[3].tunnel->device == "vxlan_sys_4790");
  CHECK(lab.manager.Status().size() == 3);  // the devices are no ports of the bridge

  lab.manager.SetWanted({TunnelPort("t6", 7), TunnelPort("t8", 8)});
  lab.manager.Reconcile();
  CHECK(lab.kernel.devices.size() == 1);  // 4790 carries nothing any more
  REQUIRE(lab.sink.ports.size() == 3);
  CHECK(lab.sink.ports[1].port_no == pipeline::kFirstTunnelPort + 1);  // it keeps its number
  CHECK(lab.sink.ports[1].tunnel->in_key == 7);
  CHECK(lab.sink.ports[2].port_no == pipeline::kFirstTunnelPort);
}

TEST_CASE("ports: a tunnel without a route has no link, and one with it has an MTU") {
  PortSpec spec = TunnelPort("t", 5);
  spec.tunnel->end.remote = pipeline::TunnelAddress{.v4 = *base::ParseIpv4("192.0.2.2")};
  Lab lab({spec, TunnelPort("flow", 6)});
  lab.manager.Reconcile();
  CHECK(lab.manager.Status()[0].inner_mtu == 1450);
  CHECK(lab.kernel.route_looks == 1);  // only where there is one address
  lab.kernel.route_error = ENETUNREACH;
  lab.manager.Reconcile();
  CHECK(lab.kernel.route_looks == 1);  // nobody said that routes changed
  lab.manager.NoteRoutes();
  lab.manager.Reconcile();
  CHECK(lab.manager.Status()[0].reason == "no route to 192.0.2.2");
  CHECK_FALSE(lab.manager.Status()[0].has_link);
  CHECK_FALSE(lab.sink.ports[1].up);
  CHECK(lab.sink.ports[2].up);
  lab.kernel.route_error = 0;
  lab.manager.NoteRoutes();
  lab.manager.Reconcile();
  CHECK(lab.sink.ports[1].up);
  lab.kernel.route_error = ENOBUFS;  // which tells nothing
  lab.manager.NoteRoutes();
  lab.manager.Reconcile();
  CHECK(lab.sink.ports[1].up);
  CHECK(lab.manager.Status()[0].inner_mtu == 0);
}

TEST_CASE("ports: a neighbour that does not answer is a reason, and no more") {
  PortSpec spec = TunnelPort("t", 5);
  spec.tunnel->end.remote = pipeline::TunnelAddress{.v4 = *base::ParseIpv4("192.0.2.2")};
  Lab lab({spec, TunnelPort("flow", 6)});
  lab.manager.Reconcile();
  route::Neighbour hop{.ifindex = 3, .v4 = *base::ParseIpv4("192.0.2.2"), .failed = true};
  const auto reason = [&lab] { return lab.manager.Status()[0].reason; };
  CHECK(lab.manager.OnNeighbour(hop));
  CHECK_FALSE(lab.manager.OnNeighbour(hop));  // nothing new
  CHECK(reason() == "neighbour 192.0.2.2 does not answer");
  CHECK(lab.manager.Status()[0].has_link);
  lab.manager.SetSilentPeers({{"t", "no answer"}});
  CHECK(reason() == "no answer: neighbour 192.0.2.2 does not answer");
  lab.manager.NoteRoutes();  // which stay as they are
  lab.manager.Reconcile();
  CHECK(reason() == "no answer: neighbour 192.0.2.2 does not answer");
  hop.failed = false;
  CHECK(lab.manager.OnNeighbour(hop));
  CHECK(reason() == "no answer");
  // Behind a gateway that is the neighbour, and on that device alone.
  lab.kernel.route.v4_gateway = *base::ParseIpv4("192.0.2.9");
  lab.manager.NoteRoutes();
  lab.manager.Reconcile();
  hop.failed = true;
  CHECK_FALSE(lab.manager.OnNeighbour(hop));
  hop.v4 = lab.kernel.route.v4_gateway;
  hop.ifindex = 4;
  CHECK_FALSE(lab.manager.OnNeighbour(hop));
  hop.ifindex = 3;
  CHECK(lab.manager.OnNeighbour(hop));
  CHECK(reason() == "no answer: neighbour 192.0.2.9 does not answer");
  // Another way: nothing is known of that neighbour.
  lab.kernel.route.ifindex = 4;
  lab.manager.NoteRoutes();
  lab.manager.Reconcile();
  CHECK(reason() == "no answer");
}

TEST_CASE("ports: what wraps a packet is known by the type") {
  using route::TunnelKind;
  TunnelConfig tunnel;
  CHECK(OverheadOf(tunnel) == 36);
  tunnel.end.remote = pipeline::TunnelAddress{.v6 = *base::ParseIpv6("2001:db8::1")};
  CHECK(OverheadOf(tunnel) == 56);
  tunnel = {.kind = TunnelKind::kGre, .end = {.has_key = false}};
  CHECK(OverheadOf(tunnel) == 24);
  tunnel = {.kind = TunnelKind::kGre, .end = {.checksum = true}};
  CHECK(OverheadOf(tunnel) == 32);
  tunnel = {.kind = TunnelKind::kErspan, .end = {.erspan = pipeline::ErspanEnd{}}};
  CHECK(OverheadOf(tunnel) == 36);
  tunnel.end.erspan->version = 2;
  CHECK(OverheadOf(tunnel) == 40);
}

TEST_CASE("ports: a device of tunnels that is there is taken over, or made anew") {
  Lab lab({TunnelPort("t", 5, 0, /*gbp=*/true)});
  lab.kernel.devices["vxlan_sys_4789"] = false;
  lab.Adopt({lab.kernel.MakePort(4, "vxlan_sys_4789", OVS_VPORT_TYPE_NETDEV)});
  lab.manager.Reconcile();
  CHECK(lab.State("t") == PortState::kUp);
  CHECK(lab.kernel.devices.at("vxlan_sys_4789"));

  Lab other({});
  other.kernel.devices["vxlan_sys_4789"] = false;
  other.Adopt({other.kernel.MakePort(4, "vxlan_sys_4789", OVS_VPORT_TYPE_NETDEV)});
  other.manager.Reconcile();
  CHECK(other.kernel.devices.empty());
}

TEST_CASE("ports: a UDP port that is still in use is asked for again, then failed") {
  Lab lab({TunnelPort("t", 5)});
  lab.kernel.tunnel_error = EADDRINUSE;
  lab.manager.Reconcile();
  CHECK(lab.State("t") == PortState::kAdding);
  lab.kernel.tunnel_error = 0;
  lab.Wait(50);
  CHECK(lab.State("t") == PortState::kUp);

  Lab never({TunnelPort("t", 5)});
  never.kernel.tunnel_error = EADDRINUSE;
  for (int i = 0; i < 10; ++i) never.Wait(1600);
  CHECK(never.State("t") == PortState::kFailed);
  CHECK(never.Reason("t").find("tunnel device add") != std::string::npos);
}

}  // namespace
}  // namespace sluice::port
