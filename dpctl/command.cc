#include "dpctl/command.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

using base::ToAbsl;

constexpr const Command* kCommands[] = {
    // datapaths and their ports
    &kAddDp,
    &kDelDp,
    &kAddIf,
    &kSetIf,
    &kDelIf,
    &kDumpDps,
    &kShow,
    &kCacheGetSize,
    &kCacheSetSize,
    // flows
    &kAddFlow,
    &kModFlow,
    &kDelFlow,
    &kGetFlow,
    &kDumpFlows,
    &kAddFlows,
    &kModFlows,
    &kDelFlows,
    &kRebind,
    // connections
    &kDumpConntrack,
    &kFlushConntrack,
    &kCtStatsShow,
    &kCtSetLimits,
    &kCtDelLimits,
    &kCtGetLimits,
    &kCtTimeoutList,
    &kCtTimeoutAdd,
    &kCtTimeoutDel,
    // meters
    &kAddMeter,
    &kModMeter,
    &kDelMeter,
    &kDelMeters,
    &kDumpMeters,
    &kMeterFeatures,
    // packets
    &kExecute,
    &kListen,
    &kMonitor,
    &kTop,
    &kSamples,
    // the kernel, and this program
    &kFeatures,
    &kParse,
    &kDiff,
    &kExplain,
    &kParseActions,
    &kCompletion,
    &kHelp,
    &kListCommands,
};

constexpr std::string_view kOptionsText =
    "Options, before or after the command:\n"
    "  -s, --statistics    statistics too\n"
    "  -m, --more          more: UFIDs, wildcarded fields, names of ports\n"
    "      --names         ports by name\n"
    "      --no-names      ports by number, with -m too\n"
    "      --clear         mod-flow: statistics begin at zero\n"
    "      --may-create    mod-flow: creates a flow that is not there\n"
    "      --atomic        add-flows and the like: the whole file or nothing of it\n"
    "      --read-only     refuse commands that change something\n"
    "  -t, --timeout=SECS  give up after so many seconds\n"
    "      --json          print JSON\n"
    "  -h, --help          this text, or that of a command\n"
    "  -V, --version       version\n";

// The options of kOptionsText, which is where they are told.
std::vector<CommandOption> ReadOptions() {
  std::vector<CommandOption> options;
  for (std::string_view rest = kOptionsText; !rest.empty();) {
    const size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    const size_t name = line.find("--");
    if (name == std::string_view::npos) continue;
    const size_t name_end = line.find_first_of(" =", name);
    const size_t value = line[name_end] == '=' ? name_end + 1 : name_end;
    const size_t value_end = line.find(' ', value);
    options.push_back({.name = line.substr(name, name_end - name),
                       .value = line.substr(value, value_end - value),
                       .about = line.substr(line.find_first_not_of(' ', value_end))});
  }
  return options;
}

}  // namespace

std::span<const CommandOption> GlobalOptions() {
  static const std::vector<CommandOption>* options = new std::vector(ReadOptions());
  return *options;
}

std::span<const Command* const> Commands() { return kCommands; }

const Command* FindCommand(std::string_view name) {
  const auto found = std::find_if(std::begin(kCommands), std::end(kCommands),
                                  [name](const Command* c) { return c->name == name; });
  return found == std::end(kCommands) ? nullptr : *found;
}

std::string HelpText(const Command& command) {
  std::string text =
      absl::StrCat("usage: dpctl ", ToAbsl(command.name), command.arguments.empty() ? "" : " ",
                   ToAbsl(command.arguments), "\n\n", ToAbsl(command.about), "\n");
  if (command.changes)
    absl::StrAppend(&text, "\nIt needs CAP_NET_ADMIN, and --read-only refuses it.\n");
  else if (command.changes_with.empty())
    absl::StrAppend(&text, "\nIt changes nothing.\n");
  else
    absl::StrAppend(&text, "\nIt changes no datapath, unless with ", ToAbsl(command.changes_with),
                    ", which --read-only refuses.\n");
  if (!command.options.empty()) {
    absl::StrAppend(&text, "\nOptions of this command:\n");
    for (const CommandOption& option : command.options) {
      std::string left(option.letter);
      if (!left.empty()) left += ", ";
      left += option.name;
      if (!option.value.empty()) left += "=" + std::string(option.value);
      absl::StrAppendFormat(&text, "  %-21s %s\n", left, ToAbsl(option.about));
    }
  }
  if (!command.examples.empty()) absl::StrAppend(&text, "\nExamples:\n", ToAbsl(command.examples));
  absl::StrAppend(&text, "\n", ToAbsl(kOptionsText));
  return text;
}

std::string HelpText() {
  std::string text =
      "dpctl: looks at and changes openvswitch datapaths of the Linux kernel\n"
      "usage: dpctl [OPTION]... COMMAND [ARGUMENT]...\n\nCommands:\n";
  for (const Command* command : kCommands)
    absl::StrAppend(&text, "  ", ToAbsl(command->name), command->arguments.empty() ? "" : " ",
                    ToAbsl(command->arguments), "\n");
  absl::StrAppend(&text,
                  "\nDP is [system@]NAME; where it is optional, the only datapath is meant.\n"
                  "`dpctl help COMMAND` tells more of a command.\n\n",
                  ToAbsl(kOptionsText));
  return text;
}

std::string VersionText() { return "dpctl (Sluice) " SLUICE_VERSION "\n"; }

absl::Status RunCommand(const Command& command, Session* session) {
  if (command.changes && session->options().read_only)
    return UsageError(
        absl::StrFormat("'%s' command does not work in read only mode", ToAbsl(command.name)));
  if (!command.changes_with.empty() && session->Given(command.changes_with) &&
      session->options().read_only)
    return UsageError(absl::StrFormat("'%s' command with %s does not work in read only mode",
                                      ToAbsl(command.name), ToAbsl(command.changes_with)));
  const size_t count = session->args().size();
  const std::string usage =
      absl::StrCat("usage: dpctl ", ToAbsl(command.name), command.arguments.empty() ? "" : " ",
                   ToAbsl(command.arguments));
  if (count < command.min_args)
    return WithHint(UsageError(absl::StrFormat("'%s' command requires at least %d argument%s",
                                               ToAbsl(command.name), command.min_args,
                                               command.min_args == 1 ? "" : "s")),
                    usage);
  if (count > command.max_args)
    return WithHint(
        UsageError(absl::StrFormat("'%s' command takes at most %d argument%s", ToAbsl(command.name),
                                   command.max_args, command.max_args == 1 ? "" : "s")),
        usage);
  return command.run(session);
}

}  // namespace sluice::dpctl
