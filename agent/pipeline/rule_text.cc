// Rules as text: properties, matches and actions of one line.
#include <algorithm>
#include <array>
#include <iterator>

#include "agent/pipeline/field_text.h"
#include "agent/pipeline/rule.h"
#include "agent/pipeline/text_words.h"

namespace sluice::pipeline {
namespace {

struct FlagWord {
  std::string_view name;
  RuleFlag flag;
};
constexpr FlagWord kFlagWords[] = {{"send_flow_rem", kSendFlowRem},
                                   {"check_overlap", kCheckOverlap},
                                   {"reset_counts", kResetCounts},
                                   {"no_packet_counts", kNoPacketCounts},
                                   {"no_byte_counts", kNoByteCounts}};

// What dumps show beside the rule: skipped, so that a dump is a rule file.
constexpr std::string_view kStatistics[] = {"duration", "n_packets", "n_bytes", "idle_age",
                                            "hard_age"};

bool IsStatistic(std::string_view key) {
  return std::find(std::begin(kStatistics), std::end(kStatistics), key) != std::end(kStatistics);
}

class RuleReader {
 public:
  RuleReader(std::string_view text, RuleCommand command, const PortNames* ports)
      : text_(text), ports_(ports) {
    change_.command = command;
  }

  absl::StatusOr<RuleChange> Read() {
    if (!ReadWords()) return blame_.ToStatus(text_);
    change_.rule.match = match_.Build();
    if (has_actions_ && !ReadActions()) return blame_.ToStatus(text_);
    return std::move(change_);
  }

 private:
  bool adds() const { return change_.command == RuleCommand::kAdd; }
  bool deletes() const {
    return change_.command == RuleCommand::kDelete || change_.command == RuleCommand::kDeleteStrict;
  }
  bool strict() const {
    return change_.command == RuleCommand::kModifyStrict ||
           change_.command == RuleCommand::kDeleteStrict;
  }

  bool ReadWords() {
    WordReader words(text_, "=");
    TextWord word;
    std::string_view matches = text_;
    while (words.Next(&word, &blame_)) {
      if (word.separator == '=' && (word.key == "actions" || word.key == "action")) {
        has_actions_ = true;
        const size_t at = static_cast<size_t>(word.value.data() - text_.data());
        actions_ = text_.substr(at);
        matches = text_.substr(0, static_cast<size_t>(word.key.data() - text_.data()));
        break;
      }
      if (!ReadWord(word)) return false;
    }
    // Parentheses of actions are judged with the actions.
    if (words.failed()) {
      if (!BeginsActions(words)) return false;
      matches = text_.substr(0, text_.size() - words.rest().size());
      matches.remove_suffix(matches.size() - matches.rfind("action"));
    }
    if (!CheckPrerequisites(match_, matches, &blame_)) return false;
    if (has_actions_ && deletes()) return blame_.Set(actions_, "a delete has no actions");
    if (!has_actions_ && !deletes())
      return blame_.Set(text_.substr(text_.size()), "expected actions=..");
    return true;
  }

  // Whether the word that could not be cut off is `actions=..`.
  bool BeginsActions(const WordReader& words) {
    std::string_view rest = words.rest();
    const std::string_view before = text_.substr(0, text_.size() - rest.size());
    rest = Trim(rest);
    if (rest.empty() || rest.front() != '=') return false;
    const std::string_view key = before.substr(before.find_last_of(", \t") + 1);
    if (key != "actions" && key != "action") return false;
    has_actions_ = true;
    actions_ = rest.substr(1);
    return true;
  }

  bool ReadWord(const TextWord& word) {
    const std::string_view key = word.key;
    if (word.separator == '\0') {
      for (const FlagWord& flag : kFlagWords) {
        if (flag.name != key) continue;
        change_.rule.flags = static_cast<uint8_t>(change_.rule.flags | flag.flag);
        return true;
      }
      return AddToMatch(key, {}, ports_, &match_, &blame_);
    }
    bool known = true;
    const bool read = ReadProperty(key, word.value, &known);
    if (known) return read;
    if (IsStatistic(key)) return true;
    return AddToMatch(key, word.value, ports_, &match_, &blame_);
  }

  bool ReadProperty(std::string_view key, std::string_view value, bool* known) {
    Rule& rule = change_.rule;
    if (key == "table") return ReadTable(value);
    if (key == "priority") {
      if (!adds() && !strict()) return blame_.Set(key, "priority selects only with strict");
      return ReadNumber(key, value, &rule.priority);
    }
    if (key == "cookie") return ReadCookie(value);
    if (key == "idle_timeout") return ReadNumber(key, value, &rule.idle_timeout);
    if (key == "hard_timeout") return ReadNumber(key, value, &rule.hard_timeout);
    if (key == "importance") return ReadNumber(key, value, &rule.importance);
    if (key == "out_port" || key == "out_group") {
      if (adds()) return blame_.Set(key, ToAbsl(key), " selects rules; a new one has none");
      return key == "out_port" ? ParsePort(value, ports_, &change_.out_port, &blame_)
                               : ReadGroup(value);
    }
    *known = false;
    return false;
  }

  bool ReadTable(std::string_view value) {
    if (!adds() && value == "all") return true;
    uint64_t number = 0;
    if (!ParseNumber(value, "table", kMaxTable, &number, &blame_)) return false;
    change_.rule.table = static_cast<uint8_t>(number);
    change_.table = change_.rule.table;
    return true;
  }

  bool ReadNumber(std::string_view key, std::string_view value, uint16_t* out) {
    uint64_t number = 0;
    if (!ParseNumber(value, key, 0xffff, &number, &blame_)) return false;
    *out = static_cast<uint16_t>(number);
    return true;
  }

  bool ReadGroup(std::string_view value) {
    uint64_t number = 0;
    if (!ParseNumber(value, "out_group", 0xffffff00, &number, &blame_)) return false;
    change_.out_group = static_cast<uint32_t>(number);
    return true;
  }

  // A cookie of its own, or with a mask one to look for.
  bool ReadCookie(std::string_view value) {
    static const FieldRow& shape = *FindField("metadata");  // 64 bits and a mask, as a cookie
    FieldBits bits;
    const bool masked = value.find('/') != std::string_view::npos;
    if (!ParseFieldBits(shape, value, nullptr, &bits, &blame_)) {
      blame_.what = "cookie must be a number of 64 bits, or VALUE/MASK";
      return false;
    }
    if (masked && adds()) return blame_.Set(value, "the cookie of a new rule has no mask");
    if (masked || deletes()) {
      change_.cookie = absl::Uint128Low64(bits.value);
      change_.cookie_mask = absl::Uint128Low64(bits.mask);
    } else {
      change_.rule.cookie = absl::Uint128Low64(bits.value);
      change_.sets_cookie = true;
    }
    return true;
  }

  bool ReadActions() {
    const ActionOptions options = {.ports = ports_,
                                   .match = &match_,
                                   .table = adds() || change_.table ? change_.rule.table : -1};
    if (!ParseActions(actions_, options, &change_.rule.actions, &blame_)) return false;
    change_.rule.actions.ShrinkToFit();
    return true;
  }

  std::string_view text_;
  const PortNames* ports_;
  RuleChange change_;
  MatchBuilder match_;
  bool has_actions_ = false;
  std::string_view actions_{};
  Blame blame_;
};

void AppendNonZero(std::string_view name, uint64_t value, std::string* out) {
  if (value != 0) absl::StrAppend(out, ToAbsl(name), "=", value, ",");
}

}  // namespace

absl::StatusOr<RuleChange> ParseRuleChange(std::string_view text, RuleCommand command,
                                           const PortNames* ports) {
  return RuleReader(text, command, ports).Read();
}

absl::StatusOr<Rule> ParseRule(std::string_view text, const PortNames* ports) {
  SLUICE_ASSIGN_OR_RETURN(RuleChange change, ParseRuleChange(text, RuleCommand::kAdd, ports));
  return std::move(change.rule);
}

void AppendRule(const Rule& rule, const PortNames* ports, std::string* out) {
  if (rule.cookie != 0) {
    out->append("cookie=");
    AppendHexNumber(rule.cookie, out);
    out->push_back(',');
  }
  absl::StrAppend(out, "table=", rule.table, ",");
  AppendNonZero("idle_timeout", rule.idle_timeout, out);
  AppendNonZero("hard_timeout", rule.hard_timeout, out);
  AppendNonZero("importance", rule.importance, out);
  for (const FlagWord& word : kFlagWords)
    if ((rule.flags & word.flag) != 0) absl::StrAppend(out, ToAbsl(word.name), ",");
  absl::StrAppend(out, "priority=", rule.priority, ",");
  const size_t before = out->size();
  AppendMatch(rule.match, ports, out);
  if (out->size() != before) out->push_back(',');
  out->append("actions=");
  AppendActions(rule.actions.span(), ports, out);
}

}  // namespace sluice::pipeline
