// All that is known of a packet in the middle of its way, when the datapath takes it over to look
// at it anew (recirculation): what the translation of its second half begins with.
//
// What lies in the packet, or in what the kernel notes of it, comes back with the packet. Here is
// the rest: where to go on, registers, metadata and an in_port that rules set, the stack, the
// action set, and the tunnel that actions asked for. A value; equal states have equal bytes, on
// every machine and in every run.
//
//   FrozenState state = {.table = 3};
//   const base::ByteVector bytes = BytesOf(state);
#pragma once

#include <cstdint>
#include <vector>

#include "absl/numeric/int128.h"
#include "agent/pipeline/action.h"
#include "agent/pipeline/fields.h"
#include "netlink/base/bytes.h"

namespace sluice::translate {

struct FrozenState {
  uint32_t id = 0;  // once it is among the Recirculations
  // How many recirculations there were, this one included.
  uint8_t depth = 1;
  uint8_t table = 0;  // where to go on
  // Whether rules may see what connection tracking says of the packet: not after a ct() whose
  // result was not asked for.
  bool shows_conntrack = true;
  // The queue that pop_queue goes back to is `priority`; else what the packet comes with.
  bool has_priority = false;
  uint32_t priority = 0;
  uint32_t mirrored = 0;  // a bit for each mirror that has its copy
  // Values of what is in front of Fields::eth_src, and which of them are the same for all packets.
  pipeline::Fields values, bits;
  std::vector<absl::uint128> stack;
  pipeline::ActionList set;
};

// All but the id.
base::ByteVector BytesOf(const FrozenState& state);
// The same number for the same bytes for ever: 1 to 2^31 - 1.
uint32_t HashOf(base::ByteView bytes);

}  // namespace sluice::translate
