// Timeout policies: named sets of timeouts, which the action ct(commit,timeout=NAME) gives to
// connections (subsystem cttimeout, include/uapi/linux/netfilter/nfnetlink_cttimeout.h).
//
// Timeouts borrows a client of NETLINK_NETFILTER and is as thread-compatible as that. All of it
// needs CAP_NET_ADMIN. kUnavailable when the module nfnetlink_cttimeout is not loaded.
//
//   Timeouts timeouts(&client);
//   timeouts.Add({.name = "web", .family = AF_INET, .protocol = IPPROTO_TCP, .timeouts = bytes});
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "netlink/base/byte_order.h"
#include "netlink/base/bytes.h"
#include "netlink/socket/client.h"

namespace sluice::conntrack {

inline constexpr size_t kMaxPolicyName = 31;  // bytes

struct TimeoutPolicy {
  std::string name;
  uint16_t family = 0;   // AF_INET, AF_INET6
  uint8_t protocol = 0;  // IPPROTO_*
  uint32_t uses = 0;     // how many rules of nftables and iptables have it; told by the kernel
  // Attributes of the set TimeoutsOf(protocol), seconds in network order. A new policy has the
  // system's values where none is given.
  base::ByteVector timeouts;
};

class Timeouts {
 public:
  explicit Timeouts(socket::Client* client);

  absl::StatusOr<std::vector<TimeoutPolicy>> List();
  // errno EEXIST when the name is taken, unless `replace`: then the policy's timeouts are changed,
  // for connections to come. Family and protocol stay: errno EINVAL for others.
  absl::Status Add(const TimeoutPolicy& policy, bool replace);
  // errno ENOENT when there is none, EBUSY when it is in use.
  absl::Status Delete(std::string_view name);

 private:
  absl::Status Explained(const absl::Status& status);
  socket::Client* client_;
};

// A message of the kernel's about a policy. kDataLoss, and a counter, when it is malformed.
absl::StatusOr<TimeoutPolicy> ParseTimeoutPolicy(const socket::Message& message);

// What the table of policies decodes into; borrows the message.
struct PolicyAttributes {
  uint64_t present = 0;
  base::ByteView name, data;
  base::Be16 l3proto;
  uint8_t l4proto = 0;
  base::Be32 use;
};

}  // namespace sluice::conntrack
