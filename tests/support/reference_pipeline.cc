#include "tests/support/reference_pipeline.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <set>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "agent/pipeline/field_table.h"
#include "agent/pipeline/match.h"
#include "agent/pipeline/prerequisites.h"
#include "tests/support/datapath_model.h"

namespace sluice::testing {
namespace {

using base::Mac;
using pipeline::Action;
using pipeline::ActionKind;
using pipeline::ActionSpan;
using pipeline::Be16;
using pipeline::Be32;
using pipeline::Be64;
using pipeline::BridgePort;
using pipeline::Bucket;
using pipeline::FieldRow;
using pipeline::Group;
using pipeline::GroupType;
using pipeline::Needs;
using pipeline::PacketInReason;
using pipeline::Rule;
using pipeline::Subfield;

constexpr size_t kVlansAt = offsetof(Fields, vlans), kVlansEnd = offsetof(Fields, eth_type);
constexpr size_t kLabelsAt = offsetof(Fields, mpls), kLabelsEnd = offsetof(Fields, pad3);
constexpr size_t kLayer3At = offsetof(Fields, nw_src), kLayer4At = offsetof(Fields, tp_src);
constexpr size_t kConntrackAt = offsetof(Fields, ct_state),
                 kConntrackEnd = offsetof(Fields, tun_id);
constexpr size_t kEverythingKnown = sizeof(Fields);

constexpr uint16_t kIpv4 = 0x0800, kIpv6 = 0x86dd, kMpls = 0x8847, kMplsMulticast = 0x8848;
constexpr uint16_t kTpid = 0x8100;
constexpr int kNoTag = -1;
constexpr uint32_t kBottom = 0x100;
constexpr uint32_t kWholePacket = 0xffff;  // max_len of a copy to user space

bool IsMplsType(uint16_t eth_type) { return eth_type == kMpls || eth_type == kMplsMulticast; }
bool IsIpType(uint16_t eth_type) { return eth_type == kIpv4 || eth_type == kIpv6; }

// --- Bits ----------------------------------------------------------------------------------------

// A number as bits, the lowest first: slow, and hard to get wrong.
using Bits = std::vector<bool>;

// Bit `i` of a row, counted from its lowest, in the bytes of Fields.
struct BitPlace {
  size_t byte;
  unsigned bit;
};
BitPlace PlaceOf(const FieldRow& row, unsigned i) {
  const unsigned at = row.shift + i;
  return {row.offset + row.bytes - 1 - at / 8, at % 8};
}

Bits ReadBits(const Fields& fields, const FieldRow& row, unsigned first, unsigned count) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&fields);
  Bits bits;
  for (unsigned i = first; i < first + count; ++i) {
    const BitPlace place = PlaceOf(row, i);
    bits.push_back((bytes[place.byte] >> place.bit & 1) != 0);
  }
  return bits;
}

uint64_t NumberOf(const Bits& bits) {
  uint64_t number = 0;
  for (size_t i = 0; i < bits.size(); ++i) number |= uint64_t{bits[i]} << i;
  return number;
}

// Bits to write: a byte image of Fields, and which of it.
struct Change {
  Fields value, mask;
  void Set(const FieldRow& row, unsigned i, bool bit) {
    const BitPlace place = PlaceOf(row, i);
    const auto one = static_cast<uint8_t>(1U << place.bit);
    reinterpret_cast<uint8_t*>(&mask)[place.byte] |= one;
    if (bit) reinterpret_cast<uint8_t*>(&value)[place.byte] |= one;
  }
};

// What `change` makes of bytes [begin, end) of `fields`.
void Apply(const Change& change, size_t begin, size_t end, Fields* fields) {
  auto* to = reinterpret_cast<uint8_t*>(fields);
  const auto* value = reinterpret_cast<const uint8_t*>(&change.value);
  const auto* mask = reinterpret_cast<const uint8_t*>(&change.mask);
  for (size_t i = begin; i < end; ++i)
    to[i] = static_cast<uint8_t>((to[i] & ~mask[i]) | (value[i] & mask[i]));
}

// --- The packet ----------------------------------------------------------------------------------

struct Packet {
  Fields rest;  // without tags and labels
  std::vector<Fields::Vlan> tags;
  std::vector<uint32_t> labels;
  int bare_length = 0;  // without tags and labels
  // From this byte of Fields on nobody knows what the packet has.
  size_t known_until = kEverythingKnown;

  explicit Packet(const Fields& fields) : rest(fields) {
    for (const Fields::Vlan& vlan : fields.vlans)
      if ((vlan.tci.host() & pipeline::kVlanPresent) != 0) tags.push_back(vlan);
    for (const Be32 label : fields.mpls) {
      if (!IsMplsType(fields.eth_type.host())) break;
      labels.push_back(label.host());
      if ((label.host() & kBottom) != 0) break;
    }
    rest.vlans = {};
    rest.mpls = {};
  }

  // All but the outermost tag.
  int Length() const {
    const auto inner_tags = static_cast<int>(tags.empty() ? 0 : tags.size() - 1);
    return bare_length + 4 * (inner_tags + static_cast<int>(labels.size()));
  }

  Fields View() const {
    Fields view = rest;
    for (size_t i = 0; i < std::min(tags.size(), view.vlans.size()); ++i) view.vlans[i] = tags[i];
    for (size_t i = 0; i < std::min(labels.size(), view.mpls.size()); ++i)
      view.mpls[i] = Be32::FromHost(labels[i]);
    return view;
  }
  // What can be sent of it: no layer 4 in a later fragment.
  Fields OnTheWire() const {
    Fields view = View();
    if ((view.nw_frag & pipeline::kFragLater) != 0) {
      auto* bytes = reinterpret_cast<uint8_t*>(&view);
      std::fill(bytes + kLayer4At, bytes + sizeof(Fields), uint8_t{0});
    }
    return view;
  }

  uint16_t eth_type() const { return rest.eth_type.host(); }
  bool is_ethernet() const { return rest.packet_type.host() == 0; }
  void SetEthType(uint16_t eth_type) {
    rest.eth_type = Be16::FromHost(eth_type);
    if (!is_ethernet()) rest.packet_type = Be32::FromHost(0x10000U | eth_type);
  }
};

// --- The action set ------------------------------------------------------------------------------

struct ActionSet {
  std::vector<Action> actions;  // as they were written
};

bool IsOutput(ActionKind kind) {
  return kind == ActionKind::kOutput || kind == ActionKind::kOutputRegister ||
         kind == ActionKind::kController || kind == ActionKind::kEnqueue;
}
bool IsFieldChange(ActionKind kind) {
  return kind == ActionKind::kSetField || kind == ActionKind::kMove ||
         kind == ActionKind::kSetVlanVid || kind == ActionKind::kSetVlanPcp;
}

std::vector<Action> OfKind(const ActionSet& set, bool (*belongs)(ActionKind)) {
  std::vector<Action> found;
  for (const Action& action : set.actions)
    if (belongs(action.kind())) found.push_back(action);
  return found;
}
template <ActionKind kKind>
bool Is(ActionKind kind) {
  return kind == kKind;
}

// The actions of a set in the order in which they are carried out; none when nothing is sent.
std::vector<Action> InOrder(const ActionSet& set) {
  std::vector<Action> last = OfKind(set, Is<ActionKind::kGroup>);
  if (last.empty()) last = OfKind(set, IsOutput);
  if (last.empty()) last = OfKind(set, Is<ActionKind::kResubmit>);
  if (last.empty()) last = OfKind(set, Is<ActionKind::kConntrack>);
  if (last.empty()) return {};
  std::vector<Action> ordered;
  const auto add_last = [&ordered](const std::vector<Action>& actions) {
    if (!actions.empty()) ordered.push_back(actions.back());
  };
  add_last(OfKind(set, Is<ActionKind::kStripVlan>));
  add_last(OfKind(set, Is<ActionKind::kPopMpls>));
  add_last(OfKind(set, Is<ActionKind::kPushMpls>));
  add_last(OfKind(set, Is<ActionKind::kPushVlan>));
  add_last(OfKind(set, Is<ActionKind::kDecTtl>));
  add_last(OfKind(set, Is<ActionKind::kDecMplsTtl>));
  for (const Action& action : OfKind(set, IsFieldChange)) ordered.push_back(action);
  add_last(OfKind(set, Is<ActionKind::kSetQueue>));
  add_last(last);
  return ordered;
}

// actset_output: the port of the output, if it is the output that is carried out.
uint32_t OutputOf(const ActionSet& set) {
  const std::vector<Action> outputs = OfKind(set, IsOutput);
  if (outputs.empty() || !OfKind(set, Is<ActionKind::kGroup>).empty()) return pipeline::kPortNone;
  const Action& output = outputs.back();
  switch (output.kind()) {
    case ActionKind::kOutput:
      return output.Get<pipeline::OutputAction>().port;
    case ActionKind::kEnqueue:
      return output.Get<pipeline::EnqueueAction>().port;
    case ActionKind::kController:
      return pipeline::kPortController;
    default:
      return pipeline::kPortNone;
  }
}

// As rules see where the set sends: reserved ports have 16 bits, and nowhere is OFPP_UNSET.
Be32 NumberOf(uint32_t port) {
  constexpr uint32_t kUnset = 0xfff7;
  if (port == pipeline::kPortNone) return Be32::FromHost(kUnset);
  return Be32::FromHost(port > pipeline::kMaxPort ? port & 0xffff : port);
}

// --- One packet on its way -----------------------------------------------------------------------

// What comes after an action.
enum class Next {
  kGoOn,
  kExit,  // no more actions of any list, but the action set
  kEnd,   // nothing more
};

// All that a clone has a copy of.
struct State {
  Packet packet;
  ActionSet set;
  std::vector<Bits> stack;
  std::vector<uint32_t> meters{};
  std::optional<std::pair<uint32_t, uint32_t>> hashed{};  // the algorithm and basis of dp_hash
};

class Walk {
 public:
  Walk(const ReferencePipeline::Parts& parts, const Fields& packet, int length)
      : parts_(parts), state_{Packet(packet), {}, {}}, came_with_priority_(packet.skb_priority) {
    Fields& rest = state_.packet.rest;
    rest.regs = {};
    rest.metadata = {};
    rest.conj_id = {};
    rest.actset_output = NumberOf(pipeline::kPortNone);
    state_.packet.bare_length = length - state_.packet.Length();
  }

  // The second half of a packet on its way: all as in `first`, but for `state`.
  Walk(const Walk& first, State state)
      : parts_(first.parts_),
        state_(std::move(state)),
        came_with_priority_(first.came_with_priority_),
        taken_(first.taken_),
        places_(first.places_),
        recirculations_(first.recirculations_ + 1) {}

  ReferenceResult Run() {
    if (!ComesFromPort()) return {};
    const BridgePort* in = parts_.ports.Find(InPort());
    // A heartbeat of a peer.
    if (in != nullptr && in->is_peer && in->tunnel && state_.packet.is_ethernet() &&
        state_.packet.rest.eth_type.host() == pipeline::kHeartbeatType &&
        state_.packet.rest.eth_src == base::Mac())
      return {};
    if (in != nullptr && IsMirrorsOwn(*in)) return {};
    if (in != nullptr) CopyToMirrors(*in, true, 0);
    return RunFrom(0);
  }
  ReferenceResult RunFrom(uint8_t table) {
    if (Table(table, InPort()) != Next::kEnd) {
      const ActionSet set = std::exchange(state_.set, {});
      (void)List(InOrder(set), 0);
    }
    result_.deliveries.insert(result_.deliveries.end(), forked_.begin(), forked_.end());
    if (result_.over_limit) {
      result_.deliveries.clear();
      result_.learned.reset();
    }
    return std::move(result_);
  }

 private:
  // --- Tables ---

  // Looks up in `table` and does what the rule says, and what it leads to.
  Next Table(uint8_t table, uint32_t in_port) {
    if (!Step()) return Next::kEnd;
    const Rule* rule = Lookup(table, in_port);
    if (stopped_) return Next::kEnd;
    if (rule == nullptr) return Next::kGoOn;
    ++result_.rules_matched;
    return List(rule->actions.span(), table);
  }

  const Rule* Lookup(uint8_t table, uint32_t in_port) {
    Fields packet = state_.packet.View();
    packet.in_port = Be32::FromHost(in_port);
    for (const Rule& rule : parts_.rules) {
      if (rule.table != table) continue;
      const Fields value = rule.match.Value(), mask = rule.match.Mask();
      bool matches = true, knows = true;
      for (size_t i = 0; i < sizeof(Fields); ++i) {
        const auto byte = [i](const Fields& f) { return reinterpret_cast<const uint8_t*>(&f)[i]; };
        if (byte(mask) == 0) continue;
        if (i >= state_.packet.known_until) {
          knows = false;
        } else if ((byte(packet) & byte(mask)) != (byte(value) & byte(mask))) {
          matches = false;
          break;
        }
      }
      if (!matches) continue;
      if (!knows) GiveUp("a rule looks behind a label that was popped");
      return knows ? &rule : nullptr;
    }
    return nullptr;
  }

  template <typename Actions>
  Next List(const Actions& actions, uint8_t table) {
    for (const Action action : actions) {
      Next next = Do(action, table);
      if (stopped_) next = Next::kEnd;
      if (next != Next::kGoOn) return next;
    }
    return Next::kGoOn;
  }

  Next Do(const Action& action, uint8_t table) {
    switch (action.kind()) {
      case ActionKind::kOutput:
      case ActionKind::kOutputRegister:
      case ActionKind::kEnqueue:
        Send(action);
        return Next::kGoOn;
      case ActionKind::kController:
        return Controller(action);
      case ActionKind::kDecTtl:
        return DecrementTtl(action);
      case ActionKind::kDecMplsTtl:
        return DecrementMplsTtl();
      case ActionKind::kResubmit:
        return Resubmit(action.Get<pipeline::ResubmitAction>(), table);
      case ActionKind::kGotoTable:
        return Table(action.Get<pipeline::GotoTableAction>().table, InPort());
      case ActionKind::kClone:
        OnCopy([&] { (void)List(action.nested(), table); });
        return Next::kGoOn;
      case ActionKind::kGroup:
        RunGroup(action.Get<pipeline::GroupAction>().group, table);
        return Next::kGoOn;
      case ActionKind::kExit:
        return Next::kExit;
      case ActionKind::kMeter:
        return GoThrough(action.Get<pipeline::MeterAction>().meter) ? Next::kGoOn : Next::kEnd;
      case ActionKind::kClearActions:
      case ActionKind::kWriteActions:
        WriteSet(action);
        return Next::kGoOn;
      case ActionKind::kConntrack:
        Track(action);
        return Next::kGoOn;
      case ActionKind::kConntrackClear:
        ForgetConnection();
        return Next::kGoOn;
      case ActionKind::kSample:
      case ActionKind::kNote:
        return Next::kGoOn;
      default:
        ChangePacket(action);
        return Next::kGoOn;
    }
  }

  void ChangePacket(const Action& action) {
    switch (action.kind()) {
      case ActionKind::kSetQueue:
        return SetQueue(action.Get<pipeline::SetQueueAction>().queue);
      case ActionKind::kPopQueue:
        state_.packet.rest.skb_priority = came_with_priority_;
        return;
      case ActionKind::kSetField:
        return SetField(action);
      case ActionKind::kSetVlanVid:
        return SetTag(action.Get<pipeline::SetVlanVidAction>().vid, 0x0fff);
      case ActionKind::kSetVlanPcp:
        return SetTag(action.Get<pipeline::SetVlanPcpAction>().pcp << 13, 0xe000);
      case ActionKind::kStripVlan:
        return StripVlan();
      case ActionKind::kPushVlan:
        return PushVlan(action.Get<pipeline::PushVlanAction>().tpid, 0);
      case ActionKind::kPushMpls:
        return PushMpls(action.Get<pipeline::PushMplsAction>().eth_type);
      case ActionKind::kPopMpls:
        return PopMpls(action.Get<pipeline::PopMplsAction>().eth_type);
      case ActionKind::kMove:
        return Move(action.Get<pipeline::MoveAction>());
      case ActionKind::kPush:
        return Push(action.Get<pipeline::PushAction>().source);
      case ActionKind::kCheckPktLarger:
        return Compare(action.Get<pipeline::CheckPktLargerAction>());
      case ActionKind::kPop:
        return Pop(action.Get<pipeline::PopAction>().destination);
      case ActionKind::kWriteMetadata:
        return WriteMetadata(action.Get<pipeline::WriteMetadataAction>());
      default:
        return GiveUp(absl::StrCat("no such action: ", static_cast<int>(action.kind())));
    }
  }

  Next Resubmit(const pipeline::ResubmitAction& action, uint8_t table) {
    uint32_t in_port = action.in_port == pipeline::kPortInPort ? InPort() : action.in_port;
    if (in_port > pipeline::kMaxPort) in_port &= 0xffff;
    if (!Enter()) return Next::kEnd;
    const Next next = Table(action.same_table != 0 ? table : action.table, in_port);
    --depth_;
    return next;
  }

  // Does it to a copy of everything.
  template <typename Body>
  void OnCopy(Body body) {
    if (!Enter()) return;
    const State before = state_;
    const std::optional<Taken> outer = std::exchange(before_length_, std::nullopt);
    body();
    state_ = before;
    if (before_length_) std::tie(taken_, places_) = *before_length_;
    before_length_ = outer;
    --depth_;
  }

  void WriteSet(const Action& action) {
    if (action.kind() == ActionKind::kClearActions) state_.set.actions.clear();
    for (const Action nested : action.nested()) state_.set.actions.push_back(nested);
    state_.packet.rest.actset_output = NumberOf(OutputOf(state_.set));
  }

  // --- Connection tracking ---

  void ForgetConnection() {
    auto* begin = reinterpret_cast<uint8_t*>(&state_.packet.rest);
    std::fill(begin + kConntrackAt, begin + kConntrackEnd, uint8_t{0});
  }

  // The packet goes on as it was; a copy of it is tracked and goes on in the table.
  void Track(const Action& action) {
    const auto ct = action.Get<pipeline::ConntrackAction>();
    if (!IsIpType(state_.packet.eth_type())) return;
    if (state_.packet.known_until <= kLayer3At) return GiveUp("a popped label hides what to track");
    uint16_t zone = ct.zone;
    if (ct.zone_source.bits != 0) {
      if (!CanLookAt(ct.zone_source.row())) return;
      zone = static_cast<uint16_t>(NumberOf(ReadBits(state_.packet.View(), ct.zone_source.row(),
                                                     ct.zone_source.first, ct.zone_source.bits)));
    }
    if (state_.packet.tags.size() > state_.packet.rest.vlans.size() &&
        ct.table != pipeline::ConntrackAction::kNoTable)
      return GiveUp("the datapath does not look at so many tags again");
    State copy = state_;
    copy.packet.rest = state_.packet.OnTheWire();
    copy.packet.rest.vlans = {};
    copy.packet.rest.mpls = {};
    TrackAtRandom(zone, &copy.packet.rest);
    if (!SetMarkAndLabel(action.nested(), &copy.packet.rest)) return;
    if (ct.table == pipeline::ConntrackAction::kNoTable) return;
    if (recirculations_ >= ReferencePipeline::kMaxRecirculations) {
      (void)Over("too many recirculations");
      return;
    }
    const ReferenceResult fork = Walk(*this, std::move(copy)).RunFrom(ct.table);
    forked_.insert(forked_.end(), fork.deliveries.begin(), fork.deliveries.end());
    result_.gave_up |= fork.gave_up;
    result_.half_dropped |= fork.over_limit || fork.half_dropped;
  }

  // Sources are of the packet as it is, not of the copy.
  bool SetMarkAndLabel(ActionSpan exec, Fields* to) {
    for (const Action action : exec) {
      if (action.kind() == ActionKind::kSetField) {
        pipeline::ApplySetField(action, to);
        continue;
      }
      const auto move = action.Get<pipeline::MoveAction>();
      const FieldRow &from = move.source.row(), &into = move.destination.row();
      if (!pipeline::Holds(from.needs, state_.packet.View())) continue;
      if (!CanLookAt(from)) return false;
      const Bits bits = ReadBits(state_.packet.View(), from, move.source.first, move.source.bits);
      Change change;
      for (unsigned i = 0; i < bits.size(); ++i)
        change.Set(into, move.destination.first + i, bits[i]);
      Apply(change, 0, sizeof(Fields), to);
    }
    return true;
  }

  // --- Groups ---

  const Group* FindGroup(uint32_t id) const {
    for (const Group& group : parts_.groups)
      if (group.id == id) return &group;
    return nullptr;
  }

  // `seen`: groups that have been asked already. To ask again would tell nothing new, and take for
  // ever where they watch each other.
  bool Lives(const Bucket& bucket, GroupType type, std::set<uint32_t>* seen) const {
    const bool watches =
        bucket.watch_port != pipeline::kPortNone || bucket.watch_group != pipeline::kNoGroup;
    if (!watches) return type != GroupType::kFastFailover;
    const BridgePort* watched_port = parts_.ports.Find(bucket.watch_port);
    if (watched_port != nullptr && watched_port->up) return true;
    const Group* watched = FindGroup(bucket.watch_group);
    if (watched == nullptr || !seen->insert(watched->id).second) return false;
    return std::any_of(watched->buckets.begin(), watched->buckets.end(),
                       [&](const Bucket& other) { return Lives(other, watched->type, seen); });
  }
  bool Lives(const Bucket& bucket, GroupType type) const {
    std::set<uint32_t> seen;
    return Lives(bucket, type, &seen);
  }

  void RunGroup(uint32_t id, uint8_t table) {
    const Group* group = FindGroup(id);
    if (group == nullptr) return;
    for (const size_t chosen : Choose(*group)) {
      if (stopped_ || !Step()) return;
      const Bucket& bucket = group->buckets[chosen];
      ActionSet set;
      for (const Action action : bucket.actions.span()) set.actions.push_back(action);
      OnCopy([&] { (void)List(InOrder(set), table); });
    }
  }

  // Indices of the buckets that are carried out.
  std::vector<size_t> Choose(const Group& group) {
    std::vector<size_t> all, live;
    for (size_t i = 0; i < group.buckets.size(); ++i) {
      all.push_back(i);
      const Bucket& bucket = group.buckets[i];
      const bool never = group.type == GroupType::kSelect && bucket.weight == 0;
      if (!never && Lives(bucket, group.type)) live.push_back(i);
    }
    switch (group.type) {
      case GroupType::kAll:
      case GroupType::kIndirect:
        return all;
      case GroupType::kFastFailover:
        if (live.size() > 1) live.resize(1);
        return live;
      case GroupType::kSelect:
        if (live.empty()) return live;
        if (live.size() > 1) Hash(group);
        if (parts_.select) return {parts_.select(group, state_.packet.View(), live)};
        if (live.size() > 1) GiveUp("a hash chooses a bucket");
        return live;
    }
    return {};
  }

  // Once for all groups that want the same.
  void Hash(const Group& group) {
    using pipeline::SelectionMethod;
    const bool symmetric = group.method == SelectionMethod::kSymmetricL4;
    if (group.method == SelectionMethod::kHash || (symmetric && !parts_.symmetric_hashes)) return;
    const std::pair<uint32_t, uint32_t> wanted = {symmetric ? 1 : 0,
                                                  static_cast<uint32_t>(group.hash_basis)};
    if (state_.hashed == wanted) return;
    state_.hashed = wanted;
    HashAtRandom(wanted.first, wanted.second, &state_.packet.rest);
  }

  // --- Sending ---

  uint32_t InPort() const { return state_.packet.rest.in_port.host(); }

  void Send(const Action& action) {
    if (action.kind() == ActionKind::kEnqueue) {
      const auto enqueue = action.Get<pipeline::EnqueueAction>();
      const Be32 before = state_.packet.rest.skb_priority;
      SetQueue(enqueue.queue);
      Output(enqueue.port, 0);
      state_.packet.rest.skb_priority = before;
    } else if (action.kind() == ActionKind::kOutputRegister) {
      const auto output = action.Get<pipeline::OutputRegisterAction>();
      const Subfield& from = output.source;
      if (!CanLookAt(from.row())) return;
      const Bits bits = ReadBits(state_.packet.View(), from.row(), from.first, from.bits);
      Output(pipeline::PortOfNumber(NumberOf(bits)), output.max_len);
    } else {
      const auto output = action.Get<pipeline::OutputAction>();
      Output(output.port, output.max_len);
    }
  }

  void Output(uint32_t port, uint32_t max_length) {
    switch (port) {
      case pipeline::kPortInPort:
        return ToPort(InPort(), max_length);
      case pipeline::kPortAll:
      case pipeline::kPortFlood:
        for (const BridgePort& other : parts_.ports.ports())
          if (other.port_no != InPort() && other.up && !IsMirrorsOwn(other))
            ToPort(other.port_no, max_length);
        return;
      case pipeline::kPortNormal:
        return Normal(max_length);
      case pipeline::kPortController:
        return ToUserspace(PacketInReason::kAction, 0,
                           max_length == 0 ? kWholePacket : std::min(max_length, kWholePacket), {});
      default:
        if (port != InPort()) ToPort(port, max_length);
        return;
    }
  }

  // Nothing for a port that the bridge does not have, as it has none of the reserved ones.
  void ToPort(uint32_t port, uint32_t max_length) {
    const BridgePort* to = parts_.ports.Find(port);
    if (to == nullptr || (IsMirrorsOwn(*to) && !copying_)) return;
    Fields packet = state_.packet.OnTheWire();
    if (to->tunnel) {
      const Fields outer = OuterHeader(*to->tunnel);
      if (outer.tun_dst == base::Ipv4() && outer.tun_ipv6_dst == base::Ipv6()) return;
      CopyTunnel(outer, &packet);
      port = to->tunnel->vport;
    } else {
      CopyTunnel(Fields(), &packet);
    }
    result_.deliveries.push_back({.kind = Delivery::Kind::kPort,
                                  .port = port,
                                  .max_length = max_length,
                                  .packet = packet,
                                  .meters = state_.meters});
    CopyToMirrors(*to, false, max_length);
  }

  // --- Mirrors ---

  bool IsMirrorsOwn(const BridgePort& port) const {
    for (const pipeline::Mirror& mirror : parts_.ports.options().mirrors)
      if (!mirror.output_port.empty() && mirror.output_port == port.name) return true;
    return false;
  }

  // The VLAN of the packet as it passes the port; none if the port does not carry it.
  std::optional<uint16_t> VlanAt(const BridgePort& port) const {
    const std::vector<Fields::Vlan>& tags = state_.packet.tags;
    const int id = tags.empty() ? 0 : tags[0].tci.host() & 0x0fff;
    const std::optional<uint16_t> vlan = VlanOf(port, static_cast<uint16_t>(id));
    return vlan && port.Carries(*vlan) ? vlan : std::nullopt;
  }

  bool Selects(const pipeline::Mirror& mirror, const BridgePort& port, bool comes) const {
    const std::vector<std::string>& names = comes ? mirror.source_ports : mirror.destination_ports;
    if (!mirror.all_ports && std::count(names.begin(), names.end(), port.name) == 0) return false;
    const std::optional<uint16_t> vlan = VlanAt(port);
    if (mirror.vlans.empty()) return !mirror.output_vlan || vlan != mirror.output_vlan;
    return vlan && std::count(mirror.vlans.begin(), mirror.vlans.end(), *vlan) > 0 &&
           vlan != mirror.output_vlan;
  }

  void CopyToMirrors(const BridgePort& port, bool comes, uint32_t max_length) {
    if (copying_ || !state_.packet.is_ethernet()) return;
    for (const pipeline::Mirror& mirror : parts_.ports.options().mirrors) {
      if (taken_.count(mirror.name) > 0 || !Selects(mirror, port, comes)) continue;
      if (mirror.output_vlan && IsLinkLocal(state_.packet.rest.eth_dst)) continue;
      std::vector<const BridgePort*> outputs;
      for (const BridgePort& other : parts_.ports.ports()) {
        const bool takes = mirror.output_vlan
                               ? !IsMirrorsOwn(other) && other.Carries(*mirror.output_vlan)
                               : other.name == mirror.output_port;
        if (takes && other.up) outputs.push_back(&other);
      }
      if (outputs.empty()) continue;
      taken_.insert(mirror.name);
      if (!places_.insert({mirror.output_port, mirror.output_vlan}).second) continue;
      uint32_t cut = mirror.snaplen == 0 ? 0xffffffff : mirror.snaplen;
      if (max_length != 0) cut = std::min(cut, max_length);
      if (cut == 0xffffffff) cut = 0;
      copying_ = true;
      for (const BridgePort* output : outputs) {
        const auto vlan = mirror.output_vlan ? mirror.output_vlan : VlanAt(port);
        if (vlan) {
          Leave(port, *output, *vlan, cut);
        } else {
          ToPort(output->port_no, cut);
        }
      }
      copying_ = false;
    }
  }

  // --- Tunnels ---

  static void CopyTunnel(const Fields& from, Fields* to) {
    constexpr size_t kBegin = offsetof(Fields, tun_id), kEnd = offsetof(Fields, eth_src);
    std::memcpy(reinterpret_cast<char*>(to) + kBegin, reinterpret_cast<const char*>(&from) + kBegin,
                kEnd - kBegin);
  }

  // Whether the packet belongs to a port; of those that share a device, the one that says most of
  // it.
  bool ComesFromPort() {
    Fields& packet = state_.packet.rest;
    const BridgePort* best = nullptr;
    int most = -1;
    bool device = false;
    for (const BridgePort& port : parts_.ports.ports()) {
      if (!port.tunnel || port.tunnel->vport != packet.in_port.host()) continue;
      device = true;
      const pipeline::TunnelEnd& end = *port.tunnel;
      int weight = 0;
      if (end.in_key) {
        if (*end.in_key != packet.tun_id.host()) continue;
        weight += 100;
      }
      if (end.remote && !end.from_anybody) {
        if (end.remote->v4 != packet.tun_src || end.remote->v6 != packet.tun_ipv6_src) continue;
        weight += 10;
      }
      if (end.local.IsSet()) {
        if (end.local.v4 != packet.tun_dst || end.local.v6 != packet.tun_ipv6_dst) continue;
        weight += 1;
      }
      if (weight > most) best = &port, most = weight;
    }
    if (!device) return parts_.ports.Find(packet.in_port.host()) != nullptr;
    if (best != nullptr) packet.in_port = Be32::FromHost(best->port_no);
    return best != nullptr;
  }

  // What a packet is wrapped in at this end, as tun_* fields; no destination: it cannot be.
  Fields OuterHeader(const pipeline::TunnelEnd& end) const {
    using From = pipeline::TunnelByte::From;
    const Fields now = state_.packet.View();
    Fields outer;
    const bool ip = IsIpType(state_.packet.eth_type());
    if (end.remote) {
      outer.tun_dst = end.remote->v4;
      outer.tun_ipv6_dst = end.remote->v6;
    } else if (now.tun_dst != base::Ipv4()) {
      outer.tun_dst = now.tun_dst;
    } else {
      outer.tun_ipv6_dst = now.tun_ipv6_dst;
    }
    if (outer.tun_dst != base::Ipv4()) {
      outer.tun_src = end.local_from_field ? now.tun_src : end.local.v4;
    } else {
      outer.tun_ipv6_src = end.local_from_field ? now.tun_ipv6_src : end.local.v6;
    }
    int flags = 0;
    if (end.has_key) {
      flags |= pipeline::kTunnelKey;
      outer.tun_id = end.out_key ? Be64::FromHost(*end.out_key) : now.tun_id;
    }
    const auto byte = [ip](const pipeline::TunnelByte& from, int inner, int field) {
      const int value = from.from == From::kFixed   ? from.value
                        : from.from == From::kField ? field
                        : ip                        ? inner
                                                    : 0;
      return static_cast<uint8_t>(value);
    };
    outer.tun_tos = byte(end.tos, now.nw_tos & 0xfc, now.tun_tos);
    outer.tun_ttl = byte(end.ttl, now.nw_ttl, now.tun_ttl);
    if (outer.tun_ttl == 0) outer.tun_ttl = 64;
    if (end.dont_fragment) flags |= pipeline::kTunnelDontFragment;
    if (end.checksum) flags |= pipeline::kTunnelChecksum;
    if (end.geneve) {
      flags |= now.tun_flags.host() & pipeline::kTunnelOam;
      const pipeline::TunnelOptions& options = parts_.ports.options().tunnel_options;
      for (size_t i = 0; i < options.size(); ++i) {
        uint64_t value = options[i] ? now.tun_metadata[i].host() : 0;
        if (options[i] && options[i]->bytes < 8) value %= uint64_t{1} << 8 * options[i]->bytes;
        outer.tun_metadata[i] = Be64::FromHost(value);
      }
    }
    if (end.gbp && (now.tun_gbp_id.host() != 0 || now.tun_gbp_flags != 0)) {
      flags |= pipeline::kTunnelGbp;
      outer.tun_gbp_id = now.tun_gbp_id;
      outer.tun_gbp_flags = now.tun_gbp_flags;
    }
    if (end.erspan) {
      flags |= pipeline::kTunnelErspan;
      const bool own = end.erspan->version != 0;
      const int version = own ? end.erspan->version : now.tun_erspan_ver;
      outer.tun_erspan_ver = version == 2 ? 2 : 1;
      if (version == 2) {
        outer.tun_erspan_dir = own ? end.erspan->direction : now.tun_erspan_dir;
        outer.tun_erspan_hwid = own ? end.erspan->hardware_id : now.tun_erspan_hwid;
      } else {
        outer.tun_erspan_idx = own ? Be32::FromHost(end.erspan->index) : now.tun_erspan_idx;
      }
    }
    outer.tun_flags = Be16::FromHost(static_cast<uint16_t>(flags));
    return outer;
  }

  void ToUserspace(PacketInReason reason, uint16_t controller, uint32_t max_length,
                   base::ByteView userdata) {
    Fields packet = state_.packet.OnTheWire();
    CopyTunnel(Fields(), &packet);
    result_.deliveries.push_back({.kind = Delivery::Kind::kUserspace,
                                  .max_length = max_length,
                                  .reason = reason,
                                  .controller = controller,
                                  .userdata = {userdata.begin(), userdata.end()},
                                  .packet = packet,
                                  .meters = state_.meters});
  }

  Next Controller(const Action& action) {
    const auto controller = action.Get<pipeline::ControllerAction>();
    const std::vector<uint32_t> before = state_.meters;
    if (controller.meter != 0 && !GoThrough(controller.meter)) return Next::kEnd;
    ToUserspace(controller.reason, controller.id, controller.max_len, action.tail());
    state_.meters = before;
    return controller.pause != 0 ? Next::kEnd : Next::kGoOn;
  }

  bool GoThrough(uint32_t meter) {
    const auto declared = parts_.meters.meters.find(meter);
    if (declared == parts_.meters.meters.end() || !declared->second)
      return Over("there is no such meter");
    state_.meters.push_back(*declared->second);
    return true;
  }

  // --- normal ---

  void Normal(uint32_t max_length) {
    const BridgePort* in = parts_.ports.Find(InPort());
    const Packet& packet = state_.packet;
    const Mac source = packet.rest.eth_src, destination = packet.rest.eth_dst;
    if (in == nullptr || !packet.is_ethernet() ||
        (IsLinkLocal(destination) && !parts_.ports.options().forward_bpdu))
      return;
    const int tag = packet.tags.empty() ? 0 : packet.tags[0].tci.host() & 0x0fff;
    const std::optional<uint16_t> known = VlanOf(*in, static_cast<uint16_t>(tag));
    if (!known || !in->Carries(*known)) return;
    const uint16_t vlan = *known;
    bool floods = false;
    for (const pipeline::Mirror& mirror : parts_.ports.options().mirrors)
      floods |= mirror.output_vlan == vlan;
    if (!source.is_multicast() && !floods)
      result_.learned = ReferenceResult::Learned{source, vlan, in->port_no};
    if (!destination.is_multicast() && !floods) {
      const auto seen = parts_.macs.find({vlan, destination});
      const BridgePort* to = seen == parts_.macs.end() ? nullptr : parts_.ports.Find(seen->second);
      if (to != nullptr && !IsMirrorsOwn(*to) && to->Carries(vlan)) {
        if (to != in) Bridge(*in, *to, vlan, max_length);
        return;
      }
    }
    const std::vector<uint32_t> before = state_.meters;
    const auto limits = parts_.meters.storms.find(in->name);
    const bool broadcast = base::ToString(destination) == "ff:ff:ff:ff:ff:ff";
    const size_t kind = broadcast ? 0 : destination.is_multicast() ? 1 : 2;
    if (limits != parts_.meters.storms.end() && limits->second[kind])
      state_.meters.push_back(*limits->second[kind]);
    for (const BridgePort* port : FloodOrder(*in, vlan)) Leave(*in, *port, vlan, max_length);
    state_.meters = before;
  }

  // First ports that take the packet as it is, then those that want it without a tag, then the
  // rest, those together that want the same tag. It matters to mirrors, which take the first copy.
  std::vector<const BridgePort*> FloodOrder(const BridgePort& in, uint16_t vlan) const {
    const std::vector<Fields::Vlan>& tags = state_.packet.tags;
    const int as_is = in.is_tunnel || tags.empty() ? kNoTag : tags[0].tci.host() & 0x0fff;
    std::vector<int> order = {as_is, kNoTag};
    std::vector<std::pair<ptrdiff_t, const BridgePort*>> ranked;
    for (const BridgePort& port : parts_.ports.ports()) {
      if (&port == &in || !port.Carries(vlan) || IsMirrorsOwn(port) || !port.up ||
          !MayHear(in, port))
        continue;
      const int tag = WireTag(in, port, vlan);
      if (std::find(order.begin(), order.end(), tag) == order.end()) order.push_back(tag);
      ranked.emplace_back(std::find(order.begin(), order.end(), tag) - order.begin(), &port);
    }
    std::stable_sort(ranked.begin(), ranked.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<const BridgePort*> ports;
    ports.reserve(ranked.size());
    for (const auto& [rank, port] : ranked) ports.push_back(port);
    return ports;
  }

  static std::optional<uint16_t> VlanOf(const BridgePort& in, uint16_t tag) {
    if (in.is_tunnel) return in.access_vlan;
    if (in.access_vlan) return tag == 0 ? in.access_vlan : std::nullopt;
    if (tag == 0) return in.native_vlan.value_or(0);
    bool hidden = false;
    for (const pipeline::VlanPair& pair : in.vlan_map) {
      if (pair.wire == tag) return pair.vlan;
      hidden |= pair.vlan == tag;
    }
    return hidden ? std::nullopt : std::optional(tag);
  }

  static bool IsLinkLocal(const Mac& mac) {
    return mac.bytes[0] == 0x01 && mac.bytes[1] == 0x80 && mac.bytes[2] == 0xc2 &&
           mac.bytes[3] == 0 && mac.bytes[4] == 0 && mac.bytes[5] <= 0x0f;
  }

  static bool MayHear(const BridgePort& in, const BridgePort& port) {
    if (in.is_protected && port.is_protected) return false;
    const auto& relays = in.relays_to;
    return !in.is_peer || !port.is_peer ||
           std::find(relays.begin(), relays.end(), port.name) != relays.end();
  }

  // Out of one port, with the tag that the port wants.
  void Bridge(const BridgePort& in, const BridgePort& port, uint16_t vlan, uint32_t max_length) {
    if (MayHear(in, port) && (port.up || port.is_silent)) Leave(in, port, vlan, max_length);
  }

  // The id of the tag that a packet leaves with, of those that are the bridge's; or kNoTag.
  int WireTag(const BridgePort& in, const BridgePort& port, uint16_t vlan) const {
    const bool untagged = port.access_vlan || vlan == 0 ||
                          (port.native_vlan && *port.native_vlan == vlan && !port.native_tagged);
    int id = vlan;
    for (const pipeline::VlanPair& pair : port.vlan_map)
      if (pair.vlan == vlan) id = pair.wire;
    if (!untagged) return id;
    const std::vector<Fields::Vlan>& tags = state_.packet.tags;
    const int priority = tags.empty() ? 0 : tags[0].tci.host() >> 13;
    const bool keeps = port.priority_tags == pipeline::PriorityTags::kAlways ||
                       (port.priority_tags == pipeline::PriorityTags::kIfNonzero && priority > 0);
    return keeps && !port.is_tunnel && !in.is_tunnel ? 0 : kNoTag;
  }

  void Leave(const BridgePort& in, const BridgePort& port, uint16_t vlan, uint32_t max_length) {
    const Packet before = state_.packet;
    const int tag = WireTag(in, port, vlan);
    if (in.is_tunnel) {
      if (tag != kNoTag) PushVlan(0x88a8, static_cast<uint16_t>(tag));
    } else if (tag != kNoTag) {
      SetTag(tag, 0x0fff);
    } else {
      StripVlan();
    }
    ToPort(port.port_no, max_length);
    state_.packet = before;
  }

  // --- Fields ---

  // False, and all is over, when the row lies where nobody knows what there is.
  bool CanLookAt(const FieldRow& row) {
    if (row.offset + size_t{row.bytes} <= state_.packet.known_until) return true;
    GiveUp(absl::StrCat(std::string(row.name), " is behind a label that was popped"));
    return false;
  }
  // Whether `needs` of `row` holds; false too when that cannot be known.
  bool Meets(Needs needs, const FieldRow& row) {
    return CanLookAt(row) && pipeline::Holds(needs, state_.packet.View());
  }

  void SetField(const Action& action) {
    const FieldRow& row = pipeline::FieldAt(action.Get<pipeline::SetFieldAction>().field);
    if (!Meets(pipeline::SetNeeds(row), row)) return;
    Change change;
    auto* value = reinterpret_cast<uint8_t*>(&change.value);
    auto* mask = reinterpret_cast<uint8_t*>(&change.mask);
    for (size_t i = 0; i < row.bytes; ++i) {
      value[row.offset + i] = action.tail()[i];
      mask[row.offset + i] = action.tail()[row.bytes + i];
    }
    Write(row, change);
  }

  void Move(const pipeline::MoveAction& move) {
    const FieldRow &from = move.source.row(), &to = move.destination.row();
    if (!Meets(from.needs, from) || !Meets(pipeline::SetNeeds(to), to)) return;
    const Bits bits = ReadBits(state_.packet.View(), from, move.source.first, move.source.bits);
    WriteBits(move.destination, bits);
  }

  void Push(const Subfield& source) {
    const FieldRow& row = source.row();
    if (!Meets(row.needs, row)) return;
    state_.stack.push_back(ReadBits(state_.packet.View(), row, source.first, source.bits));
  }

  void Pop(const Subfield& destination) {
    if (state_.stack.empty()) return;
    Bits bits = state_.stack.back();
    state_.stack.pop_back();
    const FieldRow& row = destination.row();
    if (!Meets(pipeline::SetNeeds(row), row)) return;
    bits.resize(destination.bits, false);
    WriteBits(destination, bits);
  }

  void Compare(const pipeline::CheckPktLargerAction& check) {
    const FieldRow& row = check.destination.row();
    if (!Meets(pipeline::SetNeeds(row), row)) return;
    if (!before_length_) before_length_ = {taken_, places_};
    WriteBits(check.destination, {state_.packet.Length() > check.length});
  }

  void WriteBits(const Subfield& destination, const Bits& bits) {
    Change change;
    for (unsigned i = 0; i < destination.bits; ++i)
      change.Set(destination.row(), destination.first + i, bits[i]);
    Write(destination.row(), change);
  }

  void Write(const FieldRow& row, const Change& change) {
    Packet& packet = state_.packet;
    if (row.offset >= kVlansAt && row.offset < kVlansEnd)
      return WriteTci(change.value.vlans[0].tci.host(), change.mask.vlans[0].tci.host());
    if (row.offset >= kLabelsAt && row.offset < kLabelsEnd) {
      if (packet.labels.empty()) return;
      const uint32_t mask = change.mask.mpls[0].host();
      packet.labels[0] = (packet.labels[0] & ~mask) | (change.value.mpls[0].host() & mask);
      return;
    }
    Apply(change, row.offset, row.offset + size_t{row.bytes}, &packet.rest);
  }

  // The outer tag as a field: the bit that says there is one makes one, or takes it away.
  void WriteTci(uint16_t value, uint16_t mask) {
    Packet& packet = state_.packet;
    if ((mask & pipeline::kVlanPresent) != 0) {
      if ((value & pipeline::kVlanPresent) == 0) return StripVlan();
      if (packet.tags.empty()) PushVlan(kTpid, 0);
    }
    if (packet.tags.empty()) return;
    const uint16_t tci = packet.tags[0].tci.host();
    packet.tags[0].tci = Be16::FromHost(static_cast<uint16_t>((tci & ~mask) | (value & mask)));
  }

  void WriteMetadata(const pipeline::WriteMetadataAction& action) {
    Be64& metadata = state_.packet.rest.metadata;
    metadata = Be64::FromHost((metadata.host() & ~action.mask) | (action.value & action.mask));
  }

  void SetQueue(uint32_t queue) {
    state_.packet.rest.skb_priority = Be32::FromHost(0x10000U | (queue + 1));
  }

  // --- Tags and labels ---

  void PushVlan(uint16_t tpid, uint16_t tci) {
    Packet& packet = state_.packet;
    if (!packet.is_ethernet()) return;
    const auto present = static_cast<uint16_t>(tci | pipeline::kVlanPresent);
    packet.tags.insert(packet.tags.begin(), {Be16::FromHost(tpid), Be16::FromHost(present)});
    if (packet.tags.size() > ReferencePipeline::kMaxTags) GiveUp("too many tags");
  }

  void StripVlan() {
    std::vector<Fields::Vlan>& tags = state_.packet.tags;
    if (!tags.empty()) tags.erase(tags.begin());
  }

  // Bits of the outer tag; there is one afterwards.
  void SetTag(int value, uint16_t mask) {
    if (state_.packet.tags.empty()) PushVlan(kTpid, 0);
    WriteTci(static_cast<uint16_t>(value), mask);
  }

  void PushMpls(uint16_t eth_type) {
    Packet& packet = state_.packet;
    uint32_t label = kBottom;
    if (IsMplsType(packet.eth_type())) {
      if (packet.known_until <= kLabelsAt) return GiveUp("a copy of a label that nobody has seen");
      label = packet.labels[0] & ~kBottom;
    } else if (IsIpType(packet.eth_type())) {
      if (packet.known_until <= kLayer3At) return GiveUp("the TTL is behind a label");
      label |= packet.rest.nw_ttl;
    }
    if (parts_.labels_as_manual && !IsMplsType(packet.eth_type())) label = FirstLabel();
    packet.labels.insert(packet.labels.begin(), label);
    packet.SetEthType(eth_type);
    if (packet.known_until == kLayer3At) packet.known_until = kEverythingKnown;
    auto* bytes = reinterpret_cast<uint8_t*>(&packet.rest);
    std::fill(bytes + kLayer3At, bytes + sizeof(Fields), uint8_t{0});
  }

  // As ovs-actions(7) has it.
  uint32_t FirstLabel() const {
    constexpr uint32_t kIpv6ExplicitNull = 2, kDefaultTtl = 64;
    const Packet& packet = state_.packet;
    const bool ip = IsIpType(packet.eth_type());
    const uint32_t label = packet.eth_type() == kIpv6 ? kIpv6ExplicitNull : 0;
    const uint32_t traffic_class = ip ? packet.rest.nw_tos >> 2 & 7U : 0;
    const uint32_t ttl = ip && packet.rest.nw_ttl != 0 ? packet.rest.nw_ttl : kDefaultTtl;
    return label << 12 | traffic_class << 9 | kBottom | ttl;
  }

  void PopMpls(uint16_t eth_type) {
    Packet& packet = state_.packet;
    if (!IsMplsType(packet.eth_type())) return;
    const bool known = !packet.labels.empty();
    if (!known && parts_.labels_as_manual) return GiveUp("a pop of a label that nobody has seen");
    const uint32_t label = known ? packet.labels[0] : 0;
    const bool last = known && (label & kBottom) != 0;
    if (known) {
      packet.labels.erase(packet.labels.begin());
    } else {
      packet.bare_length -= 4;
    }
    if (last || !parts_.labels_as_manual) packet.SetEthType(eth_type);
    if (!IsMplsType(packet.eth_type())) {
      packet.known_until = kLayer3At;
      if (!known || !parts_.behind_label) return;
      packet.known_until = kEverythingKnown;
      packet.bare_length += 4 * static_cast<int>(packet.labels.size());
      packet.labels.clear();
      parts_.behind_label(label, &packet.rest);
    } else if (packet.labels.empty()) {
      packet.known_until = kLabelsAt;
    }
  }

  Next DecrementMplsTtl() {
    Packet& packet = state_.packet;
    if (!IsMplsType(packet.eth_type())) return Next::kGoOn;
    if (packet.labels.empty()) {
      GiveUp("the TTL of a label that nobody has seen");
      return Next::kEnd;
    }
    if ((packet.labels[0] & 0xff) <= 1) return Next::kEnd;
    --packet.labels[0];
    return Next::kGoOn;
  }

  Next DecrementTtl(const Action& action) {
    Packet& packet = state_.packet;
    if (!IsIpType(packet.eth_type())) return Next::kGoOn;
    if (packet.known_until <= kLayer3At) {
      GiveUp("the TTL is behind a label that was popped");
      return Next::kEnd;
    }
    if (packet.rest.nw_ttl > 1) {
      --packet.rest.nw_ttl;
      return Next::kGoOn;
    }
    std::vector<uint16_t> controllers;
    for (size_t i = 0; i + 1 < action.tail().size(); i += sizeof(uint16_t))
      controllers.push_back(base::Load<uint16_t>(&action.tail()[i]));
    if (controllers.empty()) controllers.push_back(0);
    for (const uint16_t id : controllers)
      ToUserspace(PacketInReason::kInvalidTtl, id, kWholePacket, {});
    return Next::kEnd;
  }

  // --- Limits ---

  void Stop(std::string why) {
    if (!stopped_) result_.why = std::move(why);
    stopped_ = true;
  }
  void GiveUp(std::string why) {
    if (!stopped_) result_.gave_up = true;
    Stop(std::move(why));
  }
  bool Over(std::string why) {
    if (!stopped_) result_.over_limit = true;
    Stop(std::move(why));
    return false;
  }
  bool Step() { return ++steps_ <= ReferencePipeline::kMaxSteps || Over("too many lookups"); }
  bool Enter() { return ++depth_ <= ReferencePipeline::kMaxDepth || Over("too deep"); }

  const ReferencePipeline::Parts& parts_;
  State state_;
  const Be32 came_with_priority_;
  ReferenceResult result_;
  bool copying_ = false;  // for a mirror
  using Places = std::set<std::pair<std::string, std::optional<uint16_t>>>;
  std::set<std::string> taken_;  // mirrors that have their copy
  Places places_;                // where copies went
  using Taken = std::pair<std::set<std::string>, Places>;
  std::optional<Taken> before_length_;  // was compared, in this copy
  std::vector<Delivery> forked_;        // of second halves
  int recirculations_ = 0;
  size_t steps_ = 0, depth_ = 0;
  bool stopped_ = false;  // gave up, or over a limit
};

}  // namespace

ReferencePipeline::ReferencePipeline(Parts parts) : parts_(std::move(parts)) {
  std::stable_sort(parts_.rules.begin(), parts_.rules.end(),
                   [](const Rule& a, const Rule& b) { return a.priority > b.priority; });
}

ReferenceResult ReferencePipeline::Run(const Fields& packet, int length) const {
  return Walk(parts_, packet, length).Run();
}

std::string ToString(const Delivery& delivery) {
  std::string text;
  if (delivery.kind == Delivery::Kind::kPort) {
    absl::StrAppend(&text, delivery.port);
    if (delivery.max_length != 0) absl::StrAppend(&text, "[", delivery.max_length, "]");
  } else {
    absl::StrAppend(&text, "user(reason=", static_cast<int>(delivery.reason),
                    ",id=", delivery.controller, ",max=", delivery.max_length);
    if (!delivery.userdata.empty()) text.append(",data=");
    for (const uint8_t byte : delivery.userdata)
      absl::StrAppend(&text, absl::Hex(byte, absl::kZeroPad2));
    text.push_back(')');
  }
  text.push_back(' ');
  Fields packet = delivery.packet;
  if (packet.actset_output == NumberOf(pipeline::kPortNone)) packet.actset_output = {};
  Fields mask;  // what is not zero, first by the names that fit the packet
  for (const bool fits : {true, false}) {
    for (const FieldRow& row : pipeline::FieldTable()) {
      absl::uint128 bits = pipeline::FullMask(row);
      if (row.format == pipeline::FieldFormat::kTos) bits &= ~absl::uint128(3);
      const absl::uint128 told = pipeline::GetField(mask, row);
      if (row.hidden || (fits && !pipeline::Holds(row.needs, packet)) ||
          (pipeline::GetField(packet, row) & bits & ~told) == 0)
        continue;
      pipeline::SetField(row, told | bits, &mask);
    }
  }
  pipeline::AppendMatch(packet, mask, nullptr, &text);
  for (size_t i = 1; i < packet.mpls.size(); ++i)  // these are no fields of rules
    if (packet.mpls[i].host() != 0)
      absl::StrAppend(&text, ",lse", i, "=0x", absl::Hex(packet.mpls[i].host()));
  return text;
}

std::string ToString(const ReferenceResult& result) {
  std::string text;
  for (const Delivery& delivery : result.deliveries)
    absl::StrAppend(&text, ToString(delivery), "\n");
  if (result.over_limit) absl::StrAppend(&text, "over limit: ", result.why, "\n");
  if (result.gave_up) absl::StrAppend(&text, "gave up: ", result.why, "\n");
  return text;
}

}  // namespace sluice::testing
