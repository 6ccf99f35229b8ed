// All that is known of a packet in the middle of its way, when the datapath takes it over to look
// at it anew (recirculation): what the translation of its second half begins with.
//
// What lies in the packet, or in what the kernel notes of it, comes back with the packet. Here is
// what does not: where to go on, what is still to do of the lists of actions that were broken off,
// registers, metadata and an in_port that rules set, the stack, the action set, and the tunnel that
// actions asked for. Actions are kept as they are, not as places in a rule that may be gone by
// then. A value; equal states have equal bytes, on every machine and in every run.
//
//   FrozenState state = {.table = 3};
//   const base::ByteVector bytes = BytesOf(state);
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/numeric/int128.h"
#include "agent/pipeline/action.h"
#include "agent/pipeline/fields.h"
#include "netlink/base/bytes.h"

namespace sluice::translate {

// Whose actions are taken: what they tell of themselves, and where a resubmit without a table goes.
struct Origin {
  uint8_t table = 0;
  uint64_t cookie = 0;
};

// A list of actions that was broken off: what is still to do of it.
struct Rest {
  Origin origin;
  pipeline::ActionList actions;
};

// A hash that the datapath worked out of the packet, which has it in dp_hash since.
struct DatapathHash {
  uint32_t algorithm = 0;  // OVS_HASH_ALG_*
  uint32_t basis = 0;
  friend bool operator==(const DatapathHash&, const DatapathHash&) = default;
};

struct FrozenState {
  uint32_t id = 0;  // once it is among the Recirculations
  // How many recirculations there were, this one included.
  uint8_t depth = 1;
  // Where to go on: a table to search, as if the packet came by `search_port` if there is one;
  // then what is left of the lists, the innermost first; at the end the action set.
  std::optional<uint8_t> table;
  std::optional<uint32_t> search_port;
  std::vector<Rest> rest;
  // Not of a copy, nor when the set is being carried out already.
  bool carries_out_set = true;
  std::optional<DatapathHash> hash;
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
