// The table of commands: a command is a file in dpctl/commands with a constant of this type.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "dpctl/session.h"

namespace sluice::dpctl {

inline constexpr size_t kAnyNumber = static_cast<size_t>(-1);

// An option of one command alone, beside those that all have (options.h).
struct CommandOption {
  std::string_view name;   // "--port"
  std::string_view value;  // what it takes, as the help text shows it: "PORT"; empty for a flag
  std::string_view about;
  std::string_view letter{};  // a short form: "-n"
};

struct Command {
  std::string_view name;
  std::string_view arguments;  // as the usage line shows them
  size_t min_args;
  size_t max_args;
  bool changes;               // --read-only refuses it
  std::string_view about;     // sentences
  std::string_view examples;  // lines
  absl::Status (*run)(Session* session);
  std::span<const CommandOption> options{};
  std::string_view changes_with{};  // an option of its own with which it changes something
  int error_status = 1;             // exit status of an error; another one where 1 is an answer
};

// Those that all commands take, as the help text tells them.
std::span<const CommandOption> GlobalOptions();
// In the order of the help text.
std::span<const Command* const> Commands();
// Null when there is none.
const Command* FindCommand(std::string_view name);

// "usage: .." of one command, with its examples, and of the program.
std::string HelpText(const Command& command);
std::string HelpText();
std::string VersionText();

// Refuses what --read-only forbids and what has too few or too many arguments; else runs it.
absl::Status RunCommand(const Command& command, Session* session);

}  // namespace sluice::dpctl
