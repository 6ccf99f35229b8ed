// Readers beside a writer: they see whole bundles, over all tables, and nothing that is freed.
#include <atomic>
#include <thread>
#include <vector>

#include "agent/pipeline/classifier/classifier.h"
#include "agent/pipeline/classifier/dimension.h"
#include "tests/support/rule_sets.h"
#include "tests/support/test.h"

namespace sluice::pipeline {
namespace {

using sluice::testing::Family;
using sluice::testing::GeneratedRule;
using sluice::testing::Random;
using sluice::testing::RuleSet;

// A rule that says in which bundle it came.
struct Stamped {
  uint64_t bundle;
};

TEST_CASE("a bundle over two tables is seen whole or not at all", "[threads]") {
  const RuleSet rules = MakeRuleSet(Family::kAcl, 60, 1);
  const auto packets = MakeTrace(rules, 64, 2);
  Versions versions;
  Classifier<Stamped> first(&versions), second(&versions);
  // Each bundle replaces all rules of both tables, so every answer of one snapshot has one stamp.
  const auto replace = [&](const Stamped* stamp) {
    Update update(&versions);
    for (const GeneratedRule& rule : rules) {
      first.Insert(&update, rule.value, rule.mask, rule.priority, stamp);
    }
    for (const GeneratedRule& rule : rules) {
      second.Insert(&update, rule.value, rule.mask, rule.priority, stamp);
    }
    update.Commit();
  };
  constexpr size_t kBundles = 60;
  std::vector<Stamped> stamps(kBundles + 1);
  for (size_t i = 0; i <= kBundles; ++i) stamps[i].bundle = i;
  replace(&stamps[0]);

  std::atomic<bool> done{false};
  std::atomic<size_t> mixed{0}, missing{0}, backwards{0};
  std::vector<std::thread> readers;
  readers.reserve(2);
  for (int t = 0; t < 2; ++t) {
    readers.emplace_back([&] {
      Versions::Reader reader(&versions);
      uint64_t last = 0;
      while (!done.load(std::memory_order_relaxed)) {
        const Versions::Snapshot snapshot(&reader);
        const Stamped* one = first.Lookup(packets[0], nullptr, snapshot.version());
        if (one == nullptr) {
          ++missing;
          continue;
        }
        backwards += one->bundle < last;
        last = one->bundle;
        for (const Fields& packet : packets) {
          Fields mask;
          for (const auto* table : {&first, &second}) {
            const Stamped* rule = table->Lookup(packet, &mask, snapshot.version());
            missing += rule == nullptr;
            mixed += rule != nullptr && rule != one;
          }
        }
      }
    });
  }
  for (size_t i = 1; i <= kBundles; ++i) replace(&stamps[i]);
  done = true;
  for (std::thread& reader : readers) reader.join();
  CHECK(mixed == 0);
  CHECK(missing == 0);
  CHECK(backwards == 0);
  versions.Reclaim();
  CHECK(first.size() == rules.size());
  CHECK(second.size() == rules.size());
}

TEST_CASE("rules that stay are found while all others come and go", "[threads]") {
  RuleSet rules = MakeRuleSet(Family::kFirewall, 300, 4);
  // The stable ones are above all others, so that they must win whatever is there beside them.
  const size_t stable = 20;
  for (size_t i = 0; i < stable; ++i) rules[i].priority += 10'000;
  const RuleSet kept(rules.begin(), rules.begin() + stable);
  const auto packets = MakeTrace(kept, 100, 5);
  Versions versions;
  Classifier<GeneratedRule> table(&versions);
  {
    Update update(&versions);
    for (size_t i = 0; i < stable; ++i) {
      table.Insert(&update, rules[i].value, rules[i].mask, rules[i].priority, &rules[i]);
    }
    update.Commit();
  }
  std::vector<const GeneratedRule*> expected;
  for (const Fields& packet : packets) {
    expected.push_back(table.Lookup(packet, nullptr, versions.current()));
    REQUIRE(expected.back() != nullptr);
  }

  std::atomic<bool> done{false};
  std::atomic<size_t> wrong{0};
  std::vector<std::thread> readers;
  readers.reserve(2);
  for (int t = 0; t < 2; ++t) {
    readers.emplace_back([&, t] {
      Versions::Reader reader(&versions);
      Random random(static_cast<uint64_t>(t));
      while (!done.load(std::memory_order_relaxed)) {
        const Versions::Snapshot snapshot(&reader);
        for (size_t i = 0; i < packets.size(); ++i) {
          Fields mask;
          wrong += table.Lookup(packets[i], &mask, snapshot.version()) != expected[i];
          // Sound in the same snapshot, however the tables change under it.
          Fields other = packets[i];
          for (size_t w = 0; w < kFieldWords; ++w) {
            const uint64_t open = ~Word(mask, w);
            SetWord(&other, w, (Word(other, w) & ~open) | (random.Next() & open));
          }
          wrong += table.Lookup(other, nullptr, snapshot.version()) != expected[i];
        }
      }
    });
  }
  Random random(6);
  std::vector<bool> present(rules.size());
  for (int round = 0; round < 400; ++round) {
    Update update(&versions);
    for (uint64_t n = 1 + random.Below(20); n > 0; --n) {
      const size_t i = stable + random.Below(rules.size() - stable);
      const GeneratedRule& rule = rules[i];
      if (present[i]) {
        table.Remove(&update, rule.value, rule.mask, rule.priority);
      } else {
        table.Insert(&update, rule.value, rule.mask, rule.priority, &rule);
      }
      present[i] = !present[i];
    }
    update.Commit();
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
  CHECK(wrong == 0);
}

}  // namespace
}  // namespace sluice::pipeline
