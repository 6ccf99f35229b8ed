#include "agent/pipeline/match.h"

namespace sluice::pipeline {

Match::Match(const Fields& value, const Fields& mask) {
  size_t count = 0;
  for (size_t i = 0; i < kFieldWords; ++i) {
    if (Word(mask, i) == 0) continue;
    map_ |= uint64_t{1} << i;
    ++count;
  }
  words_.reserve(2 * count);
  for (uint64_t map = map_; map != 0; map &= map - 1) {
    const auto word = static_cast<size_t>(std::countr_zero(map));
    words_.push_back(Word(value, word) & Word(mask, word));
    words_.push_back(Word(mask, word));
  }
}

Fields Match::Value() const {
  Fields fields;
  size_t at = 0;
  for (uint64_t map = map_; map != 0; map &= map - 1, at += 2)
    SetWord(&fields, static_cast<size_t>(std::countr_zero(map)), words_[at]);
  return fields;
}

Fields Match::Mask() const {
  Fields fields;
  size_t at = 1;
  for (uint64_t map = map_; map != 0; map &= map - 1, at += 2)
    SetWord(&fields, static_cast<size_t>(std::countr_zero(map)), words_[at]);
  return fields;
}

bool Match::Covers(const Match& narrower) const {
  if ((map_ & ~narrower.map_) != 0) return false;
  size_t at = 0, theirs = 0;
  for (uint64_t map = narrower.map_; map != 0; map &= map - 1, theirs += 2) {
    if ((map_ & map & -map) == 0) continue;
    const uint64_t mask = words_[at + 1];
    if ((mask & ~narrower.words_[theirs + 1]) != 0) return false;
    if ((narrower.words_[theirs] & mask) != words_[at]) return false;
    at += 2;
  }
  return true;
}

std::string ToString(const Match& match, const PortNames* ports) {
  std::string text;
  AppendMatch(match, ports, &text);
  return text;
}

}  // namespace sluice::pipeline
