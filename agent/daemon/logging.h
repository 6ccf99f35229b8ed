// The log: lines on standard error.
//
// Where standard error is the journal, a line begins with its priority as sd-daemon(3) has it and
// leaves the time to the journal; elsewhere with the time and the level.
#pragma once

#include "agent/daemon/config.h"

namespace sluice::daemon {

// Before the first line is logged.
void StartLogging(LogLevel level);
// By any thread.
void SetLogLevel(LogLevel level);

}  // namespace sluice::daemon
