// How traces are written, and what they assume is read.
#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/pipeline/action_text.h"
#include "agent/pipeline/field_text.h"
#include "agent/pipeline/match.h"
#include "agent/translate/trace.h"
#include "netlink/base/status.h"

namespace sluice::translate {
namespace {

using base::ToAbsl;
using Why = RecirculationStep::Why;

// Writes each step down, indented by depth.
class Writer final : public Observer {
 public:
  Writer(const pipeline::PortNames* names, std::string* out) : names_(names), out_(out) {}

  void OnLookup(uint8_t table, const pipeline::TableRule* rule, const Fields& now,
                const Fields& read, int depth) override {
    Line(depth, absl::StrCat("table ", table, ":"));
    if (rule == nullptr) {
      Line(depth + 1, "no rule matches");
    } else {
      std::string text;
      pipeline::AppendRule(rule->rule, names_, &text);
      Line(depth + 1, absl::StrCat("rule ", text));
    }
    std::string bits;
    pipeline::AppendMatch(now, read, names_, &bits);
    if (!bits.empty()) Line(depth + 1, absl::StrCat("asked for ", bits));
  }

  void OnAction(const pipeline::Action& action, int depth) override {
    const pipeline::ActionSpan one(action.record(), action.record() + action.words());
    std::string text;
    pipeline::AppendActions(one, names_, &text);
    Line(depth + 1, absl::StrCat("> ", text));
  }

  void OnNote(std::string_view what, int depth) override {
    Line(depth + 2, std::string("(").append(what).append(")"));
  }

 private:
  void Line(int depth, std::string_view text) {
    out_->append(2 * static_cast<size_t>(depth), ' ').append(text).push_back('\n');
  }

  const pipeline::PortNames* names_;
  std::string* out_;
};

struct WhyText {
  std::string_view name, meaning;
};
constexpr std::array<WhyText, 4> kWhyTexts = {{
    {"conntrack", "connection tracking has looked at it"},
    {"headers", "a label was popped that hid what is asked for now"},
    {"hash", "the datapath has worked out its hash"},
    {"length", "its length was compared too often for one look"},
}};

void AppendRound(const TraceReport& report, size_t number, std::string* out) {
  const TraceRound& round = report.rounds[number];
  if (round.cause) {
    const TraceRound::Cause& cause = *round.cause;
    absl::StrAppend(out, "\nrecirculation ", number, ", recirc_id=0x", absl::Hex(round.recirc_id),
                    ": ", ToAbsl(kWhyTexts[static_cast<size_t>(cause.why)].meaning));
    if (cause.why == Why::kConntrack) absl::StrAppend(out, ", in zone ", cause.zone);
    absl::StrAppend(out, "\n  from ", cause.where,
                    cause.round == 0 ? "" : absl::StrCat(" (recirculation ", cause.round, ")"),
                    "\n");
    if (!round.assumed.empty())
      absl::StrAppend(out, "  assumed: ", absl::StrJoin(round.assumed, "; "), "\n");
    absl::StrAppend(out, "  packet: ", round.packet, "\n");
  }
  out->append(round.steps);
  out->append("verdict: ").append(ToString(round.verdict));
  out->append(" (").append(Explain(round.verdict)).append(")\n");
  for (const Learned& learned : round.learned)
    absl::StrAppend(out, "learns: ", ToString(learned), "\n");
  absl::StrAppend(out, "read of the packet: ", round.read, "\n");
  absl::StrAppend(out, "datapath flow: ", round.flow, round.installed ? "" : " (not installed)",
                  "\n");
  absl::StrAppend(out, "datapath actions: ", round.actions, "\n");
  if (round.slow_verdict)
    absl::StrAppend(out, "actions on this packet, by the agent: ", round.slow_actions, " (",
                    ToAbsl(ToString(*round.slow_verdict)), ")\n");
}

}  // namespace

std::unique_ptr<Observer> MakeTraceWriter(const pipeline::PortNames* names, std::string* out) {
  return std::make_unique<Writer>(names, out);
}

std::string ToString(const Learned& learned) {
  return absl::StrCat(base::ToString(learned.mac), " in VLAN ", learned.vlan, " on port ",
                      learned.port_no);
}

std::string CtStateText(uint32_t state) {
  std::string text;
  pipeline::AppendFieldBits(*pipeline::FindField("ct_state"), {.value = state, .mask = state},
                            nullptr, &text);
  return text;
}

std::string PacketText(const Fields& packet, const pipeline::PortNames* names) {
  Fields mask;
  for (const pipeline::FieldRow& row : pipeline::FieldTable()) {
    const bool is_there =
        pipeline::GetField(packet, row) != 0 && pipeline::Holds(row.needs, packet);
    if (is_there) pipeline::SetField(row, pipeline::FullMask(row), &mask);
  }
  mask.in_port = base::Be32::FromHost(~uint32_t{0});
  mask.ct_state = packet.ct_state;
  std::string text;
  pipeline::AppendMatch(packet, mask, names, &text);
  return text;
}

std::string_view ToString(Why why) { return kWhyTexts[static_cast<size_t>(why)].name; }

std::string ToString(const TraceReport& report) {
  std::string out;
  for (size_t i = 0; i < report.rounds.size(); ++i) AppendRound(report, i, &out);
  if (report.left_out != 0)
    absl::StrAppend(&out, "\n", report.left_out,
                    " more recirculations were not followed: a trace has ", TraceReport::kMaxRounds,
                    " rounds at most\n");
  const auto unused = [&out](size_t count, std::string_view what) {
    if (count != 0)
      absl::StrAppend(&out, "\nnot used: ", count, " more of ", ToAbsl(what),
                      ", as nothing asked for it\n");
  };
  unused(report.unused_ct_states, "what connection tracking says");
  unused(report.unused_hashes, "the hashes");
  if (report.loop.empty()) return out;
  absl::StrAppend(&out, "\nloop: the packet is recirculated again and again, until it is dropped (",
                  ToAbsl(ToString(Verdict::kDropRecircLoop)), "), by\n");
  for (const TraceReport::Place& place : report.loop)
    absl::StrAppend(&out, "  ", place.where,
                    place.times == 1 ? "" : absl::StrCat(" (", place.times, " times)"), "\n");
  return out;
}

absl::StatusOr<uint32_t> ParseCtState(std::string_view text) {
  const pipeline::FieldRow& row = *pipeline::FindField("ct_state");
  uint32_t state = OVS_CS_F_TRACKED;
  constexpr std::string_view kBetween = ",|+ ";
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view word = rest.substr(0, rest.find_first_of(kBetween));
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    if (word.empty()) continue;
    pipeline::FieldBits bits;
    pipeline::Blame blame;
    const std::string named = std::string("+").append(word);
    if (!pipeline::ParseFieldBits(row, named, nullptr, &bits, &blame)) {
      blame.at = word;
      return blame.ToStatus(text);
    }
    state |= static_cast<uint32_t>(absl::Uint128Low64(bits.value));
  }
  const auto has = [state](uint32_t bits) { return (state & bits) == bits; };
  constexpr uint32_t kOfConnection = OVS_CS_F_NEW | OVS_CS_F_ESTABLISHED | OVS_CS_F_RELATED |
                                     OVS_CS_F_REPLY_DIR | OVS_CS_F_SRC_NAT | OVS_CS_F_DST_NAT;
  pipeline::Blame blame{.at = text, .what = {}};
  if (has(OVS_CS_F_NEW | OVS_CS_F_ESTABLISHED)) {
    blame.what = "a connection is new or established, and not both";
    return blame.ToStatus(text);
  }
  if (has(OVS_CS_F_INVALID) && (state & kOfConnection) != 0) {
    blame.what = "a packet that is invalid is of no connection";
    return blame.ToStatus(text);
  }
  return state;
}

}  // namespace sluice::translate
