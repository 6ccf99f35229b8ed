#include "agent/port/meter_keeper.h"

#include <spdlog/spdlog.h>

#include <cerrno>
#include <map>
#include <set>

#include "netlink/base/status.h"
#include "tests/support/test.h"

namespace sluice::port {
namespace {

// Meters in memory; of so many places, as the kernel has them.
class FakeMeters final : public MeterKernel {
 public:
  absl::StatusOr<ovs::MeterFeatures> GetFeatures(int) override {
    if (!family) return absl::UnavailableError("no family ovs_meter");
    ovs::MeterFeatures features;
    features.max_meters = 100;
    features.max_bands = 1;
    return features;
  }
  absl::StatusOr<std::vector<ovs::Meter>> List(int, uint32_t first, uint32_t last) override {
    std::vector<ovs::Meter> found;
    for (const auto& [id, config] : there)
      if (id >= first && id <= last) found.push_back(Make(id));
    return found;
  }
  absl::StatusOr<ovs::Meter> Get(int, uint32_t id) override {
    if (!there.contains(id)) return base::KernelError(ENOENT, "meter get");
    return Make(id);
  }
  absl::Status Set(int, const ovs::MeterConfig& config) override {
    ++sets;
    if (busy.contains(config.id)) return base::KernelError(EBUSY, "meter set");
    there[config.id] = config;
    return absl::OkStatus();
  }
  absl::Status Delete(int, uint32_t id) override {
    return there.erase(id) > 0 ? absl::OkStatus() : base::KernelError(ENOENT, "meter delete");
  }

  static ovs::Meter Make(uint32_t id) {
    ovs::Meter meter;
    meter.id = id;
    meter.stats.n_packets = 7;
    return meter;
  }

  bool family = true;
  int sets = 0;
  std::map<uint32_t, ovs::MeterConfig> there;
  std::set<uint32_t> busy;
};

ovs::MeterConfig Rate(uint32_t rate) { return {.bands = {{.rate = rate, .burst = rate}}}; }

struct Lab {
  Lab() { spdlog::set_level(spdlog::level::off); }
  FakeMeters kernel;
  MeterKeeper keeper{"br0", &kernel};
  std::map<MeterKey, ovs::MeterConfig> wanted;
};

TEST_CASE("meters: of their own numbers where these are small, of the lowest free ids else") {
  Lab lab;
  lab.wanted = {{{.number = 7}, Rate(1)},
                {{.number = 100000}, Rate(2)},
                {{.port = "v1", .number = 0}, Rate(3)}};
  const pipeline::MeterIds before = lab.keeper.Sync(0, lab.wanted);
  CHECK(before.meters.at(7) == std::nullopt);
  const pipeline::MeterIds ids = lab.keeper.Sync(5, lab.wanted);
  CHECK(ids.Find(7) == 7u);
  CHECK(ids.Find(100000) == 512u);
  CHECK(ids.storms.at("v1")[0] == 513u);
  CHECK_FALSE(ids.storms.at("v1")[1]);
  CHECK(lab.kernel.there.at(513).bands[0].rate == 3);
  // Again, and nothing happens.
  const int sets = lab.kernel.sets;
  CHECK(lab.keeper.Sync(5, lab.wanted) == ids);
  CHECK(lab.kernel.sets == sets);
}

TEST_CASE("meters: a change keeps the id and the statistics, an end frees the id later") {
  Lab lab;
  lab.wanted = {{{.number = 1000}, Rate(1)}};
  lab.keeper.Sync(5, lab.wanted);
  lab.wanted[{.number = 1000}] = Rate(9);
  CHECK(lab.keeper.Sync(5, lab.wanted).Find(1000) == 512u);
  CHECK(lab.kernel.there.at(512).bands[0].rate == 9);
  REQUIRE(lab.kernel.there.at(512).stats);
  CHECK(lab.kernel.there.at(512).stats->n_packets == 7);
  // Flows may still name it: nobody else gets it meanwhile.
  lab.wanted = {{{.number = 2000}, Rate(1)}};
  CHECK(lab.keeper.Sync(5, lab.wanted).Find(2000) == 513u);
  CHECK(lab.kernel.there.contains(512));
  lab.keeper.DropUnwanted();
  CHECK_FALSE(lab.kernel.there.contains(512));
  lab.wanted[{.number = 1000}] = Rate(1);
  CHECK(lab.keeper.Sync(5, lab.wanted).Find(1000) == 512u);
}

TEST_CASE("meters: those of an agent that ran before are taken over, others left alone") {
  Lab lab;
  lab.kernel.there = {{1, Rate(5)}, {40, Rate(6)}};
  lab.wanted = {{{.number = 1}, Rate(2)}};
  CHECK(lab.keeper.Sync(5, lab.wanted).Find(1) == 1u);
  CHECK(lab.kernel.there.at(1).bands[0].rate == 2);
  CHECK(lab.kernel.there.at(1).stats->n_packets == 7);
  CHECK(lab.keeper.foreign() == std::set<uint32_t>{40});
  CHECK(lab.kernel.there.at(40).bands[0].rate == 6);
  lab.wanted[{.number = 40}] = Rate(3);
  CHECK(lab.keeper.Sync(5, lab.wanted).Find(40) == 512u);
  // Another datapath: all of it anew.
  lab.kernel.there.clear();
  CHECK(lab.keeper.Sync(6, lab.wanted).Find(40) == 40u);
  CHECK(lab.keeper.foreign().empty());
}

TEST_CASE("meters: one that somebody else deleted is had again, under its id") {
  Lab lab;
  lab.wanted = {{{.number = 3}, Rate(1)}, {{.port = "v1", .number = 0}, Rate(3)}};
  const pipeline::MeterIds ids = lab.keeper.Sync(5, lab.wanted);
  CHECK_FALSE(lab.keeper.Check());
  lab.kernel.there.erase(3);
  CHECK(lab.keeper.Check());
  CHECK(lab.keeper.Sync(5, lab.wanted) == ids);
  CHECK(lab.kernel.there.at(3).bands[0].rate == 1);
  CHECK_FALSE(lab.keeper.Check());
}

TEST_CASE("meters: what the kernel refuses is told, and what can be had instead is taken") {
  Lab lab;
  lab.kernel.busy = {3, 512};
  lab.wanted = {{{.number = 3}, Rate(1)}};
  CHECK(lab.keeper.Sync(5, lab.wanted).Find(3) == 513u);
  ovs::MeterConfig two = Rate(1);
  two.bands.push_back({.rate = 2, .burst = 2});
  lab.wanted = {{{.number = 4}, two}};
  CHECK_FALSE(lab.keeper.Sync(5, lab.wanted).Find(4));
  REQUIRE(lab.keeper.Status().size() == 1);
  CHECK(lab.keeper.Status()[0].problem == "this kernel's meters have at most 1 band");

  Lab bare;
  bare.kernel.family = false;
  bare.wanted = {{{.number = 1}, Rate(1)}};
  const pipeline::MeterIds ids = bare.keeper.Sync(5, bare.wanted);
  CHECK(ids.meters.contains(1));
  CHECK_FALSE(ids.Find(1));
  CHECK(bare.keeper.Status()[0].problem ==
        "this kernel has no meters (feature meters: Linux 4.15 has)");
  CHECK(bare.kernel.sets == 0);
}

}  // namespace
}  // namespace sluice::port
