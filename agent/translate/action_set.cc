#include "agent/translate/action_set.h"

#include <algorithm>

namespace sluice::translate {
namespace {

using pipeline::Action;
using pipeline::ActionKind;

// The turn of each kind. Kinds of one turn go as they were written; where only one counts, it is
// the last.
enum class Turn : uint8_t {
  kStripVlan,
  kPopMpls,
  kPushMpls,
  kPushVlan,
  kDecTtl,
  kDecMplsTtl,
  kFields,
  kQueue,
  kOutput,
  kResubmit,
  kGroup,
  kConntrack,
  kNever,
};

Turn TurnOf(ActionKind kind) {
  switch (kind) {
    case ActionKind::kStripVlan:
      return Turn::kStripVlan;
    case ActionKind::kPopMpls:
      return Turn::kPopMpls;
    case ActionKind::kPushMpls:
      return Turn::kPushMpls;
    case ActionKind::kPushVlan:
      return Turn::kPushVlan;
    case ActionKind::kDecTtl:
      return Turn::kDecTtl;
    case ActionKind::kDecMplsTtl:
      return Turn::kDecMplsTtl;
    case ActionKind::kSetField:
    case ActionKind::kSetVlanVid:
    case ActionKind::kSetVlanPcp:
    case ActionKind::kMove:
      return Turn::kFields;
    case ActionKind::kSetQueue:
      return Turn::kQueue;
    case ActionKind::kOutput:
    case ActionKind::kOutputRegister:
    case ActionKind::kController:
    case ActionKind::kEnqueue:
      return Turn::kOutput;
    case ActionKind::kResubmit:
      return Turn::kResubmit;
    case ActionKind::kGroup:
      return Turn::kGroup;
    case ActionKind::kConntrack:
      return Turn::kConntrack;
    default:
      return Turn::kNever;
  }
}

// What sends the packet: the first that is there.
constexpr Turn kSending[] = {Turn::kGroup, Turn::kOutput, Turn::kResubmit, Turn::kConntrack};

bool Sends(const Action& action) {
  const Turn turn = TurnOf(action.kind());
  return std::find(std::begin(kSending), std::end(kSending), turn) != std::end(kSending);
}

const Action* Find(const ActionSet::List& actions, Turn turn) {
  for (const Action& action : actions)
    if (TurnOf(action.kind()) == turn) return &action;
  return nullptr;
}

}  // namespace

void ActionSet::Write(pipeline::ActionSpan actions) {
  for (const Action action : actions) {
    const Turn turn = TurnOf(action.kind());
    if (turn == Turn::kNever) continue;
    if (turn != Turn::kFields) {
      const auto same = [turn](const Action& other) { return TurnOf(other.kind()) == turn; };
      actions_.erase(std::remove_if(actions_.begin(), actions_.end(), same), actions_.end());
    }
    actions_.push_back(action);
  }
}

ActionSet::List ActionSet::InOrder() const {
  List list;
  const Action* sends = nullptr;
  for (const Turn turn : kSending)
    if (sends == nullptr) sends = Find(actions_, turn);
  if (sends == nullptr) return list;
  for (const Action& action : actions_)
    if (!Sends(action)) list.push_back(action);
  std::stable_sort(list.begin(), list.end(), [](const Action& a, const Action& b) {
    return TurnOf(a.kind()) < TurnOf(b.kind());
  });
  list.push_back(*sends);
  return list;
}

uint32_t ActionSet::OutputPort() const {
  const Action* output = Find(actions_, Turn::kOutput);
  if (output == nullptr || Find(actions_, Turn::kGroup) != nullptr) return pipeline::kPortNone;
  switch (output->kind()) {
    case ActionKind::kOutput:
      return output->Get<pipeline::OutputAction>().port;
    case ActionKind::kEnqueue:
      return output->Get<pipeline::EnqueueAction>().port;
    case ActionKind::kController:
      return pipeline::kPortController;
    default:
      return pipeline::kPortNone;
  }
}

}  // namespace sluice::translate
