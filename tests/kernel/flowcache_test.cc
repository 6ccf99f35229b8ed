// The flow cache against the real datapath: terse dumps, and no flow after an invalidation that
// began before it.
#include <thread>

#include "agent/flowcache/revalidator.h"
#include "agent/flowcache/verify.h"
#include "netlink/attr/text.h"
#include "netlink/ovs/datapath.h"
#include "netlink/ovs/vport.h"
#include "tests/support/test.h"

namespace sluice::flowcache {
namespace {

// A datapath with an agent that has no handlers: the test is one.
class Lab {
 public:
  Lab() : client(*socket::Client::Open(NETLINK_GENERIC)) {
    const auto made = ovs::Datapaths(&client).Create({.name = "lab"});
    REQUIRE_OK(made);
    bridge = std::make_shared<bridge::Bridge>(bridge::BridgeOptions{.name = "lab"}, &clock);
    bridge->SetPorts({{.port_no = 0, .name = "lab"}, {.port_no = 1, .name = "p1"}});
    flows = std::make_shared<DatapathFlows>(made->ifindex, bridge, 1000);
    datapaths.Set({flows});
    auto fresh = Revalidator::Create({.interval_ms = 100'000}, &datapaths, &clock);
    REQUIRE_OK(fresh);
    revalidator = *std::move(fresh);
  }
  ~Lab() {
    revalidator->Stop();
    (void)ovs::Datapaths(&client).Delete(flows->dp_ifindex);
  }

  void SetRule(const char* actions) {
    const auto change =
        pipeline::ParseRuleChange(std::string("priority=1,in_port=0,actions=") + actions,
                                  pipeline::RuleCommand::kAdd, nullptr);
    REQUIRE_OK(change);
    REQUIRE_OK(bridge->ChangeRules({&*change, 1}, {}));
  }
  // What a handler does with a packet of port 0: decides, records and puts.
  ovs::Ufid Install() {
    const bridge::Sight sight(bridge.get());
    return Install(sight);
  }
  ovs::Ufid Install(const bridge::Sight& sight) {
    const auto parsed = attr::ParseSet(ovs::kKeyTable, kKey, {});
    REQUIRE_OK(parsed);
    ovs::FlowKey key;
    attr::Unknowns unknowns;
    REQUIRE_FALSE(ovs::DecodeFlowKey(parsed->value, &key, &unknowns));
    translator_.Translate(key, sight.view(), &translation_);
    REQUIRE(translation_.install);
    base::ByteVector mask;
    attr::Writer writer(&mask);
    ovs::EncodeFlowMask(key, translation_.mask, &writer);
    const ovs::Ufid ufid = UfidOf(parsed->value, mask);
    const Decision decision = {
        .key = key, .mask = mask, .translation = translation_, .sight = sight, .now = clock.Now()};
    REQUIRE(flows->cache.Add(ufid, decision) == AddResult::kPut);
    REQUIRE_OK(ovs::Flows(&client).Put(flows->dp_ifindex, {.key = parsed->value,
                                                           .mask = mask,
                                                           .actions = translation_.actions.bytes(),
                                                           .ufid = ufid}));
    return ufid;
  }
  std::string ActionsInKernel(const ovs::Ufid& ufid) {
    const auto flow = ovs::Flows(&client).Get(flows->dp_ifindex, {.ufid = ufid});
    return flow.ok() ? ActionsText(flow->actions.value_or(base::ByteVector()), nullptr) : "none";
  }

  static constexpr const char* kKey =
      "recirc_id(0),in_port(0),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x88b5)";
  base::SystemClock clock;
  socket::Client client;
  std::shared_ptr<bridge::Bridge> bridge;
  std::shared_ptr<DatapathFlows> flows;
  Datapaths datapaths;
  std::unique_ptr<Revalidator> revalidator;

 private:
  translate::Translator translator_;
  translate::Translation translation_;
};

TEST_CASE("terse dumps have identifiers and statistics, and nothing else") {
  Lab lab;
  lab.SetRule("output:1");
  const ovs::Ufid ufid = lab.Install();
  for (const bool terse : {true, false}) {
    CAPTURE(terse);
    int seen = 0;
    REQUIRE_OK(ovs::Flows(&lab.client)
                   .Dump(
                       lab.flows->dp_ifindex, {.terse = terse},
                       [&](const ovs::FlowView& view) {
                         ++seen;
                         CHECK(view.ufid_value() == ufid);
                         CHECK(view.key.empty() == terse);
                         CHECK(view.mask.has_value() != terse);
                         CHECK(view.actions.has_value() != terse);
                         return absl::OkStatus();
                       },
                       [] {}));
    CHECK(seen == 1);
  }
}

TEST_CASE("a flow decided before a change and put after it is put right before the wait is over") {
  Lab lab;
  lab.SetRule("output:1");
  lab.revalidator->Start();

  // A handler is in the middle of its batch: it has decided by the old rule.
  InstallGate::Pass pass;
  pass.Enter(&lab.datapaths.gate());
  auto sight = std::make_unique<const bridge::Sight>(lab.bridge.get());
  lab.SetRule("drop");
  std::atomic<bool> over{false};
  absl::Status waited;
  std::thread waiter([&] {
    waited = lab.revalidator->AwaitRound(absl::Seconds(60));
    over = true;
  });
  // As long as the handler is inside, nobody is told that the old rule is gone.
  CHECK(lab.revalidator->AwaitRound(absl::Milliseconds(300)).code() ==
        absl::StatusCode::kDeadlineExceeded);
  CHECK_FALSE(over);
  const ovs::Ufid ufid = lab.Install(*sight);
  sight.reset();
  CHECK(lab.ActionsInKernel(ufid) == "1");
  pass.Leave();
  waiter.join();
  REQUIRE_OK(waited);
  CHECK(lab.ActionsInKernel(ufid) == "drop");
}

TEST_CASE("revalidating and purging are asked for by other threads, and answered") {
  Lab lab;
  lab.SetRule("output:1");
  lab.revalidator->Start();
  const ovs::Ufid ufid = lab.Install();
  const auto round = lab.revalidator->Revalidate(lab.flows->dp_ifindex, absl::Seconds(60));
  REQUIRE_OK(round);
  CHECK(round->kept == 1);  // although nothing has changed
  CHECK(round->flows == 1);
  CHECK(lab.flows->bounds().last_round.kept == 1);

  const auto purged = lab.revalidator->Purge(lab.flows->dp_ifindex, absl::Seconds(60));
  REQUIRE_OK(purged);
  CHECK(purged->purged == 1);
  CHECK(lab.ActionsInKernel(ufid) == "none");
  CHECK(lab.flows->cache.size() == 0);
  CHECK(lab.flows->cache.masks() == 0);
  CHECK(lab.revalidator->Revalidate(99'999, absl::Seconds(60)).status().code() ==
        absl::StatusCode::kNotFound);
}

TEST_CASE("verify finds flows that are right for their packet, but match others too") {
  Lab lab;
  lab.SetRule("output:1");
  const ovs::Ufid ufid = lab.Install();
  const auto first = Verify(lab.flows.get(), &lab.client, {});
  REQUIRE_OK(first);
  CHECK(first->findings.empty());
  CHECK(first->siblings == 16);

  // Behind the bridge's back: a rule for one destination, and a flow that counts as made by it.
  const auto rule =
      pipeline::ParseRuleChange("priority=9,in_port=0,dl_dst=0a:00:00:00:00:03,actions=drop",
                                pipeline::RuleCommand::kAdd, nullptr);
  REQUIRE_OK(rule);
  REQUIRE_OK(lab.bridge->ChangeRules({&*rule, 1}, {}));
  const bridge::Sight sight(lab.bridge.get());
  lab.flows->cache.With(ufid, [&](CachedFlow* flow) { flow->Refresh(sight); });
  const auto second = Verify(lab.flows.get(), &lab.client, {});
  REQUIRE_OK(second);
  REQUIRE(second->findings.size() == 1);
  CHECK(second->findings[0].kind == FindingKind::kTooWide);
  CHECK(second->findings[0].what.find("rules need") == 0);
}

}  // namespace
}  // namespace sluice::flowcache
