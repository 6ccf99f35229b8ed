// The random pipelines that translation is tested with: that they are what they claim to be.

#include "tests/support/random_pipeline.h"

#include <array>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/pipeline/action_table.h"
#include "tests/support/test.h"

namespace sluice::testing {
namespace {

using pipeline::Action;
using pipeline::ActionKind;
using pipeline::ActionSpan;
using pipeline::FieldRow;

constexpr uint64_t kSeeds = 150;

using KindCounts = std::array<int, pipeline::kActionKinds>;

void Count(ActionSpan actions, KindCounts* counts) {
  for (const Action action : actions) {
    ++(*counts)[static_cast<size_t>(action.kind())];
    Count(action.nested(), counts);
  }
}

KindCounts CountAll(const RandomPipeline& made) {
  KindCounts counts{};
  for (const pipeline::Rule& rule : made.parts.rules) Count(rule.actions.span(), &counts);
  for (const pipeline::Group& group : made.parts.groups)
    for (const pipeline::Bucket& bucket : group.buckets) Count(bucket.actions.span(), &counts);
  return counts;
}

TEST_CASE("random pipelines: every text parses, and everything there is occurs") {
  KindCounts kinds{};
  std::string all;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const RandomPipeline made(seed, {.kernel_hashes = true, .packets = {.bare = true}});
    INFO(seed);
    for (const std::string& error : made.errors) FAIL_CHECK(error);
    const KindCounts counts = CountAll(made);
    for (size_t i = 0; i < kinds.size(); ++i) kinds[i] += counts[i];
    absl::StrAppend(&all, made.Text(), "\n");
  }
  for (size_t i = 0; i < kinds.size(); ++i) {
    INFO(pipeline::RowOf(static_cast<ActionKind>(i)).name);
    CHECK(kinds[i] > 0);
  }
  for (const FieldRow& row : pipeline::FieldTable()) {
    const std::string name(row.name);
    INFO(name);
    CHECK(absl::StrContains(all, absl::StrCat(",", name, "=")));
    if (row.writable) CHECK(absl::StrContains(all, absl::StrCat("->", name)));
  }
  for (const std::string_view type :
       {"all,", "select,", "indirect,", "ff,", "select,selection_method="})
    CHECK(absl::StrContains(all, absl::StrCat("type=", std::string(type))));
}

TEST_CASE("random pipelines: the same for the same seed, and another for another") {
  CHECK(RandomPipeline(7).Text() == RandomPipeline(7).Text());
  CHECK(RandomPipeline(7).Text() != RandomPipeline(8).Text());
}

TEST_CASE("random pipelines: what is excluded does not occur") {
  for (size_t kind = 0; kind < pipeline::kActionKinds; ++kind) {
    const auto excluded = static_cast<ActionKind>(kind);
    INFO(pipeline::RowOf(excluded).name);
    for (uint64_t seed = 1; seed <= 3; ++seed) {
      const RandomPipeline made(seed, {.exclude = Kinds({excluded})});
      CHECK(made.errors.empty());
      CHECK(CountAll(made)[kind] == 0);
    }
  }
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    const RandomPipeline made(seed, {.groups = 0, .unsettable = false, .normal = false});
    CHECK(made.parts.groups.empty());
    CHECK_FALSE(absl::StrContains(made.Text(), "NORMAL"));
    CHECK_FALSE(absl::StrContains(made.Text(), "->nd_target"));
  }
}

TEST_CASE("random pipelines: packets meet rules, and most are sent") {
  constexpr int kPackets = 20;
  int runs = 0, matched = 0, deep = 0, delivered = 0, gave_up = 0, over = 0, learned = 0;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    const RandomPipeline made(seed);
    const ReferencePipeline reference(made.parts);
    Random random(seed);
    for (int i = 0; i < kPackets; ++i, ++runs) {
      const ReferenceResult result = reference.Run(made.Packet(&random));
      matched += result.rules_matched > 0;
      deep += result.rules_matched > 2;
      delivered += !result.deliveries.empty();
      gave_up += result.gave_up;
      over += result.over_limit;
      learned += result.learned.has_value();
    }
  }
  INFO(runs << " packets: " << matched << " matched, " << deep << " in three tables, " << delivered
            << " delivered, " << gave_up << " given up, " << over << " over a limit, " << learned
            << " learned from");
  CHECK(matched > runs * 8 / 10);
  CHECK(deep > runs * 15 / 100);  // 19 of 100, of many seeds
  CHECK(delivered > runs / 2);
  CHECK(gave_up < runs / 10);
  CHECK(over > 0);
  CHECK(over < runs / 10);
  CHECK(learned > 0);
}

TEST_CASE("random packets: canonical, and siblings are equal under the mask but not elsewhere") {
  Random random(1);
  int different = 0, other_type = 0, runs = 0;
  for (; runs < 5000; ++runs) {
    const RandomPacketOptions options = {.bare = runs % 2 == 0};
    const Fields packet = RandomPacket(options, &random);
    REQUIRE(Canonical(packet) == packet);
    Fields mask;  // what a few fields that the packet has would ask for, or any bits
    for (size_t i = 0; i < pipeline::kFieldWords; ++i)
      pipeline::SetWord(&mask, i, random.Percent(4) ? random.Next() & random.Next() : 0);
    const Fields sibling = Sibling(packet, mask, options, &random);
    REQUIRE(pipeline::MatchesUnder(packet, sibling, mask));
    REQUIRE(Canonical(sibling) == sibling);
    REQUIRE(sibling.regs == packet.regs);
    different += !(sibling == packet);
    other_type += sibling.eth_type.host() != packet.eth_type.host();
  }
  CHECK(different > runs * 9 / 10);
  CHECK(other_type > runs / 10);
}

}  // namespace
}  // namespace sluice::testing
