// The fast path against the real datapath: upcalls answered, megaflows installed, in both ways of
// dispatch, with real hosts in namespaces of the test's own.

#include <algorithm>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/flowcache/revalidator.h"
#include "agent/upcall/dispatch.h"
#include "agent/upcall/forwarder.h"
#include "netlink/attr/text.h"
#include "netlink/base/counters.h"
#include "netlink/ovs/datapath.h"
#include "netlink/ovs/flow_key.h"
#include "netlink/ovs/vport.h"
#include "tests/support/test.h"

namespace sluice {
namespace {

using upcall::DispatchMode;

bool Shell(const std::string& command) { return std::system(command.c_str()) == 0; }

uint64_t CounterValue(std::string_view name) {
  for (const base::CounterReading& reading : base::Counters::Read())
    if (reading.name == name) return reading.value;
  return 0;
}

// How much a counter has risen since this object was made.
class Rise {
 public:
  explicit Rise(std::string_view name) : name_(name), start_(CounterValue(name)) {}
  uint64_t value() const { return CounterValue(name_) - start_; }

 private:
  std::string_view name_;
  uint64_t start_;
};

// The kernel's clock, and as much more as a test wants.
class ShiftedClock final : public base::Clock {
 public:
  base::MonotonicMs Now() const override { return system_.Now() + shift_.load(); }
  void Shift(uint64_t ms) { shift_ += ms; }

 private:
  base::SystemClock system_;
  std::atomic<uint64_t> shift_{0};
};

// Three hosts, h1 to h3, each a namespace with a veth whose other end is a port here.
class Hosts {
 public:
  Hosts() {
    REQUIRE(
        Shell("for i in 1 2 3; do ip netns add h$i && "
              "ip link add v$i type veth peer name eth0 netns h$i && ip link set v$i up && "
              "ip -n h$i link set lo up && "
              "ip -n h$i link set eth0 address 0a:00:00:00:00:0$i up && "
              "ip -n h$i addr add 10.9.0.$i/24 dev eth0 && "
              "ip -n h$i addr add fd09::$i/64 dev eth0 nodad || exit 1; done"));
  }
  ~Hosts() { Shell("for i in 1 2 3; do ip netns del h$i; ip link del v$i 2>/dev/null; done"); }

  static bool Ping(int from, const std::string& to) {
    return Shell(absl::StrCat("ip netns exec h", from, " ping -q -c 3 -i 0.05 -W 2 ", to,
                              " > /tmp/ping 2>&1 || { cat /tmp/ping; false; }"));
  }
};

// The agent's parts around a datapath, put together as the daemon does.
class Agent {
 public:
  explicit Agent(DispatchMode mode, const base::Clock* clock,
                 std::vector<pipeline::BridgePort> ports = {{.name = "v1"},
                                                            {.name = "v2"},
                                                            {.name = "v3"}})
      : client_(*socket::Client::Open(NETLINK_GENERIC)) {
    ovs::Datapaths api(&client_);
    absl::StatusOr<ovs::Datapath> datapath = api.Get("lab");
    if (!datapath.ok()) datapath = api.Create({.name = "lab"});
    REQUIRE_OK(datapath);
    ifindex_ = datapath->ifindex;
    bridge_ = std::make_shared<bridge::Bridge>(bridge::BridgeOptions{.name = "lab"}, clock);
    flows_ = std::make_shared<flowcache::DatapathFlows>(ifindex_, bridge_, 1000);
    auto pool = upcall::HandlerPool::Create({.handlers = 2}, [&](unsigned) {
      return std::make_unique<upcall::Forwarder>(&datapaths_, *install::Installer::Open(), clock);
    });
    REQUIRE_OK(pool);
    pool_ = *std::move(pool);
    dispatch_.emplace(mode, pool_->pids(), upcall::PossibleCpus());
    auto revalidator =
        flowcache::Revalidator::Create({.idle_timeout_ms = 10'000}, &datapaths_, clock);
    REQUIRE_OK(revalidator);
    revalidator_ = *std::move(revalidator);
    AddPorts(std::move(ports));
    REQUIRE_OK(revalidator_->Adopt(flows_.get()));
    datapaths_.Set({flows_});
    REQUIRE_OK(dispatch_->Apply(&client_, ifindex_));
    REQUIRE_OK(dispatch_->ApplyToPorts(&client_, ifindex_));
    pool_->Start();
  }

  void DeleteDatapath() { REQUIRE_OK(ovs::Datapaths(&client_).Delete(ifindex_)); }

  // The kernel's flows as text, sorted.
  std::vector<std::string> FlowTexts() {
    std::vector<std::string> texts;
    ovs::Flows api(&client_);
    auto report = api.Dump(
        ifindex_, {},
        [&](const ovs::FlowView& flow) {
          std::string text;
          attr::AppendSet(ovs::kKeyTable, flow.key, attr::MaskView::Of(flow.mask.value()), {},
                          &text);
          text += " actions:";
          attr::AppendList(ovs::kActionTable, flow.actions.value(), {}, &text);
          texts.push_back(text);
          return absl::OkStatus();
        },
        [&] { texts.clear(); });
    REQUIRE_OK(report);
    std::sort(texts.begin(), texts.end());
    return texts;
  }
  bool HasFlow(const std::string& wanted) {
    std::string all;
    bool found = false;
    for (const std::string& text : FlowTexts()) {
      found |= text == wanted;
      absl::StrAppend(&all, text, "\n");
    }
    INFO(all << "wanted: " << wanted);
    CHECK(found);
    return found;
  }

  void Round() { revalidator_->RunRound(); }
  socket::Client& client() { return client_; }
  std::vector<uint32_t> pids() const { return pool_->pids(); }
  int ifindex() const { return ifindex_; }
  bridge::Bridge& bridge() { return *bridge_; }
  const std::vector<pipeline::BridgePort>& ports() const { return ports_; }

 private:
  void AddPorts(std::vector<pipeline::BridgePort> ports) {
    ovs::Vports vports(&client_);
    for (pipeline::BridgePort& port : ports) {
      absl::StatusOr<ovs::Vport> vport = vports.Get(port.name);
      if (!vport.ok())
        vport = vports.Add(ifindex_, {.name = port.name, .upcall_pids = dispatch_->PidsForPort()});
      REQUIRE_OK(vport);
      port.port_no = vport->port_no;
    }
    ports_ = ports;
    bridge_->SetPorts(std::move(ports));
  }

  socket::Client client_;
  int ifindex_ = 0;
  std::shared_ptr<bridge::Bridge> bridge_;
  std::shared_ptr<flowcache::DatapathFlows> flows_;
  flowcache::Datapaths datapaths_;
  std::optional<upcall::Dispatch> dispatch_;
  std::unique_ptr<flowcache::Revalidator> revalidator_;
  std::vector<pipeline::BridgePort> ports_;
  std::unique_ptr<upcall::HandlerPool> pool_;  // last: its threads use the rest
};

TEST_CASE("hosts talk, and flows match no more than the decision needs") {
  const DispatchMode mode = GENERATE(DispatchMode::kPerCpu, DispatchMode::kPerPort);
  CAPTURE(upcall::ToString(mode));
  Hosts hosts;
  ShiftedClock clock;
  Agent agent(mode, &clock);
  CHECK(Hosts::Ping(1, "10.9.0.2"));
  CHECK(Hosts::Ping(1, "fd09::2"));
  agent.HasFlow(
      "recirc_id(0),in_port(1),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02) actions:2");
  agent.HasFlow(
      "recirc_id(0),in_port(2),eth(src=0a:00:00:00:00:02,dst=0a:00:00:00:00:01) actions:1");
  agent.HasFlow(
      "recirc_id(0),in_port(1),eth(src=0a:00:00:00:00:01,dst=ff:ff:ff:ff:ff:ff) actions:2,3");

  SECTION("a round of the revalidator changes nothing") {
    const auto before = agent.FlowTexts();
    Rise deleted("revalidator_deleted"), foreign("revalidator_foreign_deleted");
    agent.Round();
    CHECK(agent.FlowTexts() == before);
    CHECK(deleted.value() == 0);
    CHECK(foreign.value() == 0);
  }
  SECTION("idle flows expire by the kernel's own clock, and traffic makes them again") {
    clock.Shift(11'000);
    agent.Round();
    CHECK(agent.FlowTexts().empty());
    CHECK(Hosts::Ping(1, "10.9.0.2"));
  }
  SECTION("an address that moves takes its flows along") {
    CHECK(
        Shell("ip -n h2 link set eth0 down; ip -n h3 link set eth0 address 0a:00:00:00:00:02 && "
              "ip -n h3 addr add 10.9.0.2/24 dev eth0"));
    Shell("ip netns exec h3 ping -q -c 1 -W 1 10.9.0.1 > /dev/null");  // its port is learned
    agent.Round();
    CHECK(Hosts::Ping(1, "10.9.0.2"));
    agent.HasFlow(
        "recirc_id(0),in_port(1),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02) actions:3");
  }
  SECTION("flows that someone else deletes come back") {
    REQUIRE_OK(ovs::Flows(&agent.client()).Flush(agent.ifindex()));
    CHECK(Hosts::Ping(1, "10.9.0.2"));
    Shell(
        "sleep 0.15");  // so that the next miss is taken for a lost flow; see FlowCache::kSettleMs
    REQUIRE_OK(ovs::Flows(&agent.client()).Flush(agent.ifindex()));
    CHECK(Hosts::Ping(1, "10.9.0.2"));
    agent.HasFlow(
        "recirc_id(0),in_port(1),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02) actions:2");
  }
  SECTION("a port that leaves the bridge takes its flows along") {
    auto ports = agent.ports();
    ports.erase(ports.begin() + 1);
    agent.bridge().SetPorts(ports);
    agent.Round();
    for (const std::string& text : agent.FlowTexts()) {
      CHECK_FALSE(absl::StrContains(text, "actions:2"));
      if (absl::StrContains(text, "in_port(2)")) CHECK(absl::EndsWith(text, "actions:drop"));
    }
  }
  SECTION("a flow of someone else's that does not what we would do is removed, and said so") {
    auto key = attr::ParseSet(ovs::kKeyTable, "in_port(1),eth(),eth_type(0x88b5)", {});
    REQUIRE_OK(key);
    REQUIRE_OK(
        ovs::Flows(&agent.client()).Put(agent.ifindex(), {.key = key->value, .mask = key->mask}));
    Rise removed("revalidator_foreign_deleted");
    agent.Round();
    CHECK(removed.value() == 1);
  }
  agent.DeleteDatapath();
}

TEST_CASE("flows of an agent that is gone are adopted, addresses and all") {
  Hosts hosts;
  ShiftedClock clock;
  std::vector<std::string> before;
  size_t addresses = 0;
  {
    Agent first(DispatchMode::kPerCpu, &clock);
    CHECK(Hosts::Ping(1, "10.9.0.2"));
    before = first.FlowTexts();
    addresses = first.bridge().macs().size();
  }
  CHECK(Hosts::Ping(1, "10.9.0.2"));  // nobody answers upcalls now: the flows alone carry this
  Rise adopted("revalidator_adopted"), removed("revalidator_foreign_deleted");
  Agent second(DispatchMode::kPerPort, &clock);
  CHECK(second.FlowTexts() == before);
  CHECK(adopted.value() == before.size());
  CHECK(removed.value() == 0);
  CHECK(second.bridge().macs().size() == addresses);
  CHECK(Hosts::Ping(1, "10.9.0.3"));
  second.DeleteDatapath();
}

TEST_CASE("flows of other programs teach addresses when they are adopted, where they tell of one") {
  Hosts hosts;
  ShiftedClock clock;
  { Agent first(DispatchMode::kPerCpu, &clock); }
  socket::Client client = *socket::Client::Open(NETLINK_GENERIC);
  const auto put = [&client](const char* text, const char* actions) {
    const auto key = attr::ParseSet(ovs::kKeyTable, text, {});
    const auto list = attr::ParseList(ovs::kActionTable, actions, {});
    REQUIRE_OK(key);
    REQUIRE_OK(list);
    const auto datapath = ovs::Datapaths(&client).Get("lab");
    REQUIRE_OK(datapath);
    REQUIRE_OK(ovs::Flows(&client).Put(datapath->ifindex,
                                       {.key = key->value, .mask = key->mask, .actions = *list}));
  };
  put("recirc_id(0),in_port(3),eth(src=0a:00:00:00:00:77,dst=0a:00:00:00:00:01)", "1");
  put("recirc_id(0),in_port(2),eth(src=0a:00:00:00:00:78/ff:ff:ff:ff:ff:00,dst=0a:00:00:00:00:01)",
      "1");
  put("recirc_id(0),in_port(9),eth(src=0a:00:00:00:00:79,dst=0a:00:00:00:00:01)",
      "1");  // no port of ours
  Rise removed("revalidator_foreign_deleted");
  Agent second(DispatchMode::kPerCpu, &clock);
  const auto port_of = [&second](const char* mac) {
    return second.bridge().FindPort(0, *base::ParseMac(mac));
  };
  CHECK(port_of("0a:00:00:00:00:77") == 3u);
  CHECK_FALSE(port_of("0a:00:00:00:00:78"));
  CHECK_FALSE(port_of("0a:00:00:00:00:79"));
  CHECK(removed.value() == 3);  // they have no UFID, or do what we would not
  second.DeleteDatapath();
}

TEST_CASE("upcalls of userspace() actions are counted, and neither answered nor learned from") {
  const DispatchMode mode = GENERATE(DispatchMode::kPerCpu, DispatchMode::kPerPort);
  CAPTURE(upcall::ToString(mode));
  Hosts hosts;
  ShiftedClock clock;
  Agent agent(mode, &clock);
  const auto key = attr::ParseSet(ovs::kKeyTable, "in_port(1),eth(),eth_type(0x88b5)", {});
  const auto actions = attr::ParseList(
      ovs::kActionTable, absl::StrCat("userspace(pid=", agent.pids()[0], ",userdata(0a0b)),2"), {});
  REQUIRE_OK(key);
  REQUIRE_OK(actions);
  REQUIRE_OK(
      ovs::Flows(&agent.client())
          .Put(agent.ifindex(), {.key = key->value, .mask = key->mask, .actions = *actions}));
  Rise ignored("upcall_foreign_actions"), executed("install_executes");
  REQUIRE(
      Shell("ip netns exec h1 python3 -c 'import socket\n"
            "s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n"
            "s.bind((\"eth0\", 0))\n"
            "s.send(bytes.fromhex(\"0a00000000020a000000007788b5\") + bytes(46))'"));
  // Another thread counts: there is nothing to wait on but the counter.
  for (int i = 0; i < 1000 && ignored.value() == 0; ++i) Shell("sleep 0.01");
  CHECK(ignored.value() == 1);
  CHECK_FALSE(agent.bridge().FindPort(0, *base::ParseMac("0a:00:00:00:00:77")));
  for (const std::string& text : agent.FlowTexts())
    CHECK_FALSE(absl::StrContains(text, "0a:00:00:00:00:77"));
  agent.DeleteDatapath();
}

TEST_CASE("a flow whose change the kernel refuses is deleted, and comes back when it can") {
  Hosts hosts;
  ShiftedClock clock;
  Agent agent(DispatchMode::kPerCpu, &clock);
  CHECK(Hosts::Ping(1, "10.9.0.2"));
  const std::string flood =
      "recirc_id(0),in_port(1),eth(src=0a:00:00:00:00:01,dst=ff:ff:ff:ff:ff:ff) actions:";
  agent.HasFlow(flood + "2,3");
  auto ports = agent.ports();
  ports[2].port_no = 70'000;  // past what the kernel has numbers for
  agent.bridge().SetPorts(ports);
  Rise errors("revalidator_change_errors");
  agent.Round();
  CHECK(errors.value() >= 1);
  for (const std::string& text : agent.FlowTexts()) CHECK(text != flood + "2,3");

  ports.erase(ports.begin() + 2);
  agent.bridge().SetPorts(ports);
  const uint64_t before = errors.value();
  agent.Round();
  CHECK(errors.value() == before);
  Shell("ip -n h1 neigh flush dev eth0");
  CHECK(Hosts::Ping(1, "10.9.0.2"));
  agent.HasFlow(flood + "2");
  agent.DeleteDatapath();
}

TEST_CASE("VLANs: access ports are separate, trunks carry tags") {
  Hosts hosts;
  ShiftedClock clock;
  Agent agent(
      DispatchMode::kPerCpu, &clock,
      {{.name = "v1", .access_vlan = 10}, {.name = "v2"}, {.name = "v3", .access_vlan = 20}});
  REQUIRE(Shell(
      "modprobe 8021q 2>/dev/null; ip -n h2 link add link eth0 name eth0.10 type vlan id 10 && "
      "ip -n h2 addr add 10.9.10.2/24 dev eth0.10 && ip -n h2 link set eth0.10 up && "
      "ip -n h1 addr add 10.9.10.1/24 dev eth0 && ip -n h3 addr add 10.9.10.3/24 dev eth0"));
  CHECK(Hosts::Ping(1, "10.9.10.2"));
  agent.HasFlow(
      "recirc_id(0),in_port(1),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02) "
      "actions:push_vlan(vid=10,pcp=0),2");
  agent.HasFlow(
      "recirc_id(0),in_port(2),eth(src=0a:00:00:00:00:02,dst=0a:00:00:00:00:01),eth_type(0x8100),"
      "vlan(vid=10),encap(eth_type(0x0000/0)) actions:pop_vlan,1");
  CHECK_FALSE(Shell("ip netns exec h1 ping -q -c 1 -W 1 10.9.10.3 >/dev/null"));

  // Two tags: the outer one decides, and one flow serves all inner ones.
  Rise exists("flowcache_put_exists");
  for (const char* inner : {"77", "78"}) {
    REQUIRE(Shell(absl::StrCat("ip -n h2 link add link eth0.10 name q", inner, " type vlan id ",
                               inner, " && ip -n h2 addr add 10.9.", inner, ".2/24 dev q", inner,
                               " && ip -n h2 link set q", inner, " up")));
    Shell(absl::StrCat("ip netns exec h2 ping -q -c 1 -W 1 10.9.", inner, ".9 >/dev/null"));
  }
  agent.HasFlow(
      "recirc_id(0),in_port(2),eth(src=0a:00:00:00:00:02,dst=ff:ff:ff:ff:ff:ff),eth_type(0x8100),"
      "vlan(vid=10),encap(eth_type(0x8100),vlan(),encap(eth_type(0x0000/0))) actions:pop_vlan,1");
  CHECK(exists.value() == 0);
  agent.DeleteDatapath();
}

}  // namespace
}  // namespace sluice
