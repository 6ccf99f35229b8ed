// A packet made up from a flow key: Ethernet, tags, labels, ARP, IPv4, IPv6, TCP, UDP, SCTP, ICMP
// and neighbour discovery, with lengths and checksums as they must be.
//
// What the key says is in the packet; what it leaves open is as a host would send it, and all else
// zero: a TTL of 64, a payload of zero bytes. The kernel reads the same key from it again.
//
//   SLUICE_ASSIGN_OR_RETURN(ByteVector packet, ComposePacket(key, mask, {.size = 64}));
#pragma once

#include "absl/status/statusor.h"
#include "netlink/base/bytes.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::dpctl {

struct ComposeOptions {
  size_t size = 0;  // of the packet, with its headers; less than these need: just the headers
};

// `mask` tells what the key says. kInvalidArgument for what cannot be made up: NSH, IPv6 extension
// headers other than that of fragments, a packet without Ethernet header.
absl::StatusOr<base::ByteVector> ComposePacket(const ovs::FlowKey& key, const ovs::FlowKey& mask,
                                               const ComposeOptions& options);

}  // namespace sluice::dpctl
