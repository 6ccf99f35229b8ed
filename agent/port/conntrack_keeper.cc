#include "agent/port/conntrack_keeper.h"

#include <netinet/in.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "netlink/attr/wire.h"
#include "netlink/base/counters.h"
#include "netlink/base/status.h"
#include "netlink/conntrack/connection_match.h"

namespace sluice::port {

using conntrack::TimeoutPolicy;
using pipeline::TimeoutFor;

namespace {

constexpr std::string_view kPrefix = "sluice_";

base::Counter& Remade() {
  static base::Counter& counter =
      base::Counters::Get("conntrack_remade",
                          "Limits of zones and timeout policies that somebody else had changed or "
                          "deleted: made again.");
  return counter;
}

base::Counter& Errors() {
  static base::Counter& counter = base::Counters::Get(
      "conntrack_errors", "Limits of zones and timeout policies that the kernel refused.");
  return counter;
}

// In words, where it is the whole feature that is missing.
std::string LimitProblem(const absl::Status& status) {
  if (status.code() == absl::StatusCode::kUnavailable)
    return "this kernel has no limits of zones (feature ct_limit: Linux 4.18 has)";
  return std::string(status.message());
}

std::string PolicyProblem(const absl::Status& status) {
  if (status.code() == absl::StatusCode::kUnavailable)
    return "this kernel has no timeout policies, or its module nfnetlink_cttimeout is not loaded "
           "(feature ct_timeout: Linux 5.2 has)";
  if (base::ErrnoOf(status) == EOPNOTSUPP)
    return "this kernel has no timeout policies for that protocol";
  return std::string(status.message());
}

std::string NameOfZone(int zone) {
  return zone == ovs::kDefaultZone ? "the default limit of zones"
                                   : absl::StrCat("the limit of zone ", zone);
}

// Says it when it is new. True then.
bool Tell(const std::string& what, std::string problem, std::string* told) {
  if (problem == *told) return false;
  *told = std::move(problem);
  if (!told->empty()) spdlog::error("conntrack: {}: {}", what, *told);
  return true;
}

// Whether all that is wanted is there: the kernel tells the system's values beside.
bool HasAll(const TimeoutPolicy& there, const TimeoutSpec& wanted) {
  const attr::AttributeWalk want(wanted.timeouts), have(there.timeouts);
  for (const attr::Attribute& one : want) {
    bool found = false;
    for (const attr::Attribute& other : have)
      found |= other.type == one.type && std::equal(one.payload.begin(), one.payload.end(),
                                                    other.payload.begin(), other.payload.end());
    if (!found) return false;
  }
  return true;
}

uint16_t FamilyOf(const TimeoutFor& connections) {
  return connections.version == 4 ? AF_INET : AF_INET6;
}

TimeoutPolicy PolicyOf(const std::string& name, const TimeoutSpec& spec) {
  return {.name = name,
          .family = FamilyOf(spec.connections),
          .protocol = spec.connections.protocol,
          .uses = 0,
          .timeouts = spec.timeouts};
}

}  // namespace

std::string KernelNameOf(const TimeoutSpec& spec) {
  return absl::StrCat(base::ToAbsl(kPrefix), spec.name, "_",
                      conntrack::ProtocolName(spec.connections.protocol), spec.connections.version);
}

ConntrackKeeper::ConntrackKeeper(ConntrackKernel* kernel, bool zones)
    : kernel_(kernel),
      zones_(zones),
      policies_(std::make_shared<const pipeline::TimeoutPolicies>()) {}

void ConntrackKeeper::Sync(const ConntrackSpec& wanted, uint64_t rounds) {
  for (const auto& [zone, limit] : limits_)
    if (limit.made && !wanted.limits.contains(zone)) doomed_limits_.insert(zone);
  std::map<int, Limit> limits;
  for (const auto& [zone, number] : wanted.limits) {
    doomed_limits_.erase(zone);
    const auto known = limits_.find(zone);
    limits[zone] = known != limits_.end() && known->second.limit == number ? known->second
                                                                           : Limit{.limit = number};
  }
  limits_ = std::move(limits);

  std::map<std::string, Policy> policies;
  order_.clear();
  names_.clear();
  for (const TimeoutSpec& spec : wanted.timeouts) {
    const std::string name = KernelNameOf(spec);
    const auto known = policies_wanted_.find(name);
    policies[name] = known == policies_wanted_.end() ? Policy{} : known->second;
    policies[name].told &= policies[name].spec == spec;
    policies[name].spec = spec;
    order_.push_back(name);
    names_.insert(spec.name);
    stuck_.erase(name);
  }
  for (const auto& [name, policy] : policies_wanted_)
    if (policy.made && !policies.contains(name)) stuck_.insert(name);
  policies_wanted_ = std::move(policies);
  // Before the kernel loses what is wanted no more: flows are to let go of it.
  (void)Publish();
  (void)Check(rounds);
}

bool ConntrackKeeper::Check(uint64_t rounds) {
  const bool limits = CheckLimits();
  const bool policies = CheckPolicies(rounds);
  return Publish() || limits || policies;
}

bool ConntrackKeeper::idle() const {
  return limits_.empty() && doomed_limits_.empty() && policies_wanted_.empty() && stuck_.empty() &&
         !look_for_leftovers_;
}

// --- Limits --------------------------------------------------------------------------------------

bool ConntrackKeeper::CheckLimits() {
  DropLimits();
  if (limits_.empty()) return false;
  bool changed = false;
  const absl::StatusOr<std::vector<ovs::ZoneLimit>> there = kernel_->GetLimits();
  if (!there.ok()) {
    for (auto& [zone, limit] : limits_) {
      changed |= Tell(NameOfZone(zone), LimitProblem(there.status()), &limit.problem);
      limit.made = false;
    }
    return changed;
  }
  for (auto& [zone, limit] : limits_) {
    const bool holds =
        std::any_of(there->begin(), there->end(),
                    [zone = zone, wanted = limit.limit](const ovs::ZoneLimit& other) {
                      return other.zone == zone && other.limit == wanted;
                    });
    if (limit.made && !holds) {
      spdlog::warn("conntrack: {} was changed by somebody else, and is set again",
                   NameOfZone(zone));
      Remade().Add();
      limit.made = false;
    }
  }
  return SetLimits() || changed;
}

// One by one: each is refused for itself.
bool ConntrackKeeper::SetLimits() {
  bool changed = false;
  for (auto& [zone, limit] : limits_) {
    if (limit.made) continue;
    if (zone > 0 && !zones_) {
      changed |= Tell(NameOfZone(zone), "this kernel has no zones but 0 (feature ct_zone)",
                      &limit.problem);
      continue;
    }
    const ovs::ZoneLimit wanted{.zone = zone, .limit = limit.limit};
    const absl::Status status = kernel_->SetLimits({&wanted, 1});
    limit.made = status.ok();
    if (!status.ok()) Errors().Add();
    changed |= Tell(NameOfZone(zone), status.ok() ? "" : LimitProblem(status), &limit.problem);
  }
  return changed;
}

// What cannot be deleted is gone with its module, or is tried again.
void ConntrackKeeper::DropLimits() {
  for (auto it = doomed_limits_.begin(); it != doomed_limits_.end();) {
    const auto here = it++;
    const absl::Status status = kernel_->DeleteLimits({&*here, 1});
    if (status.ok() || status.code() == absl::StatusCode::kUnavailable) {
      doomed_limits_.erase(here);
    } else {
      Errors().Add();
    }
  }
}

// --- Policies ------------------------------------------------------------------------------------

bool ConntrackKeeper::CheckPolicies(uint64_t rounds) {
  if (policies_wanted_.empty() && stuck_.empty() && !look_for_leftovers_) return false;
  bool changed = false;
  const absl::StatusOr<std::vector<TimeoutPolicy>> there = kernel_->ListPolicies();
  if (!there.ok()) {
    for (auto& [name, policy] : policies_wanted_) {
      if (policy.made) policy.missed_at = rounds;
      policy.made = false;
      changed |= Tell(name, PolicyProblem(there.status()), &policy.problem);
    }
    // Without the module there is nothing left over either.
    look_for_leftovers_ = false;
    stuck_.clear();
    return changed;
  }
  changed |= DropPolicies(*there);
  for (auto& [name, policy] : policies_wanted_) {
    const auto found =
        std::find_if(there->begin(), there->end(),
                     [&name = name](const TimeoutPolicy& other) { return other.name == name; });
    if (policy.made && found == there->end()) {
      spdlog::warn("conntrack: timeout policy {} was deleted by somebody else, and is made again",
                   name);
      Remade().Add();
      policy.made = false;
      policy.missed_at = rounds;
      changed = true;
    }
    // Two rounds that began later have seen all flows.
    if (policy.missed_at && rounds < *policy.missed_at + 2) continue;
    policy.missed_at.reset();
    changed |= Put(name, &policy, found == there->end() ? nullptr : &*found);
  }
  return changed;
}

// Makes it, or makes it as it should be.
bool ConntrackKeeper::Put(const std::string& name, Policy* policy, const TimeoutPolicy* there) {
  const TimeoutSpec& spec = policy->spec;
  if (there != nullptr && HasAll(*there, spec)) {
    policy->made = policy->told = true;
    return Tell(name, "", &policy->problem);
  }
  if (policy->made && policy->told) {
    spdlog::warn("conntrack: timeout policy {} was changed by somebody else, and is set again",
                 name);
    Remade().Add();
  }
  const absl::Status status = kernel_->PutPolicy(PolicyOf(name, spec), there != nullptr);
  if (!status.ok()) Errors().Add();
  policy->made = policy->told = status.ok();
  return Tell(name, status.ok() ? "" : PolicyProblem(status), &policy->problem);
}

// Those of the prefix that nobody wants. Flows that are about to go may have one still.
bool ConntrackKeeper::DropPolicies(const std::vector<TimeoutPolicy>& there) {
  for (const TimeoutPolicy& policy : there)
    if (look_for_leftovers_ && policy.name.starts_with(kPrefix) &&
        !policies_wanted_.contains(policy.name))
      stuck_.insert(policy.name);
  look_for_leftovers_ = false;
  const size_t before = stuck_.size();
  for (auto it = stuck_.begin(); it != stuck_.end();) {
    const auto here = it++;
    const absl::Status status = kernel_->DeletePolicy(*here);
    if (status.ok() || base::ErrnoOf(status) == ENOENT) {
      stuck_.erase(here);
    } else if (base::ErrnoOf(status) != EBUSY) {
      Errors().Add();
    }
  }
  return stuck_.size() != before;
}

bool ConntrackKeeper::Publish() {
  pipeline::TimeoutPolicies now;
  for (const std::string& name : names_) now.declared[name];
  for (const auto& [name, policy] : policies_wanted_)
    if (policy.made) now.declared[policy.spec.name][policy.spec.connections] = name;
  if (now == *policies_) return false;
  policies_ = std::make_shared<const pipeline::TimeoutPolicies>(std::move(now));
  return true;
}

ConntrackStatus ConntrackKeeper::Status() const {
  ConntrackStatus status;
  for (const auto& [zone, limit] : limits_)
    status.limits.push_back({.zone = zone, .limit = limit.limit, .problem = limit.problem});
  for (const std::string& name : order_) {
    const Policy& policy = policies_wanted_.at(name);
    status.timeouts.push_back(
        {.spec = policy.spec, .kernel_name = name, .problem = policy.problem});
  }
  return status;
}

}  // namespace sluice::port
