// Any bytes are a configuration or a list of errors: no exception, and one line for each error.
#include <cstdlib>
#include <string_view>

#include "absl/strings/match.h"
#include "agent/daemon/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 16 * 1024) return 0;  // yaml-cpp's time grows faster than its input
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = sluice::daemon::ParseConfig(text, "f");
  if (config.ok()) {
    for (const auto& bridge : config->bridges)
      if (bridge.name.empty()) std::abort();
  } else if (!absl::StartsWith(config.status().message(), "f:")) {
    std::abort();
  }
  return 0;
}
