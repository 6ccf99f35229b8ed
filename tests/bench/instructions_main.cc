// Workloads whose instructions tools/test counts, under callgrind: they must not grow unnoticed.
//
// For each workload it writes a profile of its own, named by the workload; nothing of what prepares
// it is in there. Without valgrind it only runs. See tools/test.d/42-instructions.
#include <valgrind/callgrind.h>

#include <memory>
#include <vector>

#include "agent/pipeline/classifier/classifier.h"
#include "tests/bench/upcall_path.h"
#include "tests/support/rule_sets.h"

namespace sluice::testing {
namespace {

constexpr int kWarm = 64, kCounted = 1000;

template <typename Work>
void Count(const char* name, Work work) {
  for (int i = 0; i < kWarm; ++i) work();
  CALLGRIND_START_INSTRUMENTATION;
  CALLGRIND_ZERO_STATS;
  for (int i = 0; i < kCounted; ++i) work();
  CALLGRIND_DUMP_STATS_AT(name);
  CALLGRIND_STOP_INSTRUMENTATION;
}

void CountUpcalls() {
  UpcallPath exact({.megaflows = false});
  Count("upcall", [&] { exact.Whole(); });
  Count("decode", [&] { exact.Decode(); });
  Count("translate", [&] { exact.Translate(); });
  Count("fit", [&] { exact.Fit(); });
  Count("encode", [&] { exact.Encode(); });
  UpcallPath wide({.megaflows = true});
  Count("upcall_megaflow", [&] { wide.Whole(); });
  UpcallPath deep({.tables = 30});
  deep.Whole();  // what translation takes
  Count("translate_30_tables", [&] { deep.Translate(); });
}

void CountLookups() {
  using pipeline::Fields;
  const RuleSet rules = MakeRuleSet(Family::kAcl, 1000, 1);
  const std::vector<Fields> trace = MakeTrace(rules, 1024, 2);
  pipeline::Versions versions;
  pipeline::Classifier<GeneratedRule> classifier(&versions, {});
  pipeline::Update update(&versions);
  for (const GeneratedRule& rule : rules)
    classifier.Insert(&update, rule.value, rule.mask, rule.priority, &rule);
  update.Commit();
  size_t i = 0;
  Count("lookup_with_mask", [&] {
    Fields mask;
    if (classifier.Lookup(trace[i++ % trace.size()], &mask, versions.current()) == nullptr)
      std::abort();
  });
}

}  // namespace
}  // namespace sluice::testing

int main() {
  sluice::testing::CountUpcalls();
  sluice::testing::CountLookups();
  return 0;
}
