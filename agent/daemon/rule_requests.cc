#include "agent/daemon/rule_requests.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <map>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "netlink/base/status.h"

namespace sluice::daemon {
namespace {

using pipeline::Group;
using pipeline::GroupChange;
using pipeline::GroupCommand;
using pipeline::Pipeline;
using pipeline::PortTable;
using pipeline::Rule;
using pipeline::RuleChange;
using pipeline::RuleCommand;

RuleCommand CommandOf(v1::ChangeRulesRequest::Command command) {
  switch (command) {
    case v1::ChangeRulesRequest::MODIFY:
      return RuleCommand::kModify;
    case v1::ChangeRulesRequest::MODIFY_STRICT:
      return RuleCommand::kModifyStrict;
    case v1::ChangeRulesRequest::DELETE:
      return RuleCommand::kDelete;
    case v1::ChangeRulesRequest::DELETE_STRICT:
      return RuleCommand::kDeleteStrict;
    default:
      return RuleCommand::kAdd;
  }
}

std::string NameOr(const std::string& name, const char* otherwise) {
  return name.empty() ? otherwise : name;
}

absl::StatusOr<std::vector<Group>> ParseGroups(const std::string& text, const std::string& name,
                                               const PortTable& ports) {
  std::vector<Group> groups;
  int number = 0;
  for (const absl::string_view piece : absl::StrSplit(text, '\n')) {
    ++number;
    const absl::string_view line = absl::StripAsciiWhitespace(piece);
    if (line.empty() || line[0] == '#') continue;
    auto group = pipeline::ParseGroup(std::string(line), &ports);
    if (!group.ok())
      return absl::InvalidArgumentError(
          absl::StrCat(name, ":", number, ": ", group.status().message()));
    groups.push_back(*std::move(group));
  }
  return groups;
}

// The rules that shall be there in the end.
absl::StatusOr<std::vector<Rule>> ToRules(std::vector<RuleChange> changes,
                                          const std::string& name) {
  std::vector<Rule> rules;
  rules.reserve(changes.size());
  for (RuleChange& change : changes) {
    if (change.command != RuleCommand::kAdd)
      return absl::InvalidArgumentError(absl::StrCat(
          NameOr(name, "rules"), ": a line that begins with ",
          std::string(pipeline::ToString(change.command)), " is no rule that could be there"));
    rules.push_back(std::move(change.rule));
  }
  return rules;
}

GroupCommand CommandOf(v1::ChangeRulesRequest::GroupCommand command) {
  switch (command) {
    case v1::ChangeRulesRequest::ADD_GROUPS:
      return GroupCommand::kAdd;
    case v1::ChangeRulesRequest::MODIFY_GROUPS:
      return GroupCommand::kModify;
    default:
      return GroupCommand::kAddOrModify;
  }
}

void Fill(const pipeline::TableRule& rule, const PortTable& ports, base::MonotonicMs now,
          v1::RuleEntry* out) {
  std::string text;
  pipeline::AppendRule(rule.rule, &ports, &text);
  out->set_text(std::move(text));
  out->set_table(rule.rule.table);
  out->set_priority(rule.rule.priority);
  out->set_cookie(rule.rule.cookie);
  out->set_packets(rule.stats->packets);
  out->set_bytes(rule.stats->bytes);
  out->set_age_ms(now > rule.created ? now - rule.created : 0);
  const base::MonotonicMs used = std::max<base::MonotonicMs>(rule.stats->used, rule.modified);
  out->set_idle_ms(now > used ? now - used : 0);
}

void Fill(const pipeline::PipelineGroup& group, const PortTable& ports, v1::GroupEntry* out) {
  std::string text;
  pipeline::AppendGroup(group.group, &ports, &text);
  out->set_text(std::move(text));
  out->set_id(group.group.id);
  out->set_packets(group.stats->packets);
  out->set_bytes(group.stats->bytes);
  for (const auto& stats : group.bucket_stats) out->add_bucket_packets(stats->packets);
}

// By what makes two of them the same one: the text that is there and the text that shall be.
template <typename Place>
using Differences = std::map<Place, std::pair<std::string, std::string>>;

std::tuple<uint8_t, uint16_t, std::string> PlaceOf(const Rule& rule) {
  return {rule.table, static_cast<uint16_t>(~rule.priority), ToString(rule.match)};
}

template <typename Place>
void Fill(const Differences<Place>& differences, v1::DiffRulesResponse* out) {
  const auto add = [&](v1::RuleDifference::Kind kind, const std::string& text) {
    if (text.empty()) return;
    v1::RuleDifference* difference = out->add_differences();
    difference->set_kind(kind);
    difference->set_text(text);
  };
  for (const auto& [place, texts] : differences) {
    if (texts.first == texts.second) continue;
    add(v1::RuleDifference::REMOVED, texts.first);
    add(v1::RuleDifference::ADDED, texts.second);
  }
}

// What a replace by the same text would change; without a bridge, all is new.
absl::StatusOr<v1::DiffRulesResponse> Diff(const v1::DiffRulesRequest& request,
                                           const PortTable& ports, const bridge::Bridge* bridge) {
  SLUICE_ASSIGN_OR_RETURN(
      std::vector<RuleChange> changes,
      pipeline::ParseRuleLines(request.rules(), NameOr(request.rules_name(), "rules"),
                               RuleCommand::kAdd, &ports));
  SLUICE_ASSIGN_OR_RETURN(const std::vector<Rule> rules,
                          ToRules(std::move(changes), request.rules_name()));
  SLUICE_ASSIGN_OR_RETURN(
      const std::vector<Group> groups,
      ParseGroups(request.groups(), NameOr(request.groups_name(), "groups"), ports));
  Differences<uint32_t> group_differences;
  Differences<std::tuple<uint8_t, uint16_t, std::string>> rule_differences;
  if (bridge != nullptr) {
    const bridge::Sight sight(bridge);
    bridge->pipeline().ForEachGroup(sight.version(), [&](const pipeline::PipelineGroup& there) {
      pipeline::AppendGroup(there.group, &ports, &group_differences[there.group.id].first);
    });
    for (size_t table = 0; table < pipeline::kTables; ++table)
      bridge->pipeline().ForEachRule(
          static_cast<uint8_t>(table), sight.version(), [&](const pipeline::TableRule& there) {
            rule_differences[PlaceOf(there.rule)].first = ToString(there.rule, &ports);
          });
  }
  for (const Group& group : groups) {
    std::string text;
    pipeline::AppendGroup(group, &ports, &text);
    group_differences[group.id].second = std::move(text);
  }
  for (const Rule& rule : rules)  // of two for one place, the last stays
    rule_differences[PlaceOf(rule)].second = ToString(rule, &ports);
  v1::DiffRulesResponse response;
  Fill(group_differences, &response);
  Fill(rule_differences, &response);
  return response;
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  constexpr size_t kMostBytes = size_t{64} << 20;
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text;
  if (file) text.assign(std::istreambuf_iterator<char>(file), {});
  if (!file.is_open() || file.bad()) return base::ErrnoError(errno == 0 ? EIO : errno, path);
  if (text.size() > kMostBytes)
    return absl::InvalidArgumentError(absl::StrCat(path, ": is larger than 64 MiB"));
  return text;
}

}  // namespace

absl::StatusOr<v1::ChangeRulesResponse> ChangeRules(const v1::ChangeRulesRequest& request,
                                                    bridge::Bridge* bridge) {
  const std::shared_ptr<const PortTable> ports = bridge->ports();
  SLUICE_ASSIGN_OR_RETURN(
      std::vector<RuleChange> changes,
      pipeline::ParseRuleLines(request.rules(), NameOr(request.rules_name(), "rules"),
                               CommandOf(request.command()), ports.get()));
  SLUICE_ASSIGN_OR_RETURN(
      const std::vector<Group> groups,
      ParseGroups(request.groups(), NameOr(request.groups_name(), "groups"), *ports));
  Pipeline::Report report;
  if (request.command() == v1::ChangeRulesRequest::REPLACE) {
    SLUICE_ASSIGN_OR_RETURN(const std::vector<Rule> rules,
                            ToRules(std::move(changes), request.rules_name()));
    SLUICE_ASSIGN_OR_RETURN(report, bridge->ReplaceRules(rules, groups));
  } else {
    std::vector<GroupChange> group_changes;
    group_changes.reserve(groups.size() + static_cast<size_t>(request.deleted_groups_size()));
    for (const Group& group : groups)
      group_changes.push_back({CommandOf(request.group_command()), group});
    for (const uint32_t id : request.deleted_groups())
      group_changes.push_back({GroupCommand::kDelete, {.id = id}});
    SLUICE_ASSIGN_OR_RETURN(report, bridge->ChangeRules(changes, group_changes));
  }
  v1::ChangeRulesResponse response;
  response.set_added(report.added);
  response.set_replaced(report.replaced);
  response.set_modified(report.modified);
  response.set_deleted(report.deleted);
  response.set_groups(report.groups);
  return response;
}

absl::StatusOr<v1::DiffRulesResponse> DiffRules(const v1::DiffRulesRequest& request,
                                                const bridge::Bridge& bridge) {
  return Diff(request, *bridge.ports(), &bridge);
}

absl::StatusOr<v1::DiffRulesResponse> DiffRuleFiles(const std::string& rules,
                                                    const std::string& groups,
                                                    const PortTable& ports,
                                                    const bridge::Bridge* bridge) {
  v1::DiffRulesRequest request;
  request.set_rules_name(rules);
  SLUICE_ASSIGN_OR_RETURN(*request.mutable_rules(), ReadFile(rules));
  if (!groups.empty()) {
    request.set_groups_name(groups);
    SLUICE_ASSIGN_OR_RETURN(*request.mutable_groups(), ReadFile(groups));
  }
  return Diff(request, ports, bridge);
}

absl::Status LoadRuleFiles(const std::string& rules, const std::string& groups,
                           bridge::Bridge* bridge) {
  v1::ChangeRulesRequest request;
  request.set_command(v1::ChangeRulesRequest::REPLACE);
  request.set_rules_name(rules);
  SLUICE_ASSIGN_OR_RETURN(*request.mutable_rules(), ReadFile(rules));
  if (!groups.empty()) {
    request.set_groups_name(groups);
    SLUICE_ASSIGN_OR_RETURN(*request.mutable_groups(), ReadFile(groups));
  }
  return ChangeRules(request, bridge).status();
}

absl::StatusOr<v1::DumpRulesResponse> DumpRules(const v1::DumpRulesRequest& request,
                                                const bridge::Bridge& bridge,
                                                base::MonotonicMs now) {
  const std::shared_ptr<const PortTable> ports = bridge.ports();
  SLUICE_ASSIGN_OR_RETURN(
      const RuleChange wanted,
      pipeline::ParseRuleChange(request.match(), RuleCommand::kDelete, ports.get()));
  const bridge::Sight sight(&bridge);
  std::vector<const pipeline::TableRule*> rules;
  for (size_t table = 0; table < pipeline::kTables && !request.groups_only(); ++table)
    bridge.pipeline().ForEachRule(static_cast<uint8_t>(table), sight.version(),
                                  [&](const pipeline::TableRule& rule) {
                                    if (wanted.Selects(rule.rule)) rules.push_back(&rule);
                                  });
  v1::DumpRulesResponse response;
  for (const pipeline::TableRule* rule : rules) Fill(*rule, *ports, now, response.add_rules());
  std::sort(response.mutable_rules()->begin(), response.mutable_rules()->end(),
            [](const v1::RuleEntry& a, const v1::RuleEntry& b) {
              return std::make_tuple(a.table(), ~a.priority(), std::cref(a.text())) <
                     std::make_tuple(b.table(), ~b.priority(), std::cref(b.text()));
            });
  bridge.pipeline().ForEachGroup(sight.version(), [&](const pipeline::PipelineGroup& group) {
    Fill(group, *ports, response.add_groups());
  });
  std::sort(response.mutable_groups()->begin(), response.mutable_groups()->end(),
            [](const v1::GroupEntry& a, const v1::GroupEntry& b) { return a.id() < b.id(); });
  return response;
}

}  // namespace sluice::daemon
