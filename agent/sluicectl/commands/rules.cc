// sluicectl rules: the rules of a bridge, shown or changed.
#include <string_view>
#include <vector>

#include "absl/strings/str_format.h"
#include "agent/sluicectl/commands/commands.h"
#include "agent/sluicectl/text.h"

namespace sluice::ctl {
namespace {

struct Change {
  std::string_view word;
  v1::ChangeRulesRequest::Command command;
};
constexpr Change kChanges[] = {
    {"add", v1::ChangeRulesRequest::ADD},
    {"mod", v1::ChangeRulesRequest::MODIFY},
    {"mod-strict", v1::ChangeRulesRequest::MODIFY_STRICT},
    {"del", v1::ChangeRulesRequest::DELETE},
    {"del-strict", v1::ChangeRulesRequest::DELETE_STRICT},
    {"replace", v1::ChangeRulesRequest::REPLACE},
};

struct Options {
  std::string bridge;
  std::string command = "dump";
  std::string text, file, groups_file;
  bool wait = false;
};

std::string ToText(const v1::ChangeRulesResponse& change) {
  return absl::StrFormat("%d added, %d replaced, %d modified, %d deleted; %d groups changed\n",
                         change.added(), change.replaced(), change.modified(), change.deleted(),
                         change.groups());
}

// Each rule as it would be written, behind what it has done.
std::string ToText(const v1::DumpRulesResponse& rules) {
  std::string out;
  for (const v1::GroupEntry& group : rules.groups())
    absl::StrAppendFormat(&out, "n_packets=%d, n_bytes=%d, %s\n", group.packets(), group.bytes(),
                          group.text());
  for (const v1::RuleEntry& rule : rules.rules())
    absl::StrAppendFormat(&out, "n_packets=%d, n_bytes=%d, age=%s, idle=%s, %s\n", rule.packets(),
                          rule.bytes(), Seconds(rule.age_ms()), Seconds(rule.idle_ms()),
                          rule.text());
  return out;
}

int Dump(Session* session, const Options& options) {
  v1::DumpRulesRequest request;
  request.set_bridge(options.bridge);
  request.set_match(options.text);
  v1::DumpRulesResponse response;
  if (!session->Ask(&v1::Sluice::Stub::DumpRules, request, &response)) return kRefused;
  session->Print(response, [&] { return ToText(response); });
  return 0;
}

// As of diff(1).
int Diff(Session* session, const Options& options) {
  v1::DiffRulesRequest request;
  request.set_bridge(options.bridge);
  request.set_rules(options.text);
  if (!TakeFile(options.file, request.mutable_rules(), request.mutable_rules_name()) ||
      !TakeFile(options.groups_file, request.mutable_groups(), request.mutable_groups_name()))
    return kTrouble;
  v1::DiffRulesResponse response;
  if (!session->Ask(&v1::Sluice::Stub::DiffRules, request, &response)) return kTrouble;
  session->Print(response, [&] {
    std::string out;
    for (const v1::RuleDifference& difference : response.differences())
      absl::StrAppendFormat(&out, "%c%s\n",
                            difference.kind() == v1::RuleDifference::ADDED ? '+' : '-',
                            difference.text());
    return out;
  });
  return response.differences().empty() ? 0 : kDiffers;
}

int Rules(Session* session, const Options& options) {
  if (options.command == "dump") return Dump(session, options);
  if (options.command == "diff") return Diff(session, options);
  v1::ChangeRulesRequest request;
  request.set_bridge(options.bridge);
  for (const Change& change : kChanges)
    if (change.word == options.command) request.set_command(change.command);
  request.set_wait(options.wait);
  request.set_rules(options.text);
  if (!TakeFile(options.file, request.mutable_rules(), request.mutable_rules_name()) ||
      !TakeFile(options.groups_file, request.mutable_groups(), request.mutable_groups_name()))
    return kRefused;
  v1::ChangeRulesResponse response;
  if (!session->Ask(&v1::Sluice::Stub::ChangeRules, request, &response)) return kRefused;
  session->Print(response, [&] { return ToText(response); });
  return 0;
}

}  // namespace

void AddRules(CLI::App* app, Session* session, Chosen* chosen) {
  const auto options = std::make_shared<Options>();
  CLI::App* rules = app->add_subcommand("rules", "Rules of a bridge: shows or changes them");
  rules->add_option("BRIDGE", options->bridge, "Whose rules")->required();
  std::vector<std::string> words = {"dump", "diff"};
  for (const Change& change : kChanges) words.emplace_back(change.word);
  rules->add_option("COMMAND", options->command, "What to do with them")
      ->check(CLI::IsMember(words))
      ->capture_default_str();
  rules->add_option("TEXT", options->text,
                    "A rule as ovs-ofctl(8) has it; for dump and del, which rules");
  rules->add_option("-f,--file", options->file,
                    "Rules of this file, one a line; - is standard input");
  rules->add_option("--groups", options->groups_file, "Groups of this file, one a line");
  rules->add_flag("--wait", options->wait, "Until no packet follows the old rules any more");
  rules->callback([=] { *chosen = [=] { return Rules(session, *options); }; });
}

}  // namespace sluice::ctl
