// The commands, one constant a file: kShow is in show.cc. command.cc has the table of them.
#pragma once

#include "dpctl/command.h"

namespace sluice::dpctl {

extern const Command kAddDp;
extern const Command kDelDp;
extern const Command kAddIf;
extern const Command kDelIf;
extern const Command kDumpDps;
extern const Command kSetIf;
extern const Command kShow;
extern const Command kAddFlow;
extern const Command kModFlow;
extern const Command kDelFlow;
extern const Command kGetFlow;
extern const Command kDumpFlows;
extern const Command kAddFlows;
extern const Command kModFlows;
extern const Command kDelFlows;
extern const Command kRebind;
extern const Command kDumpConntrack;
extern const Command kFlushConntrack;
extern const Command kCtStatsShow;
extern const Command kCtSetLimits;
extern const Command kCtDelLimits;
extern const Command kCtGetLimits;
extern const Command kCtTimeoutList;
extern const Command kCtTimeoutAdd;
extern const Command kCtTimeoutDel;
extern const Command kCacheGetSize;
extern const Command kCacheSetSize;
extern const Command kAddMeter;
extern const Command kModMeter;
extern const Command kDelMeter;
extern const Command kDelMeters;
extern const Command kDumpMeters;
extern const Command kMeterFeatures;
extern const Command kExecute;
extern const Command kListen;
extern const Command kSamples;
extern const Command kMonitor;
extern const Command kTop;
extern const Command kFeatures;
extern const Command kParse;
extern const Command kParseActions;
extern const Command kDiff;
extern const Command kCompletion;
extern const Command kExplain;
extern const Command kHelp;
extern const Command kListCommands;

}  // namespace sluice::dpctl
