// A command's usage line as data: which arguments may stand where. Command::arguments is the only
// place that says so; completion reads it from there.
//
//   UsageSlots("[-s] [DP] [zone=N[,N]...] FILE|-")
//       -> {{"DP"}, optional}, {{"zone=N"}, optional}, {{"FILE", "-"}}
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::dpctl {

struct UsageSlot {
  // Upper case: what is meant (DP, FLOW); with `=`: a key and what is meant; else the word itself.
  std::vector<std::string> alternatives;
  bool optional = false;
  bool repeats = false;
  friend bool operator==(const UsageSlot&, const UsageSlot&) = default;
};

// Without the options, which have a table of their own.
std::vector<UsageSlot> UsageSlots(std::string_view arguments);

// Those that may hold the argument behind `given`, each once, in the order of the line.
std::vector<const UsageSlot*> NextSlots(std::span<const UsageSlot> slots,
                                        std::span<const std::string> given);

}  // namespace sluice::dpctl
