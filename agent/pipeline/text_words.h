// Cutting the text of rules, actions and groups into words.
//
// `KEY`, `KEY=VALUE`, `KEY:VALUE`, `KEY(VALUE)`, separated by commas or blanks. Parentheses nest
// and a quoted name is one word. All views point into the text.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "agent/pipeline/blame.h"

namespace sluice::pipeline {

bool IsBlank(char c);
std::string_view Trim(std::string_view text);

// One KEY with what belongs to it.
struct TextWord {
  std::string_view key;
  char separator = '\0';      // '=', ':' or '(' ; '\0' for a key alone
  std::string_view value{};   // without the parentheses
  std::string_view all{};     // from the key to the end of the value
  std::string_view target{};  // see WordReader::ReadTarget()
};

class WordReader {
 public:
  // `separators`: which of "=:(" may follow a key; another is part of the key.
  WordReader(std::string_view text, std::string_view separators)
      : rest_(text), separators_(separators) {}

  // False at the end, and when parentheses or quotes are not closed: then `blame` is set.
  bool Next(TextWord* word, Blame* blame);
  // Of a word that Next() has just read, `KEY(VALUE)`: the TARGET of a `->TARGET` behind it. False
  // as of Next().
  bool ReadTarget(TextWord* word, Blame* blame);
  bool failed() const { return failed_; }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  std::string_view separators_;
  bool failed_ = false;
};

// Decimal, hexadecimal with 0x; the whole of `text`.
std::optional<uint64_t> ParseNumber(std::string_view text);
// The same, with a blame that says what is allowed: "NAME must be a number of 0 to MAX".
bool ParseNumber(std::string_view text, std::string_view name, uint64_t max, uint64_t* out,
                 Blame* blame);
// `0a.0b` or `0a0b` as bytes.
bool ParseDottedHex(std::string_view text, std::string* bytes);
void AppendDottedHex(std::string_view bytes, std::string* out);
void AppendHexNumber(uint64_t value, std::string* out);

}  // namespace sluice::pipeline
