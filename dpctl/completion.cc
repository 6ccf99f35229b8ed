#include "dpctl/completion.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "dpctl/command.h"
#include "dpctl/completion_kernel.h"
#include "dpctl/flow_completion.h"
#include "dpctl/port_options.h"
#include "dpctl/usage_slots.h"
#include "netlink/base/status.h"
#include "netlink/conntrack/connection_match.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::dpctl {
namespace {

using base::ToAbsl;

bool StartsWith(std::string_view text, std::string_view with) {
  return text.substr(0, with.size()) == with;
}

// The first line of a text that is wrapped by hand, and of that the first sentence.
std::string FirstSentence(std::string_view text) {
  std::string line(text.substr(0, text.find(". ")));
  std::replace(line.begin(), line.end(), '\n', ' ');
  while (!line.empty() && (line.back() == '.' || line.back() == ' ')) line.pop_back();
  return line;
}

// One completion, as it is gathered. `word` is what has been typed of the last word.
class Gatherer {
 public:
  Gatherer(const Command* command, std::vector<std::string> given, std::string word, Output* out)
      : command_(command), given_(std::move(given)), word_(std::move(word)), kernel_(out) {}

  void Commands() {
    for (const Command* command : dpctl::Commands())
      Add(std::string(command->name), FirstSentence(command->about));
  }

  void Options() {
    for (const CommandOption& option : GlobalOptions()) AddOption(option);
    if (command_ == nullptr) return;
    for (const CommandOption& option : command_->options) AddOption(option);
  }

  void Arguments() {
    const std::vector<UsageSlot> slots = UsageSlots(command_->arguments);
    for (const UsageSlot* slot : NextSlots(slots, given_))
      for (const std::string& alternative : slot->alternatives) Alternative(alternative);
  }

  Completion Take() && {
    // One word may have come from two places.
    Completion result = std::move(completion_);
    Candidates& all = result.candidates;
    for (auto i = all.begin(); i != all.end();)
      i = std::any_of(all.begin(), i, [&](const Candidate& c) { return c.text == i->text; })
              ? all.erase(i)
              : i + 1;
    return result;
  }

 private:
  struct Meaning {
    std::string_view name;
    void (Gatherer::*gather)();
  };

  void Add(std::string text, std::string about) {
    if (StartsWith(text, word_))
      completion_.candidates.push_back({std::move(text), std::move(about)});
  }
  void AddAll(Candidates candidates) {
    for (Candidate& candidate : candidates)
      Add(std::move(candidate.text), std::move(candidate.about));
  }
  void AddOption(const CommandOption& option) {
    Add(absl::StrCat(ToAbsl(option.name), option.value.empty() ? "" : "="),
        std::string(option.about));
  }

  void Alternative(const std::string& alternative) {
    constexpr Meaning kMeanings[] = {
        {"DP", &Gatherer::Datapaths},
        {"IFACE", &Gatherer::Interfaces},
        {"FROM", &Gatherer::Interfaces},
        {"TO", &Gatherer::Interfaces},
        {"PORTNO", &Gatherer::Nothing},
        {"FLOW", &Gatherer::Flow},
        {"ACTIONS", &Gatherer::Actions},
        {"FILE", &Gatherer::Files},
        {"PACKET", &Gatherer::Files},
        {"A", &Gatherer::Files},
        {"B", &Gatherer::Files},
        {"COMMAND", &Gatherer::Commands},
        {"FROM", &Gatherer::Interfaces},
        {"TO", &Gatherer::Interfaces},
        {"METER", &Gatherer::Meter},
        {"ORIG", &Gatherer::ConnectionFields},
        {"REPLY", &Gatherer::ConnectionFields},
    };
    for (const Meaning& meaning : kMeanings)
      if (meaning.name == alternative) return (this->*meaning.gather)();
    if (alternative == "FIELD=VALUE") return ConnectionFields();
    const size_t key = alternative.find_first_of("=:");
    const std::string literal = alternative.substr(0, key == std::string::npos ? key : key + 1);
    if (std::any_of(literal.begin(), literal.end(), [](char c) { return c >= 'A' && c <= 'Z'; }))
      return;
    if (literal == "meter=") return Meter();
    if (literal == "filter=" && StartsWith(word_, literal)) return FlowBehind(literal.size());
    if (literal == "-") return;
    Add(literal, {});
  }

  void Nothing() {}
  void Files() { completion_.files = true; }

  void Datapaths() {
    const std::string type = StartsWith(word_, "system@") ? "system@" : "";
    for (const std::string& name : kernel_.Datapaths()) Add(type + name, "datapath");
  }

  // The datapath that the other arguments name, or the only one.
  std::string Datapath() {
    const std::vector<std::string> all = kernel_.Datapaths();
    for (const std::string& argument : given_) {
      std::string name = argument.substr(StartsWith(argument, "system@") ? 7 : 0);
      if (std::find(all.begin(), all.end(), name) != all.end()) return name;
    }
    return all.size() == 1 ? all[0] : "";
  }

  void Interfaces() {
    const size_t comma = word_.rfind(',');
    if (comma != std::string::npos) return InterfaceOptions(comma + 1);
    if (StartsWith(command_->name, "add-")) {
      for (const std::string& name : CompletionKernel::Links()) Add(name, "link");
      return;
    }
    for (const PortChoice& port : kernel_.Ports(Datapath()))
      if (port.number != 0 || command_->name != "del-if")
        Add(port.name, absl::StrCat("port ", port.number));
  }

  void InterfaceOptions(size_t begin) {
    const std::string before = word_.substr(0, begin);
    constexpr std::string_view kType = "type=";
    if (StartsWith(std::string_view(word_).substr(begin), kType)) {
      for (const PortType& type : PortTypes())
        Add(absl::StrCat(before, ToAbsl(kType), ToAbsl(type.name)), {});
      return;
    }
    for (const std::string_view key : PortOptionKeys())
      if (word_.find(absl::StrCat(",", ToAbsl(key), "=")) == std::string::npos)
        Add(absl::StrCat(before, ToAbsl(key), "="), {});
  }

  void Flow() { FlowBehind(0); }
  void FlowBehind(size_t begin) {
    Candidates fields = CompleteFlowText(std::string_view(word_).substr(begin), ovs::kKeyTable,
                                         kernel_.Ports(Datapath()));
    for (Candidate& field : fields)
      Add(word_.substr(0, begin) + field.text, std::move(field.about));
  }
  void Actions() { AddAll(CompleteFlowText(word_, ovs::kActionTable, kernel_.Ports(Datapath()))); }

  void Meter() {
    constexpr std::string_view kMeter = "meter=";
    const bool is_new = command_->name == "add-meter";
    if (is_new || !StartsWith(word_, kMeter)) Add(std::string(kMeter), {});
    if (is_new) return;
    for (const uint32_t id : kernel_.Meters(Datapath()))
      Add(absl::StrCat(ToAbsl(kMeter), id), "meter");
  }

  void ConnectionFields() {
    const size_t begin = word_.find_last_of(", ") + 1;  // 0 without
    for (const std::string_view name : conntrack::MatchFieldNames())
      Add(absl::StrCat(word_.substr(0, begin), ToAbsl(name), "="), {});
  }

  const Command* command_;
  std::vector<std::string> given_;
  std::string word_;
  CompletionKernel kernel_;
  Completion completion_;
};

}  // namespace

Completion Complete(const std::vector<std::string>& words, Output* out) {
  const std::string word = words.empty() ? "" : words.back();
  const Command* command = nullptr;
  std::vector<std::string> given;
  bool value = false;  // of an option that takes the next word
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    const bool taken = value;
    value = words[i] == "-t" || words[i] == "--timeout";
    if (taken || (words[i].size() > 1 && words[i][0] == '-')) continue;
    if (command != nullptr) {
      given.push_back(words[i]);
    } else if ((command = FindCommand(words[i])) == nullptr) {
      return {};
    }
  }
  if (value) return {};
  Gatherer gatherer(command, std::move(given), word, out);
  if (!word.empty() && word[0] == '-')
    gatherer.Options();
  else if (command == nullptr)
    gatherer.Commands();
  else
    gatherer.Arguments();
  return std::move(gatherer).Take();
}

std::string Unquoted(std::string_view word) {
  std::string text;
  char quote = 0;
  for (size_t i = 0; i < word.size(); ++i) {
    const char c = word[i];
    if (quote == 0 && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == quote) {
      quote = 0;
    } else if (c == '\\' && quote != '\'' && i + 1 < word.size()) {
      text.push_back(word[++i]);
    } else if (c != '\\' || quote == '\'') {
      text.push_back(c);
    }
  }
  return text;
}

void PrintCompletion(const std::vector<std::string>& arguments, Output* out) {
  if (arguments.empty()) return;
  std::vector<std::string> words;
  for (size_t i = 1; i < arguments.size(); ++i) words.push_back(Unquoted(arguments[i]));
  const Completion completion = Complete(words, out);
  if (completion.files) out->Write(":files\n");
  for (const Candidate& candidate : completion.candidates)
    out->Write(absl::StrCat(candidate.text, "\t", candidate.about, "\n"));
  // bash and fish close a quote and add a blank behind the only choice. Where more is wanted, there
  // is a second one.
  if (arguments[0] == "zsh" || completion.candidates.size() != 1) return;
  const std::string& only = completion.candidates[0].text;
  if (std::string_view("(=,").find(only.back()) != std::string_view::npos)
    out->Write(absl::StrCat(only, "..\t", completion.candidates[0].about, "\n"));
}

}  // namespace sluice::dpctl
