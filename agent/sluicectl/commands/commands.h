// The commands of sluicectl: a file each, and a line in the table of main.cc.
//
// Each adds itself to the command line: its options, its examples, and what is to be done when it
// is the one that is given. That returns the exit status.
#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <string>

#include "agent/sluicectl/session.h"

namespace sluice::ctl {

// Where a command of the command line leaves what is to be done.
using Chosen = std::function<int()>;

using AddCommand = void (*)(CLI::App* app, Session* session, Chosen* chosen);

void AddStatus(CLI::App* app, Session* session, Chosen* chosen);
void AddCounters(CLI::App* app, Session* session, Chosen* chosen);
void AddBridge(CLI::App* app, Session* session, Chosen* chosen);
void AddPort(CLI::App* app, Session* session, Chosen* chosen);
void AddPeers(CLI::App* app, Session* session, Chosen* chosen);
void AddApply(CLI::App* app, Session* session, Chosen* chosen);
void AddConfig(CLI::App* app, Session* session, Chosen* chosen);
void AddFdb(CLI::App* app, Session* session, Chosen* chosen);
void AddRules(CLI::App* app, Session* session, Chosen* chosen);
void AddGroups(CLI::App* app, Session* session, Chosen* chosen);
void AddMeters(CLI::App* app, Session* session, Chosen* chosen);
void AddCt(CLI::App* app, Session* session, Chosen* chosen);
void AddMirrors(CLI::App* app, Session* session, Chosen* chosen);
void AddMasks(CLI::App* app, Session* session, Chosen* chosen);
void AddPacketIns(CLI::App* app, Session* session, Chosen* chosen);
void AddCompletion(CLI::App* app, Session* session, Chosen* chosen);
void AddFlows(CLI::App* app, Session* session, Chosen* chosen);
void AddExplain(CLI::App* app, Session* session, Chosen* chosen);
void AddTrace(CLI::App* app, Session* session, Chosen* chosen);
void AddUpcalls(CLI::App* app, Session* session, Chosen* chosen);

}  // namespace sluice::ctl
