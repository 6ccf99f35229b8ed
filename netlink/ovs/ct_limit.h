// How many connections a zone may have: the ovs_ct_limit family.
//
// Limits hold for the network namespace's connections that openvswitch commits, whatever the
// datapath. CtLimits borrows a Client and is as thread-compatible as that. Get() needs no
// privilege, the rest CAP_NET_ADMIN. Errors are those of socket::Client; kUnavailable when the
// kernel has no such family: Linux before 4.18, or one built without CONFIG_NETFILTER_CONNCOUNT.
//
//   CtLimits limits(&client);
//   SLUICE_RETURN_IF_ERROR(limits.Set(dp.ifindex, {{kDefaultZone, 1000, 0}, {5, 10, 0}}));
#pragma once

#include <linux/openvswitch.h>

#include <cstdint>
#include <span>
#include <vector>

#include "netlink/socket/client.h"

namespace sluice::ovs {

inline constexpr int kDefaultZone = OVS_ZONE_LIMIT_DEFAULT_ZONE;  // of zones without their own

struct ZoneLimit {
  int zone = kDefaultZone;
  uint32_t limit = 0;  // 0: none
  uint32_t count = 0;  // connections now; told by the kernel
  friend bool operator==(const ZoneLimit&, const ZoneLimit&) = default;
};

class CtLimits {
 public:
  explicit CtLimits(socket::Client* client) : client_(client) {}

  // The default, then the zones: all that have a limit, or those asked for.
  absl::StatusOr<std::vector<ZoneLimit>> Get(int dp_ifindex, std::span<const uint16_t> zones = {});
  absl::Status Set(int dp_ifindex, std::span<const ZoneLimit> limits);
  // Of zones, or kDefaultZone. One without a limit of its own is no error.
  absl::Status Delete(int dp_ifindex, std::span<const int> zones);

 private:
  absl::StatusOr<socket::Request> NewRequest(uint8_t command, int dp_ifindex,
                                             std::span<const ZoneLimit> limits,
                                             std::string_view label);
  socket::Client* client_;
};

// A message of the family. kDataLoss, and a counter, when it is malformed.
absl::StatusOr<std::vector<ZoneLimit>> ParseZoneLimits(const socket::Message& message);

// What the table decodes into; borrows the message.
struct CtLimitAttributes {
  uint64_t present = 0;
  base::ByteView limits;
};

}  // namespace sluice::ovs
