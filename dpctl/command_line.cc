#include "dpctl/command_line.h"

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "dpctl/failure.h"
#include "dpctl/userspace_commands.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

// Options may stand before and after the command: both parsers write to the same place.
void AddOptions(CLI::App* app, Options* options) {
  app->set_help_flag();
  app->add_flag("-s,--statistics", options->statistics);
  app->add_flag_function(
      "-m,--more", [options](int64_t count) { options->verbosity += static_cast<int>(count); });
  app->add_flag("--names", options->names);
  app->add_flag("--no-names", options->no_names);
  app->add_flag("--clear", options->clear);
  app->add_flag("--may-create", options->may_create);
  app->add_flag("--atomic", options->atomic);
  app->add_flag("--read-only", options->read_only);
  app->add_flag("--json", options->json);
  app->add_flag("-h,--help", options->help);
  app->add_flag("-V,--version", options->version);
  app->add_option("-t,--timeout", options->timeout);
}

void AddOwnOptions(CLI::App* app, const Command& command, CommandOptions* given) {
  for (const CommandOption& option : command.options) {
    const std::string name(option.name);
    const std::string names =
        option.letter.empty() ? name : std::string(option.letter) + "," + name;
    if (option.value.empty())
      app->add_flag_callback(names, [given, name] { (*given)[name]; });
    else
      app->add_option_function<std::string>(
             names, [given, name](const std::string& value) { (*given)[name] = value; })
          ->take_last();
  }
}

absl::Status Unknown(const std::vector<std::string>& extra) {
  SLUICE_RETURN_IF_ERROR(RefuseUserspaceCommand(extra.front()));
  const bool option = extra.front().size() > 1 && extra.front().front() == '-';
  return UsageError(absl::StrCat("unknown ", option ? "option" : "command", " '", extra.front(),
                                 "'; use --help for help"));
}

// `ct timeout list` is `ct-timeout-list`: words that stand for one command become one.
class JoinedWords {
 public:
  JoinedWords(int argc, const char* const* argv) : words_(argv, argv + argc) {
    for (size_t i = 1; i < words_.size(); ++i) {
      if (words_[i][0] == '-') continue;
      Join(i);
      return;
    }
  }
  int argc() const { return static_cast<int>(words_.size()); }
  const char* const* argv() const { return words_.data(); }

 private:
  void Join(size_t at) {
    if (at + 2 >= words_.size() || std::string_view(words_[at]) != "ct" ||
        std::string_view(words_[at + 1]) != "timeout")
      return;
    joined_ = absl::StrCat("ct-timeout-", words_[at + 2]);
    const auto first = words_.begin() + static_cast<std::ptrdiff_t>(at);
    words_.erase(first, first + 2);
    words_[at] = joined_.c_str();
  }

  std::vector<const char*> words_;
  std::string joined_;
};

}  // namespace

absl::StatusOr<Invocation> ParseCommandLine(int argc, const char* const* argv) {
  Invocation line;
  CLI::App app;
  app.require_subcommand(0, 1);
  app.allow_extras();
  AddOptions(&app, &line.options);
  for (const Command* command : Commands()) {
    CLI::App* sub = app.add_subcommand(std::string(command->name));
    sub->allow_extras(false);
    AddOptions(sub, &line.options);
    AddOwnOptions(sub, *command, &line.own_options);
    // As they stand: CLI11 would make nothing of an empty text, which is an empty list of actions.
    sub->add_option("ARGUMENT",
                    [&line](const CLI::results_t& results) {
                      line.args = results;
                      return true;
                    })
        ->expected(0, -1)
        ->allow_extra_args();
    sub->final_callback([&line, command] { line.command = command; });
  }
  try {
    const JoinedWords words(argc, argv);
    app.parse(words.argc(), words.argv());
  } catch (const CLI::ParseError& error) {
    return UsageError(absl::StrCat(error.what(), "; use --help for help"));
  }
  if (!app.remaining().empty()) return Unknown(app.remaining());
  return line;
}

}  // namespace sluice::dpctl
