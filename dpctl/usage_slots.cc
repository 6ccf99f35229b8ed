#include "dpctl/usage_slots.h"

#include <algorithm>
#include <cctype>
#include <set>

namespace sluice::dpctl {
namespace {

// The parts between separators that are in no bracket.
std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  size_t begin = 0;
  int depth = 0;
  for (size_t i = 0; i <= text.size(); ++i) {
    const char c = i == text.size() ? separator : text[i];
    if (c == '[') ++depth;
    if (c == ']') --depth;
    if (c != separator || (depth != 0 && i != text.size())) continue;
    if (i > begin) parts.push_back(text.substr(begin, i - begin));
    begin = i + 1;
  }
  return parts;
}

bool Bracketed(std::string_view text) {
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return false;
  int depth = 0;
  for (size_t i = 0; i + 1 < text.size(); ++i) {
    depth += text[i] == '[' ? 1 : text[i] == ']' ? -1 : 0;
    if (depth == 0) return false;
  }
  return true;
}

// `IFACE[,type=T]...` is an IFACE.
std::string Head(std::string_view word) {
  while (Bracketed(word)) word = word.substr(1, word.size() - 2);
  return std::string(word.substr(0, word.find_first_of("[,")));
}

void AddSlots(std::string_view text, bool optional, std::vector<UsageSlot>* slots) {
  constexpr std::string_view kDots = "...";
  for (std::string_view token : Split(text, ' ')) {
    const size_t end = token.size() < kDots.size() ? 0 : token.size() - kDots.size();
    // Dots behind a bracket that opens within the word belong to that.
    bool repeats = token.substr(end) == kDots;
    if (repeats) token.remove_suffix(kDots.size());
    const bool bracketed = Bracketed(token);
    if (repeats && !bracketed && token.back() == ']') repeats = false;
    if (bracketed) token = token.substr(1, token.size() - 2);
    if (bracketed && Split(token, ' ').size() > 1) {
      AddSlots(token, true, slots);
      continue;
    }
    UsageSlot slot{.alternatives = {}, .optional = optional || bracketed, .repeats = repeats};
    for (std::string_view word : Split(token, '|'))
      if (std::string head = Head(word); head.size() < 2 || head[0] != '-')
        slot.alternatives.push_back(std::move(head));
    if (!slot.alternatives.empty()) slots->push_back(std::move(slot));
  }
}

// Whether an argument can be what an alternative means, as far as its look tells.
bool Fits(const std::string& alternative, const std::string& argument) {
  if (alternative == "DP" || alternative == "IFACE" || alternative == "PORTNO")
    return argument.find_first_of(alternative == "DP" ? "=(," : "(") == std::string::npos;
  const bool meant = std::any_of(alternative.begin(), alternative.end(),
                                 [](unsigned char c) { return std::isupper(c) != 0; });
  if (!meant) return argument == alternative;
  const size_t key = alternative.find('=');
  if (key == std::string::npos || std::isupper(static_cast<unsigned char>(alternative[0])) != 0)
    return true;
  return argument.compare(0, key + 1, alternative, 0, key + 1) == 0;
}

// `[zone=N]`, whose key tells it apart.
bool IsKeyed(const UsageSlot& slot) {
  return slot.optional && slot.alternatives.size() == 1 &&
         slot.alternatives[0].find('=') != std::string::npos;
}

void Reach(std::span<const UsageSlot> slots, size_t at, std::set<size_t>* reached) {
  for (;; ++at) {
    reached->insert(at);
    if (at == slots.size() || !slots[at].optional) return;
  }
}

}  // namespace

std::vector<UsageSlot> UsageSlots(std::string_view arguments) {
  std::vector<UsageSlot> slots;
  AddSlots(arguments, false, &slots);
  return slots;
}

std::vector<const UsageSlot*> NextSlots(std::span<const UsageSlot> slots,
                                        std::span<const std::string> given) {
  std::set<size_t> at;
  Reach(slots, 0, &at);
  for (const std::string& argument : given) {
    std::set<size_t> next;
    for (const size_t i : at) {
      if (i == slots.size()) continue;
      const auto& alternatives = slots[i].alternatives;
      if (std::none_of(alternatives.begin(), alternatives.end(),
                       [&](const std::string& one) { return Fits(one, argument); }))
        continue;
      Reach(slots, i + 1, &next);
      if (slots[i].repeats) next.insert(i);
      // Those with keys may stand in any order among themselves.
      for (size_t j = i; j-- > 0 && IsKeyed(slots[i]) && IsKeyed(slots[j]);) next.insert(j);
    }
    at = std::move(next);
  }
  std::vector<const UsageSlot*> found;
  for (const size_t i : at)
    if (i < slots.size()) found.push_back(&slots[i]);
  return found;
}

}  // namespace sluice::dpctl
