#include "agent/pipeline/ports.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "agent/pipeline/text_words.h"

namespace sluice::pipeline {
namespace {

struct Reserved {
  std::string_view name;
  uint32_t port;
};
constexpr Reserved kReserved[] = {
    {"IN_PORT", kPortInPort}, {"TABLE", kPortTable}, {"NORMAL", kPortNormal},
    {"FLOOD", kPortFlood},    {"ALL", kPortAll},     {"CONTROLLER", kPortController},
    {"LOCAL", kPortLocal},    {"NONE", kPortNone},   {"ANY", kPortNone},
};
constexpr uint32_t kLowestReserved = 0xfffffff8;
constexpr uint32_t kReservedLocal = 0xfffffffe;

const Reserved* FindReserved(std::string_view name) {
  const auto* const found =
      std::find_if(std::begin(kReserved), std::end(kReserved), [name](const Reserved& row) {
        return absl::EqualsIgnoreCase(ToAbsl(row.name), ToAbsl(name));
      });
  return found == std::end(kReserved) ? nullptr : found;
}

// A name that is written without quotes has nothing that separates words, is no number, and no
// reserved name.
bool NeedsQuotes(std::string_view name) {
  if (name.empty() || ParseNumber(name) || FindReserved(name) != nullptr) return true;
  return !std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

}  // namespace

uint32_t PortOfNumber(uint64_t number) {
  if (number <= kMaxPort) return static_cast<uint32_t>(number);
  if (number <= 0xffff) number |= 0xffff0000;
  if (number < kLowestReserved || number > kPortNone) return kPortNone;
  return number == kReservedLocal ? kPortLocal : static_cast<uint32_t>(number);
}

bool IsReservedPort(std::string_view text) { return FindReserved(text) != nullptr; }

bool ParsePort(std::string_view text, const PortNames* names, uint32_t* port, Blame* blame) {
  if (const auto number = ParseNumber(text)) {
    *port = PortOfNumber(*number);
    const bool none = *number == 0xffff || *number == kPortNone;
    if (*port == kPortNone && !none)
      return blame->Set(text, "a port is a number of 0 to ", kMaxPort, ", or a name");
    return true;
  }
  if (const Reserved* reserved = FindReserved(text)) {
    *port = reserved->port;
    return true;
  }
  std::string_view name = text;
  if (name.size() >= 2 && name.front() == '"' && name.back() == '"')
    name = name.substr(1, name.size() - 2);
  const auto known = names != nullptr ? names->NumberOf(name) : std::nullopt;
  if (!known) return blame->Set(text, "there is no port ", ToAbsl(name));
  *port = *known;
  return true;
}

void AppendPort(uint32_t port, const PortNames* names, std::string* out) {
  if (port >= kLowestReserved || port == kPortLocal) {
    const auto* const row = std::find_if(std::begin(kReserved), std::end(kReserved),
                                         [port](const Reserved& r) { return r.port == port; });
    if (row != std::end(kReserved)) return void(out->append(row->name));
  }
  const std::string_view name = names != nullptr ? names->NameOf(port) : std::string_view();
  if (name.empty() || name.find('"') != std::string_view::npos) return absl::StrAppend(out, port);
  if (!NeedsQuotes(name)) return void(out->append(name));
  absl::StrAppend(out, "\"", ToAbsl(name), "\"");
}

}  // namespace sluice::pipeline
