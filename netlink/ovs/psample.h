// Sampled packets: the psample family, which the psample() action and tc's sample action feed.
//
// A Sample is a view of a received message: nothing is copied, and it must not outlive the buffer.
// The functions here are pure. Messages come from the multicast group kPsamplePackets, which needs
// CAP_NET_ADMIN on newer kernels.
//
//   SLUICE_ASSIGN_OR_RETURN(auto events, socket::EventSocket::OpenGeneric(
//       {{kPsampleFamily, kPsamplePackets}}));
//   events.Receive(timeout, [](const socket::Event& event) {
//     if (auto sample = ParseSample(event.message); sample.ok()) ...
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "netlink/attr/table.h"
#include "netlink/base/bytes.h"
#include "netlink/socket/message.h"

namespace sluice::ovs {

inline constexpr char kPsampleFamily[] = "psample";
inline constexpr char kPsamplePackets[] = "packets";

struct Sample {
  uint32_t group = 0;
  uint32_t sequence = 0;  // counts the group's samples: a gap tells how many were lost
  uint32_t rate = 0;      // one of so many packets, or, with `probability`, a fraction of 2^32 - 1
  bool probability = false;
  base::ByteView cookie;           // what the action gave
  base::ByteView packet;           // its beginning, as long as the action wanted
  std::optional<uint32_t> length;  // of the packet
  std::optional<uint32_t> in_ifindex, out_ifindex;
  std::optional<uint16_t> protocol;   // Ethernet type that the packet begins with; host byte order
  std::optional<uint64_t> timestamp;  // nanoseconds of the real-time clock
  std::optional<uint64_t> latency;    // nanoseconds
  std::optional<uint16_t> out_tc;
  std::optional<uint64_t> out_tc_occupancy;  // bytes
  base::ByteView tunnel_key;                 // OVS_TUNNEL_KEY_ATTR_* numbers
};

// kNotFound for a message that is no sample (a group that came or went); kDataLoss when it is
// malformed.
absl::StatusOr<Sample> ParseSample(const socket::Message& message);

// A cookie of eight bytes as ovs-vswitchd(8) writes it for IPFIX: two numbers in network byte
// order. Nullopt for other sizes.
struct ObservationPoint {
  uint32_t domain_id = 0, point_id = 0;
};
std::optional<ObservationPoint> ObservationPointOf(base::ByteView cookie);

}  // namespace sluice::ovs
