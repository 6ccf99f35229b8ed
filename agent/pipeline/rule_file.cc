// Many rules: the lines of a text or a file.
#include <fstream>
#include <iostream>
#include <iterator>

#include "agent/pipeline/rule.h"
#include "agent/pipeline/text_words.h"

namespace sluice::pipeline {
namespace {

constexpr int kMostErrors = 10;

// Without the comment: a '#' that begins the line or follows a blank.
std::string_view WithoutComment(std::string_view line) {
  for (size_t at = line.find('#'); at != std::string_view::npos; at = line.find('#', at + 1))
    if (at == 0 || IsBlank(line[at - 1])) return line.substr(0, at);
  return line;
}

// Takes a command off the front of a line.
RuleCommand TakeCommand(std::string_view* line, RuleCommand otherwise) {
  const std::string_view word = line->substr(0, line->find_first_of(" \t"));
  for (const RuleCommand command :
       {RuleCommand::kAdd, RuleCommand::kModify, RuleCommand::kModifyStrict, RuleCommand::kDelete,
        RuleCommand::kDeleteStrict}) {
    if (word != ToString(command)) continue;
    *line = Trim(line->substr(word.size()));
    return command;
  }
  return otherwise;
}

}  // namespace

absl::StatusOr<std::vector<RuleChange>> ParseRuleLines(std::string_view text, std::string_view name,
                                                       RuleCommand command,
                                                       const PortNames* ports) {
  std::vector<RuleChange> changes;
  std::string errors;
  int count = 0, number = 0;
  while (!text.empty() && count < kMostErrors) {
    const size_t end = text.find('\n');
    std::string_view line = Trim(WithoutComment(text.substr(0, end)));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    ++number;
    if (line.empty()) continue;
    const RuleCommand own = TakeCommand(&line, command);
    auto change = ParseRuleChange(line, own, ports);
    if (change.ok()) {
      if (errors.empty()) changes.push_back(*std::move(change));
      continue;
    }
    ++count;
    absl::StrAppend(&errors, errors.empty() ? "" : "\n", ToAbsl(name), ":", number, ": ",
                    change.status().message());
  }
  if (!errors.empty()) return absl::InvalidArgumentError(errors);
  return changes;
}

absl::StatusOr<std::vector<RuleChange>> ReadRuleFile(const std::string& path, RuleCommand command,
                                                     const PortNames* ports) {
  std::string text;
  if (path == "-") {
    text.assign(std::istreambuf_iterator<char>(std::cin), {});
    return ParseRuleLines(text, "standard input", command, ports);
  }
  std::ifstream file(path, std::ios::binary);
  if (file) text.assign(std::istreambuf_iterator<char>(file), {});
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  return ParseRuleLines(text, path, command, ports);
}

}  // namespace sluice::pipeline
