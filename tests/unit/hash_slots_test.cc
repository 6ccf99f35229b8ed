// Slots of groups that choose by the datapath's hash: how many, and to which buckets they go.
#include "agent/translate/hash_slots.h"

#include <map>

#include "tests/support/test.h"

namespace sluice::translate {
namespace {

pipeline::Group Select(const std::vector<uint16_t>& weights, uint32_t id = 1) {
  pipeline::Group group{.id = id, .type = pipeline::GroupType::kSelect};
  for (const uint16_t weight : weights)
    group.buckets.push_back({.id = static_cast<uint32_t>(group.buckets.size()), .weight = weight});
  return group;
}

const auto kAllLive = [](const pipeline::Bucket&) { return true; };

// How many slots each bucket has.
std::vector<int> Shares(const pipeline::Group& group,
                        absl::FunctionRef<bool(const pipeline::Bucket&)> lives) {
  std::vector<int> shares(group.buckets.size());
  for (uint32_t slot = 0; slot < SlotsOf(group); ++slot)
    if (const auto bucket = BucketOfSlot(group, slot, lives)) ++shares[*bucket];
  return shares;
}

TEST_CASE("slots: as few as do justice to the weights") {
  const std::pair<std::vector<uint16_t>, uint32_t> cases[] = {
      {{}, 16},        {{1}, 16},       {{1, 1}, 16},      {{50, 150}, 16}, {{1, 16}, 32},
      {{1, 100}, 128}, {{1, 300}, 256}, {{1, 60000}, 256}, {{0, 5, 5}, 16},
  };
  for (const auto& [weights, slots] : cases) CHECK(SlotsOf(Select(weights)) == slots);
}

TEST_CASE("slots: each bucket has its share") {
  const std::pair<std::vector<uint16_t>, std::vector<int>> cases[] = {
      {{1, 1}, {8, 8}},        {{50, 150}, {4, 12}},   {{1, 100}, {1, 127}}, {{0, 1, 1}, {0, 8, 8}},
      {{1, 2, 5}, {2, 4, 10}}, {{1, 1, 1}, {6, 5, 5}}, {{0, 0}, {0, 0}},     {{}, {}},
  };
  for (const auto& [weights, shares] : cases) CHECK(Shares(Select(weights), kAllLive) == shares);
}

TEST_CASE("slots: a bucket that goes leaves its slots to others, and nothing else moves") {
  const pipeline::Group group = Select({1, 1, 2, 4});
  const auto without = [](const pipeline::Bucket& bucket) { return bucket.id != 2; };
  const auto nobody = [](const pipeline::Bucket&) { return false; };
  for (uint32_t slot = 0; slot < SlotsOf(group); ++slot) {
    const auto before = BucketOfSlot(group, slot, kAllLive);
    const auto after = BucketOfSlot(group, slot, without);
    REQUIRE(before);
    REQUIRE(after);
    CHECK(*after != 2);
    if (*before != 2) CHECK(after == before);
    CHECK_FALSE(BucketOfSlot(group, slot, nobody));
  }
}

TEST_CASE("slots: groups behind each other do not agree on them") {
  const pipeline::Group one = Select({1, 1}, 1), other = Select({1, 1}, 2);
  int together = 0;
  for (uint32_t slot = 0; slot < SlotsOf(one); ++slot)
    if (BucketOfSlot(one, slot, kAllLive) == BucketOfSlot(other, slot, kAllLive)) ++together;
  CHECK(together > 0);
  CHECK(together < 16);
}

}  // namespace
}  // namespace sluice::translate
