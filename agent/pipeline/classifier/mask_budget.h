// Keeps the number of distinct masks of the installed flows within a budget.
//
// The kernel tries one mask after the other, for each packet and each install. Lookups read as few
// bits as they can, and so yield many masks, the more so for traffic that is crafted for it (tuple
// space explosion). Fit() adds bits to a mask until it has a shape that is there already, or one of
// few: more bits are always sound, and cost some flows. The fuller the budget, the coarser:
//
//   free      the mask as it is
//   reused    from half the budget on: an installed mask that has all its bits and few more
//   rounded   else prefixes and ports rounded up to steps of 8 bits, from three quarters on of 16
//   whole     from seven eighths on: each address and port that is read at all is read whole
//   exact     beyond the budget: an installed mask with all its bits and however many more, else
//             every bit; so there is one mask beyond the budget at most for each kind of packet
//
// A mask counts as long as somebody holds its MaskUse: a flow has one. A later translation may need
// fewer bits than a flow has: compare with IsWithin(), not for equality. Thread-safe; a MaskUse may
// outlive the budget.
//
//   const MaskUse use = budget.Fit(bits, [&] { return all_bits_that_such_a_packet_has; });
//   flow.mask = bits with *use added; flow.mask_use = use;
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "agent/pipeline/classifier/mask_options.h"
#include "agent/pipeline/fields.h"

namespace sluice::pipeline {

enum class MaskFit : uint8_t { kFree, kReused, kRounded, kWhole, kExact };
inline constexpr size_t kMaskFits = 5;
std::string_view ToString(MaskFit fit);

// A mask in use. Never null when it comes from a MaskBudget.
using MaskUse = std::shared_ptr<const Fields>;

class MaskBudget {
 public:
  struct Stats {
    size_t masks = 0;                        // in use now
    std::array<uint64_t, kMaskFits> fits{};  // by what was done
    uint64_t bits_added = 0;                 // to all masks together
  };

  explicit MaskBudget(MaskBudgetOptions options = {});

  // For masks from now on; those in use stay.
  void set_options(const MaskBudgetOptions& options);
  MaskBudgetOptions options() const;

  // A mask with all bits of `mask`, and perhaps some more of those that `exact` gives, which is
  // asked only when bits are to be added.
  MaskUse Fit(const Fields& mask, absl::FunctionRef<Fields()> exact);
  // Counts a mask as it is: of an adopted flow.
  MaskUse Count(const Fields& mask);
  // Whether half the budget or more is used: from here on bits are added.
  bool IsCrowded() const;
  Stats stats() const;

 private:
  struct State;  // shared with every use
  std::shared_ptr<State> state_;
};

// Rounds every prefix that a mask has of an address or port up to a multiple of `step` bits; ports
// have none or all from 16 on. What is no prefix becomes whole.
void RoundPrefixes(unsigned step, Fields* mask);

}  // namespace sluice::pipeline
