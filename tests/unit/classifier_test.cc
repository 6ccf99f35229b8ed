// The classifier against a linear search: the same rules, sound masks, with each optimisation
// alone and all together, and the published table of four rules.
#include "agent/pipeline/classifier/classifier.h"

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/rule_sets.h"
#include "tests/support/test.h"

namespace sluice::pipeline {
namespace {

using sluice::testing::Family;
using sluice::testing::GeneratedRule;
using sluice::testing::Random;
using sluice::testing::RuleSet;

struct NamedOptions {
  const char* name;
  ClassifierOptions options;
};
constexpr NamedOptions kConfigurations[] = {
    {"none", ClassifierOptions::None()},
    {"priority sorting", {true, false, false, false, false}},
    {"staged lookup", {false, true, false, false, false}},
    {"type tracking", {false, false, true, false, false}},
    {"prefix tracking", {false, false, false, true, false}},
    {"port tracking", {false, false, false, false, true}},
    {"prefix and port tracking", {false, false, false, true, true}},
    {"all", {}},
};

// The slow way, for comparison.
const GeneratedRule* Linear(const std::vector<const GeneratedRule*>& rules, const Fields& packet) {
  const GeneratedRule* best = nullptr;
  for (const GeneratedRule* rule : rules) {
    if ((best == nullptr || rule->priority > best->priority) &&
        MatchesUnder(packet, rule->value, rule->mask)) {
      best = rule;
    }
  }
  return best;
}

std::vector<const GeneratedRule*> Pointers(const RuleSet& rules) {
  std::vector<const GeneratedRule*> pointers;
  for (const GeneratedRule& rule : rules) pointers.push_back(&rule);
  return pointers;
}

void Load(const RuleSet& rules, Versions* versions, Classifier<GeneratedRule>* table) {
  Update update(versions);
  for (const GeneratedRule& rule : rules) {
    REQUIRE(table->Insert(&update, rule.value, rule.mask, rule.priority, &rule) == nullptr);
  }
  update.Commit();
}

// Any packet that agrees with this one under the mask.
Fields Scrambled(const Fields& packet, const Fields& mask, const std::vector<Fields>& others,
                 Random* random) {
  const Fields& other = others[random->Below(others.size())];
  const bool mixed = random->Percent(60);
  Fields result;
  for (size_t i = 0; i < kFieldWords; ++i) {
    const uint64_t noise = mixed ? Word(other, i) : random->Next();
    SetWord(&result, i, (Word(packet, i) & Word(mask, i)) | (noise & ~Word(mask, i)));
  }
  return result;
}

// Few different bits in many fields, so that rules meet; masks of any shape.
RuleSet RandomRules(size_t size, Random* random) {
  RuleSet rules;
  const auto prefix = [&](unsigned width) -> uint64_t {
    const uint64_t kind = random->Below(4);
    if (kind == 0) return 0;
    if (kind == 1) return random->Next() & ((uint64_t{1} << width) - 1);
    return ~uint64_t{0} << random->Below(width + 1) & ((uint64_t{1} << width) - 1);
  };
  for (size_t i = 0; i < size; ++i) {
    GeneratedRule rule;
    Fields& m = rule.mask;
    const auto be16 = [&] { return Be16::FromHost(static_cast<uint16_t>(prefix(16))); };
    const auto be32 = [&] { return Be32::FromHost(static_cast<uint32_t>(prefix(32))); };
    if (random->Percent(30)) m.in_port = be32();
    if (random->Percent(20)) m.regs[3] = be32();
    if (random->Percent(60)) m.eth_type = Be16::FromHost(0xffff);
    if (random->Percent(10)) m.eth_type = be16();
    if (random->Percent(20)) m.eth_dst.bytes.fill(0xff);
    if (random->Percent(40)) m.nw_proto = 0xff;
    const auto fill = [&](auto* bytes) {
      const Be32 mask = be32();
      std::memcpy(bytes->data(), &mask, sizeof(mask));
    };
    if (random->Percent(60)) fill(&m.nw_src.bytes);
    if (random->Percent(60)) fill(&m.nw_dst.bytes);
    if (random->Percent(30)) {
      const size_t bytes = random->Below(17);
      std::fill_n(m.ipv6_dst.bytes.begin(), bytes, uint8_t{0xff});
      if (bytes < 16) m.ipv6_dst.bytes[bytes] = 0xe0;
    }
    if (random->Percent(40)) m.tp_src = be16();
    if (random->Percent(40)) m.tp_dst = be16();
    for (size_t w = 0; w < kFieldWords; ++w) {
      const uint64_t bits = random->Percent(50) ? 0 : random->Next() & random->Next();
      SetWord(&rule.value, w, bits & Word(rule.mask, w));
    }
    rule.priority = static_cast<int32_t>(i);
    rules.push_back(rule);
  }
  // All in another order than that of their priorities.
  for (size_t i = rules.size(); i > 1; --i) std::swap(rules[i - 1], rules[random->Below(i)]);
  // No match twice with one mask: the priorities differ, so this is fine as it is.
  return rules;
}

std::vector<Fields> RandomPackets(const RuleSet& rules, size_t size, Random* random) {
  std::vector<Fields> packets(size);
  for (Fields& packet : packets) {
    const GeneratedRule& a = rules[random->Below(rules.size())];
    const GeneratedRule& b = rules[random->Below(rules.size())];
    const bool noisy = random->Percent(50);
    for (size_t i = 0; i < kFieldWords; ++i) {
      const uint64_t noise = noisy ? random->Next() & random->Next() & random->Next() : 0;
      const uint64_t rest = (Word(b.value, i) & Word(b.mask, i)) | (noise & ~Word(b.mask, i));
      SetWord(&packet, i, (Word(a.value, i) & Word(a.mask, i)) | (rest & ~Word(a.mask, i)));
    }
  }
  return packets;
}

void CheckAgainstLinear(const std::vector<const GeneratedRule*>& rules,
                        const Classifier<GeneratedRule>& table, Version version,
                        const std::vector<Fields>& packets, Random* random) {
  size_t wrong = 0, wrong_with_mask = 0, unsound = 0;
  for (const Fields& packet : packets) {
    const GeneratedRule* expected = Linear(rules, packet);
    if (table.Lookup(packet, nullptr, version) != expected) ++wrong;
    Fields mask;
    if (table.Lookup(packet, &mask, version) != expected) ++wrong_with_mask;
    for (int i = 0; i < 4; ++i) {
      const Fields other = Scrambled(packet, mask, packets, random);
      if (Linear(rules, other) != expected) ++unsound;
    }
  }
  CHECK(wrong == 0);
  CHECK(wrong_with_mask == 0);
  CHECK(unsound == 0);
}

TEST_CASE("random rules of any mask: the linear search's answer, and sound masks") {
  for (const NamedOptions& configuration : kConfigurations) {
    for (uint64_t seed = 1; seed <= 12; ++seed) {
      CAPTURE(configuration.name, seed);
      Random random(seed);
      const RuleSet rules = RandomRules(seed % 3 == 0 ? 8 : 150, &random);
      Versions versions;
      Classifier<GeneratedRule> table(&versions, configuration.options);
      Load(rules, &versions, &table);
      CheckAgainstLinear(Pointers(rules), table, versions.current(),
                         RandomPackets(rules, 300, &random), &random);
    }
  }
}

TEST_CASE("generated rule sets: the linear search's answer, and sound masks") {
  for (Family family : sluice::testing::kFamilies) {
    const RuleSet rules = MakeRuleSet(family, 1000, 1);
    const auto trace = MakeTrace(rules, 400, 2);
    const auto explosion = MakeExplosion(rules, 400, 3);
    for (const NamedOptions& configuration : kConfigurations) {
      CAPTURE(FamilyName(family), configuration.name);
      Random random(4);
      Versions versions;
      Classifier<GeneratedRule> table(&versions, configuration.options);
      Load(rules, &versions, &table);
      CheckAgainstLinear(Pointers(rules), table, versions.current(), trace, &random);
      CheckAgainstLinear(Pointers(rules), table, versions.current(), explosion, &random);
    }
  }
}

TEST_CASE("rules come and go in any order, and the answers stay right") {
  Random random(7);
  const RuleSet pool = RandomRules(300, &random);
  const std::vector<Fields> packets = RandomPackets(pool, 60, &random);
  Versions versions;
  Versions::Reader reader(&versions);
  Classifier<GeneratedRule> table(&versions);
  std::vector<const GeneratedRule*> present;
  for (int round = 0; round < 150; ++round) {
    CAPTURE(round);
    auto next = present;
    const bool commit = random.Percent(80);
    {
      Update update(&versions);
      for (uint64_t n = 1 + random.Below(30); n > 0; --n) {
        const GeneratedRule* rule = &pool[random.Below(pool.size())];
        const auto it = std::find(next.begin(), next.end(), rule);
        if (it != next.end()) {
          REQUIRE(table.Remove(&update, rule->value, rule->mask, rule->priority) == rule);
          next.erase(it);
        } else {
          REQUIRE(table.Insert(&update, rule->value, rule->mask, rule->priority, rule) == nullptr);
          next.push_back(rule);
        }
      }
      if (random.Percent(30)) {
        size_t seen = 0;
        table.ForEach(table.View(&update), [&](auto&&...) { ++seen; });
        REQUIRE(seen == next.size());
      }
      // Nobody sees any of it yet.
      CheckAgainstLinear(present, table, versions.current(), packets, &random);
      if (commit) update.Commit();
    }
    if (commit) present = next;
    CheckAgainstLinear(present, table, versions.current(), packets, &random);
  }
  {
    Update update(&versions);
    for (const GeneratedRule* rule : present) {
      REQUIRE(table.Remove(&update, rule->value, rule->mask, rule->priority) == rule);
    }
    update.Commit();
  }
  versions.Reclaim();
  CHECK(table.size() == 0);
  CHECK(table.subtables() == 0);
  CHECK(versions.pending() == 0);
}

TEST_CASE("a snapshot keeps what it shows, whatever is committed meanwhile") {
  const RuleSet rules = MakeRuleSet(Family::kAcl, 200, 5);
  const auto packets = MakeTrace(rules, 200, 6);
  Random random(1);
  Versions versions;
  Versions::Reader reader(&versions);
  Classifier<GeneratedRule> table(&versions);
  Load(rules, &versions, &table);
  const Versions::Snapshot before(&reader);
  {
    Update update(&versions);
    for (const GeneratedRule& rule : rules) {
      table.Remove(&update, rule.value, rule.mask, rule.priority);
    }
    update.Commit();
  }
  versions.Reclaim();
  CHECK(table.size() == rules.size());  // somebody looks at them
  CheckAgainstLinear(Pointers(rules), table, before.version(), packets, &random);
  CheckAgainstLinear({}, table, versions.current(), packets, &random);
}

TEST_CASE("find, replace, remove, overlap and loose match") {
  const RuleSet rules = MakeRuleSet(Family::kChain, 500, 5);
  Versions versions;
  Classifier<GeneratedRule> table(&versions);
  Load(rules, &versions, &table);
  const GeneratedRule& one = rules[123];
  const GeneratedRule copy = one;
  CHECK(table.Find(one.value, one.mask, one.priority, versions.current()) == &one);
  CHECK(table.Find(one.value, one.mask, one.priority + 1000, versions.current()) == nullptr);
  {
    Update update(&versions);
    CHECK(table.Insert(&update, one.value, one.mask, one.priority, &copy) == &one);
    CHECK(table.Find(one.value, one.mask, one.priority, table.View(&update)) == &copy);
    CHECK(table.Find(one.value, one.mask, one.priority, versions.current()) == &one);
    update.Commit();
  }
  CHECK(table.Find(one.value, one.mask, one.priority, versions.current()) == &copy);

  // All TCP rules.
  Fields value, mask;
  value.nw_proto = 6;
  mask.nw_proto = 0xff;
  size_t expected = 0, seen = 0;
  for (const GeneratedRule& rule : rules) {
    expected += rule.mask.nw_proto == 0xff && rule.value.nw_proto == 6;
  }
  table.ForEachWithin(value, mask, versions.current(), [&](auto&&...) { ++seen; });
  CHECK(seen == expected);

  CHECK(table.Overlaps(value, mask, rules.back().priority, versions.current()));  // any IPv4
  CHECK_FALSE(table.Overlaps(value, mask, 100'000, versions.current()));
  value.eth_type = Be16::FromHost(0x0806);
  mask.eth_type = Be16::FromHost(0xffff);
  CHECK_FALSE(table.Overlaps(value, mask, rules.back().priority, versions.current()));

  // A bundle that adds, and deletes what it added.
  Update update(&versions);
  table.Insert(&update, value, mask, 5, &copy);
  size_t removed = 0;
  table.ForEachWithin(value, mask, table.View(&update),
                      [&](const Fields& v, const Fields& m, int32_t priority, const void*) {
                        removed += table.Remove(&update, v, m, priority) == &copy;
                      });
  CHECK(removed == 1);
  CHECK(table.Find(value, mask, 5, table.View(&update)) == nullptr);
}

}  // namespace
}  // namespace sluice::pipeline
