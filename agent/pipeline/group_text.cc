#include <algorithm>
#include <array>

#include "agent/pipeline/field_text.h"
#include "agent/pipeline/group.h"
#include "agent/pipeline/text_words.h"

namespace sluice::pipeline {
namespace {

constexpr std::array<std::string_view, 4> kTypes = {"all", "select", "indirect", "ff"};
constexpr std::array<std::string_view, 3> kMethods = {"dp_hash", "symmetric_l4", "hash"};

// Where the next `bucket=` or `buckets=` begins, outside of parentheses and quotes.
size_t FindBucket(std::string_view text, size_t from) {
  size_t depth = 0;
  bool quoted = false;
  for (size_t at = from; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == '(') ++depth;
    if (c == ')' && depth > 0) --depth;
    const bool begins = at == 0 || text[at - 1] == ',' || IsBlank(text[at - 1]);
    if (depth == 0 && begins &&
        (text.substr(at, 7) == "bucket=" || text.substr(at, 8) == "buckets="))
      return at;
  }
  return text.size();
}

class GroupReader {
 public:
  GroupReader(std::string_view text, const PortNames* ports) : text_(text), ports_(ports) {}

  absl::StatusOr<Group> Read() {
    size_t at = FindBucket(text_, 0);
    bool ok = ReadProperties(text_.substr(0, at));
    while (ok && at < text_.size()) {
      const size_t next = FindBucket(text_, at + 1);
      const std::string_view bucket = text_.substr(at, next - at);
      ok = ReadBucket(bucket.substr(bucket.find('=') + 1));
      at = next;
    }
    if (!ok || !Check()) return blame_.ToStatus(text_);
    return std::move(group_);
  }

 private:
  bool ReadProperties(std::string_view text) {
    WordReader words(text, "=(");
    TextWord word;
    while (words.Next(&word, &blame_))
      if (!ReadProperty(word)) return false;
    return !words.failed();
  }

  template <typename T, size_t kSize>
  bool Choose(const std::array<std::string_view, kSize>& names, std::string_view value, T* out) {
    const auto* const found = std::find(names.begin(), names.end(), value);
    if (found == names.end()) {
      std::string known;
      for (const std::string_view name : names)
        absl::StrAppend(&known, known.empty() ? "" : ", ", ToAbsl(name));
      return blame_.Set(value, "expected one of ", known);
    }
    *out = static_cast<T>(found - names.begin());
    return true;
  }

  bool ReadProperty(const TextWord& word) {
    uint64_t number = 0;
    if (word.key == "group_id") {
      if (!ParseNumber(word.value, "group_id", kMaxGroup, &number, &blame_)) return false;
      group_.id = static_cast<uint32_t>(number);
      has_id_ = true;
      return true;
    }
    if (word.key == "type") {
      has_type_ = true;
      return Choose(kTypes, word.value == "fast_failover" ? "ff" : word.value, &group_.type);
    }
    if (word.key == "selection_method") {
      has_method_ = true;
      return Choose(kMethods, word.value, &group_.method);
    }
    if (word.key == "selection_method_param")
      return ParseNumber(word.value, word.key, ~uint64_t{0}, &group_.hash_basis, &blame_);
    if (word.key == "fields") return ReadFields(word.value);
    return blame_.Set(word.key, "a group has no ", ToAbsl(word.key));
  }

  bool ReadFields(std::string_view text) {
    WordReader words(text, "");
    TextWord word;
    while (words.Next(&word, &blame_)) {
      const FieldRow* row = FindFieldOrBlame(word.all, &blame_);
      if (row == nullptr) return false;
      const FieldIndex index = IndexOf(*row);
      if (std::find(group_.fields.begin(), group_.fields.end(), index) != group_.fields.end())
        return blame_.Set(word.all, ToAbsl(word.all), " is given twice");
      group_.fields.push_back(index);
    }
    return !words.failed();
  }

  bool ReadBucket(std::string_view text) {
    Bucket bucket{.id = next_id_, .weight = 1};
    WordReader words(text, ":=(");
    TextWord word;
    std::string_view actions;
    while (words.Next(&word, &blame_)) {
      const size_t from = static_cast<size_t>(word.all.data() - text.data());
      if (word.separator == '=' && (word.key == "actions" || word.key == "action")) {
        actions = text.substr(static_cast<size_t>(word.value.data() - text.data()));
        break;
      }
      bool known = true;
      const bool read = ReadBucketProperty(word, &bucket, &known);
      if (!known) {
        actions = text.substr(from);
        break;
      }
      if (!read) return false;
    }
    if (words.failed()) return false;
    if (!ParseActions(actions, {.ports = ports_, .bucket = true}, &bucket.actions, &blame_))
      return false;
    for (const Bucket& other : group_.buckets)
      if (other.id == bucket.id)
        return blame_.Set(text, "there is a bucket_id ", bucket.id, " already");
    next_id_ = std::max(next_id_, bucket.id + 1);
    bucket.actions.ShrinkToFit();
    if (!CheckBucket(bucket, text)) return false;
    group_.buckets.push_back(std::move(bucket));
    return true;
  }

  bool ReadBucketProperty(const TextWord& word, Bucket* bucket, bool* known) {
    uint64_t number = 0;
    if (word.key == "bucket_id") {
      if (!ParseNumber(word.value, word.key, kMaxGroup, &number, &blame_)) return false;
      bucket->id = static_cast<uint32_t>(number);
      return true;
    }
    if (word.key == "weight") {
      if (!ParseNumber(word.value, word.key, 0xffff, &number, &blame_)) return false;
      bucket->weight = static_cast<uint16_t>(number);
      return group_.type == GroupType::kSelect ||
             blame_.Set(word.key, "only groups of type select have weights");
    }
    if (word.key == "watch_port")
      return ParsePort(word.value, ports_, &bucket->watch_port, &blame_);
    if (word.key == "watch_group") {
      if (!ParseNumber(word.value, word.key, kMaxGroup, &number, &blame_)) return false;
      bucket->watch_group = static_cast<uint32_t>(number);
      return true;
    }
    *known = false;
    return false;
  }

  bool CheckBucket(const Bucket& bucket, std::string_view text) {
    if (group_.type == GroupType::kFastFailover && bucket.watch_port == kPortNone &&
        bucket.watch_group == kNoGroup)
      return blame_.Set(text, "a bucket of type ff needs watch_port or watch_group");
    return true;
  }

  bool Check() {
    if (!has_id_) return blame_.Set(text_, "expected group_id=ID");
    if (!has_type_) return blame_.Set(text_, "expected type=all, select, indirect or ff");
    if (group_.type == GroupType::kIndirect && group_.buckets.size() != 1)
      return blame_.Set(text_, "a group of type indirect has one bucket");
    if (has_method_ && group_.type != GroupType::kSelect)
      return blame_.Set(text_, "only groups of type select have a selection_method");
    if (!group_.fields.empty() && group_.method != SelectionMethod::kHash)
      return blame_.Set(text_, "fields are for selection_method=hash");
    if (group_.fields.empty() && group_.method == SelectionMethod::kHash)
      return blame_.Set(text_, "selection_method=hash needs fields(..)");
    return true;
  }

  std::string_view text_;
  const PortNames* ports_;
  Group group_;
  Blame blame_;
  uint32_t next_id_ = 0;
  bool has_id_ = false, has_type_ = false, has_method_ = false;
};

}  // namespace

absl::StatusOr<Group> ParseGroup(std::string_view text, const PortNames* ports) {
  return GroupReader(text, ports).Read();
}

void AppendGroup(const Group& group, const PortNames* ports, std::string* out) {
  absl::StrAppend(out, "group_id=", group.id,
                  ",type=", ToAbsl(kTypes[static_cast<size_t>(group.type)]));
  if (group.type == GroupType::kSelect) {
    absl::StrAppend(out, ",selection_method=", ToAbsl(kMethods[static_cast<size_t>(group.method)]));
  }
  if (group.hash_basis != 0) absl::StrAppend(out, ",selection_method_param=", group.hash_basis);
  for (size_t i = 0; i < group.fields.size(); ++i)
    absl::StrAppend(out, i == 0 ? ",fields(" : ",", ToAbsl(FieldName(group.fields[i])));
  if (!group.fields.empty()) out->push_back(')');
  for (const Bucket& bucket : group.buckets) {
    absl::StrAppend(out, ",bucket=bucket_id:", bucket.id);
    if (group.type == GroupType::kSelect) absl::StrAppend(out, ",weight:", bucket.weight);
    if (bucket.watch_port != kPortNone) {
      out->append(",watch_port:");
      AppendPort(bucket.watch_port, ports, out);
    }
    if (bucket.watch_group != kNoGroup) absl::StrAppend(out, ",watch_group:", bucket.watch_group);
    out->append(",actions=");
    AppendActions(bucket.actions.span(), ports, out);
  }
}

std::string ToString(const Group& group, const PortNames* ports) {
  std::string text;
  AppendGroup(group, ports, &text);
  return text;
}

}  // namespace sluice::pipeline
