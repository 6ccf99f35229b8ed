// How many flows and masks the classifier yields: the published table of four rules, generated
// rule sets, and traffic that is crafted to yield many.
#include <cstring>
#include <string>
#include <vector>

#include "agent/pipeline/classifier/classifier.h"
#include "agent/pipeline/classifier/dimension.h"
#include "agent/pipeline/classifier/mask_budget.h"
#include "netlink/base/address.h"
#include "tests/support/flow_simulator.h"
#include "tests/support/rule_sets.h"
#include "tests/support/test.h"

namespace sluice::pipeline {
namespace {

using sluice::testing::Family;
using sluice::testing::FlowSimulator;
using sluice::testing::GeneratedRule;
using sluice::testing::RuleSet;

constexpr uint16_t kIp = 0x0800, kArp = 0x0806;

struct FourRules {
  static GeneratedRule Rule(int32_t priority, uint16_t type) {
    GeneratedRule rule;
    rule.priority = priority;
    rule.value.eth_type = Be16::FromHost(type);
    rule.mask.eth_type = Be16::FromHost(0xffff);
    return rule;
  }
  static RuleSet Make() {
    GeneratedRule net = Rule(3, kIp), tcp = Rule(2, kIp), site = Rule(1, kIp);
    net.value.nw_dst = *base::ParseIpv4("11.1.0.0");
    MarkPrefix(kDimNwDst, 16, &net.mask);
    tcp.value.nw_proto = 6;
    tcp.mask.nw_proto = 0xff;
    tcp.value.nw_dst = *base::ParseIpv4("9.1.1.1");
    MarkPrefix(kDimNwDst, 32, &tcp.mask);
    tcp.value.tp_src = tcp.value.tp_dst = Be16::FromHost(10);
    tcp.mask.tp_src = tcp.mask.tp_dst = Be16::FromHost(0xffff);
    site.value.nw_dst = *base::ParseIpv4("9.1.1.0");
    MarkPrefix(kDimNwDst, 24, &site.mask);
    return {Rule(4, kArp), net, tcp, site};
  }
};

Fields Tcp(const char* from, uint16_t source, const char* to, uint16_t destination) {
  Fields packet;
  packet.eth_type = Be16::FromHost(kIp);
  packet.nw_proto = 6;
  packet.nw_src = *base::ParseIpv4(from);
  packet.nw_dst = *base::ParseIpv4(to);
  packet.tp_src = Be16::FromHost(source);
  packet.tp_dst = Be16::FromHost(destination);
  return packet;
}

class Table {
 public:
  explicit Table(RuleSet rules, ClassifierOptions options = {})
      : rules_(std::move(rules)), classifier_(&versions_, options) {
    Update update(&versions_);
    for (const GeneratedRule& rule : rules_) {
      classifier_.Insert(&update, rule.value, rule.mask, rule.priority, &rule);
    }
    update.Commit();
  }
  const GeneratedRule* Lookup(const Fields& packet, Fields* mask) const {
    return classifier_.Lookup(packet, mask, versions_.current());
  }
  FlowSimulator Run(const std::vector<Fields>& trace, MaskBudget* budget) const {
    FlowSimulator flows;
    for (const Fields& packet : trace) {
      flows.Packet(packet, budget, [&](const Fields& p, Fields* mask) { Lookup(p, mask); });
    }
    return flows;
  }
  const RuleSet& rules() const { return rules_; }

 private:
  const RuleSet rules_;
  Versions versions_;
  Classifier<GeneratedRule> classifier_;
};

TEST_CASE("four rules: masks no narrower than Open vSwitch's") {
  struct Case {
    const char* to;
    unsigned address_bits, source_bits;
    size_t rule;  // that matches; 4: none
  };
  constexpr Case kCases[] = {
      {"11.1.5.6", 16, 0, 1},   {"9.1.1.1", 32, 1, 3}, {"9.1.1.2", 31, 0, 3},
      {"9.1.1.200", 25, 0, 3},  {"9.1.2.1", 23, 0, 4}, {"10.0.0.1", 8, 0, 4},
      {"192.168.1.1", 1, 0, 4}, {"8.8.8.8", 8, 0, 4},
  };
  const Table table(FourRules::Make());
  for (const Case& c : kCases) {
    CAPTURE(c.to);
    Fields mask, golden;
    const GeneratedRule* rule = table.Lookup(Tcp("10.0.0.9", 40000, c.to, 12865), &mask);
    CHECK(rule == (c.rule == 4 ? nullptr : &table.rules()[c.rule]));
    golden.eth_type = Be16::FromHost(0xffff);
    MarkPrefix(kDimNwDst, c.address_bits, &golden);
    MarkPrefix(kDimTpSrc, c.source_bits, &golden);
    CHECK(IsWithin(mask, golden));
  }
}

// Connections from ports of all sizes to a server, both ways, and ARP; with a port number as every
// flow of the kernel has it.
std::vector<Fields> ConnectionLoad() {
  std::vector<Fields> trace;
  const auto add = [&](Fields packet, uint32_t port) {
    packet.in_port = Be32::FromHost(port);
    trace.push_back(packet);
  };
  Fields arp;
  arp.eth_type = Be16::FromHost(kArp);
  add(arp, 1), add(arp, 2);
  for (uint16_t port = 1024; port < 64000; port = static_cast<uint16_t>(port + 37)) {
    for (uint16_t service : {uint16_t{12865}, static_cast<uint16_t>(port + 400)}) {
      add(Tcp("10.0.0.9", port, "9.1.1.1", service), 1);
      add(Tcp("9.1.1.1", service, "10.0.0.9", port), 2);
    }
  }
  return trace;
}

TEST_CASE("four rules: flows and masks under load, each optimisation alone and all") {
  struct Case {
    const char* name;
    ClassifierOptions options;
    size_t flows, masks;  // at most
  };
  constexpr size_t kMany = 10'000;
  constexpr Case kCases[] = {
      {"none", ClassifierOptions::None(), kMany, 3},
      {"priority sorting", {true, false, false, false, false}, kMany, 4},
      {"staged lookup", {false, true, false, false, false}, kMany, 13},
      {"prefix and port tracking", {false, false, false, true, true}, 13, 10},
      {"all", {}, 13, 10},
  };
  const std::vector<Fields> load = ConnectionLoad();
  for (const Case& c : kCases) {
    const Table table(FourRules::Make(), c.options);
    FlowSimulator flows;
    for (const Fields& packet : load) {
      flows.Packet(packet, nullptr, [&](const Fields& p, Fields* mask) {
        table.Lookup(p, mask);
        mask->in_port = Be32::FromHost(0xffffffff);
        mask->eth_type = Be16::FromHost(0xffff);
      });
    }
    CAPTURE(c.name, flows.flows(), flows.masks());
    CHECK(flows.flows() <= c.flows);
    CHECK(flows.masks() <= c.masks);
  }
}

TEST_CASE("rounding adds bits only, and leaves few lengths") {
  sluice::testing::Random random(1);
  for (int i = 0; i < 2000; ++i) {
    Fields mask;
    for (size_t d = 0; d < kDimensions; ++d) {
      MarkPrefix(d, static_cast<unsigned>(random.Below(kDimensionTable[d].width + 1u)), &mask);
    }
    if (i % 3 == 0) mask.nw_src.bytes[3] |= 1;
    for (unsigned step : {8u, 16u, 128u}) {
      Fields rounded = mask;
      RoundPrefixes(step, &rounded);
      REQUIRE(IsWithin(mask, rounded));
      for (size_t d = 0; d < kDimensions; ++d) {
        REQUIRE(IsPrefix(rounded, d));
        const unsigned length = PrefixLength(rounded, d);
        REQUIRE((length % step == 0 || length == kDimensionTable[d].width));
      }
    }
  }
}

TEST_CASE("the budget holds, and masks in it stay sound") {
  for (Family family : sluice::testing::kFamilies) {
    const Table table(MakeRuleSet(family, 1000, 1));
    const auto trace = MakeExplosion(table.rules(), 4000, 3);
    for (size_t most : {1u, 8u, 64u}) {
      CAPTURE(FamilyName(family), most);
      MaskBudget budget({.masks = most});
      FlowSimulator flows;
      size_t narrowed = 0;
      for (const Fields& packet : trace) {
        Fields needed;
        flows.Packet(packet, &budget, [&](const Fields& p, Fields* mask) {
          table.Lookup(p, mask);
          needed = *mask;
        });
        const MaskUse again = budget.Fit(needed, [] { return sluice::testing::EveryBit(); });
        narrowed += !IsWithin(needed, *again);
      }
      CHECK(narrowed == 0);
      CHECK(flows.masks() <= most + 1);
      CHECK(budget.stats().masks == flows.masks());
    }
  }
}

TEST_CASE("a mask counts as long as somebody holds its use") {
  auto budget = std::make_unique<MaskBudget>(MaskBudgetOptions{.masks = 4});
  Fields mask;
  MarkPrefix(kDimNwDst, 5, &mask);
  MaskUse one = budget->Fit(mask, [] { return Fields{}; });
  CHECK(*one == mask);
  MaskUse other = budget->Count(mask);
  CHECK(budget->stats().masks == 1);
  one.reset();
  CHECK(budget->stats().masks == 1);
  other.reset();
  CHECK(budget->stats().masks == 0);
  // A use that goes does not take with it what came in its place.
  other = budget->Count(mask);
  CHECK(budget->stats().masks == 1);
  budget.reset();
  CHECK(*other == mask);
}

TEST_CASE("a budget without megaflows gives every bit of the packet") {
  MaskBudget budget({.exact = true});
  Fields mask, all;
  MarkPrefix(kDimNwDst, 5, &mask);
  MarkPrefix(kDimNwDst, 32, &all);
  MarkPrefix(kDimTpDst, 16, &all);
  CHECK(*budget.Fit(mask, [&] { return all; }) == all);
  CHECK(budget.stats().fits[static_cast<size_t>(MaskFit::kExact)] == 1);
}

TEST_CASE("the fuller the budget, the coarser the masks") {
  MaskBudget budget({.masks = 16, .reuse_bits = 0});
  std::vector<MaskUse> uses;
  Fields all;
  MarkPrefix(kDimNwSrc, 32, &all);
  MarkPrefix(kDimNwDst, 32, &all);
  const auto fit = [&](unsigned source, unsigned destination) {
    Fields mask;
    MarkPrefix(kDimNwSrc, source, &mask);
    MarkPrefix(kDimNwDst, destination, &mask);
    uses.push_back(budget.Fit(mask, [&] { return all; }));
    CHECK(IsWithin(mask, *uses.back()));
    return std::pair(PrefixLength(*uses.back(), kDimNwSrc), PrefixLength(*uses.back(), kDimNwDst));
  };
  using Lengths = std::pair<unsigned, unsigned>;
  for (unsigned i = 1; i <= 8; ++i) CHECK(fit(i, 0) == Lengths(i, 0));
  CHECK(fit(1, 0) == Lengths(1, 0));   // there already
  CHECK(fit(9, 3) == Lengths(16, 8));  // half full
  CHECK(fit(17, 3) == Lengths(24, 8));
  CHECK(fit(17, 9) == Lengths(24, 16));
  CHECK(fit(25, 9) == Lengths(32, 16));
  CHECK(fit(3, 17) == Lengths(16, 32));  // three quarters
  CHECK(fit(0, 1) == Lengths(0, 16));
  CHECK(fit(0, 17) == Lengths(0, 32));  // seven eighths
  CHECK(fit(1, 3) == Lengths(32, 32));
  CHECK(budget.stats().masks == 16);
  CHECK(fit(17, 17) == Lengths(32, 32));
  using Fits = std::array<uint64_t, kMaskFits>;
  CHECK(budget.stats().fits == Fits{9, 0, 6, 3, 0});
}

TEST_CASE("one rule on four fields: crafted packets yield few masks even without a budget") {
  const Table table(sluice::testing::MakeAllowOne());
  const auto trace = sluice::testing::MakeExplosion({table.rules()[0]}, 30'000, 3);
  const FlowSimulator flows = table.Run(trace, nullptr);
  CAPTURE(flows.masks());
  CHECK(flows.masks() <= 200);
}

}  // namespace
}  // namespace sluice::pipeline
