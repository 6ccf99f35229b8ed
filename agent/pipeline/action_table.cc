#include "agent/pipeline/action_table.h"

#include <linux/if_ether.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/ascii.h"

namespace sluice::pipeline {
namespace {

constexpr uint64_t kLastTable = 254;
constexpr std::string_view kNotHere = "is not supported";

// --- Actions that are a number, or nothing -------------------------------------------------------

template <typename T>
bool ParsePlain(const ActionReader& reader) {
  reader.list->Append(T{});
  return true;
}

// A number in `T::*kMember`, with or without a base that shows it is an Ethernet type.
template <typename T, auto kMember, uint64_t kMax>
bool ParseNumberAction(const ActionReader& reader) {
  uint64_t number = 0;
  if (!reader.Number(reader.word.value, kMax, &number)) return false;
  T action;
  action.*kMember = static_cast<std::remove_reference_t<decltype(action.*kMember)>>(number);
  reader.list->Append(action);
  return true;
}

template <typename T, auto kMember, bool kHex = false>
void FormatNumber(const Action& action, const PortNames*, std::string* out) {
  absl::StrAppend(out, ToAbsl(RowOf(T::kKind).name), ":");
  const uint64_t number = action.Get<T>().*kMember;
  if (kHex) {
    absl::StrAppend(out, "0x", absl::Hex(number, absl::kZeroPad4));
  } else {
    absl::StrAppend(out, number);
  }
}

template <ActionKind kKind>
void FormatPlain(const Action&, const PortNames*, std::string* out) {
  out->append(RowOf(kKind).name);
}

template <typename T, uint16_t kFirst, uint16_t kSecond>
bool ParseEthType(const ActionReader& reader) {
  uint64_t number = 0;
  if (!reader.Number(reader.word.value, 0xffff, &number)) return false;
  if (number != kFirst && number != kSecond) {
    return reader.Fail(reader.word.value, ToAbsl(reader.row.name), " takes 0x", absl::Hex(kFirst),
                       " or 0x", absl::Hex(kSecond));
  }
  T action;
  if constexpr (std::is_same_v<T, PushVlanAction>) {
    action.tpid = static_cast<uint16_t>(number);
  } else {
    action.eth_type = static_cast<uint16_t>(number);
  }
  reader.list->Append(action);
  return true;
}

// --- Actions with lists --------------------------------------------------------------------------

bool ParseDecTtl(const ActionReader& reader) {
  base::ByteVector ids;
  WordReader words(reader.word.value, "");
  TextWord id;
  while (words.Next(&id, reader.blame)) {
    uint64_t number = 0;
    if (!reader.Number(id.all, 0xffff, &number)) return false;
    const auto narrow = static_cast<uint16_t>(number);
    const base::ByteView bytes = base::AsBytes(narrow);
    ids.insert(ids.end(), bytes.begin(), bytes.end());
  }
  if (words.failed()) return false;
  if (ids.size() > ActionList::kMaxTail) return reader.Fail(reader.word.all, "too many ids");
  reader.list->Append(DecTtlAction{}, ids);
  return true;
}

void FormatDecTtl(const Action& action, const PortNames*, std::string* out) {
  out->append("dec_ttl");
  const base::ByteView ids = action.tail();
  for (size_t i = 0; i + 1 < ids.size(); i += 2)
    absl::StrAppend(out, i == 0 ? "(" : ",", base::Load<uint16_t>(&ids[i]));
  if (!ids.empty()) out->push_back(')');
}

bool ParseNote(const ActionReader& reader) {
  std::string bytes;
  if (!ParseDottedHex(reader.word.value, &bytes) || bytes.size() > ActionList::kMaxTail)
    return reader.Fail(reader.word.value, "a note is pairs of hexadecimal digits");
  reader.list->Append(NoteAction{}, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
  return true;
}

void FormatNote(const Action& action, const PortNames*, std::string* out) {
  out->append("note:");
  const base::ByteView bytes = action.tail();
  AppendDottedHex({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, out);
}

template <typename T>
bool ParseNesting(const ActionReader& reader) {
  const size_t opened = reader.list->OpenNested<T>();
  if (!ParseNested(reader, reader.row.place)) return false;
  reader.list->CloseNested(opened);
  return true;
}

bool ParseApply(const ActionReader& reader) { return ParseNested(reader, reader.row.place); }

template <ActionKind kKind>
void FormatNesting(const Action& action, const PortNames* ports, std::string* out) {
  absl::StrAppend(out, ToAbsl(RowOf(kKind).name), "(");
  AppendActions(action.nested(), ports, out);
  out->push_back(')');
}

bool ParseMeterAction(const ActionReader& reader) {
  uint64_t number = 0;
  if (!reader.Number(reader.word.value, kMaxMeter, &number)) return false;
  if (number == 0) return reader.Fail(reader.word.value, "meters have numbers from 1 on");
  reader.list->Append(MeterAction{.meter = static_cast<uint32_t>(number)});
  return true;
}

bool ParseGoto(const ActionReader& reader) {
  uint64_t table = 0;
  if (!reader.Number(reader.word.value, kLastTable, &table)) return false;
  if (reader.options.table >= 0 && table <= static_cast<uint64_t>(reader.options.table)) {
    return reader.Fail(reader.word.value, "goto_table leads only to higher tables than ",
                       reader.options.table, "; resubmit leads to any");
  }
  reader.list->Append(GotoTableAction{.table = static_cast<uint8_t>(table)});
  return true;
}

using enum ActionKind;

// clang-format off
constexpr ActionRow kTable[] = {
    {.name = "output", .syntax = "PORT", .parse = rows::ParseOutput, .format = rows::FormatOutput, .kind = kOutput,
     .doc = "Sends to a port: number, name, or the bits of a field, `output:reg0[0..15]`. "
            "`output(port=PORT,max_len=BYTES)` cuts the copy."},
    {.name = "output_register", .format = rows::FormatOutputRegister, .kind = kOutputRegister,
     .refused = "is written output:FIELD[..]"},
    {.name = "normal", .parse = rows::ParseReserved, .doc = "As a learning switch would."},
    {.name = "flood", .parse = rows::ParseReserved, .doc = "To all ports of the VLAN but the input port."},
    {.name = "all", .parse = rows::ParseReserved, .doc = "To all ports but the input port."},
    {.name = "in_port", .parse = rows::ParseReserved, .doc = "Back to the input port."},
    {.name = "local", .parse = rows::ParseReserved, .doc = "To the bridge's own port."},
    {.name = "controller", .alias = "userspace", .syntax = "max_len=BYTES,reason=REASON,id=ID,userdata=HEX,meter_id=METER,pause",
     .parse = rows::ParseController, .format = rows::FormatController, .kind = kController,
     .doc = "A copy to whoever listens for packet-ins; `controller:BYTES` cuts it. Reasons: no_match, "
            "action, invalid_ttl, action_set, group, packet_out."},
    {.name = "enqueue", .syntax = "PORT:QUEUE", .parse = rows::ParseEnqueue, .format = rows::FormatEnqueue,
     .kind = kEnqueue, .doc = "Sends to a port, with the priority of a queue."},
    {.name = "set_queue", .syntax = "QUEUE", .parse = ParseNumberAction<SetQueueAction, &SetQueueAction::queue, 0xffffffff>,
     .format = FormatNumber<SetQueueAction, &SetQueueAction::queue>, .kind = kSetQueue,
     .doc = "The queue of what is sent from here on."},
    {.name = "pop_queue", .parse = ParsePlain<PopQueueAction>, .format = FormatPlain<kPopQueue>, .kind = kPopQueue,
     .place = ActionPlace::kNotInSet, .doc = "Back to the queue that the packet came with."},
    {.name = "group", .syntax = "GROUP", .parse = ParseNumberAction<GroupAction, &GroupAction::group, 0xffffff00>,
     .format = FormatNumber<GroupAction, &GroupAction::group>, .kind = kGroup, .doc = "What the group says."},

    {.name = "set_field", .syntax = "VALUE[/MASK]->FIELD", .parse = rows::ParseSetField,
     .format = rows::FormatSetField, .kind = kSetField, .doc = "Sets a field, or the bits of a mask."},
    {.name = "load", .syntax = "NUMBER->FIELD[FIRST..LAST]", .parse = rows::ParseLoad, .kind = kSetField,
     .doc = "Sets bits of a field."},
    {.name = "mod_dl_src", .syntax = "MAC", .parse = rows::ParseMod, .kind = kSetField, .field = "dl_src", .doc = "Ethernet source."},
    {.name = "mod_dl_dst", .syntax = "MAC", .parse = rows::ParseMod, .kind = kSetField, .field = "dl_dst", .doc = "Ethernet destination."},
    {.name = "mod_nw_src", .syntax = "IP", .parse = rows::ParseMod, .kind = kSetField, .field = "ip_src", .doc = "IPv4 source."},
    {.name = "mod_nw_dst", .syntax = "IP", .parse = rows::ParseMod, .kind = kSetField, .field = "ip_dst", .doc = "IPv4 destination."},
    {.name = "mod_nw_tos", .syntax = "TOS", .parse = rows::ParseMod, .kind = kSetField, .field = "nw_tos", .doc = "DSCP, as a multiple of 4."},
    {.name = "mod_nw_ecn", .syntax = "ECN", .parse = rows::ParseMod, .kind = kSetField, .field = "nw_ecn", .doc = "Congestion notification."},
    {.name = "mod_nw_ttl", .syntax = "TTL", .parse = rows::ParseMod, .kind = kSetField, .field = "nw_ttl", .doc = "Time to live, or hop limit."},
    {.name = "mod_tp_src", .syntax = "PORT", .parse = rows::ParseMod, .kind = kSetField, .field = "tp_src", .doc = "TCP, UDP or SCTP source port."},
    {.name = "mod_tp_dst", .syntax = "PORT", .parse = rows::ParseMod, .kind = kSetField, .field = "tp_dst", .doc = "TCP, UDP or SCTP destination port."},
    {.name = "set_tunnel", .alias = "set_tunnel64", .syntax = "ID", .parse = rows::ParseMod, .kind = kSetField, .field = "tun_id", .doc = "Tunnel key."},
    {.name = "set_mpls_label", .syntax = "LABEL", .parse = rows::ParseMod, .kind = kSetField, .field = "mpls_label", .doc = "Outermost label."},
    {.name = "set_mpls_tc", .syntax = "TC", .parse = rows::ParseMod, .kind = kSetField, .field = "mpls_tc", .doc = "Its traffic class."},
    {.name = "set_mpls_ttl", .syntax = "TTL", .parse = rows::ParseMod, .kind = kSetField, .field = "mpls_ttl", .doc = "Its time to live."},
    {.name = "mod_vlan_vid", .alias = "set_vlan_vid", .syntax = "VID", .parse = ParseNumberAction<SetVlanVidAction, &SetVlanVidAction::vid, 4095>,
     .format = FormatNumber<SetVlanVidAction, &SetVlanVidAction::vid>, .kind = kSetVlanVid, .doc = "VLAN id; pushes a tag when there is none."},
    {.name = "mod_vlan_pcp", .alias = "set_vlan_pcp", .syntax = "PCP", .parse = ParseNumberAction<SetVlanPcpAction, &SetVlanPcpAction::pcp, 7>,
     .format = FormatNumber<SetVlanPcpAction, &SetVlanPcpAction::pcp>, .kind = kSetVlanPcp, .doc = "VLAN priority; pushes a tag when there is none."},
    {.name = "strip_vlan", .alias = "pop_vlan", .parse = ParsePlain<StripVlanAction>, .format = FormatPlain<kStripVlan>,
     .kind = kStripVlan, .doc = "Takes the outer tag away."},
    {.name = "push_vlan", .syntax = "0x8100", .parse = ParseEthType<PushVlanAction, ETH_P_8021Q, ETH_P_8021AD>,
     .format = FormatNumber<PushVlanAction, &PushVlanAction::tpid, true>, .kind = kPushVlan, .doc = "A new outer tag, of 0x8100 or 0x88a8."},
    {.name = "push_mpls", .syntax = "0x8847", .parse = ParseEthType<PushMplsAction, ETH_P_MPLS_UC, ETH_P_MPLS_MC>,
     .format = FormatNumber<PushMplsAction, &PushMplsAction::eth_type, true>, .kind = kPushMpls, .doc = "A new outermost label, of 0x8847 or 0x8848."},
    {.name = "pop_mpls", .syntax = "ETHTYPE", .parse = ParseNumberAction<PopMplsAction, &PopMplsAction::eth_type, 0xffff>,
     .format = FormatNumber<PopMplsAction, &PopMplsAction::eth_type, true>, .kind = kPopMpls, .doc = "Takes the outermost label away; says what is behind it."},
    {.name = "dec_mpls_ttl", .parse = ParsePlain<DecMplsTtlAction>, .format = FormatPlain<kDecMplsTtl>, .kind = kDecMplsTtl, .doc = "One less."},
    {.name = "dec_ttl", .syntax = "ID,..", .parse = ParseDecTtl, .format = FormatDecTtl, .kind = kDecTtl,
     .doc = "One less; at 0 the packet ends, and the listeners of these ids are told."},
    {.name = "move", .syntax = "FIELD[..]->FIELD[..]", .parse = rows::ParseMove, .format = rows::FormatMove, .kind = kMove, .doc = "Copies bits."},
    {.name = "push", .syntax = "FIELD[..]", .parse = rows::ParsePush, .format = rows::FormatPush, .kind = kPush, .place = ActionPlace::kNotInSet, .doc = "Bits onto the stack."},
    {.name = "pop", .syntax = "FIELD[..]", .parse = rows::ParsePop, .format = rows::FormatPop, .kind = kPop, .place = ActionPlace::kNotInSet, .doc = "Bits from the stack."},

    {.name = "resubmit", .syntax = "[PORT],[TABLE]", .parse = rows::ParseResubmit, .format = rows::FormatResubmit, .kind = kResubmit,
     .doc = "Looks the packet up in a table, as if it came from a port, and goes on here afterwards."},
    {.name = "clone", .syntax = "ACTION,..", .parse = ParseNesting<CloneAction>, .format = FormatNesting<kClone>, .kind = kClone,
     .place = ActionPlace::kNotInSet, .doc = "Does it to a copy."},
    {.name = "sample", .syntax = "probability=N,collector_set_id=N,obs_domain_id=N,obs_point_id=N,sampling_port=PORT,ingress|egress",
     .parse = rows::ParseSample, .format = rows::FormatSample, .kind = kSample, .place = ActionPlace::kNotInSet, .doc = "Samples N of 65535 packets."},
    {.name = "ct", .syntax = "commit,force,table=TABLE,zone=ZONE|FIELD[..],nat(..),timeout=NAME,exec(..),alg=ftp|tftp",
     .parse = rows::ParseConntrack, .format = rows::FormatConntrack, .kind = kConntrack,
     .doc = "Connection tracking. With `table`, a copy goes on there, with its ct_state."},
    {.name = "ct_clear", .parse = ParsePlain<ConntrackClearAction>, .format = FormatPlain<kConntrackClear>, .kind = kConntrackClear,
     .place = ActionPlace::kNotInSet, .doc = "Forgets what connection tracking said of the packet."},
    {.name = "note", .syntax = "HEX", .parse = ParseNote, .format = FormatNote, .kind = kNote, .place = ActionPlace::kNotInSet, .doc = "Does nothing."},
    {.name = "exit", .parse = ParsePlain<ExitAction>, .format = FormatPlain<kExit>, .kind = kExit, .place = ActionPlace::kNotInSet, .doc = "Nothing more, in whatever table."},
    {.name = "apply_actions", .syntax = "ACTION,..", .parse = ParseApply, .place = ActionPlace::kNotInSet, .doc = "The same as the actions alone."},
    {.name = "meter", .syntax = "METER", .parse = ParseMeterAction, .format = FormatNumber<MeterAction, &MeterAction::meter>, .kind = kMeter,
     .place = ActionPlace::kNotInSet, .doc = "What is above the rate of a declared meter goes no further."},
    {.name = "check_pkt_larger", .syntax = "BYTES->FIELD[BIT]", .parse = rows::ParseCheckPktLarger, .format = rows::FormatCheckPktLarger,
     .kind = kCheckPktLarger, .place = ActionPlace::kNotInSet,
     .doc = "Whether the packet is longer, into a bit: 1 or 0. What follows is done for both."},
    {.name = "clear_actions", .parse = ParsePlain<ClearActionsAction>, .format = FormatPlain<kClearActions>, .kind = kClearActions,
     .place = ActionPlace::kClearActions, .doc = "Empties the action set."},
    {.name = "write_actions", .syntax = "ACTION,..", .parse = ParseNesting<WriteActionsAction>, .format = FormatNesting<kWriteActions>, .kind = kWriteActions,
     .place = ActionPlace::kWriteActions, .doc = "Into the action set, which is done when no table follows."},
    {.name = "write_metadata", .syntax = "VALUE[/MASK]", .parse = rows::ParseWriteMetadata, .format = rows::FormatWriteMetadata, .kind = kWriteMetadata,
     .place = ActionPlace::kWriteMetadata, .doc = "Sets bits of metadata."},
    {.name = "goto_table", .syntax = "TABLE", .parse = ParseGoto, .format = FormatNumber<GotoTableAction, &GotoTableAction::table>, .kind = kGotoTable,
     .place = ActionPlace::kGotoTable, .doc = "Goes on in a higher table."},

    {.name = "conjunction", .refused = "is not supported yet"},
    {.name = "learn", .refused = "is not supported: normal learns addresses, and rules are changed by programs"},
    {.name = "bundle", .refused = "is not supported: use a group of type select"},
    {.name = "bundle_load", .refused = "is not supported: use a group of type select"},
    {.name = "multipath", .refused = "is not supported: use a group of type select"},
    {.name = "fin_timeout", .refused = kNotHere},
    {.name = "encap", .refused = kNotHere},
    {.name = "decap", .refused = kNotHere},
    {.name = "delete_field", .refused = kNotHere},
    {.name = "dec_nsh_ttl", .refused = kNotHere},
};
// clang-format on

using Index = absl::flat_hash_map<std::string_view, const ActionRow*>;

const Index& Names() {
  static const Index& index = *[] {
    auto* made = new Index;
    for (const ActionRow& row : kTable) {
      made->emplace(row.name, &row);
      if (!row.alias.empty()) made->emplace(row.alias, &row);
    }
    return made;
  }();
  return index;
}

}  // namespace

bool ActionReader::Number(std::string_view text, uint64_t max, uint64_t* out) const {
  return ParseNumber(text, row.name, max, out, blame);
}

std::span<const ActionRow> ActionTable() { return kTable; }

const ActionRow* FindAction(std::string_view name) {
  auto found = Names().find(name);
  if (found != Names().end()) return found->second;
  const std::string lower = absl::AsciiStrToLower(ToAbsl(name));
  found = Names().find(lower);
  return found == Names().end() ? nullptr : found->second;
}

const ActionRow& RowOf(ActionKind kind) {
  static const auto rows = [] {
    std::array<const ActionRow*, kActionKinds> by_kind{};
    for (const ActionRow& row : kTable)
      if (row.format != nullptr) by_kind[static_cast<size_t>(row.kind)] = &row;
    return by_kind;
  }();
  return *rows[static_cast<size_t>(kind)];
}

}  // namespace sluice::pipeline
