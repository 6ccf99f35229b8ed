// Rule sets and packet traces in the manner of ClassBench, for tests and benchmarks: the same for
// the same seed, on every machine.
//
//   RuleSet set = MakeRuleSet(Family::kAcl, 10'000, /*seed=*/1);
//   std::vector<Fields> trace = MakeTrace(set, 5'000, /*seed=*/2);
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "agent/pipeline/fields.h"

namespace sluice::testing {

// A small generator of good random numbers; the standard distributions differ between libraries.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next();
  // 0 to n - 1.
  uint64_t Below(uint64_t n) { return Next() % n; }
  // With probability percent / 100.
  bool Percent(unsigned percent) { return Below(100) < percent; }

 private:
  uint64_t state_;
};

struct GeneratedRule {
  pipeline::Fields value, mask;
  int32_t priority = 0;
};
using RuleSet = std::vector<GeneratedRule>;

enum class Family {
  kAcl,       // access lists: specific destinations and services
  kFirewall,  // many wildcards, ranges of ports on both sides
  kChain,     // IP chains: both of these, and pairs of networks
  kExact,     // every rule matches the same 13 fields, each with one of two values, exactly
};
inline constexpr Family kFamilies[] = {Family::kAcl, Family::kFirewall, Family::kChain};
std::string_view FamilyName(Family family);

// `size` rules; the earlier has the higher priority, all differ (but in kExact, where one priority
// serves for all, and rules of one value may come twice). Ranges of ports are cut into prefixes,
// each a rule. The last rule of the other families matches all IPv4.
RuleSet MakeRuleSet(Family family, size_t size, uint64_t seed);

// `size` different packets, each of which matches a randomly chosen rule, with corners of its
// ranges more likely than what lies between.
std::vector<pipeline::Fields> MakeTrace(const RuleSet& set, size_t size, uint64_t seed);

// Tuple space explosion: packets made to yield as many masks as they can. Each differs from what a
// rule allows in one bit of each address and port, all combinations of places in turn.
std::vector<pipeline::Fields> MakeExplosion(const RuleSet& set, size_t size, uint64_t seed);
// The rules for it, at their worst: one that allows two addresses and two ports, one for the rest.
RuleSet MakeAllowOne();

}  // namespace sluice::testing
