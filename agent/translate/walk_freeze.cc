// How a walk is broken off where a decision needs what only a further look of the datapath can
// tell, what is kept of the packet until it comes back, and how the walk goes on then.
//
// Whoever finds that it cannot go on calls BreakOff(). On the way out, each list of actions adds
// what is left of it (KeepRest), up to where the packet's copy began, or the walk: there
// FreezeIfBrokenOff() makes it a state and sends the packet on its way, or goes on at once where
// the length alone decides. Behind a copy the walk goes on with the packet as it was before.
#include "agent/translate/walk.h"

namespace sluice::translate {

using base::Be32;
using pipeline::Action;
using pipeline::ActionKind;

namespace {

// What only leads to other actions: those find out for themselves what they need.
bool OnlyLeads(ActionKind kind) {
  return kind == ActionKind::kResubmit || kind == ActionKind::kGotoTable ||
         kind == ActionKind::kClone || kind == ActionKind::kGroup;
}

}  // namespace

// Begins where the packet was when it was recirculated, if it was. False when nobody knows where.
bool Walk::Resume(uint32_t recirc_id) {
  if (recirc_id == 0) return true;
  if (view_->recirculations != nullptr) resumed_ = view_->recirculations->Find(recirc_id);
  if (resumed_ == nullptr) {
    Fail(Verdict::kDropUnknownRecirc);
    out_->install = false;
    return false;
  }
  out_->recirculations.push_back(resumed_);
  now_.state.Restore(resumed_->values, resumed_->bits);
  if (!resumed_->shows_conntrack) now_.state.HideConntrack();
  now_.stack.assign(resumed_->stack.begin(), resumed_->stack.end());
  now_.set.Write(resumed_->set.span());
  now_.set_waits = resumed_->carries_out_set;
  now_.hash = resumed_->hash;
  mirrored_ = resumed_->mirrored;
  priority_is_frozen_ = resumed_->has_priority;
  if (priority_is_frozen_) priority_ = Be32::FromHost(resumed_->priority);
  return true;
}

void Walk::GoOn(const FrozenState& state) {
  if (!state.rest.empty()) out_->verdict = Verdict::kDropRules;
  if (state.table) SearchTable(*state.table, state.search_port);
  DoRest(state.rest);
}

// What is left of lists of actions, the innermost first.
void Walk::DoRest(const std::vector<Rest>& lists) {
  for (const Rest& rest : lists) {
    if (going_ == Going::kBreakOff) {
      rest_.push_back(rest);  // once more
      continue;
    }
    if (!going()) return;
    if (!rest.actions.empty()) Note(Observer::kRest);
    origin_ = rest.origin;
    goto_.reset();
    Do(rest.actions.span());
    const std::optional<uint8_t> next = std::exchange(goto_, std::nullopt);
    if (next && going()) SearchTable(*next);
    origin_ = {};
  }
}

void Walk::Try(const Action& action) {
  const Handler handler = kHandlers[static_cast<size_t>(action.kind())];
  if (OnlyLeads(action.kind())) return (this->*handler)(action);
  const Copy before = now_;
  const int nesting = nesting_;
  const uint32_t mirrored = mirrored_;
  Translation so_far = *out_;
  (this->*handler)(action);
  if (!now_.state.is_blind()) return;
  // As if it had not been done; but it was asked what it asked.
  const Fields read = now_.state.read();
  now_ = before;
  now_.state.ReadOriginal(read);
  nesting_ = nesting;
  mirrored_ = mirrored;
  mirroring_ = false;
  so_far.tables |= out_->tables;
  so_far.groups |= out_->groups;
  so_far.ports |= out_->ports;
  so_far.macs |= out_->macs;
  *out_ = std::move(so_far);
  BreakOffForHeaders(true);
}

void Walk::BreakOff(bool again) {
  again_ = again;
  going_ = Going::kBreakOff;
}

void Walk::BreakOffForHeaders(bool again) {
  now_.state.SetBlind(false);
  check_.reset();
  Note("that asks for what the label hid: the datapath has to look at the packet again");
  BreakOff(again);
}

void Walk::FreezeIfBrokenOff() {
  if (going_ != Going::kBreakOff) return;
  going_ = Going::kOn;
  size_t words = 0;
  for (const Rest& rest : rest_) words += rest.actions.words();
  if (words > kMaxRestWords) {
    Note("too many actions are left to be kept for when the packet comes back");
    return Fail(Verdict::kDropTooLong);
  }
  if (!CommitNow()) return;
  if (check_) return Fork();
  const Why why = hash_ ? Why::kHash : Why::kHeaders;
  if (hash_) {
    out_->actions.Append(
        OVS_ACTION_ATTR_HASH,
        base::AsBytes(ovs_action_hash{.hash_alg = hash_->algorithm, .hash_basis = hash_->basis}));
    now_.hash = std::exchange(hash_, std::nullopt);
  }
  FrozenState state = Freeze();
  state.table = std::exchange(search_, std::nullopt);
  state.search_port = std::exchange(search_port_, std::nullopt);
  state.rest = std::exchange(rest_, {});
  Recirculate(std::move(state), why);
  if (going()) going_ = Going::kEnd;
}

FrozenState Walk::Freeze() {
  FrozenState state;
  if (resumed_ != nullptr) state.depth = static_cast<uint8_t>(resumed_->depth + 1);
  state.carries_out_set = now_.set_waits;
  state.hash = now_.hash;
  state.shows_conntrack = !now_.hides_conntrack;
  // What the kernel brings back with the packet is asked of the packet again.
  const auto keep = [&state, this](size_t begin, size_t end) {
    const size_t size = end - begin;
    auto* bits = reinterpret_cast<uint8_t*>(&state.bits) + begin;
    std::memcpy(bits, reinterpret_cast<const uint8_t*>(&now_.state.known()) + begin, size);
    auto* values = reinterpret_cast<uint8_t*>(&state.values) + begin;
    const auto* now = reinterpret_cast<const uint8_t*>(&now_.state.now()) + begin;
    for (size_t i = 0; i < size; ++i) values[i] = static_cast<uint8_t>(now[i] & bits[i]);
  };
  keep(offsetof(Fields, regs), offsetof(Fields, pkt_mark));  // in_port too: rules may set it
  keep(offsetof(Fields, actset_output), offsetof(Fields, conj_id));
  keep(offsetof(Fields, tun_id), offsetof(Fields, pad1));
  const bool queue_changed = now_.state.known().skb_priority.wire() != 0;
  if (priority_is_frozen_ || queue_changed) {
    if (!priority_is_frozen_) {
      Fields bits;
      bits.skb_priority = Be32::FromHost(~uint32_t{0});
      now_.state.ReadOriginal(bits);
    }
    state.has_priority = true;
    state.priority = priority_.host();
  }
  state.mirrored = mirrored_;
  state.stack.assign(now_.stack.begin(), now_.stack.end());
  now_.set.CopyTo(&state.set);
  return state;
}

// The packet as the datapath has it now goes on where the state says; a copy of it, if actions
// follow.
void Walk::Recirculate(FrozenState state, Why why, const Tracking* tracking) {
  if (state.depth > kMaxRecirculations) {
    Note("too many recirculations behind each other");
    TellOfRecirculation(nullptr, why, tracking);
    return Fail(Verdict::kDropRecircLoop);
  }
  if (now_.state.HasTagsOutOfSight()) {
    Note("the datapath looks behind two tags, and not behind more");
    return Fail(Verdict::kDropUnsupported);
  }
  Recirculations::Ref made;
  if (view_->recirculations != nullptr) made = view_->recirculations->Intern(std::move(state));
  if (made == nullptr) {
    Note("there is no room for another state of recirculation");
    return Fail(Verdict::kDropRecircFull);
  }
  TellOfRecirculation(made.get(), why, tracking);
  out_->actions.Recirculate(made->id);
  if (out_->verdict == Verdict::kDropRules) out_->verdict = Verdict::kForward;
  out_->recirculations.push_back(std::move(made));
}

void Walk::TellOfRecirculation(const FrozenState* state, Why why, const Tracking* tracking) {
  if (view_->observer == nullptr) return;
  view_->observer->OnRecirculation({.why = why,
                                    .index = out_->recirculations.size(),
                                    .state = state,
                                    .packet = now_.state.now(),
                                    .hides_headers = now_.state.rebuilds_headers(),
                                    .origin = origin_,
                                    .tracking = tracking},
                                   depth_);
}

}  // namespace sluice::translate
