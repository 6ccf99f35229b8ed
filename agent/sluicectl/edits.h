// What `bridge` and `port` share: they edit the desired state.
#pragma once

#include <CLI/App.hpp>
#include <string>

#include "agent/sluicectl/commands/commands.h"
#include "agent/sluicectl/session.h"

namespace sluice::ctl {

// What --help says of the commands.
struct EditHelp {
  const char* bridge;
  const char* port;  // nullptr: they edit bridges
  const char* add;
  const char* set;
  const char* del;
};

// Adds the commands add, set and del to `parent`.
void AddEdits(CLI::App* parent, const EditHelp& help, Session* session, Chosen* chosen);

// Differences and warnings of an answer.
std::string ToText(const v1::ApplyResponse& response);

}  // namespace sluice::ctl
