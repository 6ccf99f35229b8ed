#include "agent/pipeline/action_text.h"

#include <linux/if_ether.h>

#include "agent/pipeline/action_table.h"

namespace sluice::pipeline {
namespace {

constexpr size_t kIcmpType = offsetof(Fields, tp_src) + 1;

// What is known of the packet behind an action that changes its layers.
void Learn(const Action& action, MatchBuilder* known) {
  const auto type = [known](uint16_t eth_type) {
    known->value.eth_type = Be16::FromHost(eth_type);
    known->mask.eth_type = Be16::FromHost(0xffff);
  };
  switch (action.kind()) {
    case ActionKind::kPushVlan:
    case ActionKind::kSetVlanVid:
    case ActionKind::kSetVlanPcp:
      known->value.vlans[0].tci = known->mask.vlans[0].tci = Be16::FromHost(kVlanPresent);
      return;
    case ActionKind::kStripVlan:
      known->value.vlans[0].tci = known->mask.vlans[0].tci = Be16();
      return;
    case ActionKind::kPushMpls:
      return type(action.Get<PushMplsAction>().eth_type);
    case ActionKind::kPopMpls:
      known->mask.nw_proto = 0;
      return type(action.Get<PopMplsAction>().eth_type);
    case ActionKind::kSetField: {
      // On the type of ICMP it depends which fields of neighbour discovery there are.
      const FieldRow& row = FieldAt(action.Get<SetFieldAction>().field);
      if (row.offset != kIcmpType || row.bytes != 1) return;
      SetField(row, SetFieldValue(action), &known->value);
      SetField(row, FullMask(row), &known->mask);
      return;
    }
    default:
      return;
  }
}

// Reads one list: the rule's own, or one inside another action.
class ListReader {
 public:
  ListReader(const ActionOptions& options, MatchBuilder* known, int depth, ActionPlace inside,
             ActionList* list, Blame* blame)
      : options_(options),
        known_(known),
        depth_(depth),
        inside_(inside),
        list_(list),
        blame_(blame) {}

  bool Read(std::string_view text) {
    WordReader words(text, ":(");
    TextWord word;
    while (words.Next(&word, blame_))
      if (!words.ReadTarget(&word, blame_) || !ReadOne(word)) return false;
    if (words.failed()) return false;
    if (drop_.data() != nullptr && count_ > 1)
      return blame_->Set(drop_, "drop stands alone: actions that send nowhere drop");
    return true;
  }

 private:
  bool ReadOne(const TextWord& word) {
    ++count_;
    if (word.all == "drop" || word.all == "DROP") {
      drop_ = word.all;
      return true;
    }
    const ActionRow* row = FindAction(word.key);
    if (row == nullptr) return ReadPort(word);
    if (row->parse == nullptr)
      return blame_->Set(word.key, ToAbsl(row->name), " ", ToAbsl(row->refused));
    if (word.target.data() != nullptr && row->kind != ActionKind::kCheckPktLarger)
      return blame_->Set(word.target, ToAbsl(row->name), " has no destination");
    if (!CheckArguments(*row, word) || !CheckPlace(*row, word)) return false;
    const size_t before = list_->words();
    if (!row->parse({*row, word, options_, known_, depth_, list_, blame_, inside_})) return false;
    if (known_ != nullptr && list_->words() > before)
      Learn(Action((*list_->span().begin()).record() + before), known_);
    return true;
  }

  // A port alone means output.
  bool ReadPort(const TextWord& word) {
    uint32_t port = 0;
    Blame why;
    if (inside_ == ActionPlace::kConntrackExec || word.separator != '\0' ||
        !ParsePort(word.key, options_.ports, &port, &why)) {
      return blame_->Set(
          word.key, "unknown action ", ToAbsl(word.key),
          options_.ports != nullptr && word.separator == '\0' ? ", and no port of that name" : "");
    }
    if (FindField(word.key) != nullptr && !ParseNumber(word.key))
      return blame_->Set(word.key, "unknown action ", ToAbsl(word.key));
    list_->Append(OutputAction{.port = port});
    return true;
  }

  bool CheckArguments(const ActionRow& row, const TextWord& word) {
    const bool optional = row.kind == ActionKind::kController || row.kind == ActionKind::kDecTtl ||
                          row.kind == ActionKind::kClone || row.kind == ActionKind::kWriteActions ||
                          row.kind == ActionKind::kNote || row.kind == ActionKind::kConntrack ||
                          row.name == "apply_actions";
    if (row.syntax.empty() && word.separator != '\0' && !Trim(word.value).empty())
      return blame_->Set(word.value, ToAbsl(row.name), " has no arguments");
    if (!row.syntax.empty() && !optional && Trim(word.value).empty())
      return blame_->Set(word.all, "expected ", ToAbsl(row.name), ":", ToAbsl(row.syntax));
    return true;
  }

  bool CheckPlace(const ActionRow& row, const TextWord& word) {
    const bool instruction = row.place > ActionPlace::kNotInSet;
    const bool sets_bits =
        row.field.empty() && (row.kind == ActionKind::kSetField || row.kind == ActionKind::kMove);
    if (inside_ == ActionPlace::kConntrackExec && !sets_bits)
      return blame_->Set(word.key, "exec() takes set_field, load and move, to ct_mark or ct_label");
    if (inside_ == ActionPlace::kWriteActions && row.place != ActionPlace::kAnywhere)
      return blame_->Set(word.key, ToAbsl(row.name), " cannot be in the action set");
    if (instruction && (depth_ > 0 || options_.bucket))
      return blame_->Set(word.key, ToAbsl(row.name), " cannot be inside of anything");
    if (row.place < last_ || (instruction && row.place == last_)) {
      if (!instruction && last_ <= ActionPlace::kNotInSet) return true;
      return blame_->Set(word.key, instruction && row.place == last_ ? "a second " : "",
                         ToAbsl(row.name),
                         ": the order is actions, clear_actions, write_actions, write_metadata, "
                         "goto_table");
    }
    if (instruction) last_ = row.place;
    return true;
  }

  const ActionOptions& options_;
  MatchBuilder* known_;
  const int depth_;
  const ActionPlace inside_;
  ActionList* list_;
  Blame* blame_;
  size_t count_ = 0;
  std::string_view drop_{};
  ActionPlace last_ = ActionPlace::kAnywhere;
};

}  // namespace

bool ParseNested(const ActionReader& reader, ActionPlace inside) {
  if (reader.depth >= kMaxActionDepth)
    return reader.Fail(reader.word.key, "more than ", kMaxActionDepth, " actions in one another");
  // What happens inside of a copy or in the action set says nothing of the actions behind.
  MatchBuilder copy;
  MatchBuilder* known = reader.known;
  if (known != nullptr && reader.row.name != "apply_actions") {
    copy = *known;
    known = &copy;
  }
  return ListReader(reader.options, known, reader.depth + 1, inside, reader.list, reader.blame)
      .Read(reader.word.value);
}

bool ParseActions(std::string_view text, const ActionOptions& options, ActionList* list,
                  Blame* blame) {
  MatchBuilder known;
  if (options.match != nullptr) known = *options.match;
  return ListReader(options, options.match != nullptr ? &known : nullptr, 0, ActionPlace::kAnywhere,
                    list, blame)
      .Read(text);
}

absl::StatusOr<ActionList> ParseActions(std::string_view text, const ActionOptions& options) {
  ActionList list;
  Blame blame;
  if (!ParseActions(text, options, &list, &blame)) return blame.ToStatus(text);
  return list;
}

void AppendActions(ActionSpan actions, const PortNames* ports, std::string* out) {
  if (actions.empty()) out->append("drop");
  bool first = true;
  for (const Action action : actions) {
    if (!first) out->push_back(',');
    first = false;
    RowOf(action.kind()).format(action, ports, out);
  }
}

std::string ToString(ActionSpan actions, const PortNames* ports) {
  std::string text;
  AppendActions(actions, ports, &text);
  return text;
}

}  // namespace sluice::pipeline
