// Why a flow is what it is: rules, addresses, and who asked for each part of its mask.
#include "agent/translate/explain.h"

#include <algorithm>

#include "agent/bridge/bridge.h"
#include "netlink/attr/text.h"
#include "tests/support/test.h"

namespace sluice::translate {
namespace {

constexpr const char* kLongOrShort =
    "priority=11,tcp,tp_dst=443,actions=ct(commit,timeout=web),check_pkt_larger(1400)->reg0[0],"
    "resubmit(,2)";

class Lab {
 public:
  Lab() {
    bridge_.SetPorts({{.port_no = 1, .name = "v1"}, {.port_no = 2, .name = "v2"}});
    bridge_.Learn({{{0x0a, 0, 0, 0, 0, 2}}, 0, 2}, 1000);
    auto timeouts = std::make_shared<pipeline::TimeoutPolicies>();
    timeouts->declared["web"][{.version = 4, .protocol = 6}] = "web-of-the-kernel";
    bridge_.SetTimeouts(std::move(timeouts));
    std::vector<pipeline::Rule> rules;
    for (const char* text : {"table=0,priority=10,ip,actions=resubmit(,1)", kLongOrShort,
                             "table=2,reg0=1/1,actions=drop", "table=2,reg0=0/1,actions=2",
                             "table=1,priority=5,nw_dst=10.0.0.0/24,ip,actions=normal",
                             "table=1,priority=6,tcp,tp_dst=80,nw_dst=11.0.0.0/8,actions=drop"}) {
      auto rule = pipeline::ParseRule(text, nullptr);
      REQUIRE_OK(rule);
      rules.push_back(*std::move(rule));
    }
    REQUIRE_OK(bridge_.ReplaceRules(rules, {}));
  }

  Explanation Why(const std::string& text) {
    const auto parsed = attr::ParseSet(ovs::kKeyTable, text, {});
    REQUIRE_OK(parsed);
    ovs::FlowKey key;
    attr::Unknowns unknowns;
    REQUIRE_FALSE(ovs::DecodeFlowKey(parsed->value, &key, &unknowns));
    const bridge::Sight sight(&bridge_);
    const auto ports = bridge_.ports();
    return Explain(key, sight.view(), ports.get());
  }

 private:
  base::FakeClock clock_{1000};
  bridge::Bridge bridge_{{.name = "br0"}, &clock_};
};

// Who asked for the part of the mask that begins so; "-" when there is none.
std::string Because(const Explanation& why, std::string_view match) {
  for (const Explanation::Part& part : why.mask) {
    if (part.match.find(match) == std::string::npos) continue;
    std::string all;
    for (const std::string& reason : part.because) all.append(reason).append(";");
    return all;
  }
  return "-";
}

constexpr const char* kTcp =
    "recirc_id(0),in_port(1),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x0800),"
    "ipv4(src=10.0.0.1,dst=10.0.0.2,proto=6,tos=0,ttl=64,frag=no),tcp(src=1,dst=80)";

TEST_CASE("explain: rules in the order in which packets meet them, and addresses") {
  Lab lab;
  const Explanation why = lab.Why(kTcp);
  REQUIRE(why.rules.size() == 2);
  CHECK(why.rules[0].table == 0);
  CHECK(why.rules[1].table == 1);
  REQUIRE(why.rules[1].rule != nullptr);
  CHECK(why.rules[1].rule->rule.priority == 5);
  CHECK(why.translation.install);
  const auto has = [&why](uint8_t last, bool learned, std::optional<uint32_t> port) {
    return std::any_of(why.addresses.begin(), why.addresses.end(), [&](const auto& address) {
      return address.mac.bytes[5] == last && address.learned == learned && address.port_no == port;
    });
  };
  CHECK(has(2, false, 2));
  CHECK(has(1, true, 1));
  CHECK(why.steps.find("resubmit(,1)") != std::string::npos);
}

TEST_CASE("explain: each part of the mask has who asked for it") {
  Lab lab;
  const Explanation why = lab.Why(kTcp);
  CHECK(Because(why, "in_port=") == "always: which packets a flow is of;");
  CHECK(Because(why, "nw_dst=") == "the search of table 1;");
  CHECK(Because(why, "dl_dst=") == "the action NORMAL;");
  for (const Explanation::Part& part : why.mask) {
    CAPTURE(part.match);
    CHECK_FALSE(part.because.empty());
  }
}

TEST_CASE("explain: the same actions as the flow's, both ways by the length") {
  Lab lab;
  std::string web = kTcp;
  web.replace(web.find("dst=80"), 6, "dst=443");
  const Explanation why = lab.Why(web);
  std::string actions;
  attr::AppendList(ovs::kActionTable, why.translation.actions.bytes(), {}, &actions);
  CHECK(actions ==
        "ct(commit,zone=0,timeout=web-of-the-kernel),check_pkt_len(size=1400,gt(drop),le(2))");
  REQUIRE(why.rules.size() == 3);
  CHECK(why.rules[1].table == 2);
  CHECK(why.rules[2].table == 2);
  CHECK(why.steps.find("of a longer packet") != std::string::npos);
}

TEST_CASE("explain: a table without a rule for the packet") {
  Lab lab;
  const Explanation why = lab.Why(
      "recirc_id(0),in_port(1),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x88b5)");
  REQUIRE(why.rules.size() == 1);
  CHECK(why.rules[0].rule == nullptr);
  CHECK(Because(why, "dl_type=") == "the search of table 0;");
}

}  // namespace
}  // namespace sluice::translate
