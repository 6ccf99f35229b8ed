// One translation under way. Inside of agent/translate.
//
// walk.cc has the tables, the limits and the ways out; walk_actions.cc a function for each kind of
// action; walk_groups.cc how buckets are chosen; walk_normal.cc the learning switch;
// walk_mirrors.cc the copies that mirrors take; walk_tunnels.cc which port a packet from a tunnel
// came by, and how one goes into a tunnel; walk_conntrack.cc connection tracking; walk_freeze.cc
// how a walk is broken off, and goes on when the packet comes back; walk_length.cc how it goes on
// twice where the packet's length decides.
#pragma once

#include <optional>
#include <span>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/numeric/int128.h"
#include "agent/pipeline/prerequisites.h"
#include "agent/translate/action_set.h"
#include "agent/translate/packet_state.h"
#include "agent/translate/translate.h"
#include "agent/translate/user_data.h"

namespace sluice::translate {

// 01:80:c2:00:00:00 to 0f: spanning tree, link aggregation, LLDP and their like (IEEE
// 802.1Q, 8.6.3).
bool IsLinkLocal(const base::Mac& mac);

class Walk {
 public:
  // Resubmits, groups and clones within each other; and lookups and buckets in all.
  static constexpr int kMaxDepth = 64;
  static constexpr int kMaxSteps = 4096;
  // Lists within lists that the kernel takes are 16.
  static constexpr int kMaxNesting = 14;
  // The kernel's own form of a list may have 32 KiB, and is longer than ours.
  static constexpr size_t kMaxActionBytes = 16 * 1024;
  // In place of an id: the packet leaves without a tag of the bridge.
  static constexpr int kNoTag = -1;
  // Comparisons of lengths in one another, each of which doubles what is behind it.
  static constexpr int kMaxForks = 4;
  // Of all that a frozen state keeps of lists of actions.
  static constexpr size_t kMaxRestWords = 8192;

  void Run(const Fields& packet, const View& view, Translation* out);
  void Wrap(const pipeline::BridgePort& port, ovs::ActionList* actions);

 private:
  using Handler = void (Walk::*)(const pipeline::Action& action);
  static const Handler kHandlers[pipeline::kActionKinds];

  // What a copy of the packet has to itself.
  struct Copy {
    PacketState state;
    absl::InlinedVector<absl::uint128, 4> stack;  // of push() and pop(): each with its width
    ActionSet set;
    // Connection tracking looked at the packet, and rules are not told what it found.
    bool hides_conntrack = false;
    // The last set(tunnel()) that the datapath was told of: its payload.
    absl::InlinedVector<uint8_t, 96> tunnel;
    bool set_waits = true;             // it will be carried out at the end
    std::optional<DatapathHash> hash;  // that is in dp_hash
  };
  enum class Going : uint8_t {
    kOn,
    kExit,  // out of all lists; the action set is still carried out
    kEnd,   // that too is not: the TTL ran out
    kFail,  // nothing of it all holds
    // All that is still to do is kept for when the packet comes back, out to where its copy began.
    kBreakOff,
  };

  // walk.cc
  void SearchTable(uint8_t table, std::optional<uint32_t> in_port = std::nullopt);
  const pipeline::TableRule* Lookup(uint8_t table, std::optional<uint32_t> in_port);
  void Do(pipeline::ActionSpan actions);
  void Do(const pipeline::Action& action);
  void DoSet();
  void Finish();
  void Fail(Verdict verdict);
  // Runs `body` on a copy of packet and state; what it changes nobody sees afterwards.
  template <typename Body>
  void OnCopy(Body body) {
    if (++nesting_ > kMaxNesting) return Fail(Verdict::kDropTooDeep);
    const Copy before = now_;
    const size_t begin = out_->actions.bytes().size();
    now_.set_waits = false;
    body();
    LeaveCopy(before, begin);
  }
  void LeaveCopy(const Copy& before, size_t begin);
  // Takes a step inwards; false (and all fails) when that is one too many.
  bool Enter();
  void Leave() { --depth_; }
  // Counts a lookup or a bucket; the same.
  bool Step();
  bool going() const { return going_ == Going::kOn; }
  void Note(std::string_view what) {
    if (view_->observer != nullptr) view_->observer->OnNote(what, depth_);
  }

  // The packet as it is. What was asked of it is read.
  // Rules may say that it came from elsewhere.
  uint32_t InPort() const { return now_.state.now().in_port.host(); }
  bool HoldsNow(pipeline::Needs needs);
  absl::uint128 ReadBits(const pipeline::Subfield& bits);
  void WriteBits(const pipeline::FieldRow& row, absl::uint128 value, absl::uint128 mask);
  bool CommitNow();

  // Ways out.
  void OutputTo(uint32_t port, uint32_t max_length);
  void SendToPort(uint32_t port_no, uint32_t max_length);
  void SendToAll(uint32_t max_length);
  void SendToUserspace(UserData data, base::ByteView tail, uint32_t max_length, uint32_t meter = 0);
  // The kernel's id of a declared meter; without one all fails.
  std::optional<uint32_t> KernelMeter(uint32_t number);
  void TtlRanOut(base::ByteView ids);

  // walk_actions.cc
  void DoOutput(const pipeline::Action& action);
  void DoOutputRegister(const pipeline::Action& action);
  void DoController(const pipeline::Action& action);
  void DoEnqueue(const pipeline::Action& action);
  void DoSetQueue(const pipeline::Action& action);
  void DoPopQueue(const pipeline::Action& action);
  void DoSetField(const pipeline::Action& action);
  void DoSetVlanVid(const pipeline::Action& action);
  void DoSetVlanPcp(const pipeline::Action& action);
  void DoStripVlan(const pipeline::Action& action);
  void DoPushVlan(const pipeline::Action& action);
  void DoPushMpls(const pipeline::Action& action);
  void DoPopMpls(const pipeline::Action& action);
  void DoDecMplsTtl(const pipeline::Action& action);
  void DoDecTtl(const pipeline::Action& action);
  void DoMove(const pipeline::Action& action);
  void DoPush(const pipeline::Action& action);
  void DoPop(const pipeline::Action& action);
  void DoResubmit(const pipeline::Action& action);
  void DoGroup(const pipeline::Action& action);
  void DoClone(const pipeline::Action& action);
  void DoSample(const pipeline::Action& action);
  void DoConntrack(const pipeline::Action& action);
  void DoConntrackClear(const pipeline::Action& action);
  void DoNote(const pipeline::Action& action);
  void DoExit(const pipeline::Action& action);
  void DoClearActions(const pipeline::Action& action);
  void DoWriteActions(const pipeline::Action& action);
  void DoWriteMetadata(const pipeline::Action& action);
  void DoGotoTable(const pipeline::Action& action);
  void DoMeter(const pipeline::Action& action);
  void DoCheckPktLarger(const pipeline::Action& action);
  void PushTag(uint16_t tpid, uint16_t tci);
  void SetPriority(base::Be32 priority);
  void ShowActionSet();
  // Runs `body`, which appends actions that the kernel refuses behind tags, between taking them off
  // and putting them on again.
  template <typename Body>
  void WithoutTags(Body body);

  // walk_freeze.cc
  bool Resume(uint32_t recirc_id);
  void GoOn(const FrozenState& state);
  void DoRest(const std::vector<Rest>& lists);
  // Does it, or breaks off in front of it when that asks for headers which nobody has seen.
  void Try(const pipeline::Action& action);
  // All that is not done yet is to be done when the packet comes back; `again`: the action under
  // way too.
  void BreakOff(bool again);
  void BreakOffForHeaders(bool again);
  // What is left of a list that was broken off at the first of `actions`.
  template <typename Actions>
  void KeepRest(const Actions& actions) {
    pipeline::ActionList left;
    for (const pipeline::Action action : actions)
      if (std::exchange(again_, true)) left.AppendCopy(action.alone());
    again_ = false;
    if (!left.empty()) rest_.push_back({.origin = origin_, .actions = std::move(left)});
  }
  // The packet, or the copy, ends here if the walk was broken off, and goes on when it comes back.
  void FreezeIfBrokenOff();
  FrozenState Freeze();
  using Why = RecirculationStep::Why;
  using Tracking = RecirculationStep::Tracking;
  void Recirculate(FrozenState state, Why why, const Tracking* tracking = nullptr);
  void TellOfRecirculation(const FrozenState* state, Why why, const Tracking* tracking);

  // walk_length.cc
  void Fork();
  void TakeBranch(const pipeline::CheckPktLargerAction& check, bool larger,
                  const std::vector<Rest>& rest);
  void NoteLength(uint16_t limit);

  // walk_conntrack.cc
  std::optional<uint16_t> ZoneOf(const pipeline::ConntrackAction& ct);
  // Into ct_mark and ct_label of `tracking`; the kernel is told by PutMarkAndLabel().
  void ReadMarkAndLabel(pipeline::ActionSpan exec, Tracking* tracking);
  void PutMarkAndLabel(const Tracking& tracking);
  void PutHelper(const pipeline::ConntrackAction& ct);
  void PutTimeout(const pipeline::ConntrackAction& ct);

  // walk_tunnels.cc
  // Makes in_port the port of a packet that came from a device of tunnels; false: it is nobody's.
  bool EnterFromTunnel();
  // Tells the datapath how the packet is wrapped; false when that is not known.
  bool SetTunnel(const pipeline::TunnelEnd& end);
  bool FillTunnel(const pipeline::TunnelEnd& end, ovs::TunnelKey* out);
  // Whether it is a peer's heartbeat. Of all packets it asks for the type alone.
  bool IsHeartbeat(const pipeline::BridgePort& in);
  void FillTunnelAddresses(const pipeline::TunnelEnd& end, ovs::TunnelKey* key);
  uint8_t TunnelByteFor(const pipeline::TunnelByte& byte, uint8_t Fields::*inner,
                        uint8_t Fields::*field, uint8_t bits);
  void FillGeneve(ovs::TunnelKey* key);
  void FillErspan(const pipeline::ErspanEnd& end, ovs::TunnelKey* key);

  // walk_groups.cc
  void RunGroup(const pipeline::PipelineGroup& group);
  void RunBucket(const pipeline::PipelineGroup& group, size_t bucket);
  std::optional<size_t> Select(const pipeline::Group& group);
  std::optional<DatapathHash> HashByDatapath(const pipeline::Group& group) const;
  using Asked = absl::InlinedVector<const pipeline::PipelineGroup*, 8>;
  bool Lives(const pipeline::Bucket& bucket, pipeline::GroupType type, Asked* asked);
  bool Lives(const pipeline::Bucket& bucket, pipeline::GroupType type);
  bool MayTake(const pipeline::Bucket& bucket) {
    return bucket.weight != 0 && Lives(bucket, pipeline::GroupType::kSelect);
  }
  uint64_t HashFor(const pipeline::Group& group);

  // walk_normal.cc
  void Normal(uint32_t max_length);
  void LearnSource(const base::Mac& from, uint16_t vlan, uint32_t port_no);
  std::optional<uint16_t> VlanOf(const pipeline::BridgePort& in);
  void ReadTag(uint16_t bits);
  int TagFor(const pipeline::BridgePort& in, const pipeline::BridgePort& port, uint16_t vlan,
             bool own);
  void Flood(const pipeline::BridgePort& in, uint16_t vlan, pipeline::Storm storm,
             uint32_t max_length);
  void SendInVlan(const pipeline::BridgePort& in, uint16_t vlan, uint32_t max_length);
  // A port that takes the packet, and what stands in place of its tag then: see TagFor().
  struct Taker {
    const pipeline::BridgePort* port;
    int tag;
  };
  using Takers = absl::InlinedVector<Taker, 32>;
  bool OwnsTag(const pipeline::BridgePort& in) { return !in.is_tunnel && now_.state.HasVlan(); }
  int TagAsIs(const pipeline::BridgePort& in);
  void SendTo(const Takers& takers, const pipeline::BridgePort& in, uint32_t max_length);

  // walk_mirrors.cc
  void TakeMirrors(const pipeline::BridgePort& port, uint32_t mirrors, uint32_t max_length);
  Takers TakersOf(const pipeline::Mirror& mirror, const pipeline::BridgePort& port,
                  std::optional<uint16_t> vlan);
  bool WasSentAlready(const pipeline::Mirror& mirror) const;

  const View* view_ = nullptr;
  Translation* out_ = nullptr;
  Copy now_;
  Going going_ = Going::kOn;
  Origin origin_;                    // the rule whose actions are taken
  std::optional<uint8_t> goto_;      // of that rule
  base::Be32 priority_;              // that the packet came with
  bool priority_is_frozen_ = false;  // or that it came with before it was recirculated
  Recirculations::Ref resumed_;      // null for a packet that has just come
  int depth_ = 0, steps_ = 0, nesting_ = 0, forks_ = 0;
  uint32_t mirrored_ = 0;    // a bit for each mirror that has its copy
  bool mirroring_ = false;   // such a copy is being sent: no mirror takes that
  base::ByteVector tunnel_;  // that is being encoded; its memory is used again
  // Of a walk that is being broken off.
  bool again_ = false;                   // the innermost action is to be done again
  std::optional<uint8_t> search_;        // or this table to be searched
  std::optional<uint32_t> search_port_;  // for a packet from there
  std::optional<DatapathHash> hash_;     // which the datapath has to work out before
  std::optional<pipeline::CheckPktLargerAction> check_;  // or a length to be compared
  std::vector<Rest> rest_;
};

}  // namespace sluice::translate
