// What the masks of a bridge's flows are made with: the optimisations of lookups, each of which can
// be switched off to measure what it does, and the budget of distinct masks.
//
// kOptimisations names the switches, for configuration, API and text alike.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::pipeline {

struct ClassifierOptions {
  // Leave out subtables that cannot have a rule above what is found already.
  bool priority_sorting = true;
  // Give up a subtable at the first stage in which no rule of it agrees with the packet.
  bool staged_lookup = true;
  // Rule out subtables by Ethernet type and protocol, addresses, and ports.
  bool type_tracking = true;
  bool prefix_tracking = true;
  bool port_tracking = true;

  static constexpr ClassifierOptions None() { return {false, false, false, false, false}; }
  friend bool operator==(const ClassifierOptions&, const ClassifierOptions&) = default;
};

struct MaskBudgetOptions {
  // Distinct masks at most; 0: no limit, and masks stay as they are. Why 64: docs/classifier.md.
  size_t masks = 64;
  // How many bits more a mask may have to be used instead of a new one.
  unsigned reuse_bits = 24;
  // Every flow matches all that its first packet has: no megaflows at all. To measure against.
  bool exact = false;
  friend bool operator==(const MaskBudgetOptions&, const MaskBudgetOptions&) = default;
};
inline constexpr size_t kMostMasks = 65'536;

struct MaskOptions {
  ClassifierOptions classifier{};
  MaskBudgetOptions budget{};
  friend bool operator==(const MaskOptions&, const MaskOptions&) = default;
};

struct Optimisation {
  std::string_view name;
  bool ClassifierOptions::*on;
};
inline constexpr std::array<Optimisation, 5> kOptimisations = {{
    {"priority_sorting", &ClassifierOptions::priority_sorting},
    {"staged_lookup", &ClassifierOptions::staged_lookup},
    {"type_tracking", &ClassifierOptions::type_tracking},
    {"prefix_tracking", &ClassifierOptions::prefix_tracking},
    {"port_tracking", &ClassifierOptions::port_tracking},
}};
// nullptr for another word.
inline const Optimisation* FindOptimisation(std::string_view name) {
  const auto* const found = std::find_if(kOptimisations.begin(), kOptimisations.end(),
                                         [&](const Optimisation& o) { return o.name == name; });
  return found == kOptimisations.end() ? nullptr : found;
}

}  // namespace sluice::pipeline
