// The fields of a packet, read from its bytes as the kernel would: for tests of what we do to
// bytes. Written apart from the agent's own reader. Checksums are verified.
//
//   const ReadPacket read = ReadBytes(bytes, packet_that_it_was);
//   CHECK(read.fault.empty());
#pragma once

#include <string>
#include <vector>

#include "agent/pipeline/fields.h"
#include "netlink/base/bytes.h"

namespace sluice::testing {

struct ReadPacket {
  pipeline::Fields fields;
  // Behind those that Fields shows, from the outside in.
  std::vector<pipeline::Fields::Vlan> deeper_tags;
  std::vector<base::Be32> deeper_labels;
  std::string fault;  // what is wrong with the packet
};

// `came_with` tells what is not in the bytes: port, mark, tunnel and so on. Only Ethernet.
ReadPacket ReadBytes(base::ByteView bytes, const pipeline::Fields& came_with);

}  // namespace sluice::testing
