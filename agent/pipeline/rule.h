// A rule of a table, and changes to rules, in the syntax of ovs-ofctl(8).
//
//   SLUICE_ASSIGN_OR_RETURN(Rule rule, ParseRule("priority=100,tcp,tp_dst=80,actions=output:web",
//                                                &ports));
//   SLUICE_ASSIGN_OR_RETURN(RuleChange change, ParseRuleChange(
//       "cookie=0x5/-1,table=3", RuleCommand::kDelete, &ports));
//   if (change.Selects(rule)) ...
//
// Errors are kInvalidArgument, with the line and a caret. Numbers are in host byte order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/pipeline/action_text.h"
#include "agent/pipeline/match.h"

namespace sluice::pipeline {

inline constexpr uint8_t kMaxTable = 254;
inline constexpr uint16_t kDefaultPriority = 0x8000;

// Wishes that OpenFlow has for a rule. Whoever takes the rule refuses those that it does not
// fulfil.
enum RuleFlag : uint8_t {
  kSendFlowRem = 1,
  kCheckOverlap = 2,
  kResetCounts = 4,
  kNoPacketCounts = 8,
  kNoByteCounts = 16,
};

struct Rule {
  uint64_t cookie = 0;
  uint16_t priority = kDefaultPriority;
  uint16_t idle_timeout = 0, hard_timeout = 0;  // seconds; 0: never
  uint16_t importance = 0;
  uint8_t table = 0;
  uint8_t flags = 0;  // RuleFlag
  Match match{};
  ActionList actions{};

  friend bool operator==(const Rule&, const Rule&) = default;
};

enum class RuleCommand : uint8_t { kAdd, kModify, kModifyStrict, kDelete, kDeleteStrict };
std::string_view ToString(RuleCommand command);

// A rule to add, or which rules to change and how.
struct RuleChange {
  RuleCommand command = RuleCommand::kAdd;
  Rule rule{};  // of kModify: the actions that the selected rules get
  // The rest selects rules, for all commands but kAdd.
  std::optional<uint8_t> table{};
  uint64_t cookie = 0, cookie_mask = 0;
  bool sets_cookie = false;  // kModify: the selected rules get rule.cookie
  uint32_t out_port = kPortNone;
  std::optional<uint32_t> out_group{};

  // Whether it is about `existing`: strict means the same match and priority; otherwise the match
  // covers that of the rule.
  bool Selects(const Rule& existing) const;
};

absl::StatusOr<Rule> ParseRule(std::string_view text, const PortNames* ports);
absl::StatusOr<RuleChange> ParseRuleChange(std::string_view text, RuleCommand command,
                                           const PortNames* ports);
// Reads back to the same rule under the same names of ports.
void AppendRule(const Rule& rule, const PortNames* ports, std::string* out);
std::string ToString(const Rule& rule, const PortNames* ports = nullptr);

// One rule a line; a line may begin with add, modify, modify_strict, delete or delete_strict, and
// otherwise means `command`. Blank lines and what follows a '#' behind a blank are skipped. When
// anything is wrong nothing is returned but what: "NAME:LINE: ...", for up to ten lines.
absl::StatusOr<std::vector<RuleChange>> ParseRuleLines(std::string_view text, std::string_view name,
                                                       RuleCommand command, const PortNames* ports);
// The lines of a file; `-` is standard input.
absl::StatusOr<std::vector<RuleChange>> ReadRuleFile(const std::string& path, RuleCommand command,
                                                     const PortNames* ports);

}  // namespace sluice::pipeline
