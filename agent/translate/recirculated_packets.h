// The bytes that a packet has where datapath actions send it round again: for a trace, which
// follows it from there.
//
//   const std::vector<base::ByteVector> packets = RecirculatedPackets(bytes, key, actions);
//
// Pure.
#pragma once

#include <vector>

#include "netlink/base/bytes.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::translate {

// One for each recirc(), in the order of the actions, with those in clones; an empty one where only
// packets of another length get. Connection tracking
// changes nothing. Fewer when the packet is too short for a change, or its TTL runs out: what is
// behind that nobody can tell.
std::vector<base::ByteVector> RecirculatedPackets(base::ByteView packet, const ovs::FlowKey& key,
                                                  base::ByteView actions);

}  // namespace sluice::translate
