// What each action of a rule does to a packet under translation: a function for each kind.
#include <array>
#include <cstring>

#include "agent/translate/commit.h"
#include "agent/translate/walk.h"

namespace sluice::translate {

using base::Be16;
using base::Be32;
using base::Be64;
using pipeline::Action;
using pipeline::ActionKind;
using pipeline::FieldAt;
using pipeline::FieldRow;
using pipeline::Needs;

// By ActionKind.
const Walk::Handler Walk::kHandlers[pipeline::kActionKinds] = {
    &Walk::DoOutput,       &Walk::DoOutputRegister, &Walk::DoController,
    &Walk::DoEnqueue,      &Walk::DoSetQueue,       &Walk::DoPopQueue,
    &Walk::DoSetField,     &Walk::DoSetVlanVid,     &Walk::DoSetVlanPcp,
    &Walk::DoStripVlan,    &Walk::DoPushVlan,       &Walk::DoPushMpls,
    &Walk::DoPopMpls,      &Walk::DoDecMplsTtl,     &Walk::DoDecTtl,
    &Walk::DoMove,         &Walk::DoPush,           &Walk::DoPop,
    &Walk::DoResubmit,     &Walk::DoGroup,          &Walk::DoClone,
    &Walk::DoSample,       &Walk::DoConntrack,      &Walk::DoConntrackClear,
    &Walk::DoNote,         &Walk::DoExit,           &Walk::DoClearActions,
    &Walk::DoWriteActions, &Walk::DoWriteMetadata,  &Walk::DoGotoTable,
    &Walk::DoMeter,        &Walk::DoCheckPktLarger,
};

namespace {

constexpr uint16_t kVidBits = 0x0fff, kPcpBits = 0xe000;
// Of the kernel's view; more are committed in between.
constexpr int kTagsSeen = static_cast<int>(pipeline::kFieldVlans);

// The value of actset_output when the set sends the packet nowhere, or to a group.
constexpr uint32_t kNoOutput = 0xfff7;

// A queue as the kernel's traffic control knows it: class 1:queue+1.
Be32 PriorityOf(uint32_t queue) { return Be32::FromHost(0x10000 | ((queue + 1) & 0xffff)); }

}  // namespace

// --- Ways out ------------------------------------------------------------------------------------

void Walk::DoOutput(const Action& action) {
  const auto output = action.Get<pipeline::OutputAction>();
  OutputTo(output.port, output.max_len);
}

void Walk::DoOutputRegister(const Action& action) {
  const auto output = action.Get<pipeline::OutputRegisterAction>();
  const absl::uint128 number = ReadBits(output.source);
  OutputTo(pipeline::PortOfNumber(absl::Uint128Low64(number)), output.max_len);
}

void Walk::DoController(const Action& action) {
  const auto controller = action.Get<pipeline::ControllerAction>();
  SendToUserspace({.reason = controller.reason, .id = controller.id}, action.tail(),
                  controller.max_len, controller.meter);
  if (controller.pause != 0 && going()) going_ = Going::kEnd;
}

void Walk::DoEnqueue(const Action& action) {
  const auto enqueue = action.Get<pipeline::EnqueueAction>();
  const Be32 before = now_.state.ReadMember(&Fields::skb_priority);
  SetPriority(PriorityOf(enqueue.queue));
  OutputTo(enqueue.port, 0);
  SetPriority(before);
}

void Walk::DoSetQueue(const Action& action) {
  SetPriority(PriorityOf(action.Get<pipeline::SetQueueAction>().queue));
}

void Walk::DoPopQueue(const Action& /*action*/) {
  if (!priority_is_frozen_) {
    Fields bits;
    bits.skb_priority = Be32::FromHost(~uint32_t{0});
    now_.state.ReadOriginal(bits);
  }
  SetPriority(priority_);
}

void Walk::SetPriority(Be32 priority) { now_.state.WriteMember(&Fields::skb_priority, priority); }

void Walk::DoSample(const Action& action) {
  const auto sample = action.Get<pipeline::SampleAction>();
  if (!view_->packet_ins) return Note("nobody listens: no sample is taken");
  if (!CommitNow()) return;
  const UserData data{.kind = UserDataKind::kSample,
                      .table = origin_.table,
                      .cookie = origin_.cookie,
                      .collector_set = sample.collector_set,
                      .obs_domain = sample.obs_domain,
                      .obs_point = sample.obs_point};
  // From 16 bits to 32: of all ones to all ones.
  const uint32_t probability = sample.probability * uint32_t{0x10001};
  auto nest = out_->actions.Nest(OVS_ACTION_ATTR_SAMPLE);
  out_->actions.Append(OVS_SAMPLE_ATTR_PROBABILITY, base::AsBytes(probability));
  auto actions = out_->actions.Nest(OVS_SAMPLE_ATTR_ACTIONS);
  out_->actions.Userspace(view_->kernel.upcall_pid, base::AsBytes(data));
}

// Changes that were made go before it, so that those which only we can make are not behind it.
void Walk::DoMeter(const Action& action) {
  const std::optional<uint32_t> id = KernelMeter(action.Get<pipeline::MeterAction>().meter);
  if (!id || !CommitNow()) return;
  out_->actions.Append(OVS_ACTION_ATTR_METER, base::AsBytes(*id));
}

// --- Fields --------------------------------------------------------------------------------------

void Walk::DoSetField(const Action& action) {
  const FieldRow& row = FieldAt(action.Get<pipeline::SetFieldAction>().field);
  if (!HoldsNow(SetNeeds(row))) return Note("not a packet of that kind: nothing is set");
  WriteBits(row, SetFieldValue(action), SetFieldMask(action));
}

void Walk::DoMove(const Action& action) {
  const auto move = action.Get<pipeline::MoveAction>();
  if (!HoldsNow(move.source.row().needs) || !HoldsNow(SetNeeds(move.destination.row())))
    return Note("not a packet of that kind: nothing is moved");
  const absl::uint128 value = ReadBits(move.source);
  const int shift = move.destination.first;
  WriteBits(move.destination.row(), value << shift,
            pipeline::LowBits(move.destination.bits) << shift);
}

void Walk::DoPush(const Action& action) {
  const auto push = action.Get<pipeline::PushAction>();
  if (!HoldsNow(push.source.row().needs))
    return Note("not a packet of that kind: nothing is pushed");
  now_.stack.push_back(ReadBits(push.source));
}

void Walk::DoPop(const Action& action) {
  const auto pop = action.Get<pipeline::PopAction>();
  if (now_.stack.empty()) return Note("the stack is empty");
  const absl::uint128 value = now_.stack.back();
  now_.stack.pop_back();
  if (!HoldsNow(SetNeeds(pop.destination.row())))
    return Note("not a packet of that kind: nothing is popped into it");
  const int shift = pop.destination.first;
  WriteBits(pop.destination.row(), value << shift,
            pipeline::LowBits(pop.destination.bits) << shift);
}

void Walk::DoWriteMetadata(const Action& action) {
  const auto write = action.Get<pipeline::WriteMetadataAction>();
  now_.state.Write(offsetof(Fields, metadata), base::AsBytes(Be64::FromHost(write.value)),
                   base::AsBytes(Be64::FromHost(write.mask)));
}

// --- Tags, labels and the TTL --------------------------------------------------------------------

void Walk::DoSetVlanVid(const Action& action) {
  const uint16_t vid = action.Get<pipeline::SetVlanVidAction>().vid;
  if (!now_.state.HasVlan()) return PushTag(0x8100, vid & kVidBits);
  now_.state.SetTci(vid, kVidBits);
}

void Walk::DoSetVlanPcp(const Action& action) {
  const auto pcp = static_cast<uint16_t>(action.Get<pipeline::SetVlanPcpAction>().pcp << 13);
  if (!now_.state.HasVlan()) return PushTag(0x8100, pcp & kPcpBits);
  now_.state.SetTci(pcp, kPcpBits);
}

void Walk::DoStripVlan(const Action& /*action*/) { now_.state.PopVlan(); }

void Walk::DoPushVlan(const Action& action) {
  PushTag(action.Get<pipeline::PushVlanAction>().tpid, 0);
}

void Walk::PushTag(uint16_t tpid, uint16_t tci) {
  const TagStack tags = now_.state.tags();
  if (tags.now - tags.keep >= kTagsSeen && !CommitNow()) return;
  if (!now_.state.PushVlan(tpid, tci)) Fail(Verdict::kDropUnsettable);
}

template <typename Body>
void Walk::WithoutTags(Body body) {
  std::array<Fields::Vlan, pipeline::kFieldVlans> tags{};
  size_t count = 0;
  while (count < tags.size() && now_.state.HasVlan()) {
    now_.state.Read(offsetof(Fields, vlans), sizeof(Fields::Vlan));
    tags[count++] = now_.state.now().vlans[0];
    now_.state.PopVlan();
  }
  if (!CommitNow()) return;
  body();
  while (count-- > 0 && going())
    PushTag(tags[count].tpid.host(),
            static_cast<uint16_t>(tags[count].tci.host() & ~pipeline::kVlanPresent));
}

void Walk::DoPushMpls(const Action& action) {
  const uint16_t type = action.Get<pipeline::PushMplsAction>().eth_type;
  WithoutTags([&] {
    if (!now_.state.PushMpls(type)) return Fail(Verdict::kDropUnsettable);
    ovs_action_push_mpls push;
    std::memset(&push, 0, sizeof(push));  // it ends in padding, which the kernel keeps too
    push.mpls_lse = now_.state.now().mpls[0].wire();
    push.mpls_ethertype = Be16::FromHost(type).wire();
    out_->actions.Append(OVS_ACTION_ATTR_PUSH_MPLS, base::AsBytes(push));
  });
}

void Walk::DoPopMpls(const Action& action) {
  if (!now_.state.HasMpls()) return Note("there is no label");
  const Be16 type = Be16::FromHost(action.Get<pipeline::PopMplsAction>().eth_type);
  WithoutTags([&] {
    (void)now_.state.PopMpls(type.host());
    out_->actions.Append(OVS_ACTION_ATTR_POP_MPLS, base::AsBytes(type));
  });
}

void Walk::DoDecMplsTtl(const Action& /*action*/) {
  if (!now_.state.HasMpls()) return Note("there is no label");
  constexpr uint32_t kTtl = 0xff;
  Fields bits;
  bits.mpls[0] = Be32::FromHost(kTtl);
  now_.state.Read(bits);
  const uint32_t ttl = now_.state.now().mpls[0].host() & kTtl;
  if (ttl <= 1) {
    going_ = Going::kEnd;
    return Note("the label's TTL ran out");
  }
  now_.state.Write(offsetof(Fields, mpls), base::AsBytes(Be32::FromHost(ttl - 1)),
                   base::AsBytes(Be32::FromHost(kTtl)));
}

// By the datapath, so that one megaflow does for every TTL; by ourselves where the TTL is known.
void Walk::DoDecTtl(const Action& action) {
  if (!HoldsNow(Needs::kIp)) return Note("no IP packet");
  // On a copy it would decide in the kernel whether the mirrors of what is sent have their copies.
  const bool decides = nesting_ > 0 && !view_->ports.options().mirrors.empty();
  if (view_->kernel.dec_ttl && !view_->slow_path && !decides && !now_.state.KnowsTtl()) {
    if (!CommitNow()) return;
    auto dec_ttl = out_->actions.Nest(OVS_ACTION_ATTR_DEC_TTL);
    auto ran_out = out_->actions.Nest(OVS_DEC_TTL_ATTR_ACTION);
    TtlRanOut(action.tail());
    now_.state.DecrementTtl();
    return;
  }
  const uint8_t ttl = now_.state.ReadMember(&Fields::nw_ttl);
  if (ttl <= 1) {
    TtlRanOut(action.tail());
    if (going()) going_ = Going::kEnd;
    return Note("the TTL ran out");
  }
  now_.state.WriteMember(&Fields::nw_ttl, static_cast<uint8_t>(ttl - 1));
}

// --- Other actions -------------------------------------------------------------------------------

void Walk::DoResubmit(const Action& action) {
  const auto resubmit = action.Get<pipeline::ResubmitAction>();
  const std::optional<uint8_t> outer_goto = goto_;
  std::optional<uint32_t> in_port;
  if (resubmit.in_port != pipeline::kPortInPort) {
    // As rules have reserved ports.
    const bool reserved = resubmit.in_port > pipeline::kMaxPort;
    in_port = reserved ? resubmit.in_port & 0xffff : resubmit.in_port;
  }
  if (Enter()) SearchTable(resubmit.same_table != 0 ? origin_.table : resubmit.table, in_port);
  Leave();
  goto_ = outer_goto;
}

void Walk::DoGroup(const Action& action) {
  const uint32_t id = action.Get<pipeline::GroupAction>().group;
  out_->groups = true;
  const pipeline::PipelineGroup* group = view_->pipeline.FindGroup(id, view_->version);
  if (group == nullptr) return Note("there is no such group");
  RunGroup(*group);
}

void Walk::DoClone(const Action& action) {
  if (!Enter()) return Leave();
  OnCopy([&] { Do(action.nested()); });
  Leave();
}

void Walk::DoNote(const Action& /*action*/) {}

void Walk::DoExit(const Action& /*action*/) { going_ = Going::kExit; }

void Walk::DoClearActions(const Action& /*action*/) {
  now_.set.Clear();
  ShowActionSet();
}

void Walk::DoWriteActions(const Action& action) {
  now_.set.Write(action.nested());
  ShowActionSet();
}

// Where the action set would send the packet is a field.
void Walk::ShowActionSet() {
  const uint32_t port = now_.set.OutputPort();
  const uint32_t number = port == pipeline::kPortNone ? kNoOutput : port & 0xffff;
  now_.state.WriteMember(&Fields::actset_output, Be32::FromHost(number));
}

void Walk::DoGotoTable(const Action& action) {
  goto_ = action.Get<pipeline::GotoTableAction>().table;
}

}  // namespace sluice::translate
