// Port numbers in attributes, replaced in place wherever a table says that one stands
// (Format::kPort): in keys, in actions, and in the actions inside those. Pure.
//
// What a table does not describe keeps its bytes: unknown attributes, and the userdata of upcalls.
//
//   ByteVector actions = ...;
//   const size_t outputs = ReplacePort(ovs::kActionTable, {}, 1, 7, &actions);
#pragma once

#include "netlink/attr/table.h"

namespace sluice::attr {

// Turns `from` into `to` and tells how many there were. `mask` is that of a key; a port that it
// does not select is no port number, and stays.
size_t ReplacePort(const Table& table, MaskView mask, uint32_t from, uint32_t to,
                   ByteVector* attributes);

}  // namespace sluice::attr
