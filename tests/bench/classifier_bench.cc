// The classifier on generated rule sets: lookups with and without mask, updates, memory, and the
// flows and masks that a kernel would get; each optimisation alone and all.
//
//   classifier_bench --benchmark_filter='Lookup.*acl/10000'
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "agent/pipeline/classifier/classifier.h"
#include "agent/pipeline/classifier/mask_budget.h"
#include "tests/support/flow_simulator.h"
#include "tests/support/rule_sets.h"

namespace sluice {
namespace {

using pipeline::Classifier;
using pipeline::ClassifierOptions;
using pipeline::Fields;
using pipeline::MaskBudget;
using pipeline::Update;
using pipeline::Versions;
using testing::Family;
using testing::GeneratedRule;
using testing::RuleSet;

const RuleSet& Rules(Family family, size_t size) {
  static std::map<std::pair<Family, size_t>, RuleSet> made;
  RuleSet& rules = made[{family, size}];
  if (rules.empty()) rules = MakeRuleSet(family, size, 1);
  return rules;
}

struct Table {
  Table(const RuleSet& set, ClassifierOptions options) : classifier(&versions, options) {
    Update update(&versions);
    Add(set, &update);
    update.Commit();
  }
  void Add(const RuleSet& set, Update* update) {
    for (const GeneratedRule& rule : set) {
      classifier.Insert(update, rule.value, rule.mask, rule.priority, &rule);
    }
  }
  Versions versions;
  Classifier<GeneratedRule> classifier;
};

struct Configuration {
  const char* name;
  ClassifierOptions options;
};
constexpr Configuration kConfigurations[] = {
    {"all", {}},
    {"none", ClassifierOptions::None()},
    {"sorting", {true, false, false, false, false}},
    {"staged", {false, true, false, false, false}},
    {"types", {false, false, true, false, false}},
    {"prefixes", {false, false, false, true, false}},
    {"ports", {false, false, false, false, true}},
};

void Lookup(benchmark::State& state, Family family, size_t size, ClassifierOptions options,
            bool with_mask) {
  const Table table(Rules(family, size), options);
  const auto trace = MakeTrace(Rules(family, size), 16384, 2);
  Versions::Reader reader(const_cast<Versions*>(&table.versions));
  size_t i = 0;
  for (auto _ : state) {
    const Versions::Snapshot snapshot(&reader);
    Fields mask;
    benchmark::DoNotOptimize(
        table.classifier.Lookup(trace[i], with_mask ? &mask : nullptr, snapshot.version()));
    benchmark::DoNotOptimize(mask);
    if (++i == trace.size()) i = 0;
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
  state.counters["subtables"] = static_cast<double>(table.classifier.subtables());
}

// A rule more and less, in updates of their own, with `size` others there.
void InsertDelete(benchmark::State& state, Family family, size_t size) {
  Table table(Rules(family, size), {});
  const RuleSet more = MakeRuleSet(family, 5000, 77);
  size_t i = 0;
  for (auto _ : state) {
    const GeneratedRule& rule = more[i % more.size()];
    const int32_t priority = rule.priority + 10'000'000;
    {
      Update update(&table.versions);
      table.classifier.Insert(&update, rule.value, rule.mask, priority, &rule);
      update.Commit();
    }
    {
      Update update(&table.versions);
      table.classifier.Remove(&update, rule.value, rule.mask, priority);
      update.Commit();
    }
    ++i;
  }
}

// The same among the others' priorities, as most changes are.
void InsertDeleteAmong(benchmark::State& state, Family family, size_t size) {
  const RuleSet& rules = Rules(family, size);
  Table table(rules, {});
  size_t i = 0;
  for (auto _ : state) {
    const GeneratedRule& rule = rules[i % rules.size()];
    {
      Update update(&table.versions);
      table.classifier.Remove(&update, rule.value, rule.mask, rule.priority);
      update.Commit();
    }
    {
      Update update(&table.versions);
      table.classifier.Insert(&update, rule.value, rule.mask, rule.priority, &rule);
      update.Commit();
    }
    i += 7919;
  }
}

void Bundle(benchmark::State& state, Family family, size_t size) {
  const RuleSet& rules = Rules(family, size);
  for (auto _ : state) {
    auto table = std::make_unique<Table>(rules, ClassifierOptions());
    state.PauseTiming();
    state.counters["bytes/rule"] =
        static_cast<double>(table->classifier.bytes()) / static_cast<double>(size);
    table.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * size));
}

// Not a time: how many flows and masks 5,000 packets yield, of which all differ.
void Flows(benchmark::State& state, Family family, size_t size, ClassifierOptions options,
           size_t masks, bool crafted) {
  const Table table(Rules(family, size), options);
  const auto trace = crafted ? MakeExplosion(Rules(family, size), 5000, 3)
                             : MakeTrace(Rules(family, size), 5000, 2);
  for (auto _ : state) {
    MaskBudget budget({.masks = masks});
    testing::FlowSimulator flows;
    for (const Fields& packet : trace) {
      flows.Packet(packet, &budget, [&](const Fields& p, Fields* mask) {
        table.classifier.Lookup(p, mask, table.versions.current());
      });
    }
    state.counters["flows"] = static_cast<double>(flows.flows());
    state.counters["masks"] = static_cast<double>(flows.masks());
  }
}

template <typename... Args>
void Register(const std::string& name, Args... args) {
  benchmark::RegisterBenchmark(name.c_str(), args...);
}

const bool kRegistered = [] {
  Register("LookupMask/exact/50000", Lookup, Family::kExact, size_t{50'000}, ClassifierOptions(),
           true);
  Register("Lookup/exact/50000", Lookup, Family::kExact, size_t{50'000}, ClassifierOptions(),
           false);
  for (Family family : testing::kFamilies) {
    for (size_t size : {size_t{1000}, size_t{10'000}, size_t{100'000}}) {
      const std::string set = "/" + std::string(FamilyName(family)) + "/" + std::to_string(size);
      for (const Configuration& c : kConfigurations) {
        Register("LookupMask" + set + "/" + c.name, Lookup, family, size, c.options, true);
        Register("Flows" + set + "/" + c.name, Flows, family, size, c.options, size_t{0}, false);
      }
      Register("Lookup" + set + "/all", Lookup, family, size, ClassifierOptions(), false);
      Register("InsertDelete" + set, InsertDelete, family, size);
      Register("InsertDeleteAmong" + set, InsertDeleteAmong, family, size);
      Register("Bundle" + set, Bundle, family, size);
      for (size_t masks : {size_t{0}, size_t{32}, size_t{64}, size_t{128}}) {
        const std::string budget = "/budget:" + std::to_string(masks);
        Register("Flows" + set + budget, Flows, family, size, ClassifierOptions(), masks, false);
        Register("FlowsCrafted" + set + budget, Flows, family, size, ClassifierOptions(), masks,
                 true);
      }
    }
  }
  return true;
}();

}  // namespace
}  // namespace sluice
