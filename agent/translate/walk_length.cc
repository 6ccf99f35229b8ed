// check_pkt_larger: what follows depends on the packet's length, which no flow can match. So the
// walk goes on twice, and the datapath takes one of two lists of actions.
//
// The walk is broken off, as for a recirculation: what is left of each list is kept, up to where
// the packet's copy began. There it is done for a shorter packet and for a longer one, each with a
// state of its own. What in there needs another look of the datapath breaks off that branch alone.
#include "agent/translate/walk.h"

namespace sluice::translate {

using pipeline::Action;
using pipeline::CheckPktLargerAction;

void Walk::DoCheckPktLarger(const Action& action) {
  const auto check = action.Get<CheckPktLargerAction>();
  if (!HoldsNow(SetNeeds(check.destination.row())))
    return Note("not a packet of that kind: there is no such bit");
  check_ = check;
  BreakOff(false);
}

void Walk::Fork() {
  const CheckPktLargerAction check = *std::exchange(check_, std::nullopt);
  const std::vector<Rest> rest = std::exchange(rest_, {});
  if (!view_->kernel.check_pkt_len && !view_->slow_path) {
    Note("this kernel cannot compare lengths (check_pkt_len): each packet goes through the agent");
    return Fail(Verdict::kSlowPath);
  }
  if (++nesting_ > kMaxNesting) return Fail(Verdict::kDropTooDeep);
  ++forks_;
  NoteLength(check.length);
  const Copy before = now_;
  const uint32_t mirrored = mirrored_;
  {
    auto nest = out_->actions.Nest(OVS_ACTION_ATTR_CHECK_PKT_LEN);
    out_->actions.Append(OVS_CHECK_PKT_LEN_ATTR_PKT_LEN, base::AsBytes(check.length));
    // In the order in which the kernel shows them again.
    for (const bool larger : {false, true}) {
      auto branch = out_->actions.Nest(larger ? OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER
                                              : OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL);
      Note(larger ? "of a longer packet:" : "of a packet that is not longer:");
      TakeBranch(check, larger, rest);
      const Fields read = now_.state.read();
      const bool is_blind = now_.state.is_blind();
      now_ = before;
      now_.state.ReadOriginal(read);
      now_.state.SetBlind(is_blind);
      mirrored_ = mirrored;
      if (going_ == Going::kFail) break;
      going_ = Going::kOn;
    }
  }
  --forks_;
  --nesting_;
  if (going()) going_ = Going::kEnd;
}

// All that is left to do of the packet, or of the copy.
void Walk::TakeBranch(const CheckPktLargerAction& check, bool larger,
                      const std::vector<Rest>& rest) {
  const int shift = check.destination.first;
  WriteBits(check.destination.row(), absl::uint128(larger ? 1 : 0) << shift,
            absl::uint128(1) << shift);
  if (forks_ > kMaxForks) {
    Note("lengths were compared too often in one another: the datapath looks at the packet again");
    if (!CommitNow()) return;
    FrozenState state = Freeze();
    state.rest = rest;
    return Recirculate(std::move(state), Why::kLength);
  }
  DoRest(rest);
  if (now_.set_waits) DoSet();
  FreezeIfBrokenOff();
}

void Walk::NoteLength(uint16_t limit) {
  if (view_->observer == nullptr || !view_->packet_length) return;
  const int length = static_cast<int>(*view_->packet_length) + now_.state.LengthChange();
  Note("packet length " + std::to_string(length) +
       (length > limit ? ", longer than " : ", not longer than ") + std::to_string(limit));
}

}  // namespace sluice::translate
