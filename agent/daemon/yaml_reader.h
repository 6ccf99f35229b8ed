// YAML values with their place in the file, and errors that are collected instead of thrown.
//
// A YamlValue is a node, the path of keys that leads to it, and the Problems that its checks add
// to. A check that fails adds a problem and returns nothing; the caller goes on, so that one run
// finds all problems of a file. Sees only as deep as its caller descends, and only so many nodes
// (Problems::kMaxValues), whatever aliases the text plays with. Not thread-safe.
//
// With desired_state.cc, which edits documents, all that knows of yaml-cpp; none of its exceptions
// leave ParseYaml().
//
//   Problems problems("sluiced.yaml");
//   ParseYaml(text, &problems, [&](const YamlValue& root) {
//     root.ReadMap({{"limit", [&](const YamlValue& v) { if (auto n = v.Number(1, 9)) ... }}});
//   });
//   if (!problems.empty()) return problems.ToStatus();
#pragma once

#include <yaml-cpp/yaml.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"

namespace sluice::daemon {

class Problems {
 public:
  static constexpr size_t kMaxValues = 100000;
  static constexpr size_t kMaxReported = 100;

  explicit Problems(std::string_view file) : file_(file) {}

  // `path` is empty for the file as a whole.
  void Add(const YAML::Mark& where, std::string_view path, std::string_view text);
  bool empty() const { return problems_.empty(); }
  // One line each, in the order of the file.
  absl::Status ToStatus() const;

  // False, once with a problem, when more values were looked at than a file needs.
  bool CountValue();

 private:
  struct Problem {
    int line = 0;  // from 1; 0: of the whole file
    int column = 0;
    std::string text;
  };
  std::string file_;
  std::vector<Problem> problems_;
  size_t values_ = 0;
};

class YamlValue {
 public:
  struct Key {
    std::string_view name;
    std::function<void(const YamlValue&)> read;
    bool required = false;
  };

  // `where` is the place that problems of the value name.
  YamlValue(const YAML::Node& node, const YAML::Mark& where, std::string path, Problems* problems)
      : node_(node), where_(where), path_(std::move(path)), problems_(problems) {}

  const YAML::Node& node() const { return node_; }
  bool IsMap() const { return node_.IsMap(); }
  bool IsScalar() const { return node_.IsScalar(); }
  const std::string& path() const { return path_; }

  // Hands each key's value to its reader. An unknown key is a problem, and so is one given twice,
  // or one that is required and not there. An empty value is an empty map.
  void ReadMap(std::initializer_list<Key> keys) const {
    ReadMap(std::span(keys.begin(), keys.size()));
  }
  void ReadMap(std::span<const Key> keys) const;
  // Hands over each item, with its place from 0. An empty value is an empty list.
  void ReadList(size_t max, absl::FunctionRef<void(size_t, const YamlValue&)> read) const;

  std::optional<std::string> Text() const;
  // A number from `min` to `max`, decimal or with 0x in front.
  std::optional<uint64_t> Number(uint64_t min, uint64_t max) const;
  // A number with a unit: 500ms, 10s, 5m, 1h.
  std::optional<std::chrono::milliseconds> Duration(std::chrono::milliseconds min,
                                                    std::chrono::milliseconds max) const;
  // The place of the value among the words.
  std::optional<size_t> OneOf(std::initializer_list<std::string_view> words) const;

  // Adds a problem of this value.
  void Fail(std::string_view text) const;

 private:
  YamlValue Child(const YAML::Node& node, const YAML::Mark& where, std::string_view step) const;
  const Key* FindKey(std::span<const Key> keys, const YAML::Node& name,
                     std::vector<bool>* seen) const;

  YAML::Node node_;
  YAML::Mark where_;
  std::string path_;
  Problems* problems_;
};

// Hands the root of the one document in `text` to `read`. Text that is no YAML is a problem.
void ParseYaml(std::string_view text, Problems* problems,
               absl::FunctionRef<void(const YamlValue&)> read);

// "500ms", "10s", "5m", "1h": as the file has durations.
std::string ToText(std::chrono::milliseconds duration);

}  // namespace sluice::daemon
