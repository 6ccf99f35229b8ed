// What a rule matches: values of fields under a mask, stored without the words of which it needs
// no bit.
//
// Immutable once made and cheap to keep by the hundred thousand: two words for each word of Fields
// that has a bit in the mask. Text is that of ovs-ofctl(8): `tcp,nw_dst=10.0.0.0/24,tp_dst=80`.
//
//   SLUICE_ASSIGN_OR_RETURN(Match match, ParseMatch("ip,nw_dst=10.0.0.0/24", nullptr));
//   if (match.Matches(packet)) ...
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/pipeline/fields.h"
#include "agent/pipeline/ports.h"

namespace sluice::pipeline {

class Match {
 public:
  // Matches every packet.
  Match() = default;
  // Bits of `value` outside of `mask` are ignored.
  Match(const Fields& value, const Fields& mask);

  Fields Value() const;
  Fields Mask() const;
  bool Matches(const Fields& packet) const {
    uint64_t difference = 0;
    size_t at = 0;
    for (uint64_t map = map_; map != 0; map &= map - 1, at += 2) {
      const auto word = static_cast<size_t>(std::countr_zero(map));
      difference |= (Word(packet, word) & words_[at + 1]) ^ words_[at];
    }
    return difference == 0;
  }
  // Whether every packet that `narrower` matches is matched by this too.
  bool Covers(const Match& narrower) const;
  bool IsCatchAll() const { return map_ == 0; }

  friend bool operator==(const Match&, const Match&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Match& match) {
    return H::combine(std::move(h), match.map_, match.words_);
  }

 private:
  static_assert(kFieldWords <= 64, "more words need more maps");
  uint64_t map_ = 0;             // bit i: word i of Fields is in words_
  std::vector<uint64_t> words_;  // for each, value and mask
};

// Value and mask while a match is put together.
struct MatchBuilder {
  Fields value, mask;

  Match Build() const { return {value, mask}; }
};

// One word of a match: `tcp`, or a field with its value (`text`, null for a word alone). False
// with a blame for what cannot be; prerequisites are checked by CheckPrerequisites(), when all
// words are there.
bool AddToMatch(std::string_view key, std::string_view text, const PortNames* ports,
                MatchBuilder* match, Blame* blame);
// Whether `key` begins a word of a match: a shorthand, or a field.
bool IsMatchWord(std::string_view key);
// Whether each field that `text` names has in the match what gives it a meaning.
bool CheckPrerequisites(const MatchBuilder& match, std::string_view text, Blame* blame);

// The whole of `text`. Errors are kInvalidArgument, with the line and a caret.
absl::StatusOr<Match> ParseMatch(std::string_view text, const PortNames* ports);
// Reads back to the same match if its prerequisites hold. Nothing for a match of everything.
void AppendMatch(const Match& match, const PortNames* ports, std::string* out);
void AppendMatch(const Fields& value, const Fields& mask, const PortNames* ports, std::string* out);
std::string ToString(const Match& match, const PortNames* ports = nullptr);

}  // namespace sluice::pipeline
