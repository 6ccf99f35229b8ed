// Completion of command lines of sluicectl, for the shells: what may stand where.
//
// Read off the command line's own description, so a command or option that is added is completed;
// bridges and ports are asked of sluiced.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "agent/sluicectl/session.h"

namespace sluice::ctl {

// What bash, zsh and fish ask sluicectl itself with.
inline constexpr char kCompleteCommand[] = "__complete";

// The words that may stand in place of the last of `words`, a line each: the word and, behind a
// tab, what it is. The line ":files" stands for names of files.
std::string Complete(CLI::App* app, Session* session, const std::vector<std::string>& words);

// The script that makes a shell ask; nullptr for a shell that we do not know.
const char* CompletionScript(const std::string& shell);

}  // namespace sluice::ctl
