#include "tests/support/random_actions.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/pipeline/action_table.h"
#include "agent/pipeline/field_text.h"
#include "tests/support/random_match.h"

namespace sluice::testing {
namespace {

using pipeline::ActionKind;
using pipeline::Be16;
using pipeline::FieldFormat;
using pipeline::FieldRow;
using pipeline::MatchBuilder;
using pipeline::Needs;
using enum ActionKind;

// Headers that the kernel's actions do not reach.
bool IsUnsettable(Needs needs) {
  switch (needs) {
    case Needs::kArp:
    case Needs::kIpv4OrArp:
    case Needs::kIpOrArp:
    case Needs::kIcmp4:
    case Needs::kIcmp6:
    case Needs::kIcmp:
    case Needs::kNd:
    case Needs::kNdSolicit:
    case Needs::kNdAdvert:
      return true;
    default:
      return false;
  }
}

// What a match says of the packet behind an action, as far as actions ask.
void Follow(ActionKind kind, MatchBuilder* known) {
  Be16 &tci = known->value.vlans[0].tci, &tci_mask = known->mask.vlans[0].tci;
  if (kind == kPushVlan || kind == kSetVlanVid || kind == kSetVlanPcp)
    tci = tci_mask = Be16::FromHost(pipeline::kVlanPresent);
  if (kind == kStripVlan) tci = tci_mask = Be16();
  if (kind == kPushMpls) {
    known->value.eth_type = Be16::FromHost(0x8847);
    known->mask.eth_type = Be16::FromHost(0xffff);
  }
  if (kind == kPopMpls) {  // to which type is not told here
    known->mask.eth_type = {};
    known->mask.nw_proto = 0;
  }
}

}  // namespace

struct RandomActions::Kind {
  ActionKind kind;
  unsigned weight;
  unsigned places;
};

namespace {
constexpr unsigned kAll = 7, kListOnly = 1;
}  // namespace

std::string RandomActions::OfRule(uint8_t table, const MatchBuilder& match) {
  MatchBuilder known = match;
  Context context = {.table = table, .leads_nowhere = table >= options_.tables, .known = &known};
  std::vector<std::string> parts = {List(context, Below(5))};
  if (Has(kClearActions) && Percent(8)) parts.emplace_back("clear_actions");
  if (Has(kWriteActions) && Percent(22)) {
    context.place = kSet;
    parts.push_back(absl::StrCat("write_actions(", List(context, 1 + Below(4)), ")"));
  }
  if (Has(kWriteMetadata) && Percent(12))
    parts.emplace_back(Percent(50) ? "write_metadata:1" : "write_metadata:0x12/0xf2");
  const unsigned next = table + 1U;
  if (Has(kGotoTable) && next < options_.tables && Percent(40))
    parts.push_back(absl::StrCat("goto_table:", next + Below(options_.tables - next)));
  parts.erase(std::remove(parts.begin(), parts.end(), ""), parts.end());
  return parts.empty() ? "drop" : absl::StrJoin(parts, ",");
}

std::string RandomActions::OfBucket(uint32_t group) {
  return List({.place = kBucket, .table = options_.tables, .group = group}, 1 + Below(3));
}

std::string RandomActions::List(Context context, uint64_t length) {
  MatchBuilder known;  // what is done in here is known here alone, but for the list of a rule
  if (context.known != nullptr && (context.depth > 0 || context.place != kList)) {
    known = *context.known;
    context.known = &known;
  }
  std::vector<std::string> actions;
  if (options_.tunnel_ports && Has(kSetField) && Percent(25))
    actions.emplace_back(
        Pick({"set_field:10.0.0.77->tun_dst", "set_field:fd00::77->tun_ipv6_dst", "set_tunnel:0x77",
              "set_field:7->tun_gbp_id", "set_field:6->tun_metadata0", "set_field:0->tun_metadata1",
              "move:tun_metadata1[8..23]->tun_metadata2[0..15]"}));
  for (; length > 0; --length) actions.push_back(One(context));
  if (context.place != kList && Percent(80))  // without one, nothing else of a set matters
    actions.push_back(Has(kOutput) ? Output() : "");
  actions.erase(std::remove(actions.begin(), actions.end(), ""), actions.end());
  return absl::StrJoin(actions, ",");
}

bool RandomActions::Allowed(const Kind& kind, const Context& context) const {
  if (!Has(kind.kind) || (kind.places & context.place) == 0) return false;
  if (kind.kind == kClone) return context.depth < 2;
  if (context.leads_nowhere && (kind.kind == kResubmit || kind.kind == kGroup)) return false;
  const bool unusual =
      kind.kind == kOutputRegister || kind.kind == kController || kind.kind == kEnqueue;
  return context.place == kList || !unusual || options_.all_outputs_in_sets;
}

std::string RandomActions::One(const Context& context) {
  static constexpr Kind kKinds[] = {
      {kOutput, 30, kAll},
      {kOutputRegister, 3, kAll},
      {kController, 4, kAll},
      {kEnqueue, 3, kAll},
      {kSetQueue, 3, kAll},
      {kPopQueue, 2, kListOnly},
      {kSetField, 25, kAll},
      {kSetVlanVid, 3, kAll},
      {kSetVlanPcp, 3, kAll},
      {kStripVlan, 4, kAll},
      {kPushVlan, 5, kAll},
      {kPushMpls, 3, kAll},
      {kPopMpls, 2, kAll},
      {kDecMplsTtl, 2, kAll},
      {kDecTtl, 4, kAll},
      {kMove, 8, kAll},
      {kPush, 4, kListOnly},
      {kPop, 4, kListOnly},
      {kResubmit, 10, kAll},
      {kGroup, 5, kAll},
      {kClone, 5, kListOnly},
      {kConntrack, 20, kAll},
      {kConntrackClear, 1, kListOnly},
      {kSample, 1, kListOnly},
      {kNote, 1, kListOnly},
      {kExit, 1, kListOnly},
      {kMeter, 3, kListOnly},
      {kCheckPktLarger, 4, kListOnly},
  };
  unsigned total = 0;
  for (const Kind& kind : kKinds)
    if (Allowed(kind, context)) total += kind.weight;
  if (total == 0) return "";
  uint64_t left = Below(total);
  for (const Kind& kind : kKinds) {
    if (!Allowed(kind, context)) continue;
    if (left < kind.weight) {
      std::string text = OfKind(kind.kind, context);
      if (context.known != nullptr) Follow(kind.kind, context.known);
      return text;
    }
    left -= kind.weight;
  }
  return "";
}

std::string RandomActions::OfKind(ActionKind kind, const Context& context) {
  switch (kind) {
    case kOutput:
      return Output();
    case kOutputRegister:
      return OutputRegister();
    case kController:
      return Controller();
    case kEnqueue:
      return absl::StrCat("enqueue:", Below(5), ":", Below(3));
    case kSetQueue:
      return absl::StrCat("set_queue:", Below(3));
    case kSetField:
      return SetField(context);
    case kSetVlanVid:
      return absl::StrCat("mod_vlan_vid:", 5 * Below(5));
    case kSetVlanPcp:
      return absl::StrCat("mod_vlan_pcp:", Below(8));
    case kPushVlan:
      return Percent(70) ? "push_vlan:0x8100" : "push_vlan:0x88a8";
    case kPushMpls:
      return Percent(70) ? "push_mpls:0x8847" : "push_mpls:0x8848";
    case kPopMpls:
      return absl::StrCat("pop_mpls:", Pick({"0x800", "0x86dd", "0x8847", "0x806", "0x88cc"}));
    case kDecTtl:
      return Percent(70) ? "dec_ttl" : "dec_ttl(3,4)";
    case kMove:
      return Move(context);
    case kPush:
    case kPop:
      return PushOrPop(kind == kPush, context);
    case kResubmit:
      return Resubmit(context);
    case kGroup:
      return Group(context);
    case kSample:
      return Sample();
    case kConntrack:
      return Conntrack(context);
    case kConntrackClear:
      return "ct_clear";
    case kNote:
      return "note:01.02";
    case kMeter:  // of which 3 is not there
      return absl::StrCat("meter:", Percent(5) ? 3 : 1 + Below(2));
    case kCheckPktLarger:
      return CheckPktLarger(context);
    case kClone: {
      Context inside = context;
      ++inside.depth;
      return absl::StrCat("clone(", List(inside, 1 + Below(4)), ")");
    }
    default:  // those that are a word
      return std::string(pipeline::RowOf(kind).name);
  }
}

// --- Sending -------------------------------------------------------------------------------------

std::string RandomActions::Output() {
  const uint64_t kind = Below(100);
  std::string port = absl::StrCat(1 + Below(4));
  if (options_.tunnel_ports && Percent(40)) port = absl::StrCat(0x8000 + Below(6));
  bool reserved = true;
  if (kind < 60) {
    reserved = false;
  } else if (kind < 68) {
    port = Percent(70) ? "0" : "9";
    reserved = false;
  } else if (kind < 78 || (kind >= 90 && !options_.normal)) {
    port = "IN_PORT";
  } else if (kind < 84) {
    port = "ALL";
  } else if (kind < 88) {
    port = "FLOOD";
  } else if (kind < 90) {
    return Percent(50) ? "output:NONE" : "output:TABLE";
  } else {
    port = "NORMAL";
  }
  if (Percent(12) && (!reserved || options_.cut_to_reserved))
    return absl::StrCat("output(port=", port, ",max_len=", 60 + Below(5), ")");
  return reserved || Percent(50) ? absl::StrCat(port) : absl::StrCat("output:", port);
}

std::string RandomActions::OutputRegister() {
  const FieldRow* row = RandomRow(&random_, [](const FieldRow&) { return true; });
  if (Percent(70)) row = pipeline::FindField(absl::StrCat("reg", Below(4)));
  const std::string part = Part(*row, std::min<unsigned>(row->bits, Percent(80) ? 16 : 32));
  return Percent(85) ? absl::StrCat("output:", part)
                     : absl::StrCat("output(port=", part, ",max_len=100)");
}

std::string RandomActions::Controller() {
  if (Percent(30)) return "controller";
  std::string text = absl::StrCat("controller(max_len=", Below(200), ",id=", Below(3));
  if (Percent(50)) absl::StrAppend(&text, ",reason=", Pick({"no_match", "action", "group"}));
  if (Percent(20)) text.append(",meter_id=2");
  if (Percent(40)) text.append(",userdata=01.02.ff");
  if (Percent(8)) text.append(",pause");
  return text + ")";
}

std::string RandomActions::Sample() {
  return absl::StrCat("sample(probability=", 1 + Below(65535),
                      ",collector_set_id=1,obs_domain_id=2,obs_point_id=3",
                      Percent(30) ? ",sampling_port=2,egress" : "", ")");
}

std::string RandomActions::Resubmit(const Context& context) {
  const std::string port = Percent(20) ? absl::StrCat(1 + Below(4)) : "";
  const unsigned next = context.table + 1;
  uint64_t table = options_.tables;  // whose rules lead nowhere
  if (next < options_.tables && context.place != kBucket)
    table = next + Below(options_.tables - next);
  if (options_.loops && Percent(4)) {
    if (Percent(30)) return absl::StrCat("resubmit:", 1 + Below(4));
    table = Below(context.table + 1);
  }
  return absl::StrCat("resubmit(", port, ",", table, ")");
}

std::string RandomActions::Conntrack(const Context& context) {
  const MatchBuilder* known = context.known;
  if (known != nullptr && !pipeline::Holds(Needs::kIp, known->value, known->mask)) return "";
  const bool ethernet =
      known == nullptr || pipeline::Holds(Needs::kEthernet, known->value, known->mask);
  std::string text = "ct(";
  const unsigned next = context.table + 1;
  if (options_.loops && Percent(3)) {
    absl::StrAppend(&text, "table=", Below(context.table + 1), ",");
  } else if (next < options_.tables && Percent(80)) {
    absl::StrAppend(&text, "table=", next + Below(options_.tables - next), ",");
  }
  if (Percent(30)) {
    text.append(Pick({"zone=5,", "zone=1,", "zone=reg0[0..15],", "zone=reg1[4..9],"}));
  }
  if (Percent(40)) {
    text.append(Percent(50) ? "commit," : "commit,force,");
    if (Has(kSetField) && Has(kMove) && Percent(60))
      absl::StrAppend(
          &text, "exec(",
          Pick(
              {"set_field:1->ct_mark", "set_field:0x8/0x18->ct_mark", "load:1->ct_mark[0]",
               "set_field:0x80000000000000000000000000000000->ct_label", "move:reg0->ct_mark",
               "load:3->ct_label[120..127],set_field:1->ct_mark",
               ethernet ? "move:eth_src->ct_label[0..47]" : "move:metadata[0..47]->ct_label[0..47]",
               "move:reg1[0..7]->ct_label[64..71]"}),
          "),");
  }
  if (text.back() == ',') text.pop_back();
  return text + ")";
}

// Mostly into registers, which rules match.
std::string RandomActions::CheckPktLarger(const Context& context) {
  const FieldRow* row =
      Percent(80) ? pipeline::FindField(absl::StrCat("reg", Below(4))) : Destination(context);
  if (row == nullptr) return "";
  return absl::StrCat("check_pkt_larger(", kLengths[Below(std::size(kLengths))], ")->",
                      Part(*row, 1));
}

std::string RandomActions::Group(const Context& context) {
  if (Percent(4)) return "group:99";  // there is none
  const bool forwards = context.place == kBucket && !(options_.loops && Percent(5));
  const uint32_t first = forwards ? context.group + 1 : 1;
  if (first > options_.groups) return "";
  return absl::StrCat("group:", first + Below(options_.groups - first + 1));
}

// --- Fields --------------------------------------------------------------------------------------

bool RandomActions::MaySet(const FieldRow& row, const MatchBuilder* known) const {
  const bool ipv4 = known != nullptr && pipeline::Holds(Needs::kIpv4, known->value, known->mask);
  return row.writable && (options_.unsettable || !IsUnsettable(row.needs) ||
                          (row.needs == Needs::kIpv4OrArp && ipv4));
}

const FieldRow* RandomActions::Destination(const Context& context) {
  MatchBuilder* known = context.known;
  const FieldRow* chosen = RandomRow(&random_, [&](const FieldRow& row) {
    return MaySet(row, known) && (known == nullptr || pipeline::Holds(pipeline::SetNeeds(row),
                                                                      known->value, known->mask));
  });
  // What lies behind depends on the type, which is another one from then on.
  const bool type =
      chosen != nullptr && (chosen->name == "icmp_type" || chosen->name == "icmpv6_type");
  if (type && known != nullptr) known->mask.tp_src = {};
  return chosen;
}

const FieldRow* RandomActions::Source(const Context& context) {
  const MatchBuilder* known = context.known;
  return RandomRow(&random_, [&](const FieldRow& row) {
    return known == nullptr || pipeline::Holds(pipeline::SetNeeds(row), known->value, known->mask);
  });
}

// A value of the universe if a random packet has the field, or any.
absl::uint128 RandomActions::ValueFor(const FieldRow& row) {
  const bool port = row.format == FieldFormat::kPort;
  if (port && Percent(90)) return 1 + Below(4);
  const Fields packet = RandomTemplate(options_.packets, &random_);
  if (Percent(80) && pipeline::Holds(row.needs, packet)) return pipeline::GetField(packet, row);
  return absl::MakeUint128(random_.Next(), random_.Next()) & pipeline::FullMask(row);
}

// `FIELD[A..B]` of so many bits, somewhere in the field.
std::string RandomActions::Part(const FieldRow& row, unsigned bits) {
  const std::string name = RandomName(row, &random_);
  if (bits == row.bits)
    return absl::StrCat(name, Percent(50) ? "[]" : absl::StrCat("[0..", bits - 1, "]"));
  const uint64_t first = Percent(60) ? 0 : Below(row.bits - bits + 1);
  if (bits == 1) return absl::StrCat(name, "[", first, "]");
  return absl::StrCat(name, "[", first, "..", first + bits - 1, "]");
}

std::string RandomActions::Mod() {
  std::vector<const pipeline::ActionRow*> mods;
  for (const pipeline::ActionRow& row : pipeline::ActionTable())
    if (!row.field.empty()) mods.push_back(&row);
  const pipeline::ActionRow& mod = *mods[Below(mods.size())];
  const FieldRow& row = *pipeline::FindField(mod.field);
  absl::uint128 value = ValueFor(row);
  if (row.format == FieldFormat::kTos) value &= ~absl::uint128(3);
  std::string text = absl::StrCat(std::string(mod.name), ":");
  pipeline::AppendFieldBits(row, {.value = value, .mask = pipeline::FullMask(row)}, nullptr, &text);
  return text;
}

std::string RandomActions::Load(const FieldRow& row, absl::uint128 value) {
  const unsigned bits = 1 + static_cast<unsigned>(Below(row.bits));
  std::string text = "load:";
  pipeline::AppendHexNumber(value & pipeline::LowBits(bits), &text);
  return absl::StrCat(text, "->", Part(row, bits));
}

std::string RandomActions::SetField(const Context& context) {
  if (Percent(25)) return Mod();
  const FieldRow* row = Destination(context);
  if (row == nullptr) return "";
  absl::uint128 value = ValueFor(*row), mask = pipeline::FullMask(*row);
  if (Percent(30)) return Load(*row, value);
  const bool port = row->format == FieldFormat::kPort;
  if (port) value &= 0x3;  // as a port's number, and not as a reserved one's
  if (!port && Percent(40)) mask = RandomMask(*row, &random_);
  if (row->format == FieldFormat::kTos) {
    value &= ~absl::uint128(3);
    mask |= 0x20;
  }
  std::string text = "set_field:";
  pipeline::AppendFieldBits(*row, {.value = value & mask, .mask = mask}, nullptr, &text);
  return absl::StrCat(text, "->", RandomName(*row, &random_));
}

std::string RandomActions::Move(const Context& context) {
  const FieldRow *from = Source(context), *to = Destination(context);
  if (from == nullptr || to == nullptr) return "";
  const unsigned most = std::min(from->bits, to->bits);
  const unsigned bits = Percent(60) ? most : 1 + static_cast<unsigned>(Below(most));
  return absl::StrCat("move:", Part(*from, bits), "->", Part(*to, bits));
}

std::string RandomActions::PushOrPop(bool push, const Context& context) {
  const FieldRow* row = push ? Source(context) : Destination(context);
  if (row == nullptr) return "";
  const unsigned bits = Percent(60) ? row->bits : 1 + static_cast<unsigned>(Below(row->bits));
  return absl::StrCat(push ? "push:" : "pop:", Part(*row, bits));
}

}  // namespace sluice::testing
