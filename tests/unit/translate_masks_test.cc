// Flows and masks that translation yields, as the kernel would have them: the published table of
// four rules, generated access lists against the reference, and traffic that is crafted to yield
// many masks.
#include <cstdlib>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "agent/pipeline/classifier/dimension.h"
#include "agent/translate/key_fields.h"
#include "agent/translate/mask_fit.h"
#include "agent/translate/translate.h"
#include "tests/support/datapath_model.h"
#include "tests/support/flow_simulator.h"
#include "tests/support/reference_pipeline.h"
#include "tests/support/rule_sets.h"
#include "tests/support/test.h"

namespace sluice::translate {
namespace {

using base::Be16;
using base::Be32;
using pipeline::MaskOptions;
using testing::FlowSimulator;
using testing::GeneratedRule;
using testing::ReferencePipeline;
using testing::RuleSet;

constexpr const char* kFourRules[] = {
    "priority=4,arp,actions=output:3",
    "priority=3,ip,nw_dst=11.1.1.1/16,actions=output:2",
    "priority=2,tcp,nw_dst=9.1.1.1,tp_src=10,tp_dst=10,actions=output:1",
    "priority=1,ip,nw_dst=9.1.1.1/24,actions=output:2",
};

std::vector<pipeline::Rule> FourRules() {
  std::vector<pipeline::Rule> rules;
  for (const char* text : kFourRules) {
    auto rule = pipeline::ParseRule(text, nullptr);
    REQUIRE_OK(rule);
    rules.push_back(*std::move(rule));
  }
  return rules;
}

class NoMacs final : public MacLookup {
 public:
  std::optional<uint32_t> FindPort(uint16_t, const base::Mac&) const override {
    return std::nullopt;
  }
};

// A pipeline with ports 1 to 3, and the flows that a kernel would have by it.
class Switch {
 public:
  explicit Switch(const std::vector<pipeline::Rule>& rules, const MaskOptions& options = {})
      : pipeline_(options.classifier),
        budget_(options.budget),
        ports_({{.port_no = 1, .name = "p1"},
                {.port_no = 2, .name = "p2"},
                {.port_no = 3, .name = "p3"}}) {
    REQUIRE_OK(pipeline_.Replace(rules, {}, 0));
  }

  Translation Translate(const ovs::FlowKey& key) {
    Translation translation;
    pipeline::Versions::Reader reader(&pipeline_.versions());
    const pipeline::Versions::Snapshot snapshot(&reader);
    translator_.Translate(key, {pipeline_, snapshot.version(), ports_, macs_, abilities_},
                          &translation);
    return translation;
  }
  // A packet: it hits a flow, or misses and makes one.
  void Packet(const Fields& packet) {
    flows_.Packet(packet, nullptr, [&](const Fields& p, Fields* mask) {
      const ovs::FlowKey key = KeyOfFields(p);
      Translation translation = Translate(key);
      uses_.push_back(FitMask(key, &budget_, &translation));
      *mask = BitsOfMask(translation.mask, key);
    });
  }
  const FlowSimulator& flows() const { return flows_; }
  const pipeline::MaskBudget& budget() const { return budget_; }
  const pipeline::PortTable& ports() const { return ports_; }

 private:
  pipeline::Pipeline pipeline_;
  pipeline::MaskBudget budget_;
  pipeline::PortTable ports_;
  NoMacs macs_;
  Abilities abilities_;
  Translator translator_;
  FlowSimulator flows_;
  std::vector<pipeline::MaskUse> uses_;
};

Fields Tcp(const char* from, uint16_t source, const char* to, uint16_t destination) {
  Fields packet;
  packet.in_port = Be32::FromHost(3);
  packet.eth_type = Be16::FromHost(0x0800);
  packet.nw_proto = 6;
  packet.nw_src = *base::ParseIpv4(from);
  packet.nw_dst = *base::ParseIpv4(to);
  packet.tp_src = Be16::FromHost(source);
  packet.tp_dst = Be16::FromHost(destination);
  return packet;
}

TEST_CASE("masks: the four rules' are those of Open vSwitch, or wider") {
  struct Case {
    const char* to;
    unsigned address_bits, source_bits;
    Verdict verdict;
  };
  constexpr Case kCases[] = {
      {"11.1.5.6", 16, 0, Verdict::kForward},      {"9.1.1.1", 32, 1, Verdict::kForward},
      {"9.1.1.2", 31, 0, Verdict::kForward},       {"9.1.1.200", 25, 0, Verdict::kForward},
      {"9.1.2.1", 23, 0, Verdict::kDropNoRule},    {"10.0.0.1", 8, 0, Verdict::kDropNoRule},
      {"192.168.1.1", 1, 0, Verdict::kDropNoRule}, {"8.8.8.8", 8, 0, Verdict::kDropNoRule},
  };
  Switch made(FourRules());
  for (const Case& c : kCases) {
    CAPTURE(c.to);
    const ovs::FlowKey key = KeyOfFields(Tcp("10.0.0.9", 40000, c.to, 12865));
    const Translation translation = made.Translate(key);
    CHECK(ToString(translation.verdict) == ToString(c.verdict));
    Fields golden;
    golden.in_port = golden.recirc_id = golden.packet_type = Be32::FromHost(~0U);
    golden.eth_type = Be16::FromHost(0xffff);
    golden.nw_frag = golden.nw_proto = 0xff;
    golden.vlans.fill({.tpid = Be16::FromHost(0xffff), .tci = Be16::FromHost(0xffff)});
    pipeline::MarkPrefix(pipeline::kDimNwDst, c.address_bits, &golden);
    pipeline::MarkPrefix(pipeline::kDimTpSrc, c.source_bits, &golden);
    CHECK(pipeline::IsWithin(BitsOfMask(translation.mask, key), golden));
  }
}

// 400 sessions that connect, ask and answer, again and again, each time from another port; both
// ways, and ARP first.
template <typename Do>
void ConnectionLoad(Do packet) {
  Fields arp;
  arp.eth_type = Be16::FromHost(0x0806);
  arp.nw_proto = 1;
  for (const uint32_t port : {1u, 3u}) {
    arp.in_port = Be32::FromHost(port);
    packet(arp);
  }
  uint16_t next = 32768;
  for (int transaction = 0; transaction < 5; ++transaction) {
    for (int session = 0; session < 400; ++session) {
      const uint16_t client = next++;
      const auto data = static_cast<uint16_t>(client ^ 0x5555);  // netperf has one of its own
      for (const uint16_t service : {uint16_t{12865}, data}) {
        Fields there = Tcp("9.1.1.2", client, "9.1.1.1", service);
        Fields back = Tcp("9.1.1.1", service, "9.1.1.2", client);
        back.in_port = Be32::FromHost(2);
        for (const int flags : {0x002, 0x010, 0x018, 0x011}) {
          there.tcp_flags = back.tcp_flags = Be16::FromHost(static_cast<uint16_t>(flags));
          packet(there);
          packet(back);
        }
      }
    }
  }
}

TEST_CASE("masks: four rules under load, each optimisation alone and all") {
  struct Case {
    const char* name;
    MaskOptions options;
    size_t flows, masks;  // at most
    size_t least_flows;
  };
  constexpr size_t kMany = 100'000;
  constexpr pipeline::ClassifierOptions kNone = pipeline::ClassifierOptions::None();
  const Case cases[] = {
      {"no megaflows", {.budget = {.exact = true}}, kMany, 2, 10'000},
      {"none", {.classifier = kNone}, kMany, 3, 4000},
      {"priority sorting", {.classifier = {true, false, false, false, false}}, kMany, 4, 4000},
      {"prefix tracking", {.classifier = {false, false, false, true, false}}, kMany, 10, 1},
      {"prefixes and ports", {.classifier = {false, false, false, true, true}}, 13, 10, 4},
      {"staged lookup", {.classifier = {false, true, false, false, false}}, kMany, 13, 1},
      {"all", {}, 13, 10, 4},
  };
  for (const Case& c : cases) {
    Switch made(FourRules(), c.options);
    ConnectionLoad([&](const Fields& packet) { made.Packet(packet); });
    CAPTURE(c.name, made.flows().flows(), made.flows().masks());
    CHECK(made.flows().flows() <= c.flows);
    CHECK(made.flows().flows() >= c.least_flows);
    CHECK(made.flows().masks() <= c.masks);
  }
}

// The rules of a set, which lead to port 1 or 2 or nowhere.
std::vector<pipeline::Rule> RulesOf(const RuleSet& set) {
  std::vector<pipeline::Rule> rules;
  for (const GeneratedRule& generated : set) {
    pipeline::Rule rule{.priority = static_cast<uint16_t>(generated.priority),
                        .match = {generated.value, generated.mask}};
    const uint32_t port = rule.priority % 3u;
    if (port != 0) rule.actions.Append(pipeline::OutputAction{.port = port});
    rules.push_back(std::move(rule));
  }
  return rules;
}

// Where a packet goes by its flow's actions, and by the rules.
std::string Played(const Translation& translation, const Fields& packet) {
  testing::DatapathModel model;
  model.Run(translation.actions.bytes(), packet);
  std::string text;
  for (const auto& emission : model.emissions) text += std::to_string(emission.to) + " ";
  return text;
}
std::string Wanted(const ReferencePipeline& reference, const Fields& packet) {
  std::string text;
  for (const auto& delivery : reference.Run(packet).deliveries)
    text += std::to_string(delivery.port) + " ";
  return text;
}

// Of the kernel's own: flows by mask, with what they do.
class Kernel {
 public:
  const std::string* Find(const Fields& packet) const {
    for (const auto& [mask, flows] : flows_) {
      const auto found = flows.find(pipeline::Masked(packet, mask));
      if (found != flows.end()) return &found->second;
    }
    return nullptr;
  }
  void Put(const Fields& packet, const Fields& mask, const std::string& does) {
    flows_[mask].emplace(pipeline::Masked(packet, mask), does);
  }
  size_t masks() const { return flows_.size(); }

 private:
  using Flows = absl::flat_hash_map<Fields, std::string, testing::FieldsHash>;
  absl::flat_hash_map<Fields, Flows, testing::FieldsHash> flows_;
};

// SLUICE_TEST_RULES=100000 makes larger ones: for a run by hand.
size_t RulesOfASet() {
  const char* rules = std::getenv("SLUICE_TEST_RULES");
  return rules != nullptr ? std::strtoul(rules, nullptr, 10) : 1500;
}

TEST_CASE("masks: access lists lead every packet, crafted or not, where the reference does") {
  size_t hits = 0;
  for (const testing::Family family : testing::kFamilies) {
    const RuleSet set = MakeRuleSet(family, RulesOfASet(), 7);
    const std::vector<pipeline::Rule> rules = RulesOf(set);
    Switch made(rules, {.budget = {.masks = 48}});
    const ReferencePipeline reference({.rules = rules, .ports = made.ports()});
    std::vector<Fields> packets = MakeTrace(set, 700, 8);
    for (const Fields& packet : testing::MakeExplosion(set, 700, 9)) packets.push_back(packet);
    Kernel kernel;
    pipeline::MaskBudget budget({.masks = 48});
    std::vector<pipeline::MaskUse> uses;
    for (Fields packet : packets) {
      packet.in_port = Be32::FromHost(3);
      const ovs::FlowKey key = KeyOfFields(packet);
      packet = FieldsOfKey(key);
      const std::string wanted = Wanted(reference, packet);
      CAPTURE(testing::FamilyName(family));
      if (const std::string* does = kernel.Find(packet)) {
        ++hits;
        CHECK(*does == wanted);
        continue;
      }
      Translation translation = made.Translate(key);
      CHECK(Played(translation, packet) == wanted);
      uses.push_back(FitMask(key, &budget, &translation));
      kernel.Put(packet, BitsOfMask(translation.mask, key), wanted);
    }
    // Beside the budget one exact mask for each of TCP, UDP, ICMP and the rest of IPv4, at most.
    CHECK(kernel.masks() <= 48 + 4);
    CHECK(budget.stats().masks == kernel.masks());
  }
  if (RulesOfASet() <= 10000)
    CHECK(hits > 100);  // so many packets of more rules have little in common
}

TEST_CASE("masks: crafted packets do not exceed the budget, and flows grow by less than half") {
  const RuleSet set = MakeRuleSet(testing::Family::kAcl, 1000, 1);
  const std::vector<pipeline::Rule> rules = RulesOf(set);
  Switch free(rules, {.budget = {.masks = 0}}), kept(rules, {.budget = {.masks = 32}});
  for (Fields packet : testing::MakeExplosion(set, 1500, 3)) {
    packet.in_port = Be32::FromHost(3);
    packet = FieldsOfKey(KeyOfFields(packet));
    free.Packet(packet);
    kept.Packet(packet);
  }
  CAPTURE(free.flows().masks(), free.flows().flows(), kept.flows().masks(), kept.flows().flows());
  CHECK(free.flows().masks() > 300);
  CHECK(kept.flows().masks() <= 32 + 4);
  CHECK(kept.flows().flows() * 2 <= free.flows().flows() * 3);
  const auto fits = kept.budget().stats().fits;
  CHECK(fits[static_cast<size_t>(pipeline::MaskFit::kReused)] > 0);
}

}  // namespace
}  // namespace sluice::translate
