#include "agent/sluicectl/completion.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace sluice::ctl {
namespace {

// The words of an option that takes one of several, from what CLI11 shows of it: "TEXT:{a,b}".
std::vector<std::string> ChoicesOf(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t open = type.find('{'), close = type.find('}');
  if (open == std::string::npos || close == std::string::npos || close < open) return {};
  return absl::StrSplit(type.substr(open + 1, close - open - 1), ',');
}

bool IsFlag(const CLI::Option& option) { return option.get_items_expected_max() == 0; }

class Completer {
 public:
  Completer(CLI::App* app, Session* session, const std::vector<std::string>& words)
      : session_(session), app_(app), word_(words.empty() ? "" : words.back()) {
    for (size_t i = 0; i + 1 < words.size(); ++i) Take(words[i]);
  }

  std::string Take() && {
    if (value_of_ != nullptr) {
      Values(*value_of_);
    } else if (word_.starts_with('-')) {
      Options();
    } else {
      for (const CLI::App* command : app_->get_subcommands([](const CLI::App*) { return true; }))
        if (!command->get_group().empty()) Add(command->get_name(), command->get_description());
      if (const CLI::Option* positional = Positional()) Values(*positional);
    }
    return std::move(out_);
  }

 private:
  // A word before the last: an option, a command, or an argument.
  void Take(const std::string& word) {
    if (value_of_ != nullptr) {
      if (value_of_->check_name("--socket")) session_->socket = word;
      value_of_ = nullptr;
    } else if (word.starts_with('-')) {
      for (const CLI::App* app = app_; app != nullptr; app = app->get_parent())
        for (const CLI::Option* option : app->get_options())
          if (option->check_name(word) && !IsFlag(*option)) value_of_ = option;
    } else if (CLI::App* command = Command(word)) {
      app_ = command;
      arguments_.clear();
    } else {
      arguments_.push_back(word);
      last_bridge_ = arguments_.size() == 1 ? word : last_bridge_;
    }
  }

  CLI::App* Command(const std::string& name) const {
    for (CLI::App* command : app_->get_subcommands([](CLI::App*) { return true; }))
      if (command->get_name() == name) return command;
    return nullptr;
  }

  // The argument that the last word is.
  const CLI::Option* Positional() const {
    size_t skip = arguments_.size();
    for (const CLI::Option* option : app_->get_options())
      if (option->get_positional() &&
          (skip == 0 || skip-- < static_cast<size_t>(option->get_items_expected_max())))
        return option;
    return nullptr;
  }

  void Options() {
    for (const CLI::App* app = app_; app != nullptr; app = app->get_parent())
      for (const CLI::Option* option : app->get_options())
        for (const std::string& name : option->get_lnames())
          Add("--" + name, option->get_description());
  }

  void Values(const CLI::Option& option) {
    const std::vector<std::string> choices = ChoicesOf(option);
    for (const std::string& choice : choices) Add(choice, "");
    const std::string name = option.get_name(option.get_positional(), /*all_options=*/true);
    if (name.find("BRIDGE") != std::string::npos) return Bridges();
    if (name.find("PORT") != std::string::npos || name.find("port") != std::string::npos)
      return Ports();
    if (name.find("file") != std::string::npos || name.find("groups") != std::string::npos ||
        name.find("socket") != std::string::npos)
      out_ += ":files\n";
  }

  void Bridges() {
    v1::GetStatusResponse status;
    if (!session_->Ask(&v1::Sluice::Stub::GetStatus, v1::GetStatusRequest(), &status)) return;
    for (const v1::Bridge& bridge : status.bridges())
      Add(bridge.name(), absl::StrCat(bridge.ports_size(), " ports"));
  }

  void Ports() {
    v1::GetStatusResponse status;
    if (!session_->Ask(&v1::Sluice::Stub::GetStatus, v1::GetStatusRequest(), &status)) return;
    for (const v1::Bridge& bridge : status.bridges())
      for (const v1::Port& port : bridge.ports())
        if (last_bridge_.empty() || bridge.name() == last_bridge_) Add(port.name(), port.state());
  }

  void Add(const std::string& word, const std::string& about) {
    if (word.starts_with(word_))
      absl::StrAppend(&out_, word, about.empty() ? "" : "\t", about, "\n");
  }

  Session* const session_;
  CLI::App* app_;  // the command that the words so far lead to
  const std::string word_;
  const CLI::Option* value_of_ = nullptr;  // the last word is the value of this option
  std::vector<std::string> arguments_;
  std::string last_bridge_;
  std::string out_;
};

}  // namespace

std::string Complete(CLI::App* app, Session* session, const std::vector<std::string>& words) {
  return Completer(app, session, words).Take();
}

}  // namespace sluice::ctl
