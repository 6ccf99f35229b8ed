// Fits the mask of a translation into the budget of its datapath.
//
// Apart from translation itself, which stays a pure function: what fits depends on the flows that
// are installed. The mask only ever gets narrower, so that it stays sound.
//
//   translator.Translate(key, view, &translation);
//   flow.mask_use = FitMask(key, bridge.masks(), &translation, options);   // to be put: its mask
#pragma once

#include "agent/pipeline/classifier/mask_budget.h"
#include "agent/translate/translate.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::translate {

// Adds bits to `translation->mask` as the budget wants. The flow holds the use as long as it lives.
// `options` are those of the bridge.
pipeline::MaskUse FitMask(const ovs::FlowKey& key, pipeline::MaskBudget* budget,
                          Translation* translation, const pipeline::TunnelOptions& options = {});

}  // namespace sluice::translate
