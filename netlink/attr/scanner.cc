#include "netlink/attr/scanner.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "netlink/base/status.h"

namespace sluice::attr {
namespace {

constexpr char kOffsetUrl[] = "sluice/text-offset";
constexpr char kTextUrl[] = "sluice/text";
constexpr size_t kUsualColumns = 98;  // and two for the indentation

bool IsBlank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsHexDigit(char c) { return IsDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool IsWordCharacter(char c) {
  return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' ||
         c == '.';
}

// How many characters at the front of `text` are a number; 0 for none.
size_t LeadingNumber(std::string_view text, uint64_t* out, bool* too_large) {
  int base = 10;
  size_t prefix = 0;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    base = 16;
    prefix = 2;
  } else if (text.size() > 1 && text[0] == '0' && IsDigit(text[1])) {
    base = 8;
    prefix = 1;
  }
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + prefix, end, *out, base);
  *too_large = error == std::errc::result_out_of_range;
  if (error == std::errc::invalid_argument) return 0;
  return static_cast<size_t>(stop - text.data());
}

}  // namespace

void Scanner::SkipBlanks() {
  while (position_ < text_.size() && IsBlank(text_[position_])) ++position_;
}

bool Scanner::AtEnd() {
  SkipBlanks();
  return position_ == text_.size();
}

char Scanner::Peek() {
  SkipBlanks();
  return position_ < text_.size() ? text_[position_] : '\0';
}

bool Scanner::AfterBlank() const { return position_ > 0 && IsBlank(text_[position_ - 1]); }

bool Scanner::Accept(char c) {
  if (AtEnd() || text_[position_] != c) return false;
  ++position_;
  return true;
}

bool Scanner::AcceptWord(std::string_view word) {
  const size_t start = position_;
  if (Word() == word) return true;
  position_ = start;
  return false;
}

bool Scanner::Expect(char c) {
  if (Accept(c)) return true;
  const char quoted[] = {'\'', c, '\'', '\0'};
  return Fail(quoted);
}

std::string_view Scanner::Word() {
  SkipBlanks();
  const size_t start = position_;
  while (position_ < text_.size() && IsWordCharacter(text_[position_])) ++position_;
  return text_.substr(start, position_ - start);
}

std::string_view Scanner::Token() {
  SkipBlanks();
  const size_t start = position_;
  position_ = std::min(text_.find_first_of(",()/{}= \t\n\v\f\r", start), text_.size());
  return text_.substr(start, position_ - start);
}

bool Scanner::Number(uint64_t max, uint64_t* out) {
  SkipBlanks();
  bool too_large = false;
  uint64_t number = 0;
  const size_t length = LeadingNumber(rest(), &number, &too_large);
  if (length == 0) return Fail("a number");
  if (too_large || number > max) return Fail(absl::StrCat("a number of at most ", max));
  position_ += length;
  *out = number;
  return true;
}

bool Scanner::Hex(base::ByteVector* out) {
  SkipBlanks();
  const size_t start = position_;
  const bool prefixed = text_.substr(position_, 2) == "0x";
  if (prefixed) position_ += 2;
  std::string digits;
  for (; position_ < text_.size(); ++position_) {
    const char c = text_[position_];
    if (c == ' ') continue;
    if (!IsHexDigit(c)) break;
    digits.push_back(c);
  }
  if (digits.size() % 2 != 0 && prefixed) digits.insert(digits.begin(), '0');
  const auto bytes = base::FromHex(digits);
  if (!bytes) return FailAt(start, "pairs of hexadecimal digits");
  out->insert(out->end(), bytes->begin(), bytes->end());
  return true;
}

bool Scanner::Fail(std::string_view expected) {
  SkipBlanks();
  return FailAt(position_, expected);
}

bool Scanner::FailAt(size_t offset, std::string_view expected) {
  if (!failed()) {
    error_ = absl::StrCat("expected ", base::ToAbsl(expected));
    error_offset_ = std::min(offset, text_.size());
  }
  return false;
}

absl::Status Scanner::status() const {
  if (!failed()) return absl::OkStatus();
  return TextError(text_, error_offset_, error_);
}

std::optional<uint64_t> WholeNumber(std::string_view token) {
  uint64_t number = 0;
  bool too_large = false;
  if (token.empty() || LeadingNumber(token, &number, &too_large) != token.size() || too_large)
    return std::nullopt;
  return number;
}

std::string PlaceInText(std::string_view text, size_t offset, size_t width) {
  constexpr std::string_view kCut = "...";
  constexpr size_t kLeast = 20;
  width = std::max(width, kLeast);
  offset = std::min(offset, text.size());
  size_t begin = 0;
  // The caret may stand behind the last character.
  if (text.size() >= width) {
    const size_t before = width * 2 / 3;
    begin = std::min(offset > before ? offset - before : 0, text.size() + 1 - width);
  }
  const bool cut_behind = text.size() > begin + width;
  std::string line(text.substr(begin, width));
  for (char& c : line) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' || byte == 0x7f) c = ' ';
    if (byte > 0x7f) c = '?';
  }
  if (begin != 0) line.replace(0, kCut.size(), kCut);
  if (cut_behind) line.replace(line.size() - kCut.size(), kCut.size(), kCut);
  return absl::StrCat(line, "\n", std::string(offset - begin, ' '), "^");
}

absl::Status TextError(std::string_view text, size_t offset, std::string_view reason) {
  std::string place = PlaceInText(text, offset, kUsualColumns);
  place.insert(place.find('\n') + 1, "  ");
  absl::Status status =
      absl::InvalidArgumentError(absl::StrCat(base::ToAbsl(reason), "\n  ", place));
  status.SetPayload(kOffsetUrl, absl::Cord(absl::StrCat(offset)));
  status.SetPayload(kTextUrl, absl::Cord(base::ToAbsl(text)));
  return status;
}

std::optional<std::string> TextErrorText(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kTextUrl);
  if (!payload) return std::nullopt;
  return std::string(*payload);
}

std::optional<size_t> TextErrorOffset(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kOffsetUrl);
  size_t offset = 0;
  if (!payload || !absl::SimpleAtoi(std::string(*payload), &offset)) return std::nullopt;
  return offset;
}

}  // namespace sluice::attr
