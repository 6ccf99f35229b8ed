// What an upcall costs the agent, all of it and each step: decoding the key, translation with its
// mask, fitting the mask and naming the flow, recording it, and the requests of a batch.
//
//   upcall_bench --benchmark_filter=Whole
#include <benchmark/benchmark.h>

#include "tests/bench/upcall_path.h"

namespace sluice::testing {
namespace {

// Arguments: megaflows, tables.
UpcallPath::Options OptionsOf(const benchmark::State& state) {
  return {.megaflows = state.range(0) != 0, .tables = static_cast<int>(state.range(1))};
}

void Whole(benchmark::State& state) {
  UpcallPath path(OptionsOf(state));
  for (auto _ : state) path.Whole();
}

void Step(benchmark::State& state, void (UpcallPath::*step)()) {
  UpcallPath path(OptionsOf(state));
  path.Whole();  // what the step takes
  for (auto _ : state) (path.*step)();
}

void Arguments(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"megaflows", "tables"})->ArgsProduct({{0, 1}, {1, 10, 30}});
}
BENCHMARK(Whole)->Apply(Arguments);
BENCHMARK_CAPTURE(Step, Decode, &UpcallPath::Decode)->Args({0, 1});
BENCHMARK_CAPTURE(Step, Translate, &UpcallPath::Translate)->Apply(Arguments);
BENCHMARK_CAPTURE(Step, Fit, &UpcallPath::Fit)->Args({0, 1})->Args({1, 1});
BENCHMARK_CAPTURE(Step, Encode, &UpcallPath::Encode)->Args({0, 1});

}  // namespace
}  // namespace sluice::testing
