#include "agent/daemon/desired_state.h"

#include <algorithm>
#include <map>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/daemon/yaml_reader.h"
#include "netlink/attr/scanner.h"
#include "netlink/base/status.h"

namespace sluice::daemon {
namespace {

constexpr char kName[] = "name";

// The name of an item of a list: its own, or that under the key `name`.
std::string NameOf(const YAML::Node& item) {
  if (item.IsScalar()) return item.Scalar();
  if (item.IsMap())
    for (const auto& pair : item)
      if (pair.first.IsScalar() && pair.first.Scalar() == kName && pair.second.IsScalar())
        return pair.second.Scalar();
  return {};
}

std::string Flow(const YAML::Node& node) {
  if (node.IsScalar()) return node.Scalar();
  YAML::Emitter out;
  out.SetMapFormat(YAML::Flow);
  out.SetSeqFormat(YAML::Flow);
  out << node;
  return out.good() ? out.c_str() : "";
}

// Of "meter=1 pktps", or of "1": what a meter is found by.
uint64_t MeterNumberOf(const std::string& text) {
  constexpr char kKey[] = "meter=";
  const size_t key = text.find(kKey);
  const size_t begin = key == std::string::npos ? 0 : key + sizeof(kKey) - 1;
  return attr::WholeNumber(
             std::string_view(text).substr(begin, text.find_first_of(", \t", begin) - begin))
      .value_or(0);
}

// What stands at each path. Of a thing with a name also that it is there.
using Places = std::map<std::string, std::string>;

void Flatten(const YAML::Node& node, const std::string& path, int depth, Places* out) {
  const std::string prefix = path.empty() ? "" : path + ".";
  if (node.IsMap()) {
    for (const auto& pair : node)
      if (pair.first.IsScalar() && (pair.first.Scalar() != kName || depth == 0))
        Flatten(pair.second, prefix + pair.first.Scalar(), depth + 1, out);
    return;
  }
  if (depth == 3 && absl::EndsWith(path, ".meters") && node.IsSequence()) {
    for (const YAML::Node& item : node)
      (*out)[absl::StrCat(prefix, MeterNumberOf(Flow(item)))] = Flow(item);
    return;
  }
  // bridges; ports of a bridge; and what else is a list of things with names.
  const bool of_devices = depth == 1 || (depth == 3 && absl::EndsWith(path, ".ports"));
  bool named = node.IsSequence() && node.size() > 0;
  if (named)
    for (const YAML::Node& item : node)
      named = named && (of_devices || item.IsMap()) && !NameOf(item).empty();
  if (!named) {
    if (!node.IsNull() && !(node.IsSequence() && node.size() == 0)) (*out)[path] = Flow(node);
    return;
  }
  for (const YAML::Node& item : node) {
    const std::string step = prefix + NameOf(item);
    (*out)[step] = "";
    if (item.IsMap()) Flatten(item, step, depth + 1, out);
  }
}

std::string Line(char sign, const std::string& path, const std::string& value) {
  return absl::StrCat(std::string(1, sign), " ", path, value.empty() ? "" : ": ", value);
}

// The items of a list that may not be there.
std::vector<YAML::Node> ItemsOf(const YAML::Node& list) {
  std::vector<YAML::Node> items;
  if (list.IsSequence())
    for (const YAML::Node& item : list) items.push_back(item);
  return items;
}

YAML::Node ListOf(const std::vector<YAML::Node>& items) {
  YAML::Node list(YAML::NodeType::Sequence);
  for (const YAML::Node& item : items) list.push_back(item);
  return list;
}

std::optional<size_t> Find(const std::vector<YAML::Node>& items, const std::string& name) {
  for (size_t i = 0; i < items.size(); ++i)
    if (NameOf(items[i]) == name) return i;
  return std::nullopt;
}

absl::Status Set(const Edit& edit, YAML::Node* item) {
  if (item->IsScalar()) {
    const std::string name = item->Scalar();
    YAML::Node map;
    map[kName] = name;
    *item = map;
  }
  for (const auto& [key, value] : edit.settings) {
    if (key == kName) return absl::InvalidArgumentError("name: cannot be changed");
    if (value.empty()) {
      item->remove(key);
      continue;
    }
    Problems problems(key);
    YAML::Node node;
    ParseYaml(value, &problems, [&node](const YamlValue& read) { node.reset(read.node()); });
    SLUICE_RETURN_IF_ERROR(problems.ToStatus());
    (*item)[key] = node;
  }
  return absl::OkStatus();
}

// Adds to `items`, changes one of them, or takes one away.
absl::Status Change(const Edit& edit, const std::string& what, const std::string& name,
                    std::vector<YAML::Node>* items) {
  const std::optional<size_t> place = Find(*items, name);
  if (edit.kind == Edit::Kind::kAdd) {
    if (place)
      return edit.lenient ? absl::OkStatus()
                          : absl::AlreadyExistsError(absl::StrCat(what, " is there already"));
    items->emplace_back(name);
    return edit.settings.empty() ? absl::OkStatus() : Set(edit, &items->back());
  }
  if (!place && edit.kind == Edit::Kind::kRemove && edit.lenient) return absl::OkStatus();
  if (!place) return absl::NotFoundError(absl::StrCat("there is no ", what));
  if (edit.kind == Edit::Kind::kSet) return Set(edit, &(*items)[*place]);
  // A node that is assigned to another becomes that one, wherever it stands: none is.
  std::vector<YAML::Node> kept;
  for (size_t i = 0; i < items->size(); ++i)
    if (i != *place) kept.push_back((*items)[i]);
  items->swap(kept);
  return absl::OkStatus();
}

// The same of meters, each of which is one text.
absl::Status ChangeMeters(const Edit& edit, const std::string& what,
                          std::vector<YAML::Node>* items) {
  const uint64_t number = MeterNumberOf(edit.port);
  const auto place = std::find_if(items->begin(), items->end(), [&](const YAML::Node& item) {
    return MeterNumberOf(Flow(item)) == number;
  });
  const std::string which = absl::StrCat("meter ", number, " of ", what);
  if (edit.kind == Edit::Kind::kAdd) {
    if (place != items->end() && !edit.lenient)
      return absl::AlreadyExistsError(absl::StrCat(which, " is there already"));
    if (place == items->end()) items->emplace_back(edit.port);
    return absl::OkStatus();
  }
  if (place == items->end())
    return edit.kind == Edit::Kind::kRemove && edit.lenient
               ? absl::OkStatus()
               : absl::NotFoundError(absl::StrCat("there is no ", which));
  if (edit.kind == Edit::Kind::kSet) {
    *place = YAML::Node(edit.port);
  } else {
    items->erase(place);
  }
  return absl::OkStatus();
}

absl::Status Perform(const Edit& edit, YAML::Node* root) {
  std::vector<YAML::Node> bridges = ItemsOf((*root)["bridges"]);
  const std::string what = absl::StrCat("bridge \"", edit.bridge, "\"");
  if (edit.port.empty()) {
    SLUICE_RETURN_IF_ERROR(Change(edit, what, edit.bridge, &bridges));
    // A bridge is always a map.
    for (YAML::Node& bridge : bridges) SLUICE_RETURN_IF_ERROR(Set({}, &bridge));
  } else {
    const std::optional<size_t> place = Find(bridges, edit.bridge);
    if (!place) return absl::NotFoundError(absl::StrCat("there is no ", what));
    YAML::Node bridge = bridges[*place];
    std::vector<YAML::Node> items = ItemsOf(bridge[edit.list]);
    const std::string kind = edit.list.substr(0, edit.list.size() - 1);
    SLUICE_RETURN_IF_ERROR(edit.list == "meters"
                               ? ChangeMeters(edit, what, &items)
                               : Change(edit, absl::StrCat(kind, " \"", edit.port, "\" of ", what),
                                        edit.port, &items));
    if (items.empty() && edit.list != "ports") {
      bridge.remove(edit.list);
    } else {
      bridge[edit.list] = ListOf(items);
    }
  }
  (*root)["bridges"] = ListOf(bridges);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DesiredState> DesiredState::Parse(std::string_view text, std::string_view file) {
  SLUICE_ASSIGN_OR_RETURN(Config config, ParseConfig(text, file));
  return DesiredState(std::string(text), std::move(config));
}

absl::StatusOr<DesiredState> DesiredState::Load(const std::string& path) {
  SLUICE_ASSIGN_OR_RETURN(const std::string text, ReadConfigFile(path));
  return Parse(text, path);
}

absl::StatusOr<DesiredState> DesiredState::Edited(const std::vector<Edit>& edits) const {
  Problems problems("the desired state");
  absl::Status status;
  std::string text;
  ParseYaml(text_, &problems, [&](const YamlValue& value) {
    YAML::Node root = value.node();
    for (const Edit& edit : edits)
      if (status.ok()) status = Perform(edit, &root);
    YAML::Emitter out;
    out << root;
    text = absl::StrCat(out.good() ? out.c_str() : "", "\n");
  });
  SLUICE_RETURN_IF_ERROR(problems.ToStatus());
  SLUICE_RETURN_IF_ERROR(status);
  return Parse(text, "with this change");
}

std::vector<std::string> Differences(const DesiredState& from, const DesiredState& to) {
  Places before, after;
  Problems problems("");  // none: both were read before
  ParseYaml(from.text(), &problems,
            [&](const YamlValue& value) { Flatten(value.node(), "", 0, &before); });
  ParseYaml(to.text(), &problems,
            [&](const YamlValue& value) { Flatten(value.node(), "", 0, &after); });
  std::vector<std::string> lines;
  for (const auto& [path, value] : before) {
    const auto kept = after.find(path);
    if (kept == after.end()) {
      lines.push_back(Line('-', path, value));
    } else if (kept->second != value) {
      lines.push_back(absl::StrCat("~ ", path, ": ", value, " -> ", kept->second));
    }
  }
  for (const auto& [path, value] : after)
    if (before.count(path) == 0) lines.push_back(Line('+', path, value));
  std::stable_sort(lines.begin(), lines.end(), [](const std::string& a, const std::string& b) {
    return std::string_view(a).substr(2) < std::string_view(b).substr(2);
  });
  return lines;
}

}  // namespace sluice::daemon
