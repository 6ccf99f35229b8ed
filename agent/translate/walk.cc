#include "agent/translate/walk.h"

#include <algorithm>
#include <cstring>

#include "agent/translate/commit.h"
#include "netlink/attr/wire.h"

namespace sluice::translate {

using base::Be32;
using pipeline::Action;
using pipeline::ActionSpan;
using pipeline::BridgePort;
using pipeline::FieldRow;
using pipeline::Needs;
using pipeline::PacketInReason;
using pipeline::Subfield;
using pipeline::TableRule;

namespace {

// What leaves a packet as it is, for the actions that come behind it.
constexpr uint16_t kHarmless[] = {OVS_ACTION_ATTR_OUTPUT,       OVS_ACTION_ATTR_USERSPACE,
                                  OVS_ACTION_ATTR_TRUNC,        OVS_ACTION_ATTR_CLONE,
                                  OVS_ACTION_ATTR_SAMPLE,       OVS_ACTION_ATTR_RECIRC,
                                  OVS_ACTION_ATTR_CHECK_PKT_LEN};

bool ChangesPacket(base::ByteView actions) {
  for (const attr::Attribute& action : attr::AttributeWalk(actions))
    if (std::find(std::begin(kHarmless), std::end(kHarmless), action.type) == std::end(kHarmless))
      return true;
  return false;
}

// The bits that tell whether it holds.
Fields BitsOf(Needs needs) {
  Fields bits;
  pipeline::AddBitsOf(needs, &bits);
  return bits;
}

}  // namespace

void Walk::Run(const Fields& packet, const View& view, Translation* out) {
  view_ = &view;
  out_ = out;
  out->verdict = Verdict::kDropNoRule;
  out->actions.Clear();
  out->install = !view.slow_path;
  out->learned.clear();
  out->tables.reset();
  out->groups = out->ports = out->macs = false;
  out->came_by = 0;
  out->credits.clear();
  out->recirculations.clear();
  now_.state.Reset(packet);
  now_.stack.clear();
  now_.set.Clear();
  now_.hides_conntrack = false;
  now_.set_waits = true;
  origin_ = {};
  goto_.reset();
  rest_.clear();
  search_.reset();
  search_port_.reset();
  hash_.reset();
  check_.reset();
  now_.hash.reset();
  priority_is_frozen_ = false;
  resumed_ = nullptr;
  now_.tunnel.clear();
  going_ = Going::kOn;
  depth_ = steps_ = nesting_ = forks_ = 0;
  mirrored_ = 0;
  priority_ = packet.skb_priority;
  // Which packets these are at all: from this port, and not sent through the datapath again.
  now_.state.Read(offsetof(Fields, in_port), sizeof(Be32));
  now_.state.Read(offsetof(Fields, recirc_id), sizeof(Be32));
  now_.state.Read(offsetof(Fields, packet_type), sizeof(Be32));
  ShowActionSet();
  out->ports = true;
  const bool is_ours = EnterFromTunnel();
  const BridgePort* in = is_ours ? view.ports.Find(InPort()) : nullptr;
  if (!is_ours) {
    out->verdict = Verdict::kDropUnknownTunnel;
  } else if (in == nullptr) {
    out->verdict = Verdict::kDropUnknownPort;
  } else if (out->came_by = in->port_no; IsHeartbeat(*in)) {
    out->verdict = Verdict::kHeartbeat;
    out->install = false;
  } else if (in->is_mirror_output) {
    out->verdict = Verdict::kDropMirrorPort;
  } else if (Resume(packet.recirc_id.host())) {
    if (resumed_ != nullptr) {
      GoOn(*resumed_);
    } else {
      TakeMirrors(*in, in->mirrors_in, 0);
      SearchTable(0);
    }
    if (now_.set_waits) DoSet();
    FreezeIfBrokenOff();
  }
  Finish();
}

void Walk::Finish() {
  out_->read = now_.state.read();
  // Nobody sees what the last copy was made from.
  while (out_->actions.UnwrapLast(OVS_ACTION_ATTR_CLONE)) {
  }
  if (now_.state.is_blind()) Fail(Verdict::kDropBlind);
  if (out_->actions.bytes().size() > kMaxActionBytes) Fail(Verdict::kDropTooLong);
  if (going_ == Going::kFail) {
    out_->actions.Clear();
    out_->learned.clear();
    out_->install &= out_->verdict != Verdict::kDropRecircFull;
  }
  if (out_->verdict == Verdict::kSlowPath) {
    // What its packets do is found out, and counted, for each by itself: right in any case.
    out_->install = true;
    out_->credits.clear();
    out_->actions.Userspace(view_->kernel.upcall_pid,
                            base::AsBytes(UserData{.kind = UserDataKind::kSlowPath}));
  }
  view_ = nullptr;
  resumed_ = nullptr;
}

void Walk::Fail(Verdict verdict) {
  out_->verdict = verdict;
  going_ = Going::kFail;
}

bool Walk::Enter() {
  if (++depth_ <= kMaxDepth) return true;
  Fail(Verdict::kDropTooDeep);
  return false;
}

bool Walk::Step() {
  if (++steps_ <= kMaxSteps) return true;
  Fail(Verdict::kDropTooDeep);
  return false;
}

void Walk::SearchTable(uint8_t table, std::optional<uint32_t> in_port) {
  const Origin caller = origin_;
  std::optional<uint8_t> next = table;
  while (next && going() && Step()) {
    const TableRule* rule = Lookup(*next, in_port);
    if (rule == nullptr) break;
    if (out_->verdict == Verdict::kDropNoRule) out_->verdict = Verdict::kDropRules;
    out_->credits.push_back(rule->stats);
    origin_ = {.table = rule->rule.table, .cookie = rule->rule.cookie};
    goto_.reset();
    in_port.reset();
    Do(rule->rule.actions.span());
    next = std::exchange(goto_, std::nullopt);
  }
  origin_ = caller;
}

// Null too when the walk was broken off: then the table is searched when the packet comes back.
const TableRule* Walk::Lookup(uint8_t table, std::optional<uint32_t> in_port) {
  // By which bits a search tells rules apart may differ between packets of one megaflow: whether it
  // would do without headers that nobody has seen is not to be found out by searching.
  if (now_.state.rebuilds_headers()) {
    search_ = table;
    search_port_ = in_port;
    BreakOffForHeaders(false);
    return nullptr;
  }
  if (view_->observer != nullptr) view_->observer->OnRead(now_.state.read());
  Fields read;
  const Be32 came_from = now_.state.now().in_port;
  if (in_port) now_.state.SetInPort(Be32::FromHost(*in_port));
  const TableRule* rule = view_->pipeline.Lookup(table, now_.state.now(), &read, view_->version);
  now_.state.SetInPort(came_from);
  now_.state.Read(read);
  out_->tables.set(table);
  if (view_->observer != nullptr)
    view_->observer->OnLookup(table, rule, now_.state.now(), read, depth_);
  return rule;
}

void Walk::Do(ActionSpan actions) {
  if (actions.empty()) return;
  const uint64_t* const end = (*actions.begin()).record() + actions.words();
  for (const Action action : actions) {
    if (!going()) return;
    Do(action);
    if (going_ == Going::kBreakOff) return KeepRest(ActionSpan(action.record(), end));
  }
}

void Walk::Do(const Action& action) {
  if (view_->observer != nullptr) {
    view_->observer->OnRead(now_.state.read());
    view_->observer->OnAction(action, depth_);
  }
  if (now_.state.rebuilds_headers()) return Try(action);
  (this->*kHandlers[static_cast<size_t>(action.kind())])(action);
}

void Walk::DoSet() {
  if (going_ == Going::kExit) going_ = Going::kOn;
  if (!going() || now_.set.empty()) return;
  const ActionSet::List actions = now_.set.InOrder();
  now_.set.Clear();
  now_.set_waits = false;
  if (!actions.empty()) Note(Observer::kActionSet);
  for (size_t i = 0; i < actions.size() && going(); ++i) {
    Do(actions[i]);
    if (going_ == Going::kBreakOff) return KeepRest(std::span(actions).subspan(i));
  }
}

void Walk::LeaveCopy(const Copy& before, size_t begin) {
  FreezeIfBrokenOff();
  const Fields read = now_.state.read();
  const bool is_blind = now_.state.is_blind();
  now_ = before;
  now_.state.ReadOriginal(read);
  now_.state.SetBlind(is_blind);
  if (ChangesPacket(out_->actions.bytes().subspan(begin)))
    out_->actions.WrapFrom(begin, OVS_ACTION_ATTR_CLONE);
  --nesting_;
  if (going_ != Going::kFail) going_ = Going::kOn;
}

// --- The packet ----------------------------------------------------------------------------------

bool Walk::HoldsNow(Needs needs) {
  now_.state.Read(BitsOf(needs));
  return Holds(needs, now_.state.now());
}

absl::uint128 Walk::ReadBits(const Subfield& bits) {
  Fields mask;
  pipeline::SetBits(bits, pipeline::LowBits(bits.bits), &mask);
  now_.state.Read(mask);
  return pipeline::GetBits(now_.state.now(), bits);
}

void Walk::WriteBits(const FieldRow& row, absl::uint128 value, absl::uint128 mask) {
  Fields values, masks;
  pipeline::SetField(row, value & mask, &values);
  pipeline::SetField(row, mask, &masks);
  const bool is_tag = row.offset >= offsetof(Fields, vlans) &&
                      row.offset < offsetof(Fields, vlans) + sizeof(Fields::vlans);
  if (!is_tag) {
    now_.state.Write(
        row.offset,
        base::ByteView(reinterpret_cast<const uint8_t*>(&values) + row.offset, row.bytes),
        base::ByteView(reinterpret_cast<const uint8_t*>(&masks) + row.offset, row.bytes));
    return;
  }
  const uint16_t tci = values.vlans[0].tci.host(), bits = masks.vlans[0].tci.host();
  if ((bits & pipeline::kVlanPresent) != 0 && (tci & pipeline::kVlanPresent) == 0)
    return now_.state.PopVlan();
  if (!now_.state.HasVlan() && (tci & pipeline::kVlanPresent) == 0) return;
  now_.state.SetTci(static_cast<uint16_t>(tci & ~pipeline::kVlanPresent),
                    static_cast<uint16_t>(bits & ~pipeline::kVlanPresent));
}

bool Walk::CommitNow() {
  const SetBy by = view_->slow_path ? SetBy::kUs : SetBy::kKernel;
  switch (Commit(&now_.state, by, &out_->actions)) {
    case Committed::kAll:
      return true;
    case Committed::kNeedsUs:
      Note("the kernel cannot set such a header: each packet goes through the agent");
      Fail(Verdict::kSlowPath);
      return false;
    case Committed::kUnsettable:
      Fail(Verdict::kDropUnsettable);
      return false;
  }
  return false;
}

// --- Ways out ------------------------------------------------------------------------------------

void Walk::OutputTo(uint32_t port, uint32_t max_length) {
  switch (port) {
    case pipeline::kPortInPort:
      if (view_->ports.Find(InPort()) == nullptr) return Note("there is no such port");
      return SendToPort(InPort(), max_length);
    case pipeline::kPortNormal:
      return Normal(max_length);
    case pipeline::kPortFlood:
    case pipeline::kPortAll:
      return SendToAll(max_length);
    case pipeline::kPortController:
      return SendToUserspace({}, {}, max_length);
    default:
      break;
  }
  if (port == InPort()) return Note("not sent back to the port that it came from");
  const BridgePort* to = view_->ports.Find(port);
  if (to == nullptr) return Note("there is no such port");
  if (to->is_mirror_output) return Note("nothing is sent there: the port is a mirror's");
  SendToPort(port, max_length);
}

void Walk::SendToPort(uint32_t port_no, uint32_t max_length) {
  if (!CommitNow()) return;
  const BridgePort* port = view_->ports.Find(port_no);
  const bool wraps = port != nullptr && port->tunnel;
  if (wraps && !SetTunnel(*port->tunnel)) {
    if (out_->actions.empty()) out_->verdict = Verdict::kDropNoRemote;
    return Note(Explain(Verdict::kDropNoRemote));
  }
  if (max_length != 0) out_->actions.Truncate(max_length);
  out_->actions.Output(wraps ? port->tunnel->vport : port_no);
  if (out_->verdict == Verdict::kDropRules || out_->verdict == Verdict::kDropNoRemote)
    out_->verdict = Verdict::kForward;
  if (view_->ports.options().mirrors.empty()) return;
  if (port != nullptr) TakeMirrors(*port, port->mirrors_out, max_length);
}

void Walk::SendToAll(uint32_t max_length) {
  for (const BridgePort& port : view_->ports.ports()) {
    if (port.port_no != InPort() && port.up && !port.is_mirror_output && going())
      SendToPort(port.port_no, max_length);
  }
}

std::optional<uint32_t> Walk::KernelMeter(uint32_t number) {
  const std::optional<uint32_t> id =
      view_->meters == nullptr ? std::nullopt : view_->meters->Find(number);
  if (!id) Fail(Verdict::kDropNoMeter);
  return id;
}

void Walk::SendToUserspace(UserData data, base::ByteView tail, uint32_t max_length,
                           uint32_t meter) {
  if (!view_->packet_ins) return Note("nobody listens: nothing is sent to user space");
  if (!CommitNow()) return;
  const size_t begin = out_->actions.bytes().size();
  if (meter != 0) {
    const std::optional<uint32_t> id = KernelMeter(meter);
    if (!id) return;
    out_->actions.Append(OVS_ACTION_ATTR_METER, base::AsBytes(*id));
  }
  data.table = origin_.table;
  data.cookie = origin_.cookie;
  if (max_length != 0 && max_length != 0xffff) out_->actions.Truncate(max_length);
  absl::InlinedVector<uint8_t, 128> bytes(sizeof(data) + tail.size());
  base::Store(bytes.data(), data);
  if (!tail.empty()) std::memcpy(bytes.data() + sizeof(data), tail.data(), tail.size());
  out_->actions.Userspace(view_->kernel.upcall_pid, base::ByteView(bytes.data(), bytes.size()));
  // The meter is for the copy alone.
  if (meter != 0) out_->actions.WrapFrom(begin, OVS_ACTION_ATTR_CLONE);
  if (out_->verdict == Verdict::kDropRules) out_->verdict = Verdict::kForward;
}

// Tells each listener; `ids` are of two bytes each, none means listener 0.
void Walk::TtlRanOut(base::ByteView ids) {
  const size_t count = std::max<size_t>(ids.size() / sizeof(uint16_t), 1);
  for (size_t i = 0; i < count && going(); ++i) {
    const uint16_t id =
        ids.empty() ? uint16_t{0} : base::Load<uint16_t>(ids.data() + i * sizeof(uint16_t));
    SendToUserspace({.reason = PacketInReason::kInvalidTtl, .id = id}, {}, 0);
  }
}

}  // namespace sluice::translate
