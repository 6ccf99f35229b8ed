// The fast path against the real datapath: upcalls answered, megaflows installed, in both ways of
// dispatch, with real hosts in namespaces of the test's own.

#include <cstdlib>

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

int Shell(const std::string& command) { return std::system(command.c_str()); }

uint64_t CounterValue(std::string_view name) {
  for (const base::CounterReading& reading : base::Counters::Read())
    if (reading.name == name) return reading.value;
  return 0;
}

// Two hosts, h1 and h2, each a namespace with a veth whose other end is here; and the agent's
// parts, put together as the daemon does.
class Lab {
 public:
  explicit Lab(DispatchMode mode, unsigned handlers = 2)
      : client_(*socket::Client::Open(NETLINK_GENERIC)) {
    REQUIRE(Shell("for i in 1 2; do ip netns add h$i && "
                  "ip link add v$i type veth peer name eth0 netns h$i && ip link set v$i up && "
                  "ip -n h$i link set lo up && ip -n h$i link set eth0 up && "
                  "ip -n h$i addr add 10.9.0.$i/24 dev eth0 && "
                  "ip -n h$i addr add fd09::$i/64 dev eth0 nodad; done") == 0);
    ovs::Datapaths api(&client_);
    auto datapath = api.Create({.name = "lab"});
    REQUIRE_OK(datapath);
    ifindex_ = datapath->ifindex;
    bridge_ = std::make_shared<bridge::Bridge>(bridge::BridgeOptions{.name = "lab"}, &clock_);
    flows_ = std::make_shared<flowcache::DatapathFlows>(ifindex_, bridge_, 1000);
    datapaths_.Set({flows_});
    auto pool = upcall::HandlerPool::Create({.handlers = handlers}, [this](unsigned) {
      return std::make_unique<upcall::Forwarder>(&datapaths_, *install::Installer::Open(), &clock_);
    });
    REQUIRE_OK(pool);
    pool_ = *std::move(pool);
    dispatch_.emplace(mode, pool_->pids(), upcall::PossibleCpus());
    REQUIRE_OK(dispatch_->Apply(&client_, ifindex_));
    auto revalidator =
        flowcache::Revalidator::Create({.idle_timeout_ms = 600'000}, &datapaths_, &clock_);
    REQUIRE_OK(revalidator);
    revalidator_ = *std::move(revalidator);
    AddPorts();
    pool_->Start();
  }

  ~Lab() {
    pool_->Stop();
    (void)ovs::Datapaths(&client_).Delete(ifindex_);
    Shell(
        "ip netns del h1; ip netns del h2; ip link del v1 2>/dev/null; ip link del v2 2>/dev/null");
  }

  bool Ping(const std::string& to, int count = 3) {
    return Shell(absl::StrCat("ip netns exec h1 ping -q -c ", count, " -i 0.05 -W 2 ", to,
                              " > /tmp/ping 2>&1 || { cat /tmp/ping; false; }")) == 0;
  }

  std::vector<std::string> FlowTexts() {
    std::vector<std::string> texts;
    ovs::Flows api(&client_);
    auto report = api.Dump(
        ifindex_, {},
        [&](const ovs::FlowView& flow) {
          std::string text;
          attr::AppendSet(ovs::kKeyTable, flow.key,
                          attr::MaskView::Of(flow.mask.value_or(base::ByteView())), {}, &text);
          text += " actions:";
          attr::AppendList(ovs::kActionTable, *flow.actions, {}, &text);
          texts.push_back(text);
          return absl::OkStatus();
        },
        [&] { texts.clear(); });
    REQUIRE_OK(report);
    return texts;
  }

  void AddPorts() {
    ovs::Vports vports(&client_);
    std::vector<pipeline::BridgePort> ports;
    for (const char* name : {"v1", "v2"}) {
      auto vport = vports.Add(ifindex_, {.name = name, .upcall_pids = dispatch_->PidsForPort()});
      REQUIRE_OK(vport);
      ports.push_back({.port_no = vport->port_no, .name = name});
    }
    bridge_->SetPorts(ports);
  }

  base::SystemClock clock_;
  socket::Client client_;
  int ifindex_ = 0;
  std::shared_ptr<bridge::Bridge> bridge_;
  std::shared_ptr<flowcache::DatapathFlows> flows_;
  flowcache::Datapaths datapaths_;
  std::unique_ptr<upcall::HandlerPool> pool_;
  std::optional<upcall::Dispatch> dispatch_;
  std::unique_ptr<flowcache::Revalidator> revalidator_;
};

TEST_CASE("two hosts talk, and the flows match no more than the decision needs") {
  const DispatchMode mode = GENERATE(DispatchMode::kPerCpu, DispatchMode::kPerPort);
  CAPTURE(upcall::ToString(mode));
  Lab lab(mode);
  CHECK(lab.Ping("10.9.0.2"));
  CHECK(lab.Ping("fd09::2"));
  for (const std::string& text : lab.FlowTexts()) {
    INFO(text);
    printf("%s\n", text.c_str());
  }
  for (const base::CounterReading& r : base::Counters::Read())
    if (r.value) printf("%s %lu\n", r.name.c_str(), r.value);
  lab.revalidator_->RunRound();
  CHECK(CounterValue("revalidator_foreign_deleted") == 0);
  CHECK(CounterValue("revalidator_vanished") == 0);
}

}  // namespace
}  // namespace sluice
