#include "agent/translate/explain.h"

#include "absl/strings/str_cat.h"
#include "agent/pipeline/action_text.h"
#include "agent/pipeline/field_table.h"
#include "agent/pipeline/match.h"
#include "agent/pipeline/prerequisites.h"
#include "agent/translate/key_fields.h"
#include "agent/translate/trace.h"

namespace sluice::translate {
namespace {

using pipeline::FieldRow;

// Remembers which addresses were asked for.
class AskedMacs final : public MacLookup {
 public:
  AskedMacs(const MacLookup& macs, std::vector<Explanation::Address>* asked)
      : macs_(macs), asked_(asked) {}

  std::optional<uint32_t> FindPort(uint16_t vlan, const base::Mac& mac) const override {
    const std::optional<uint32_t> port = macs_.FindPort(vlan, mac);
    asked_->push_back({mac, vlan, port});
    return port;
  }

 private:
  const MacLookup& macs_;
  std::vector<Explanation::Address>* const asked_;
};

// Notes who read which bits: what is read between two steps was read by the first of them.
class Reasons final : public Observer {
 public:
  Reasons(const pipeline::PortNames* names, Explanation* out)
      : names_(names), out_(out), steps_(MakeTraceWriter(names, &out->steps)) {
    reasons_.push_back({"always: which packets a flow is of", {}});
  }

  void OnRead(const Fields& so_far) override {
    Fields fresh;
    for (size_t i = 0; i < pipeline::kFieldWords; ++i)
      SetWord(&fresh, i, Word(so_far, i) & ~Word(so_far_, i));
    AddMask(fresh, &reasons_.back().bits);
    so_far_ = so_far;
  }

  void OnLookup(uint8_t table, const pipeline::TableRule* rule, const Fields& now,
                const Fields& read, int depth) override {
    steps_->OnLookup(table, rule, now, read, depth);
    out_->rules.push_back({table, rule});
    reasons_.push_back({absl::StrCat("the search of table ", table), read});
  }

  void OnAction(const pipeline::Action& action, int depth) override {
    steps_->OnAction(action, depth);
    std::string text;
    pipeline::AppendActions({action.record(), action.record() + action.words()}, names_, &text);
    reasons_.push_back({absl::StrCat("the action ", text), {}});
  }

  void OnNote(std::string_view what, int depth) override { steps_->OnNote(what, depth); }

  // For each field that was read, in the order of the table.
  void Tell(const Fields& packet, const Fields& read) {
    Fields told;  // another row may be a name of the same bits
    for (const FieldRow& row : pipeline::FieldTable()) {
      Fields field;
      pipeline::SetField(row, pipeline::FullMask(row), &field);
      field = Masked(field, read);
      if (IsWithin(field, told)) continue;
      AddMask(field, &told);
      Explanation::Part part;
      pipeline::AppendMatch(packet, WithNeeds(row, field, read), names_, &part.match);
      for (const Reason& reason : reasons_)
        if (!(Masked(field, reason.bits) == Fields()) &&
            (part.because.empty() || part.because.back() != reason.text))
          part.because.push_back(reason.text);
      if (part.because.empty()) part.because.emplace_back("a header in front of what was read");
      // A field of which two rows have parts is written by one of them.
      if (out_->mask.empty() || out_->mask.back().match != part.match)
        out_->mask.push_back(std::move(part));
    }
  }

 private:
  // With the types that say what the field is: "tcp,tp_dst=80".
  static Fields WithNeeds(const FieldRow& row, const Fields& field, const Fields& read) {
    Fields types;
    pipeline::AddBitsOf(row.needs, &types);
    types.packet_type = {};  // seldom anything else than Ethernet
    Fields both = Masked(types, read);
    AddMask(field, &both);
    return both;
  }

  struct Reason {
    std::string text;
    Fields bits;
  };
  const pipeline::PortNames* const names_;
  Explanation* const out_;
  const std::unique_ptr<Observer> steps_;
  std::vector<Reason> reasons_;
  Fields so_far_;
};

}  // namespace

Explanation Explain(const ovs::FlowKey& key, const View& view, const pipeline::PortNames* names) {
  Explanation out;
  Reasons reasons(names, &out);
  const AskedMacs macs(view.macs, &out.addresses);
  std::optional<Recirculations> on_top;  // so that no state is left behind
  if (view.recirculations != nullptr)
    on_top.emplace(static_cast<const Recirculations*>(view.recirculations));
  const View watched{.pipeline = view.pipeline,
                     .version = view.version,
                     .ports = view.ports,
                     .macs = macs,
                     .kernel = view.kernel,
                     .observer = &reasons,
                     .packet_ins = view.packet_ins,
                     .recirculations = on_top ? &*on_top : nullptr,
                     .meters = view.meters,
                     .timeouts = view.timeouts,
                     .packet_length = view.packet_length};
  Translator translator;
  translator.Translate(key, watched, &out.translation);
  for (const Learned& learned : out.translation.learned)
    out.addresses.push_back({learned.mac, learned.vlan, learned.port_no, true});
  reasons.OnRead(out.translation.read);
  reasons.Tell(FieldsOfKey(key, view.ports.options().tunnel_options), out.translation.read);
  return out;
}

}  // namespace sluice::translate
