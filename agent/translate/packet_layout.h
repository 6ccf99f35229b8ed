// Where the headers of a packet lie: offsets, by the bytes, as the kernel's own flow extraction
// finds them (net/openvswitch/flow.c, key_extract()).
//
//   const PacketLayout layout = LayoutOf(packet, /*ethernet=*/true, 0);
//   if (layout.proto == IPPROTO_TCP && layout.transport + 4 <= packet.size()) ...
//
// Offsets may lie behind the packet's end when it is cut short: whoever uses one compares. Pure.
#pragma once

#include <cstddef>
#include <cstdint>

#include "netlink/base/bytes.h"

namespace sluice::translate {

struct PacketLayout {
  bool ethernet = true;
  uint16_t eth_type = 0;  // behind the tags; kEthTypeNone for a frame with a length
  size_t network = 0;     // of what the type tells of
  // Of IP: the protocol behind all extension headers, and where it begins. 0 when that cannot be
  // told, or in a fragment that is not the first.
  uint8_t proto = 0;
  size_t transport = 0;
  bool fragment = false;
  bool later = false;  // a fragment that is not the first
  // The destination is not the last one: checksums cover another address (IPv6, routing header).
  bool routed = false;

  // Finds what is behind `network`, by eth_type.
  void ReadNetwork(base::ByteView packet);

 private:
  void ReadIpv4(base::ByteView packet);
  void ReadIpv6(base::ByteView packet);
};

// `eth_type` is that of a packet without Ethernet header.
PacketLayout LayoutOf(base::ByteView packet, bool ethernet, uint16_t eth_type);

// The length that the kernel's CHECK_PKT_LEN compares (net/openvswitch/actions.c): the packet from
// its Ethernet header on, without a frame check sequence and without its outermost VLAN tag, which
// the kernel keeps beside the bytes; of a packet that it made of fragments, that of the largest
// fragment (`mru`, of layer 3; 0: none). It also counts a packet that is yet to be cut into
// segments as long as one of these, but user space gets such a packet in segments.
size_t CheckedLength(base::ByteView packet, const PacketLayout& layout, uint16_t mru);

}  // namespace sluice::translate
