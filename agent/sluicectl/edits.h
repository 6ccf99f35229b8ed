// What `bridge`, `port` and `mirrors` share: they edit the desired state.
#pragma once

#include <CLI/App.hpp>
#include <string>

#include "agent/sluicectl/commands/commands.h"
#include "agent/sluicectl/session.h"

namespace sluice::ctl {

// What --help says of the commands.
struct EditHelp {
  const char* bridge;
  const char* port;  // or of what else the bridge has a list; nullptr: they edit bridges
  const char* add;
  const char* set;
  const char* del;
  // What stands for the name of an item, and the list as the configuration calls it.
  const char* item = "PORT";
  const char* list = "";
};

// Adds the commands add, set and del to `parent`.
void AddEdits(CLI::App* parent, const EditHelp& help, Session* session, Chosen* chosen);

// Asks for the edits, prints what changed, and returns the exit status.
int SendEdits(Session* session, const v1::EditRequest& request);

// Differences and warnings of an answer.
std::string ToText(const v1::ApplyResponse& response);

}  // namespace sluice::ctl
