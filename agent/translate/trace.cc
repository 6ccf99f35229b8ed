#include "agent/translate/trace.h"

#include "absl/strings/str_cat.h"
#include "agent/pipeline/action_text.h"
#include "agent/pipeline/match.h"
#include "agent/translate/key_fields.h"
#include "netlink/attr/text.h"

namespace sluice::translate {
namespace {

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

}  // namespace

std::unique_ptr<Observer> MakeTraceWriter(const pipeline::PortNames* names, std::string* out) {
  return std::make_unique<Writer>(names, out);
}

std::string Trace(const ovs::FlowKey& key, const View& view, const pipeline::PortNames* names) {
  std::string out;
  Writer writer(names, &out);
  Translator translator;
  Translation translation;
  View watched = view;
  watched.observer = nullptr;
  translator.Translate(key, watched, &translation);
  // Once more, and told: to its end, also where the kernel cannot go.
  const bool slow = translation.verdict == Verdict::kSlowPath;
  watched.observer = &writer;
  watched.slow_path = slow;
  Translation whole;
  translator.Translate(key, watched, &whole);
  out.append("verdict: ").append(ToString(translation.verdict));
  out.append(" (").append(Explain(translation.verdict)).append(")\n");
  for (const Learned& learned : whole.learned)
    absl::StrAppend(&out, "learns: ", base::ToString(learned.mac), " in VLAN ", learned.vlan,
                    " on port ", learned.port_no, "\n");
  std::string read;
  pipeline::AppendMatch(FieldsOfKey(key, view.ports.options().tunnel_options), translation.read,
                        names, &read);
  absl::StrAppend(&out, "read of the packet: ", read, "\n");
  absl::StrAppend(&out, "datapath flow: ", FlowText(key, translation.mask, names),
                  translation.install ? "" : " (not installed)", "\n");
  absl::StrAppend(&out, "datapath actions: ", ActionsText(translation.actions, names), "\n");
  if (slow) {
    const std::string actions = ActionsText(whole.actions, names);
    absl::StrAppend(&out, "actions on this packet, by the agent: ", actions, " (",
                    std::string(ToString(whole.verdict)), ")\n");
  }
  return out;
}

}  // namespace sluice::translate
