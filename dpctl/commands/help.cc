#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "dpctl/syntax_help.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

absl::Status RunHelp(Session* session) {
  if (session->args().empty()) {
    session->out().Write(HelpText());
    return absl::OkStatus();
  }
  const std::string& name = session->args()[0];
  if (name == "fields" || name == "actions") {
    session->out().Write(name == "fields" ? FieldsHelp() : ActionsHelp());
    return absl::OkStatus();
  }
  const Command* command = FindCommand(name);
  if (command == nullptr) return UsageError(absl::StrCat("unknown command '", name, "'"));
  session->out().Write(HelpText(*command));
  return absl::OkStatus();
}

absl::Status RunList(Session* session) {
  if (session->options().json) {
    Json list = Json::array();
    for (const Command* command : Commands())
      list.push_back({{"name", std::string(command->name)},
                      {"arguments", std::string(command->arguments)},
                      {"changes", command->changes}});
    session->Print({{"commands", std::move(list)}});
    return absl::OkStatus();
  }
  session->out().Write("The available commands are:\n");
  for (const Command* command : Commands()) {
    std::string line = absl::StrFormat("  %-23s %s", base::ToAbsl(command->name),
                                       base::ToAbsl(command->arguments));
    line.erase(line.find_last_not_of(' ') + 1);
    session->out().Write(line + "\n");
  }
  return absl::OkStatus();
}

}  // namespace

constinit const Command kHelp = {
    .name = "help",
    .arguments = "[COMMAND|fields|actions]",
    .min_args = 0,
    .max_args = 1,
    .changes = false,
    .about =
        "Tells how a command is used, or which commands there are; how each field of a flow, or\n"
        "each action, is written, what it means, and since which release of Linux it exists.",
    .examples =
        "  dpctl help add-if\n"
        "  dpctl help fields\n",
    .run = RunHelp};
constinit const Command kListCommands = {
    "list-commands",           "",     0, 0, false, "Lists the commands and their arguments.",
    "  dpctl list-commands\n", RunList};

}  // namespace sluice::dpctl
