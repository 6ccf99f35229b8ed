// Which timeout policies of the kernel stand for those that rules name in ct(commit,timeout=NAME).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

namespace sluice::pipeline {

// A policy of the kernel is for one version of IP and one protocol.
struct TimeoutFor {
  uint8_t version = 4;   // 4 or 6
  uint8_t protocol = 0;  // IPPROTO_*
  friend bool operator==(const TimeoutFor&, const TimeoutFor&) = default;
  friend bool operator<(const TimeoutFor& a, const TimeoutFor& b) {
    return std::tie(a.version, a.protocol) < std::tie(b.version, b.protocol);
  }
};

// Of the whole agent. Immutable when it is shared.
struct TimeoutPolicies {
  // By the name in rules: each that is declared, with the kernel's names of what the kernel has.
  std::map<std::string, std::map<TimeoutFor, std::string>, std::less<>> declared{};

  // Nothing when the kernel has none of that name for such connections.
  const std::string* Find(std::string_view name, const TimeoutFor& connections) const {
    const auto policy = declared.find(name);
    if (policy == declared.end()) return nullptr;
    const auto found = policy->second.find(connections);
    return found == policy->second.end() ? nullptr : &found->second;
  }
  friend bool operator==(const TimeoutPolicies&, const TimeoutPolicies&) = default;
};

}  // namespace sluice::pipeline
