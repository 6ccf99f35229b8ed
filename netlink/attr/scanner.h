// Reads tokens of text from left to right, and tells where it went wrong.
//
// A method that returns false has set the error; the first error stays. Blanks before a token are
// skipped. The text is borrowed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "netlink/base/bytes.h"

namespace sluice::attr {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool AtEnd();
  char Peek();              // '\0' at the end
  bool AfterBlank() const;  // whether the last character that was read or skipped was a blank
  bool Accept(char c);
  bool AcceptWord(std::string_view word);  // only when no further word character follows
  bool Expect(char c);
  std::string_view Word();  // letters, digits, '_', '-', '.', possibly none
  // What stands before the next of ",()/{}=", a blank or the end.
  std::string_view Token();
  // Decimal, 0x.. or octal 0..
  bool Number(uint64_t max, uint64_t* out);
  // Digits in pairs, with or without 0x and blanks between them, up to another character.
  bool Hex(base::ByteVector* out);
  // The rest of the text, unread.
  std::string_view rest() const { return text_.substr(position_); }
  void Skip(size_t n) { position_ += n; }

  size_t position() const { return position_; }
  void Rewind(size_t position) { position_ = position; }

  // `expected` says what should stand here, or at an offset.
  bool Fail(std::string_view expected);
  bool FailAt(size_t offset, std::string_view expected);
  // Takes an error back, to try something else.
  void Forgive() { error_.clear(); }
  bool failed() const { return !error_.empty(); }
  absl::Status status() const;

 private:
  void SkipBlanks();

  std::string_view text_;
  size_t position_ = 0;
  std::string error_;
  size_t error_offset_ = 0;
};

// The number that the whole of `token` is, as Number() reads it.
std::optional<uint64_t> WholeNumber(std::string_view token);

// An error at a place, kInvalidArgument: "REASON\n  TEXT\n      ^". Of a long text only what is
// around the place.
absl::Status TextError(std::string_view text, size_t offset, std::string_view reason);
// The offset in the text at which such an error stands; nullopt for other errors.
std::optional<size_t> TextErrorOffset(const absl::Status& status);
// The whole text; nullopt for other errors.
std::optional<std::string> TextErrorText(const absl::Status& status);

// Two lines, without the end of the second: what of `text` is around `offset`, and a caret under
// it, both within `width` columns, of which there are at least 20. What was cut off is `...`; a
// character that does not have one column is shown as a blank or `?`.
std::string PlaceInText(std::string_view text, size_t offset, size_t width);

}  // namespace sluice::attr
