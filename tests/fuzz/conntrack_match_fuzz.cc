// Any text is taken as the arguments of a filter of connections, one a line, and as timeouts; or it
// is refused with a caret.
#include <cstdlib>
#include <string_view>

#include "netlink/conntrack/connection_match.h"
#include "netlink/conntrack/connection_text.h"

namespace conntrack = sluice::conntrack;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view text(reinterpret_cast<const char*>(data + 1), size - 1);
  if (const auto timeouts = conntrack::ParseTimeouts(data[0], text); timeouts.ok()) {
    // Written anew, they are read to the same bytes.
    conntrack::TimeoutPolicy policy;
    policy.protocol = data[0];
    policy.timeouts = *timeouts;
    const auto again = conntrack::ParseTimeouts(data[0], TimeoutsText(policy));
    if (!again.ok() || *again != *timeouts) std::abort();
  }
  conntrack::ConnectionMatch match;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    if (!match.Add(text.substr(0, end)).ok()) return 0;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  (void)match.Matches({});
  (void)match.family();
  if (match.original.empty() && match.original.Whole()) std::abort();
  return 0;
}
