// How much memory the agent keeps for a flow, its actions aside.
//
// Records of flows are put into a FlowCache, and the allocator is asked (mallinfo2) what it has in
// use before and after, its own overhead and the hash tables included. What actions take is told
// apart by recording the same flows without any. `records_bytes` is what the records themselves
// say; 400 is the target of `bytes_per_flow`.
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <memory>
#include <random>

#include "agent/flowcache/flow_cache.h"

namespace sluice::flowcache {
namespace {

enum Shape { kIpv4, kIpv6, kTunnel };

size_t InUse() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

// A packet's key with every field that a kernel would tell, none of them zero by chance.
ovs::FlowKey KeyOf(Shape shape, std::mt19937_64* random) {
  ovs::FlowKey key;
  const auto fill = [random](auto* field) {
    auto* bytes = reinterpret_cast<uint8_t*>(field);
    for (size_t i = 0; i < sizeof(*field); ++i)
      bytes[i] = static_cast<uint8_t>((*random)() % 255 + 1);
  };
  fill(&key.in_port);
  fill(&key.eth);
  fill(&key.layers[0]);
  fill(&key.tcp);
  fill(&key.tcp_flags);
  fill(&key.ct_state);
  fill(&key.recirc_id);
  key.present[0] = (*random)() | 1;
  if (shape == kIpv6) {
    fill(&key.ipv6);
    fill(&key.ct_tuple6);
  } else {
    fill(&key.ipv4);
    fill(&key.ct_tuple4);
  }
  if (shape == kTunnel) {
    fill(&key.tunnel.id);
    fill(&key.tunnel.ipv4_src);
    fill(&key.tunnel.ipv4_dst);
    fill(&key.tunnel.tp_src);
    fill(&key.tunnel.tp_dst);
    key.tunnel.present = (*random)() | 1;
  }
  return key;
}

// Arguments: flows, shape, rules that each of them used, and whether flows share rules, a hundred
// of them, and masks, a thousand.
void FlowMemory(benchmark::State& state) {
  const auto flows = static_cast<size_t>(state.range(0));
  const auto shape = static_cast<Shape>(state.range(1));
  const auto depth = static_cast<size_t>(state.range(2));
  const size_t like_rules = state.range(3) != 0 ? 100 : 1,
               like_masks = state.range(3) != 0 ? 1000 : 1;
  base::SystemClock clock;
  bridge::Bridge bridge({.name = "br0"}, &clock);
  const bridge::Sight sight(&bridge);
  std::mt19937_64 random(1);
  std::vector<std::shared_ptr<pipeline::UseStats>> rules;
  for (size_t i = 0; i < flows / like_rules + depth; ++i)
    rules.push_back(std::make_shared<pipeline::UseStats>());
  double bytes_per_flow = 0, records = 0;
  for (auto _ : state) {
    const size_t before = InUse();
    auto cache = std::make_unique<FlowCache>(flows);
    translate::Translation translation;
    base::ByteVector mask(120);
    for (size_t i = 0; i < flows; ++i) {
      translation.credits.clear();
      for (size_t d = 0; d < depth; ++d) translation.credits.push_back(rules[i / like_rules + d]);
      translation.learned = {{{{0x0a, 0, 0, 0, 0, 1}}, 0, 1}};
      base::Store(mask.data(), i / like_masks);
      ovs::Ufid ufid;
      base::Store(ufid.bytes.data(), random());
      base::Store(ufid.bytes.data() + 8, random());
      cache->Add(ufid, {.key = KeyOf(shape, &random),
                        .mask = mask,
                        .translation = translation,
                        .sight = sight,
                        .now = 1});
    }
    // What this function itself still has is little, and part of the figure.
    bytes_per_flow = static_cast<double>(InUse() - before) / static_cast<double>(cache->size());
    size_t own = 0;
    cache->RemoveIf([&own](CachedFlow* flow) {
      own += flow->memory();
      return false;
    });
    records = static_cast<double>(own) / static_cast<double>(cache->size());
  }
  state.counters["bytes_per_flow"] = bytes_per_flow;
  state.counters["records_bytes"] = records;
}
BENCHMARK(FlowMemory)
    ->ArgNames({"flows", "shape", "rules", "shared"})
    ->ArgsProduct({{10'000, 200'000}, {kIpv4, kIpv6, kTunnel}, {2, 6}, {1, 0}})
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sluice::flowcache
