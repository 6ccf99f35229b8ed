// What the codec costs for one flow: a TCP packet in a VXLAN tunnel.
#include <benchmark/benchmark.h>

#include <cstdlib>

#include "netlink/attr/text.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/flow_key.h"
#include "netlink/ovs/flow_text.h"

namespace sluice {
namespace {

constexpr char kText[] =
    "recirc_id(0),dp_hash(0),skb_priority(0),tunnel(tun_id=0x5,src=10.0.0.1,dst=10.0.0.2,ttl=64,"
    "tp_src=1,tp_dst=4789,flags(csum)),in_port(3),skb_mark(0),ct_state(0),ct_zone(0),ct_mark(0),"
    "ct_label(0),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x0800),"
    "ipv4(src=10.1.0.1,dst=10.1.0.2,proto=6,tos=0,ttl=64,frag=no),tcp(src=1000,dst=80),"
    "tcp_flags(syn)";

attr::ParsedSet Parsed() {
  auto parsed = attr::ParseSet(ovs::kKeyTable, kText, {});
  if (!parsed.ok()) std::abort();
  return *std::move(parsed);
}

ovs::FlowKey Decoded(base::ByteView attributes) {
  ovs::FlowKey key{};
  if (ovs::DecodeFlowKey(attributes, &key, nullptr)) std::abort();
  return key;
}

void BM_DecodeKey(benchmark::State& state) {
  const attr::ParsedSet set = Parsed();
  for (auto _ : state) {
    ovs::FlowKey key{};
    attr::Unknowns unknowns;
    if (ovs::DecodeFlowKey(set.value, &key, &unknowns)) std::abort();
    benchmark::DoNotOptimize(key);
  }
}
BENCHMARK(BM_DecodeKey);

void BM_EncodeKey(benchmark::State& state) {
  const ovs::FlowKey key = Decoded(Parsed().value);
  base::ByteVector bytes;
  for (auto _ : state) {
    bytes.clear();
    attr::Writer writer(&bytes);
    ovs::EncodeFlowKey(key, nullptr, &writer);
    benchmark::DoNotOptimize(bytes.data());
  }
}
BENCHMARK(BM_EncodeKey);

void BM_EncodeMask(benchmark::State& state) {
  const ovs::FlowKey key = Decoded(Parsed().value), mask = Decoded(Parsed().mask);
  base::ByteVector bytes;
  for (auto _ : state) {
    bytes.clear();
    attr::Writer writer(&bytes);
    ovs::EncodeFlowMask(key, mask, &writer);
    benchmark::DoNotOptimize(bytes.data());
  }
}
BENCHMARK(BM_EncodeMask);

void BM_MatchesUnder(benchmark::State& state) {
  const ovs::FlowKey key = Decoded(Parsed().value), mask = Decoded(Parsed().mask);
  const ovs::FlowKey other = key;
  for (auto _ : state) benchmark::DoNotOptimize(ovs::MatchesUnder(key, other, mask));
}
BENCHMARK(BM_MatchesUnder);

void BM_FormatFlow(benchmark::State& state) {
  const attr::ParsedSet set = Parsed();
  std::string text;
  for (auto _ : state) {
    text.clear();
    attr::AppendSet(ovs::kKeyTable, set.value, attr::MaskView::Of(set.mask), {}, &text);
    benchmark::DoNotOptimize(text.data());
  }
}
BENCHMARK(BM_FormatFlow);

void BM_ParseFlow(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(attr::ParseSet(ovs::kKeyTable, kText, {}));
}
BENCHMARK(BM_ParseFlow);

// A flow as the kernel dumps it: what the flow does not match is there too, under masks of zeros.
void BM_FormatDumpedFlow(benchmark::State& state) {
  constexpr char kFields[] =
      "recirc_id(0),dp_hash(0/0),skb_priority(0/0),in_port(1),skb_mark(0/0),ct_state(0/0),"
      "ct_mark(0/0),ct_label(0/0),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),"
      "eth_type(0x0800),ipv4(src=10.0.54.134,dst=10.200.0.1,proto=17,tos=0,ttl=64,frag=no),"
      "udp(src=14982,dst=53)";
  const auto set = attr::ParseSet(ovs::kKeyTable, kFields, {});
  const auto actions = attr::ParseList(ovs::kActionTable, "2", {});
  if (!set.ok() || !actions.ok()) std::abort();
  ovs::FlowView flow;
  flow.key = set->value;
  flow.mask = set->mask;
  flow.actions = *actions;
  const ovs::FlowTextOptions options{.verbose = state.range(0) != 0};
  std::string text;
  for (auto _ : state) {
    text.clear();
    ovs::AppendFlow(flow, options, &text);
    benchmark::DoNotOptimize(text.data());
  }
}
BENCHMARK(BM_FormatDumpedFlow)->ArgName("more")->Arg(0)->Arg(1);

}  // namespace
}  // namespace sluice
