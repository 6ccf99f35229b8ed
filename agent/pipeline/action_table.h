// What actions there are: a row for each name that a rule may use.
//
// Inside of agent/pipeline: action_text.cc walks the rows; action_rows_*.cc have the functions that
// they name. A new action is a kind with its struct (action.h), two functions, and a row.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "agent/pipeline/action.h"
#include "agent/pipeline/action_text.h"
#include "agent/pipeline/meter_ids.h"
#include "agent/pipeline/text_words.h"

namespace sluice::pipeline {

// An action may stand where its place allows: instructions only once, in the order of their ranks,
// behind all actions, and in no other action.
enum class ActionPlace : uint8_t {
  kAnywhere,
  kNotInSet,  // anywhere but in write_actions()
  kClearActions,
  kWriteActions,
  kWriteMetadata,
  kGotoTable,
  kConntrackExec,  // inside of ct(exec()): no row's own place
};

struct ActionRow;

// One action that is being read.
struct ActionReader {
  const ActionRow& row;
  const TextWord& word;  // `word.value` are the arguments
  const ActionOptions& options;
  MatchBuilder* known;  // what is known of the packet at this point; null: not checked
  int depth;
  ActionList* list;
  Blame* blame;
  ActionPlace inside = ActionPlace::kAnywhere;

  template <typename... Parts>
  bool Fail(std::string_view place, const Parts&... parts) const {
    return blame->Set(place, parts...);
  }
  bool Number(std::string_view text, uint64_t max, uint64_t* out) const;
};

using ParseAction = bool (*)(const ActionReader&);
using FormatAction = void (*)(const Action&, const PortNames*, std::string*);

struct ActionRow {
  std::string_view name;
  std::string_view alias{};
  std::string_view syntax{};  // of the arguments; empty: there are none
  ParseAction parse = nullptr;
  FormatAction format = nullptr;  // of one row for each kind: how it is written
  ActionKind kind = ActionKind::kOutput;
  ActionPlace place = ActionPlace::kAnywhere;
  std::string_view field{};    // that a mod_* sets
  std::string_view refused{};  // why there is no such action, for rows without `parse`
  std::string_view doc{};
};

std::span<const ActionRow> ActionTable();
// In either case of letters; nullptr when there is none.
const ActionRow* FindAction(std::string_view name);
// The row that writes this kind.
const ActionRow& RowOf(ActionKind kind);

// Reads the actions inside another one.
bool ParseNested(const ActionReader& reader, ActionPlace inside);

// The functions of the rows, by file.
namespace rows {
// action_rows_output.cc
bool ParseOutput(const ActionReader&);
bool ParseReserved(const ActionReader&);
bool ParseController(const ActionReader&);
bool ParseEnqueue(const ActionReader&);
bool ParseResubmit(const ActionReader&);
bool ParseSample(const ActionReader&);
void FormatOutput(const Action&, const PortNames*, std::string*);
void FormatOutputRegister(const Action&, const PortNames*, std::string*);
void FormatController(const Action&, const PortNames*, std::string*);
void FormatEnqueue(const Action&, const PortNames*, std::string*);
void FormatResubmit(const Action&, const PortNames*, std::string*);
void FormatSample(const Action&, const PortNames*, std::string*);
// action_rows_fields.cc
bool ParseSetField(const ActionReader&);
bool ParseLoad(const ActionReader&);
bool ParseMod(const ActionReader&);
bool ParseMove(const ActionReader&);
bool ParsePush(const ActionReader&);
bool ParsePop(const ActionReader&);
bool ParseWriteMetadata(const ActionReader&);
bool ParseCheckPktLarger(const ActionReader&);
void FormatSetField(const Action&, const PortNames*, std::string*);
void FormatMove(const Action&, const PortNames*, std::string*);
void FormatPush(const Action&, const PortNames*, std::string*);
void FormatPop(const Action&, const PortNames*, std::string*);
void FormatWriteMetadata(const Action&, const PortNames*, std::string*);
void FormatCheckPktLarger(const Action&, const PortNames*, std::string*);
// action_rows_conntrack.cc
bool ParseConntrack(const ActionReader&);
void FormatConntrack(const Action&, const PortNames*, std::string*);
}  // namespace rows

}  // namespace sluice::pipeline
