#include "agent/port/conntrack_keeper.h"

#include <netinet/in.h>
#include <spdlog/spdlog.h>

#include <cerrno>
#include <map>
#include <set>

#include "netlink/base/status.h"
#include "netlink/conntrack/connection_text.h"
#include "tests/support/test.h"

namespace sluice::port {
namespace {

class FakeConntrack final : public ConntrackKernel {
 public:
  absl::StatusOr<std::vector<ovs::ZoneLimit>> GetLimits() override {
    if (!has_limits) return absl::UnavailableError("no family ovs_ct_limit");
    std::vector<ovs::ZoneLimit> all = {{.zone = ovs::kDefaultZone, .limit = 0}};
    for (const auto& [zone, limit] : limits) {
      if (zone == ovs::kDefaultZone) all.erase(all.begin());
      all.push_back({.zone = zone, .limit = limit});
    }
    return all;
  }
  absl::Status SetLimits(std::span<const ovs::ZoneLimit> wanted) override {
    for (const ovs::ZoneLimit& limit : wanted) limits[limit.zone] = limit.limit;
    ++changes;
    return absl::OkStatus();
  }
  absl::Status DeleteLimits(std::span<const int> zones) override {
    for (const int zone : zones) limits.erase(zone);
    ++changes;
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<conntrack::TimeoutPolicy>> ListPolicies() override {
    if (!has_policies) return absl::UnavailableError("no nfnetlink_cttimeout");
    std::vector<conntrack::TimeoutPolicy> all;
    for (const auto& [name, policy] : policies) all.push_back(policy);
    return all;
  }
  absl::Status PutPolicy(const conntrack::TimeoutPolicy& policy, bool replace) override {
    if (policy.protocol == IPPROTO_DCCP) return base::KernelError(EOPNOTSUPP, "policy add");
    if (policies.contains(policy.name) != replace)
      return base::KernelError(replace ? ENOENT : EEXIST, "policy add");
    policies[policy.name] = policy;
    ++changes;
    return absl::OkStatus();
  }
  absl::Status DeletePolicy(std::string_view name) override {
    const std::string key(name);
    if (in_use.contains(key)) return base::KernelError(EBUSY, "policy delete");
    ++changes;
    return policies.erase(key) > 0 ? absl::OkStatus() : base::KernelError(ENOENT, "policy delete");
  }

  bool has_limits = true, has_policies = true;
  int changes = 0;
  std::map<int, uint32_t> limits;
  std::map<std::string, conntrack::TimeoutPolicy> policies;
  std::set<std::string> in_use;
};

TimeoutSpec Spec(std::string name, uint8_t protocol, std::string_view timeouts) {
  return {.name = std::move(name),
          .connections = {4, protocol},
          .timeouts = *conntrack::ParseTimeouts(protocol, timeouts)};
}

struct Lab {
  Lab() { spdlog::set_level(spdlog::level::off); }
  FakeConntrack kernel;
  ConntrackKeeper keeper{&kernel, true};
  const std::string* Find(std::string_view name, uint8_t protocol = IPPROTO_TCP) {
    return keeper.policies()->Find(name, {4, protocol});
  }
};

TEST_CASE("conntrack: limits and policies are made, and nothing happens while they are there") {
  Lab lab;
  lab.keeper.Sync({.limits = {{ovs::kDefaultZone, 9}, {5, 3}},
                   .timeouts = {Spec("web", IPPROTO_TCP, "close=7")}},
                  0);
  CHECK(lab.kernel.limits == std::map<int, uint32_t>{{ovs::kDefaultZone, 9}, {5, 3}});
  REQUIRE(lab.kernel.policies.contains("sluice_web_tcp4"));
  REQUIRE(lab.Find("web") != nullptr);
  CHECK(*lab.Find("web") == "sluice_web_tcp4");
  CHECK(lab.Find("web", IPPROTO_UDP) == nullptr);
  const int changes = lab.kernel.changes;
  CHECK_FALSE(lab.keeper.Check(1));
  CHECK(lab.kernel.changes == changes);
}

TEST_CASE("conntrack: what others change is set again, what they make is left alone") {
  Lab lab;
  lab.kernel.limits = {{77, 1}};
  lab.keeper.Sync({.limits = {{5, 3}}, .timeouts = {Spec("web", IPPROTO_TCP, "close=7")}}, 0);
  lab.kernel.limits[5] = 8;
  lab.kernel.policies["sluice_web_tcp4"].timeouts =
      *conntrack::ParseTimeouts(IPPROTO_TCP, "close=9");
  lab.keeper.Check(1);
  CHECK(lab.kernel.limits == std::map<int, uint32_t>{{5, 3}, {77, 1}});
  CHECK(conntrack::TimeoutsText(lab.kernel.policies["sluice_web_tcp4"]) == "close=7");
  lab.kernel.limits.erase(5);
  lab.keeper.Check(2);
  CHECK(lab.kernel.limits[5] == 3);
  lab.keeper.Sync({}, 3);
  CHECK(lab.kernel.limits == std::map<int, uint32_t>{{77, 1}});
  CHECK(lab.kernel.policies.empty());
  CHECK(lab.keeper.idle());
}

TEST_CASE("conntrack: a policy that was deleted is made again when no flow can miss it") {
  Lab lab;
  lab.keeper.Sync({.timeouts = {Spec("web", IPPROTO_TCP, "close=7")}}, 10);
  lab.kernel.policies.clear();
  CHECK(lab.keeper.Check(10));
  CHECK(lab.kernel.policies.empty());
  CHECK(lab.Find("web") == nullptr);
  CHECK(lab.keeper.policies()->declared.contains("web"));
  CHECK_FALSE(lab.keeper.Check(11));
  CHECK(lab.keeper.Check(12));
  CHECK(lab.kernel.policies.contains("sluice_web_tcp4"));
  CHECK(lab.Find("web") != nullptr);
}

TEST_CASE("conntrack: another time for a policy is no moment without it") {
  Lab lab;
  lab.keeper.Sync({.timeouts = {Spec("web", IPPROTO_TCP, "close=7")}}, 0);
  const auto before = lab.keeper.policies();
  lab.keeper.Sync({.timeouts = {Spec("web", IPPROTO_TCP, "close=8")}}, 0);
  CHECK(lab.keeper.policies() == before);
  CHECK(conntrack::TimeoutsText(lab.kernel.policies["sluice_web_tcp4"]) == "close=8");
}

TEST_CASE("conntrack: policies of an earlier run go when nobody has them any more") {
  Lab lab;
  for (const std::string name : {"sluice_old_tcp4", "alien"}) lab.kernel.policies[name].name = name;
  lab.kernel.in_use = {"sluice_old_tcp4"};
  lab.keeper.Sync({}, 0);
  CHECK(lab.kernel.policies.size() == 2);
  CHECK_FALSE(lab.keeper.idle());
  lab.kernel.in_use.clear();
  lab.keeper.Check(1);
  CHECK(lab.kernel.policies.size() == 1);
  CHECK(lab.kernel.policies.contains("alien"));
  CHECK(lab.keeper.idle());
}

TEST_CASE("conntrack: what the kernel lacks is told by the feature's name") {
  Lab lab;
  lab.kernel.has_limits = lab.kernel.has_policies = false;
  lab.keeper.Sync({.limits = {{5, 3}}, .timeouts = {Spec("web", IPPROTO_TCP, "close=7")}}, 0);
  ConntrackStatus status = lab.keeper.Status();
  CHECK(status.limits[0].problem.find("feature ct_limit") != std::string::npos);
  CHECK(status.timeouts[0].problem.find("feature ct_timeout") != std::string::npos);
  // It comes with its module.
  lab.kernel.has_limits = lab.kernel.has_policies = true;
  CHECK(lab.keeper.Check(5));
  status = lab.keeper.Status();
  CHECK(status.limits[0].problem.empty());
  CHECK(status.timeouts[0].problem.empty());
  CHECK(lab.kernel.limits[5] == 3);

  ConntrackKeeper bare(&lab.kernel, false);
  bare.Sync({.limits = {{0, 1}, {6, 3}}, .timeouts = {Spec("d", IPPROTO_DCCP, "open=7")}}, 0);
  status = bare.Status();
  CHECK(status.limits[0].problem.empty());
  CHECK(status.limits[1].problem == "this kernel has no zones but 0 (feature ct_zone)");
  CHECK_FALSE(lab.kernel.limits.contains(6));
  CHECK(status.timeouts[0].problem == "this kernel has no timeout policies for that protocol");
}

}  // namespace
}  // namespace sluice::port
