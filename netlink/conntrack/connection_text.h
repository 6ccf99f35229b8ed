// Connections as text and as JSON: text is the line of ovs-dpctl(8)'s dump-conntrack.
//
//   tcp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1000,dport=80),reply=(..),zone=5,
//   protoinfo=(state=SYN_SENT)
//
// Pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "netlink/conntrack/connection.h"
#include "netlink/conntrack/timeouts.h"

namespace sluice::conntrack {

using Json = nlohmann::ordered_json;

struct ConnectionTextOptions {
  bool verbose = false;     // id, status, both states of TCP, the parent, unknown attributes
  bool statistics = false;  // packets and bytes, begin and end, timeout
};

// Appends the line, without its end.
void AppendConnection(const Connection& connection, const ConnectionTextOptions& options,
                      std::string* out);
// An object with all that is known; what the kernel did not tell is null or left out.
Json ConnectionToJson(const Connection& connection);

// "established=300,close=10": what a policy's timeouts are.
std::string TimeoutsText(const TimeoutPolicy& policy);
// {"established":300,"close":10}
Json TimeoutsToJson(const TimeoutPolicy& policy);
// The attributes that such a text means for a protocol. An error has a caret at the place.
absl::StatusOr<base::ByteVector> ParseTimeouts(uint8_t protocol, std::string_view text);

}  // namespace sluice::conntrack
