// The agent's records of flows: what is put, what is remembered, and in how little memory.
#include "agent/flowcache/flow_cache.h"

#include <thread>

#include "tests/support/test.h"

namespace sluice::flowcache {
namespace {

// A bridge of two ports, and decisions about packets of it.
class Lab {
 public:
  Lab() {
    bridge.SetPorts({{.port_no = 1, .name = "v1"}, {.port_no = 2, .name = "v2"}});
    key.in_port = 1;
    for (const uint16_t type : {OVS_KEY_ATTR_IN_PORT, OVS_KEY_ATTR_ETHERNET})
      key.present[0] |= uint64_t{1} << type;
  }
  AddResult Add(const ovs::Ufid& ufid, FlowCache* cache, base::MonotonicMs now = 1000) {
    const bridge::Sight sight(&bridge);
    return cache->Add(
        ufid, {.key = key, .mask = mask, .translation = translation, .sight = sight, .now = now});
  }

  base::FakeClock clock{1000};
  bridge::Bridge bridge{{.name = "br0"}, &clock};
  ovs::FlowKey key;
  base::ByteVector mask = {8, 0, 3, 0, 0xff, 0xff, 0xff, 0xff};
  translate::Translation translation;
};

TEST_CASE("flow cache: what is put, and what only executed") {
  FlowCache cache(/*limit=*/2);
  const ovs::Ufid one{{1}}, two{{2}}, three{{3}};
  Lab lab;
  CHECK(lab.Add(one, &cache) == AddResult::kPut);
  CHECK(lab.Add(one, &cache) == AddResult::kThere);
  const base::MonotonicMs later = 1000 + FlowCache::kSettleMs;
  CHECK(lab.Add(one, &cache, later) == AddResult::kPut);  // it misses still: perhaps lost
  lab.translation.actions.Output(2);
  CHECK(lab.Add(one, &cache, later) == AddResult::kPut);  // it does something else now
  CHECK(lab.Add(two, &cache) == AddResult::kPut);
  CHECK(lab.Add(three, &cache) == AddResult::kFull);
  cache.Remove(one);
  CHECK(cache.size() == 1);
  CHECK(lab.Add(three, &cache) == AddResult::kPut);
}

TEST_CASE(
    "flow cache: what was decided before a change does not take the place of what came after") {
  FlowCache cache(/*limit=*/9);
  const ovs::Ufid one{{1}};
  Lab lab;
  const bridge::Sight before(&lab.bridge);
  lab.bridge.BumpGeneration();
  lab.translation.actions.Output(2);
  CHECK(lab.Add(one, &cache) == AddResult::kPut);
  translate::Translation old;
  old.actions.Output(1);
  CHECK(cache.Add(
            one,
            {.key = lab.key, .mask = lab.mask, .translation = old, .sight = before, .now = 9000}) ==
        AddResult::kThere);
  cache.With(one, [&](CachedFlow* flow) {
    CHECK(base::Equal(flow->actions(), lab.translation.actions.bytes()));
    CHECK(flow->generation() == lab.bridge.generation());
  });
}

TEST_CASE("flow cache: a record gives back what it was made of") {
  FlowCache cache(/*limit=*/9);
  Lab lab;
  lab.key.eth.src = {{0x0a, 0, 0, 0, 0, 1}};
  lab.key.tunnel.pad[3] = 7;  // the last byte
  lab.key.present[2] = ~uint64_t{0};
  lab.translation.learned.push_back({lab.key.eth.src, 10, 1});
  lab.translation.learned.push_back({lab.key.eth.src, 20, 2});
  lab.translation.actions.Output(2);
  lab.translation.tables.set(5);
  lab.translation.credits.push_back(std::make_shared<pipeline::UseStats>());
  CHECK(lab.Add(ovs::Ufid{{1}}, &cache) == AddResult::kPut);
  CHECK(cache.With(ovs::Ufid{{1}}, [&](CachedFlow* flow) {
    CHECK(base::Equal(base::AsBytes(flow->Key()), base::AsBytes(lab.key)));
    CHECK(base::Equal(flow->mask(), lab.mask));
    CHECK(base::Equal(flow->actions(), lab.translation.actions.bytes()));
    CHECK(std::equal(flow->learned().begin(), flow->learned().end(),
                     lab.translation.learned.begin(), lab.translation.learned.end()));
    CHECK(flow->basis().tables == lab.translation.tables);
    flow->CountFrom({.packets = 3, .bytes = 300, .used = 5});
    flow->Count({.packets = 5, .bytes = 500, .used = 1100, .tcp_flags = 2});
    CHECK(flow->stats().packets == 5);
    CHECK(flow->last() == 1100);
  }));
  CHECK(lab.translation.credits[0]->packets == 2);
  CHECK(lab.translation.credits[0]->bytes == 200);
  // Other actions, and no addresses any more.
  lab.translation.learned.clear();
  lab.translation.actions.Output(1);
  CHECK(lab.Add(ovs::Ufid{{1}}, &cache) == AddResult::kPut);
  cache.With(ovs::Ufid{{1}}, [&](CachedFlow* flow) {
    CHECK(base::Equal(base::AsBytes(flow->Key()), base::AsBytes(lab.key)));
    CHECK(flow->learned().empty());
    CHECK(base::Equal(flow->actions(), lab.translation.actions.bytes()));
  });
}

TEST_CASE("flow cache: distinct masks are counted") {
  FlowCache cache(/*limit=*/9);
  Lab lab;
  CHECK(cache.masks() == 0);
  lab.Add(ovs::Ufid{{1}}, &cache);
  lab.Add(ovs::Ufid{{2}}, &cache);
  CHECK(cache.masks() == 1);
  lab.mask.back() = 0;
  lab.Add(ovs::Ufid{{3}}, &cache);
  CHECK(cache.masks() == 2);
  cache.Remove(ovs::Ufid{{1}});
  CHECK(cache.masks() == 2);
  cache.Remove(ovs::Ufid{{2}});
  CHECK(cache.masks() == 1);
  CHECK(cache.RemoveIf([](CachedFlow*) { return true; }) == 1);
  CHECK(cache.masks() == 0);
  CHECK(cache.size() == 0);
}

TEST_CASE("flow cache: threads that make and drop the same masks", "[threads]") {
  FlowCache cache(/*limit=*/1'000'000);
  Lab lab;
  std::vector<std::thread> threads;
  for (uint8_t t = 0; t < 4; ++t) {
    threads.emplace_back([&lab, &cache, t] {
      const bridge::Sight sight(&lab.bridge);
      for (int i = 0; i < 2000; ++i) {
        const ovs::Ufid ufid{{t, static_cast<uint8_t>(i)}};
        const base::ByteVector mask = {static_cast<uint8_t>(i % 3)};
        cache.Add(ufid, {.key = lab.key,
                         .mask = mask,
                         .translation = lab.translation,
                         .sight = sight,
                         .now = 1000});
        cache.With(ufid, [&](CachedFlow* flow) {
          if (!base::Equal(flow->mask(), mask)) std::terminate();
        });
        cache.Remove(ufid);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(cache.size() == 0);
  CHECK(cache.masks() == 0);
}

TEST_CASE("flow identifiers depend on key and mask alone") {
  const base::ByteVector a = {1, 2, 3}, b = {1, 2, 4};
  CHECK(UfidOf(a, b) == UfidOf(a, b));
  CHECK_FALSE(UfidOf(a, b) == UfidOf(b, a));
  CHECK_FALSE(UfidOf(a, b) == UfidOf(a, a));
  // The same in every run: a restarted agent finds its flows again.
  CHECK(ovs::ToString(UfidOf(a, b)) == "877167ff-2016-b548-68bf-8a4a306d6d0a");
}

}  // namespace
}  // namespace sluice::flowcache
