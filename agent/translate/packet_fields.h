// The fields of a packet, read from its bytes: those that the kernel would find
// (net/openvswitch/flow.c, key_extract()), for packets that no kernel has seen, as those of a
// trace.
//
//   const Fields packet = FieldsOfPacket(bytes, came_with);
//
// Headers that are cut short read as the kernel reads them: as zero. Pure.
#pragma once

#include "agent/pipeline/fields.h"
#include "netlink/base/bytes.h"

namespace sluice::translate {

// What kernels hand over begins with an Ethernet header.
inline constexpr size_t kShortestPacket = 14;

// `came_with` tells what is not in the bytes: port, marks, tunnel, connection. Fewer bytes than
// kShortestPacket read as a packet of zeros.
pipeline::Fields FieldsOfPacket(base::ByteView packet, const pipeline::Fields& came_with);

// Whether `fields` say anything that a packet carries itself.
bool TellOfHeaders(const pipeline::Fields& fields);

}  // namespace sluice::translate
