// Any text is a match or is refused with a place inside it; a match reads back to itself.
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/pipeline/match.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sluice;  // NOLINT(google-build-using-namespace)
  if (size > 4096) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto match = pipeline::ParseMatch(text, nullptr);
  if (!match.ok()) {
    const auto offset = attr::TextErrorOffset(match.status());
    if (!offset || *offset > size) std::abort();
    return 0;
  }
  const auto again = pipeline::ParseMatch(pipeline::ToString(*match), nullptr);
  if (!again.ok() || !(*again == *match)) std::abort();
  return 0;
}
