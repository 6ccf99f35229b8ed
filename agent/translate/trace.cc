#include "agent/translate/trace.h"

#include <algorithm>
#include <cstring>
#include <deque>

#include "absl/strings/str_cat.h"
#include "agent/pipeline/action_text.h"
#include "agent/pipeline/match.h"
#include "agent/translate/key_fields.h"
#include "agent/translate/packet_fields.h"
#include "agent/translate/packet_layout.h"
#include "agent/translate/recirculated_packets.h"
#include "netlink/attr/text.h"
#include "netlink/base/status.h"

namespace sluice::translate {
namespace {

using base::Be16;
using base::Be32;
using Why = RecirculationStep::Why;

// The hash that is assumed: the datapath has none of 0.
constexpr uint32_t kHash = 1;
constexpr uint32_t kNew = OVS_CS_F_TRACKED | OVS_CS_F_NEW;

// A packet that leaves a round to come back.
struct Fork {
  TraceRound::Cause cause;
  uint32_t id = 0;
  Fields packet;
  bool hides_headers = false;
  RecirculationStep::Tracking tracking;
};

// Writes each step down, and remembers the packets that shall come back, and whose doing that was.
class Recorder final : public Observer {
 public:
  Recorder(const pipeline::PortNames* names, std::string* steps)
      : names_(names), steps_(MakeTraceWriter(names, steps)) {}

  void OnLookup(uint8_t table, const pipeline::TableRule* rule, const Fields& now,
                const Fields& read, int depth) override {
    steps_->OnLookup(table, rule, now, read, depth);
    rules_.resize(static_cast<size_t>(depth) + 1);
    rules_.back() = rule;
  }
  void OnAction(const pipeline::Action& action, int depth) override {
    steps_->OnAction(action, depth);
    Return(depth);
  }
  void OnNote(std::string_view what, int depth) override {
    steps_->OnNote(what, depth);
    if (depth != 0) return;
    in_set_ |= what == kActionSet;
    if (what == kActionSet || what == kRest) rules_.clear();
  }
  void OnRecirculation(const RecirculationStep& step, int depth) override {
    Return(depth);
    if (step.state == nullptr) {
      refused_ = Where(step.origin);
      return;
    }
    Fork fork{.cause = {.why = step.why, .origin = step.origin, .where = Where(step.origin)},
              .id = step.state->id,
              .packet = step.packet,
              .hides_headers = step.hides_headers,
              .tracking = {}};
    if (step.tracking != nullptr) fork.tracking = *step.tracking;
    fork.cause.zone = fork.tracking.zone;
    forks_.resize(step.index);
    forks_.emplace_back(std::move(fork));
  }

  // Of a packet that was not dropped.
  std::vector<Fork> TakeForks(const Translation& out) {
    std::vector<Fork> forks;
    if (out.actions.empty()) return forks;
    for (size_t i = 0; i < std::min(forks_.size(), out.recirculations.size()); ++i)
      if (forks_[i]) forks.push_back(*std::move(forks_[i]));
    return forks;
  }
  const std::string& refused() const { return refused_; }

 private:
  // What is further in is over.
  void Return(int depth) { rules_.resize(std::min(rules_.size(), static_cast<size_t>(depth) + 1)); }
  std::string Where(const Origin& origin) const {
    const auto rule = std::find_if(rules_.rbegin(), rules_.rend(),
                                   [](const auto* found) { return found != nullptr; });
    if (rule != rules_.rend()) {
      std::string text("rule ");
      pipeline::AppendRule((*rule)->rule, names_, &text);
      return text;
    }
    if (in_set_) return "the action set";
    return absl::StrCat("what was left of a rule of table ", origin.table,
                        ", cookie=", absl::StrCat("0x", absl::Hex(origin.cookie)));
  }

  const pipeline::PortNames* const names_;
  const std::unique_ptr<Observer> steps_;
  std::vector<const pipeline::TableRule*> rules_;  // whose actions are taken, by depth
  bool in_set_ = false;
  std::vector<std::optional<Fork>> forks_;  // by their place in Translation::recirculations
  std::string refused_;
};

std::string ActionsText(const ovs::ActionList& actions, const pipeline::PortNames* names) {
  std::string text;
  attr::AppendList(ovs::kActionTable, actions.bytes(), {.ports = names}, &text);
  return text;
}

// The key under the mask, as the kernel would have it.
std::string FlowText(const ovs::FlowKey& key, const ovs::FlowKey& mask,
                     const pipeline::PortNames* names) {
  base::ByteVector value, mask_bytes;
  attr::Writer values(&value), masks(&mask_bytes);
  ovs::EncodeFlowKey(key, nullptr, &values);
  ovs::EncodeFlowMask(key, mask, &masks);
  std::string text;
  attr::AppendSet(ovs::kKeyTable, value, attr::MaskView::Of(mask_bytes), {.ports = names}, &text);
  return text;
}

std::string Hexadecimal(uint32_t number) { return absl::StrCat("0x", absl::Hex(number)); }

void CopyBytes(const Fields& from, size_t begin, size_t end, Fields* to) {
  std::memcpy(reinterpret_cast<uint8_t*>(to) + begin,
              reinterpret_cast<const uint8_t*>(&from) + begin, end - begin);
}

class Tracer {
 public:
  Tracer(const View& view, const pipeline::PortNames* names, const TraceAssumptions& assumptions)
      : view_(view), names_(names), assumptions_(assumptions) {
    if (view.recirculations == nullptr) return;
    recirculations_.emplace(static_cast<const Recirculations*>(view.recirculations));
    view_.recirculations = &*recirculations_;
  }

  TraceReport Run(const ovs::FlowKey& key) {
    waiting_.push_back({.key = key, .packet = assumptions_.packet, .round = {}});
    for (; !waiting_.empty(); waiting_.pop_front()) {
      if (report_.rounds.size() < TraceReport::kMaxRounds) {
        Look(&waiting_.front());
      } else {
        ++report_.left_out;
      }
    }
    FindLoop();
    report_.unused_ct_states = assumptions_.ct_states.size() - ct_states_;
    report_.unused_hashes = assumptions_.hashes.size() - hashes_;
    return std::move(report_);
  }

 private:
  struct Waiting {
    ovs::FlowKey key;
    base::ByteVector packet;
    TraceRound round;  // with its cause, and what is assumed
  };
  const pipeline::TunnelOptions& options() const { return view_.ports.options().tunnel_options; }

  void Look(Waiting* waiting) {
    const ovs::FlowKey& key = waiting->key;
    TraceRound round = std::move(waiting->round);
    round.packet = PacketText(FieldsOfKey(key, options()), names_);
    view_.packet_length.reset();
    if (!waiting->packet.empty())
      view_.packet_length = CheckedLength(
          waiting->packet, LayoutOf(waiting->packet, /*ethernet=*/true, 0), /*mru=*/0);
    Translation decision;
    view_.observer = nullptr;
    view_.slow_path = false;
    translator_.Translate(key, view_, &decision);
    // Once more, and told: to its end, also where the kernel cannot go.
    const bool slow = decision.verdict == Verdict::kSlowPath;
    Recorder recorder(names_, &round.steps);
    Translation whole;
    view_.observer = &recorder;
    view_.slow_path = slow;
    translator_.Translate(key, view_, &whole);
    round.recirc_id = key.recirc_id;
    round.verdict = decision.verdict;
    round.installed = decision.install;
    round.learned.assign(whole.learned.begin(), whole.learned.end());
    pipeline::AppendMatch(FieldsOfKey(key, options()), decision.read, names_, &round.read);
    round.flow = FlowText(key, decision.mask, names_);
    round.actions = ActionsText(decision.actions, names_);
    if (slow) {
      round.slow_verdict = whole.verdict;
      round.slow_actions = ActionsText(whole.actions, names_);
    }
    if (whole.verdict == Verdict::kDropRecircLoop) round.refused = recorder.refused();
    report_.rounds.push_back(std::move(round));
    Queue(*waiting, recorder.TakeForks(whole), whole.actions.bytes());
  }

  void Queue(const Waiting& from, std::vector<Fork> forks, base::ByteView actions) {
    std::vector<base::ByteVector> packets;
    if (!from.packet.empty()) packets = RecirculatedPackets(from.packet, from.key, actions);
    const Fields came = FieldsOfKey(from.key, options());
    for (size_t i = 0; i < forks.size(); ++i) {
      Waiting next{.key = {}, .packet = {}, .round = {}};
      if (i < packets.size()) {
        if (packets[i].empty()) continue;  // of another length
        next.packet = std::move(packets[i]);
      }
      const Fields packet = ComesBack(forks[i], came, next.packet, &next.round.assumed);
      next.key = KeyOfFields(packet, from.key, options());
      forks[i].cause.round = report_.rounds.size() - 1;
      next.round.cause = std::move(forks[i].cause);
      waiting_.push_back(std::move(next));
    }
  }

  // The packet as the datapath shows it then; `came`: as it showed it before.
  Fields ComesBack(const Fork& fork, const Fields& came, base::ByteView bytes,
                   std::vector<std::string>* assumed) {
    Fields packet;
    CopyBytes(fork.packet, offsetof(Fields, pkt_mark), sizeof(Fields), &packet);
    CopyBytes(came, offsetof(Fields, tun_id), offsetof(Fields, eth_src), &packet);
    packet.actset_output = packet.conj_id = {};
    packet.in_port = came.in_port;
    packet.recirc_id = Be32::FromHost(fork.id);
    if (!bytes.empty()) {
      packet = FieldsOfPacket(bytes, packet);
    } else if (fork.hides_headers) {
      ShowHidden(&packet, assumed);
    }
    if (fork.cause.why == Why::kConntrack) Track(fork.tracking, &packet, assumed);
    if (fork.cause.why == Why::kHash) {
      packet.dp_hash = Be32::FromHost(Next(assumptions_.hashes, kHash, &hashes_));
      assumed->push_back(absl::StrCat("dp_hash=", Hexadecimal(packet.dp_hash.host())));
    }
    return packet;
  }

  void ShowHidden(Fields* packet, std::vector<std::string>* assumed) const {
    const size_t begin = offsetof(Fields, nw_src);
    CopyBytes({}, begin, sizeof(Fields), packet);
    if (!assumptions_.inner) {
      assumed->emplace_back("behind the label there are zeros");
    } else if (assumptions_.inner->eth_type != packet->eth_type) {
      assumed->emplace_back(
          "behind the label there are zeros, as what was said is of another type");
    } else {
      CopyBytes(*assumptions_.inner, begin, sizeof(Fields), packet);
      assumed->emplace_back("what is behind the label");
    }
  }

  void Track(const RecirculationStep::Tracking& tracking, Fields* packet,
             std::vector<std::string>* assumed) {
    CopyBytes({}, offsetof(Fields, ct_state), offsetof(Fields, tun_id), packet);
    const uint32_t state = Next(assumptions_.ct_states, kNew, &ct_states_);
    assumed->push_back(absl::StrCat("ct_state=", CtStateText(state)));
    if (tracking.translates) assumed->emplace_back("addresses and ports stay as they are");
    if (packet->nw_frag != 0) {
      packet->nw_frag = 0;
      assumed->emplace_back("the fragments are put together");
    }
    packet->ct_state = Be32::FromHost(state);
    packet->ct_zone = Be16::FromHost(tracking.zone);
    packet->ct_mark = Be32::FromHost(tracking.values.ct_mark.host() & tracking.bits.ct_mark.host());
    for (size_t i = 0; i < packet->ct_label.size(); ++i)
      packet->ct_label[i] = tracking.values.ct_label[i] & tracking.bits.ct_label[i];
    if ((state & (OVS_CS_F_INVALID | OVS_CS_F_RELATED)) != 0) return;
    // Who began the connection.
    const bool reply = (state & OVS_CS_F_REPLY_DIR) != 0;
    packet->ct_nw_proto = packet->nw_proto;
    packet->ct_nw_src = reply ? packet->nw_dst : packet->nw_src;
    packet->ct_nw_dst = reply ? packet->nw_src : packet->nw_dst;
    packet->ct_ipv6_src = reply ? packet->ipv6_dst : packet->ipv6_src;
    packet->ct_ipv6_dst = reply ? packet->ipv6_src : packet->ipv6_dst;
    if (!pipeline::Holds(pipeline::Needs::kPorts, *packet)) return;
    packet->ct_tp_src = reply ? packet->tp_dst : packet->tp_src;
    packet->ct_tp_dst = reply ? packet->tp_src : packet->tp_dst;
  }

  static uint32_t Next(const std::vector<uint32_t>& given, uint32_t otherwise, size_t* used) {
    return *used < given.size() ? given[(*used)++] : otherwise;
  }

  // The way of the first packet that was sent round too often.
  void FindLoop() {
    const auto& rounds = report_.rounds;
    const auto last = std::find_if(rounds.begin(), rounds.end(),
                                   [](const TraceRound& round) { return !round.refused.empty(); });
    if (last == rounds.end()) return;
    std::vector<std::string> way = {last->refused};
    for (const TraceRound* at = &*last; at->cause; at = &rounds[at->cause->round])
      way.push_back(at->cause->where);
    for (auto place = way.rbegin(); place != way.rend(); ++place) {
      if (!report_.loop.empty() && report_.loop.back().where == *place) {
        ++report_.loop.back().times;
      } else {
        report_.loop.push_back({.where = std::move(*place)});
      }
    }
  }

  View view_;
  const pipeline::PortNames* const names_;
  const TraceAssumptions& assumptions_;
  std::optional<Recirculations> recirculations_;  // so that none is left behind
  Translator translator_;
  TraceReport report_;
  std::deque<Waiting> waiting_;
  size_t ct_states_ = 0, hashes_ = 0;  // that were used up
};

}  // namespace

TraceReport Trace(const ovs::FlowKey& key, const View& view, const pipeline::PortNames* names,
                  const TraceAssumptions& assumptions) {
  return Tracer(view, names, assumptions).Run(key);
}

}  // namespace sluice::translate
