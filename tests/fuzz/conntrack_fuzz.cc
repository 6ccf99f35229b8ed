// Any datagram is read as connection, event, statistics, timeout policy and limits; what was read
// is written as text and JSON, and named in a request. The messages may be of any type: each is
// read as all of them.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "netlink/attr/wire.h"
#include "netlink/conntrack/connection_match.h"
#include "netlink/conntrack/connection_text.h"
#include "netlink/conntrack/connections.h"
#include "netlink/conntrack/events.h"
#include "netlink/ovs/ct_limit.h"

namespace conntrack = sluice::conntrack;
namespace socket_ = sluice::socket;

namespace {

void ReadConnection(const socket_::Message& message) {
  const auto connection = conntrack::ParseConnection(message);
  const auto event = conntrack::ParseEvent(
      {.kind = socket_::EventKind::kMessage, .family = {}, .message = message});
  if (connection.ok() == (event.kind == conntrack::EventKind::kOverrun)) std::abort();
  if (!connection.ok()) return;
  for (const bool more : {false, true}) {
    std::string text;
    AppendConnection(*connection, {.verbose = more, .statistics = more}, &text);
    if (text.find('\n') != std::string::npos) std::abort();
  }
  (void)ConnectionToJson(*connection)
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  sluice::base::ByteVector bytes;
  sluice::attr::Writer writer(&bytes);
  EncodeIdentity(*connection, &writer);
  conntrack::ConnectionMatch match;
  if (!match.Matches(*connection)) std::abort();
}

void ReadPolicy(const socket_::Message& message) {
  const auto policy = conntrack::ParseTimeoutPolicy(message);
  if (!policy.ok()) return;
  (void)TimeoutsText(*policy);
  (void)TimeoutsToJson(*policy).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  for (const socket_::Message& message : socket_::MessageWalk({data, size})) {
    ReadConnection(message);
    ReadPolicy(message);
    (void)conntrack::ParseCpuStats(message);
    (void)conntrack::ParseGlobalStats(message);
    (void)sluice::ovs::ParseZoneLimits(message);
  }
  return 0;
}
