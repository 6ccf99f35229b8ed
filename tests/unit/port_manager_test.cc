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
  std::vector<int> brought_up;
  std::map<uint32_t, ovs::Vport> ports;
};

class Sink final : public PortSink {
 public:
  void OnPorts(std::vector<pipeline::BridgePort> now) override {
    names.clear();
    for (const pipeline::BridgePort& port : now) names.push_back(port.name);
    ++changes;
  }
  void OnDatapath(int dp_ifindex) override { ifindexes.push_back(dp_ifindex); }

  std::vector<std::string> names;
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

}  // namespace
}  // namespace sluice::port
