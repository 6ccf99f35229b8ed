// Takes datapath actions on one packet where the kernel alone could not: changes of headers that it
// has no action for are made in the packet's bytes, and what is between them is left to the kernel.
//
//   Replay(upcall.packet, key, mru, translation.actions.bytes(),
//          [&](ByteView packet, ByteView actions) { installer.Execute(packet, actions); });
//
// The packet is handed out, in order, once for each run of actions that lies between changes: what
// comes behind the last change of ours is one run, with all that the kernel does itself. Packets
// stay as they are while they are handed out. Lengths are compared here too: the kernel may have no
// action for that. Pure; thread-safe.
#pragma once

#include "absl/functional/function_ref.h"
#include "agent/translate/packet_rewrite.h"
#include "netlink/base/bytes.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::translate {

using SendPacket = absl::FunctionRef<void(base::ByteView packet, base::ByteView actions)>;

// How often one packet may be handed out.
inline constexpr int kMaxExecutes = 256;

// `key` is the packet's, as it came, and `mru` is what the kernel said of it: CheckedLength().
// After a fault, what was handed out before stays so.
[[nodiscard]] RewriteFault Replay(base::ByteView packet, const ovs::FlowKey& key, uint16_t mru,
                                  base::ByteView actions, SendPacket send);

// Whether the kernel has an action that sets such a header: an OVS_KEY_ATTR_*.
bool KernelSets(uint16_t attribute);

}  // namespace sluice::translate
