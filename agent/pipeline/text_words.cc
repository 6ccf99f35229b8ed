#include "agent/pipeline/text_words.h"

#include <array>
#include <charconv>

#include "netlink/base/bytes.h"

namespace sluice::pipeline {
namespace {

// How many characters of `text`, which follows a separator, belong to the value: up to a comma or
// blank outside of parentheses and quotes. npos when these are not closed.
size_t ValueLength(std::string_view text) {
  size_t depth = 0;
  bool quoted = false;
  size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == '(') ++depth;
    if (c == ')' && depth-- == 0) return std::string_view::npos;
    if (depth == 0 && (c == ',' || IsBlank(c))) break;
  }
  return depth == 0 && !quoted ? at : std::string_view::npos;
}

// The index of the ')' that closes the '(' at text[0]; npos when there is none.
size_t Closing(std::string_view text) {
  size_t depth = 0;
  bool quoted = false;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"') quoted = !quoted;
    if (quoted) continue;
    if (text[at] == '(') ++depth;
    if (text[at] == ')' && --depth == 0) return at;
  }
  return std::string_view::npos;
}

}  // namespace

bool IsBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsBlank(text.back())) text.remove_suffix(1);
  return text;
}

bool WordReader::Next(TextWord* word, Blame* blame) {
  while (!rest_.empty() && (rest_.front() == ',' || IsBlank(rest_.front()))) rest_.remove_prefix(1);
  if (rest_.empty()) return false;
  const std::string_view start = rest_;
  *word = {};
  bool quoted = false;
  size_t at = 0;
  for (; at < rest_.size(); ++at) {
    const char c = rest_[at];
    if (c == '"') quoted = !quoted;
    if (!quoted && (c == ',' || IsBlank(c) || separators_.find(c) != std::string_view::npos)) break;
  }
  failed_ = quoted;
  if (failed_) return blame->Set(start, "the quotes are not closed");
  word->key = rest_.substr(0, at);
  rest_.remove_prefix(at);
  std::string_view behind = rest_;
  while (!behind.empty() && IsBlank(behind.front())) behind.remove_prefix(1);
  const char next = behind.empty() ? '\0' : behind.front();
  if (next == '(' && separators_.find('(') != std::string_view::npos &&
      behind.data() == rest_.data()) {
    const size_t closing = Closing(behind);
    failed_ = closing == std::string_view::npos;
    if (failed_) return blame->Set(behind, "the parenthesis is not closed");
    word->separator = '(';
    word->value = behind.substr(1, closing - 1);
    rest_ = behind.substr(closing + 1);
  } else if (next != '\0' && next != '(' && separators_.find(next) != std::string_view::npos) {
    behind.remove_prefix(1);
    while (!behind.empty() && IsBlank(behind.front())) behind.remove_prefix(1);
    const size_t length = ValueLength(behind);
    failed_ = length == std::string_view::npos;
    if (failed_) return blame->Set(behind, "parentheses or quotes are not closed");
    word->separator = next;
    word->value = behind.substr(0, length);
    rest_ = behind.substr(length);
  }
  word->all = start.substr(0, static_cast<size_t>(rest_.data() - start.data()));
  return true;
}

bool WordReader::ReadTarget(TextWord* word, Blame* blame) {
  constexpr std::string_view kArrow = "->";
  if (word->separator != '(' || rest_.substr(0, kArrow.size()) != kArrow) return true;
  const std::string_view target = rest_.substr(kArrow.size());
  const size_t length = ValueLength(target);
  failed_ = length == std::string_view::npos;
  if (failed_) return blame->Set(target, "parentheses or quotes are not closed");
  word->target = target.substr(0, length);
  rest_ = target.substr(length);
  word->all = {word->all.data(), static_cast<size_t>(rest_.data() - word->all.data())};
  return true;
}

std::optional<uint64_t> ParseNumber(std::string_view text) {
  int base = 10;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    base = 16;
    text.remove_prefix(2);
  }
  uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, base);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

bool ParseNumber(std::string_view text, std::string_view name, uint64_t max, uint64_t* out,
                 Blame* blame) {
  const auto number = ParseNumber(text);
  if (!number || *number > max)
    return blame->Set(text, ToAbsl(name), " must be a number of 0 to ", max);
  *out = *number;
  return true;
}

bool ParseDottedHex(std::string_view text, std::string* bytes) {
  std::string digits;
  digits.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '.') {
      digits.push_back(text[i]);
    } else if (digits.size() % 2 != 0) {
      return false;
    }
  }
  const auto parsed = base::FromHex(digits);
  if (!parsed) return false;
  bytes->assign(parsed->begin(), parsed->end());
  return true;
}

void AppendDottedHex(std::string_view bytes, std::string* out) {
  bool first = true;
  for (const char c : bytes) {
    if (!first) out->push_back('.');
    first = false;
    const auto byte = static_cast<uint8_t>(c);
    base::AppendHex({&byte, 1}, out);
  }
}

void AppendHexNumber(uint64_t value, std::string* out) {
  std::array<char, 18> digits = {'0', 'x'};
  const auto [end, error] = std::to_chars(&digits[2], digits.data() + digits.size(), value, 16);
  out->append(digits.data(), end);
}

}  // namespace sluice::pipeline
