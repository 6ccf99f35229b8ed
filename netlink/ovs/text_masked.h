// What the hooks for numbers with masks have in common. Used by the text_*.cc of this folder only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "netlink/attr/text.h"

namespace sluice::ovs {

// The mask's byte at `i`; a missing one is zero, and an exact value has all ones.
inline uint8_t MaskByte(attr::MaskView mask, size_t i) {
  if (mask.exact) return 0xff;
  return i < mask.bytes.size() ? mask.bytes[i] : 0;
}

// Appends "name=value", and "/mask" where the mask is partial. Nothing when wildcarded.
inline void AppendMasked(std::string_view name, uint32_t value, uint32_t mask, uint32_t full,
                         attr::Format format, bool verbose, std::string* out) {
  if (mask == 0 && !verbose) return;
  if (out->back() != '(' && out->back() != '{') out->push_back(',');
  out->append(name).push_back('=');
  attr::AppendNumber(value, format, out);
  if (mask == full) return;
  out->push_back('/');
  attr::AppendNumber(mask, attr::Format::kHex, out);
}

// "name=" NUMBER [ "/" NUMBER ], with a comma before it unless it is the first.
inline bool ParseMasked(attr::Parser& parser, uint64_t max, uint64_t* value, uint64_t* mask) {
  *mask = max;
  if (!parser.Expect('=') || !parser.Number(max, value)) return false;
  return !parser.Accept('/') || parser.Number(max, mask);
}

}  // namespace sluice::ovs
