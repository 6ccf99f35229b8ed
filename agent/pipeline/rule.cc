#include "agent/pipeline/rule.h"

#include <array>

namespace sluice::pipeline {
namespace {

constexpr std::array<std::string_view, 5> kCommands = {"add", "modify", "modify_strict", "delete",
                                                       "delete_strict"};

bool SendsTo(ActionSpan actions, uint32_t port) {
  for (const Action action : actions) {
    if (action.kind() == ActionKind::kOutput && action.Get<OutputAction>().port == port)
      return true;
    if (action.kind() == ActionKind::kEnqueue && action.Get<EnqueueAction>().port == port)
      return true;
    if (action.kind() == ActionKind::kController && port == kPortController) return true;
    if (SendsTo(action.nested(), port)) return true;
  }
  return false;
}

bool UsesGroup(ActionSpan actions, uint32_t group) {
  for (const Action action : actions) {
    if (action.kind() == ActionKind::kGroup && action.Get<GroupAction>().group == group)
      return true;
    if (UsesGroup(action.nested(), group)) return true;
  }
  return false;
}

}  // namespace

std::string_view ToString(RuleCommand command) { return kCommands[static_cast<size_t>(command)]; }

bool RuleChange::Selects(const Rule& existing) const {
  if (table && *table != existing.table) return false;
  if (((existing.cookie ^ cookie) & cookie_mask) != 0) return false;
  if (out_port != kPortNone && !SendsTo(existing.actions.span(), out_port)) return false;
  if (out_group && !UsesGroup(existing.actions.span(), *out_group)) return false;
  const bool strict =
      command == RuleCommand::kModifyStrict || command == RuleCommand::kDeleteStrict;
  if (strict) return rule.priority == existing.priority && rule.match == existing.match;
  return rule.match.Covers(existing.match);
}

std::string ToString(const Rule& rule, const PortNames* ports) {
  std::string text;
  AppendRule(rule, ports, &text);
  return text;
}

}  // namespace sluice::pipeline
