// Brings the datapath's copy of a packet to where the pipeline is: the actions that set, with
// masks, exactly the bits that were written, and that pop and push the tags that changed.
//
// Called before each output and before whatever the datapath does with the packet as it is then, so
// that changes nobody sees cost nothing. What says which attribute sets what is one table in the
// source: a row for each OVS_KEY_ATTR_* that Linux lets be set (net/openvswitch/flow_netlink.c,
// validate_set()), and one for each that only we can set, in the bytes of the packet.
//
//   switch (Commit(&state, SetBy::kKernel, &actions)) ...
#pragma once

#include "agent/translate/packet_state.h"
#include "netlink/ovs/action_list.h"

namespace sluice::translate {

// Who carries the actions out: the kernel by itself, or we with its help (slow_path.h), for whom
// they may set what the kernel cannot.
enum class SetBy : uint8_t { kKernel, kUs };

enum class Committed : uint8_t {
  kAll,
  // Something was written that the kernel has no action for (ARP, neighbour discovery, ICMP), and
  // we have: everything else is committed, that stays pending. Of SetBy::kKernel only.
  kNeedsUs,
  // Something was written that nobody can set.
  kUnsettable,
};
[[nodiscard]] Committed Commit(PacketState* state, SetBy by, ovs::ActionList* actions);

}  // namespace sluice::translate
