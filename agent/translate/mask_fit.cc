#include "agent/translate/mask_fit.h"

#include "agent/translate/key_fields.h"

namespace sluice::translate {

pipeline::MaskUse FitMask(const ovs::FlowKey& key, pipeline::MaskBudget* budget,
                          Translation* translation, const pipeline::TunnelOptions& options) {
  const Fields bits = BitsOfMask(translation->mask, key, options);
  pipeline::MaskUse use = budget->Fit(bits, [&] { return ExactBits(key, options); });
  if (*use == bits) return use;
  // Whatever the budget chose, all that was read stays.
  Fields wanted = translation->read;
  pipeline::AddMask(*use, &wanted);
  translation->mask = MaskOfFields(wanted, key, options);
  // A key without something that the chosen mask has a part of needs another mask of the kernel.
  const Fields fitted = BitsOfMask(translation->mask, key, options);
  return fitted == *use ? use : budget->Count(fitted);
}

}  // namespace sluice::translate
