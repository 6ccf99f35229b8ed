// The probes behind Probe(), one for each way of trying; each sets the features that it can tell.
// Used inside this folder only.
#pragma once

#include "kmod-compat/features.h"
#include "kmod-compat/scratch.h"

namespace sluice::compat {

Finding Yes();
Finding No(std::string detail);
Finding Unknown(std::string detail);
// What an answer of the kernel's proves: kYes for OK, kNo for those errors by which a kernel
// refuses what it does not know, kUnknown for the others.
Finding FromStatus(const absl::Status& status);

// One of Method::kFlow: installs its flow and reads it back.
Finding TryFlow(Scratch* scratch, const FeatureInfo& info);
void ProbeFlows(Scratch* scratch, FeatureSet* features);      // all of Method::kFlow, masks, UFIDs
void ProbeFamilies(Scratch* scratch, FeatureSet* features);   // Method::kFamily and kAttribute
void ProbeDatapath(Scratch* scratch, FeatureSet* features);   // features of datapath and ports
void ProbePackets(Scratch* scratch, FeatureSet* features);    // upcalls and execute
void ProbeConntrack(Scratch* scratch, FeatureSet* features);  // ctnetlink

}  // namespace sluice::compat
