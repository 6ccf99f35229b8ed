// Actions as text, both ways, in the words of ovs-actions(7).
//
//   ActionList list;
//   Blame blame;
//   if (!ParseActions("set_field:5->reg0,output:web", {.ports = &ports}, &list, &blame)) ...
//
// Each action is a row of action_table.h.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "agent/pipeline/action.h"
#include "agent/pipeline/match.h"

namespace sluice::pipeline {

inline constexpr int kMaxActionDepth = 8;  // of clone() and write_actions() in one another

struct ActionOptions {
  const PortNames* ports = nullptr;  // null: ports are numbers
  // What the rule matches, to check that fields mean something; null: nothing is checked.
  const MatchBuilder* match = nullptr;
  int table = -1;       // of the rule: goto_table must lead beyond it; -1: not checked
  bool bucket = false;  // of a group: no instructions
};

// The whole of `text`; empty and `drop` are no actions.
bool ParseActions(std::string_view text, const ActionOptions& options, ActionList* list,
                  Blame* blame);
absl::StatusOr<ActionList> ParseActions(std::string_view text, const ActionOptions& options);
// `drop` for none. Reads back to the same list under the same options.
void AppendActions(ActionSpan actions, const PortNames* ports, std::string* out);
std::string ToString(ActionSpan actions, const PortNames* ports = nullptr);

// "invalid_ttl"
std::string_view ToString(PacketInReason reason);

}  // namespace sluice::pipeline
