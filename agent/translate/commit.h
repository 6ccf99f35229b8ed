// Brings the datapath's copy of a packet to where the pipeline is: the actions that set, with
// masks, exactly the bits that were written, and that pop and push the tags that changed.
//
// Called before each output and before whatever the datapath does with the packet as it is then, so
// that changes nobody sees cost nothing. What says which attribute sets what is one table in the
// source: a row for each OVS_KEY_ATTR_* that Linux lets be set (net/openvswitch/flow_netlink.c,
// validate_set()).
//
//   if (!Commit(&state, &actions)) // a header that the kernel cannot change: the slow path
#pragma once

#include "agent/translate/packet_state.h"
#include "netlink/ovs/action_list.h"

namespace sluice::translate {

// False when something was written that the kernel has no action for (ARP, neighbour discovery,
// ICMP, an inner label): everything else is committed, that stays pending.
[[nodiscard]] bool Commit(PacketState* state, ovs::ActionList* actions);

}  // namespace sluice::translate
