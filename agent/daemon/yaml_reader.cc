#include "agent/daemon/yaml_reader.h"

#include <yaml-cpp/eventhandler.h>

#include <algorithm>
#include <exception>
#include <numeric>
#include <sstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "netlink/base/status.h"

namespace sluice::daemon {
namespace {

using std::chrono::milliseconds;

struct Unit {
  std::string_view name;
  int64_t ms;
};
constexpr Unit kUnits[] = {{"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};

// The insertions, deletions and replacements that make `b` of `a`.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = std::exchange(row[0], i + 1);
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

// The text in quotes, short and without control characters: files can hold anything.
std::string Quoted(std::string_view text) {
  constexpr size_t kMax = 40;
  std::string out = "\"";
  for (char c : text.substr(0, kMax)) out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  return out + (text.size() > kMax ? "...\"" : "\"");
}

// The decimal digits that `text` begins with; nullopt when there are none or too many.
std::optional<uint64_t> LeadingNumber(std::string_view text, size_t* digits) {
  uint64_t number = 0;
  size_t n = 0;
  for (; n < text.size() && text[n] >= '0' && text[n] <= '9'; ++n) {
    if (n == 15) return std::nullopt;
    number = number * 10 + static_cast<uint64_t>(text[n] - '0');
  }
  *digits = n;
  if (n == 0) return std::nullopt;
  return number;
}

std::string Joined(std::initializer_list<std::string_view> words) {
  std::string out;
  for (std::string_view word : words)
    absl::StrAppend(&out, out.empty() ? "" : ", ", base::ToAbsl(word));
  return out;
}

// Notes where the last document begins.
class DocumentStart final : public YAML::EventHandler {
 public:
  void OnDocumentStart(const YAML::Mark& start) override { mark = start; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {}
  void OnMapEnd() override {}

  YAML::Mark mark;
};

}  // namespace

void Problems::Add(const YAML::Mark& where, std::string_view path, std::string_view text) {
  Problem problem;
  if (!where.is_null()) {
    problem.line = where.line + 1;
    problem.column = where.column + 1;
  }
  if (!path.empty()) problem.text = absl::StrCat(base::ToAbsl(path), ": ");
  absl::StrAppend(&problem.text, base::ToAbsl(text));
  problems_.push_back(std::move(problem));
}

bool Problems::CountValue() {
  if (++values_ == kMaxValues)
    Add(YAML::Mark::null_mark(), "",
        absl::StrCat("the file has more than ", kMaxValues, " values"));
  return values_ < kMaxValues;
}

absl::Status Problems::ToStatus() const {
  if (problems_.empty()) return absl::OkStatus();
  std::vector<Problem> sorted = problems_;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Problem& a, const Problem& b) {
    return std::pair(a.line, a.column) < std::pair(b.line, b.column);
  });
  const size_t more = sorted.size() > kMaxReported ? sorted.size() - kMaxReported : 0;
  sorted.resize(sorted.size() - more);
  std::string out = absl::StrJoin(sorted, "\n", [this](std::string* line, const Problem& problem) {
    absl::StrAppend(line, file_, ":");
    if (problem.line > 0) absl::StrAppend(line, problem.line, ":", problem.column, ":");
    absl::StrAppend(line, " ", problem.text);
  });
  if (more > 0) absl::StrAppend(&out, "\n", file_, ": and ", more, " more errors");
  return absl::InvalidArgumentError(out);
}

YamlValue YamlValue::Child(const YAML::Node& node, const YAML::Mark& where,
                           std::string_view step) const {
  const std::string_view dot = path_.empty() || step.starts_with('[') ? "" : ".";
  return {node, where, absl::StrCat(path_, base::ToAbsl(dot), base::ToAbsl(step)), problems_};
}

const YamlValue::Key* YamlValue::FindKey(std::span<const Key> keys, const YAML::Node& name,
                                         std::vector<bool>* seen) const {
  if (!name.IsScalar()) {
    problems_->Add(name.Mark(), path_, "a key must be a word");
    return nullptr;
  }
  const std::string& word = name.Scalar();
  const Key* closest = nullptr;
  size_t closest_distance = 3;  // farther away, a name is no typing error
  for (const Key& key : keys) {
    const size_t distance = word.size() > 40 ? closest_distance : EditDistance(word, key.name);
    if (distance == 0) {
      const size_t index = static_cast<size_t>(&key - keys.data());
      if (!(*seen)[index]) {
        (*seen)[index] = true;
        return &key;
      }
      problems_->Add(name.Mark(), Child(name, name.Mark(), word).path(), "is given twice");
      return nullptr;
    }
    if (distance < closest_distance && distance < key.name.size()) {
      closest = &key;
      closest_distance = distance;
    }
  }
  std::string text = absl::StrCat("unknown key ", Quoted(word));
  if (closest != nullptr) {
    absl::StrAppend(&text, "; did you mean ", Quoted(closest->name), "?");
  } else {
    absl::StrAppend(
        &text, "; known here: ", absl::StrJoin(keys, ", ", [](std::string* out, const Key& key) {
          out->append(key.name);
        }));
  }
  problems_->Add(name.Mark(), path_, text);
  return nullptr;
}

void YamlValue::ReadMap(std::span<const Key> keys) const {
  std::vector<bool> seen(keys.size());
  if (node_.IsMap()) {
    for (const auto& pair : node_) {
      if (!problems_->CountValue()) return;
      const Key* key = FindKey(keys, pair.first, &seen);
      // An empty value has no place of its own.
      const YAML::Node& placed = pair.second.IsNull() ? pair.first : pair.second;
      if (key != nullptr) key->read(Child(pair.second, placed.Mark(), key->name));
    }
  } else if (!node_.IsNull()) {
    return Fail("needs keys and values, each as \"key: value\"");
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    const Key& key = keys[i];
    if (key.required && !seen[i]) Fail(absl::StrCat("the key ", Quoted(key.name), " is missing"));
  }
}

void YamlValue::ReadList(size_t max, absl::FunctionRef<void(size_t, const YamlValue&)> read) const {
  if (node_.IsNull()) return;
  if (!node_.IsSequence()) return Fail("needs a list");
  if (node_.size() > max) return Fail(absl::StrCat("has more than ", max, " items"));
  size_t index = 0;
  for (const YAML::Node& item : node_) {
    if (!problems_->CountValue()) return;
    read(index, Child(item, item.Mark(), absl::StrCat("[", index, "]")));
    ++index;
  }
}

std::optional<std::string> YamlValue::Text() const {
  if (node_.IsScalar()) return node_.Scalar();
  Fail(node_.IsNull() ? "has no value" : "needs a single value");
  return std::nullopt;
}

std::optional<uint64_t> YamlValue::Number(uint64_t min, uint64_t max) const {
  const std::optional<std::string> text = Text();
  if (!text) return std::nullopt;
  size_t digits = 0;
  std::optional<uint64_t> number = LeadingNumber(*text, &digits);
  if (number && digits != text->size()) number.reset();
  uint64_t hex = 0;
  if (text->starts_with("0x") && absl::SimpleHexAtoi(*text, &hex)) number = hex;
  if (number && *number >= min && *number <= max) return number;
  Fail(absl::StrCat("must be a number from ", min, " to ", max, ", not ", Quoted(*text)));
  return std::nullopt;
}

std::optional<milliseconds> YamlValue::Duration(milliseconds min, milliseconds max) const {
  const std::optional<std::string> text = Text();
  if (!text) return std::nullopt;
  size_t digits = 0;
  const std::optional<uint64_t> number = LeadingNumber(*text, &digits);
  const std::string_view rest = std::string_view(*text).substr(number ? digits : 0);
  for (const Unit& unit : kUnits) {
    // The bound keeps the product within 64 bits.
    if (!number || rest != unit.name || *number > 1'000'000'000'000) continue;
    const milliseconds duration(static_cast<int64_t>(*number) * unit.ms);
    if (duration >= min && duration <= max) return duration;
  }
  Fail(absl::StrCat("must be a time from ", ToText(min), " to ", ToText(max),
                    " with its unit (ms, s, m, h), not ", Quoted(*text)));
  return std::nullopt;
}

std::optional<size_t> YamlValue::OneOf(std::initializer_list<std::string_view> words) const {
  const std::optional<std::string> text = Text();
  if (!text) return std::nullopt;
  const auto* found = std::find(words.begin(), words.end(), std::string_view(*text));
  if (found != words.end()) return static_cast<size_t>(found - words.begin());
  Fail(absl::StrCat("must be one of ", Joined(words), ", not ", Quoted(*text)));
  return std::nullopt;
}

void YamlValue::Fail(std::string_view text) const { problems_->Add(where_, path_, text); }

void ParseYaml(std::string_view text, Problems* problems,
               absl::FunctionRef<void(const YamlValue&)> read) {
  // yaml-cpp refuses nesting deeper than 500 by itself.
  try {
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    DocumentStart document;
    // Not YAML::LoadAll(): it reads an unmatched bracket as empty documents without end.
    if (parser.HandleNextDocument(document) && parser.HandleNextDocument(document))
      return problems->Add(document.mark, "", "something follows after the end of the document");
    const YAML::Node root = YAML::Load(std::string(text));
    read(YamlValue(root, root.Mark(), "", problems));
  } catch (const YAML::Exception& e) {
    problems->Add(e.mark, "", e.msg);
  } catch (const std::exception& e) {
    problems->Add(YAML::Mark::null_mark(), "", e.what());
  }
}

std::string ToText(milliseconds duration) {
  const int64_t ms = duration.count();
  for (size_t i = std::size(kUnits); i-- > 1;)
    if (ms != 0 && ms % kUnits[i].ms == 0)
      return absl::StrCat(ms / kUnits[i].ms, base::ToAbsl(kUnits[i].name));
  return absl::StrCat(ms, "ms");
}

}  // namespace sluice::daemon
