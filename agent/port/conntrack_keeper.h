// Keeps the kernel's limits of zones and timeout policies as the configuration wants them.
//
// Both are of the network namespace, not of a datapath. A policy of the configuration has a name
// and any number of protocols; the kernel's are for one protocol of one version of IP each, with
// names made of ours: "sluice_web_tcp4". The prefix makes them ours, also those that an earlier run
// left: they are deleted when nobody wants them. Limits have no names: those that this run has set
// are ours, and others are left alone.
//
// A flow takes its policy from the kernel when it is installed, and does without one that is not
// there. So one that somebody else deleted is made again only when all flows have been translated
// without it: then they are replaced.
//
// Used by the daemon's main loop alone.
//
//   ConntrackKeeper keeper(&kernel, zones);
//   keeper.Sync(wanted, revalidator->rounds());
//   if (keeper.Check(revalidator->rounds())) bridge->SetTimeouts(keeper.policies());
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/pipeline/timeout_policies.h"
#include "agent/port/conntrack_kernel.h"

namespace sluice::port {

// What connections of a protocol last for.
struct TimeoutSpec {
  std::string name{};  // in rules
  pipeline::TimeoutFor connections{};
  base::ByteVector timeouts{};  // attributes of the set conntrack::TimeoutsOf(protocol)
  friend bool operator==(const TimeoutSpec&, const TimeoutSpec&) = default;
};

struct ConntrackSpec {
  std::map<int, uint32_t> limits{};  // by zone, ovs::kDefaultZone among them
  std::vector<TimeoutSpec> timeouts{};
  friend bool operator==(const ConntrackSpec&, const ConntrackSpec&) = default;
};

// Longer names would not fit into the kernel's.
inline constexpr size_t kMaxTimeoutName = 15;

// "sluice_web_tcp4"
std::string KernelNameOf(const TimeoutSpec& spec);

struct LimitStatus {
  int zone = ovs::kDefaultZone;
  uint32_t limit = 0;
  std::string problem{};  // why it does not hold
};
struct TimeoutStatus {
  TimeoutSpec spec{};
  std::string kernel_name{};
  std::string problem{};
};
struct ConntrackStatus {
  std::vector<LimitStatus> limits{};      // by zone
  std::vector<TimeoutStatus> timeouts{};  // as they are declared
};

class ConntrackKeeper {
 public:
  // `zones`: whether the kernel has zones but 0.
  ConntrackKeeper(ConntrackKernel* kernel, bool zones);

  // Wants these from now on, and makes them so. `rounds` are those that the revalidator has made.
  void Sync(const ConntrackSpec& wanted, uint64_t rounds);
  // Looks whether the kernel has them, and makes again what it has not. True when status() or
  // policies() changed.
  bool Check(uint64_t rounds);

  // Whether there is anything to look after.
  bool idle() const;
  const std::shared_ptr<const pipeline::TimeoutPolicies>& policies() const { return policies_; }
  ConntrackStatus Status() const;

 private:
  struct Limit {
    uint32_t limit = 0;
    bool made = false;
    std::string problem{};
  };
  struct Policy {
    TimeoutSpec spec{};
    bool made = false;
    bool told = false;                    // what is wanted, since it changed last
    std::optional<uint64_t> missed_at{};  // the round in which it was not there any more
    std::string problem{};
  };

  bool CheckLimits();
  bool SetLimits();
  void DropLimits();
  bool CheckPolicies(uint64_t rounds);
  bool Put(const std::string& name, Policy* policy, const conntrack::TimeoutPolicy* there);
  bool DropPolicies(const std::vector<conntrack::TimeoutPolicy>& there);
  bool Publish();

  ConntrackKernel* const kernel_;
  const bool zones_;
  std::map<int, Limit> limits_;
  std::set<int> doomed_limits_;                    // ours, and wanted no more
  std::map<std::string, Policy> policies_wanted_;  // by the kernel's names
  std::vector<std::string> order_;                 // of these names in the configuration
  std::set<std::string> names_;                    // that are declared
  std::set<std::string> stuck_;                    // ours, wanted no more, but in use still
  bool look_for_leftovers_ = true;
  std::shared_ptr<const pipeline::TimeoutPolicies> policies_;
};

}  // namespace sluice::port
