#include "agent/translate/packet_layout.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include "agent/pipeline/fields.h"
#include "netlink/base/byte_order.h"

namespace sluice::translate {
namespace {

using base::ByteView;

constexpr size_t kIpv4Header = 20, kIpv6Header = 40;
constexpr int kTagsSeen = static_cast<int>(pipeline::kFieldVlans);  // by the kernel
constexpr size_t kSnapHeader = 8;
constexpr size_t kRoutingLeft = 3;  // in a routing header: how many stops are left

uint16_t Word(ByteView packet, size_t at) { return base::Load<base::Be16>(&packet[at]).host(); }

bool Has(ByteView packet, size_t at, size_t size) {
  return at <= packet.size() && packet.size() - at >= size;
}

// A type behind an 802.2 header with SNAP (RFC 1042), or none.
uint16_t SnapType(ByteView packet, size_t at) {
  static constexpr uint8_t kPoints[] = {0xaa, 0xaa}, kOrganisation[] = {0, 0, 0};
  if (!Has(packet, at, kSnapHeader) || !base::Equal(packet.subspan(at, 2), kPoints) ||
      !base::Equal(packet.subspan(at + 3, 3), kOrganisation))  // whatever the control byte
    return pipeline::kEthTypeNone;
  const uint16_t type = Word(packet, at + 6);
  return type < ETH_P_802_3_MIN ? pipeline::kEthTypeNone : type;
}

// Of IPv6, and one that another header follows.
bool IsExtension(uint8_t header) {
  return header == IPPROTO_HOPOPTS || header == IPPROTO_DSTOPTS || header == IPPROTO_ROUTING ||
         header == IPPROTO_FRAGMENT || header == IPPROTO_AH;
}

bool IsTag(uint16_t eth_type) { return eth_type == ETH_P_8021Q || eth_type == ETH_P_8021AD; }

}  // namespace

void PacketLayout::ReadNetwork(ByteView packet) {
  proto = 0;
  transport = packet.size();
  fragment = later = routed = false;
  if (eth_type == ETH_P_IP) ReadIpv4(packet);
  if (eth_type == ETH_P_IPV6) ReadIpv6(packet);
}

void PacketLayout::ReadIpv4(ByteView packet) {
  if (!Has(packet, network, kIpv4Header)) return;
  const size_t header = size_t{packet[network] & 0xfU} * 4;
  if (header < kIpv4Header || !Has(packet, network, header)) return;
  const uint16_t fragment_word = Word(packet, network + 6);
  fragment = (fragment_word & 0x3fff) != 0;
  later = (fragment_word & 0x1fff) != 0;
  if (later) return;
  proto = packet[network + 9];
  transport = network + header;
}

void PacketLayout::ReadIpv6(ByteView packet) {
  if (!Has(packet, network, kIpv6Header)) return;
  uint8_t next = packet[network + 6];
  size_t at = network + kIpv6Header;
  for (;;) {
    if (next == IPPROTO_NONE) return;
    if (!IsExtension(next)) {
      proto = next;
      transport = at;
      return;
    }
    if (!Has(packet, at, 2)) return;  // the kernel looks at no more of a header than it needs
    size_t size = 8;
    const size_t units = packet[at + 1];
    if (next == IPPROTO_FRAGMENT) {
      fragment = true;
      if (!Has(packet, at, 4)) return;
      if ((Word(packet, at + 2) & 0xfff8) != 0) {
        later = !IsExtension(packet[at]);  // else the kernel gives up
        return;
      }
    } else {
      size = next == IPPROTO_AH ? (units + 2) * 4 : (units + 1) * 8;
    }
    if (next == IPPROTO_ROUTING && Has(packet, at, kRoutingLeft + 1) &&
        packet[at + kRoutingLeft] != 0)
      routed = true;
    next = packet[at];
    at += size;
  }
}

PacketLayout LayoutOf(ByteView packet, bool ethernet, uint16_t eth_type) {
  PacketLayout layout{.ethernet = ethernet, .eth_type = eth_type};
  if (ethernet) {
    layout.eth_type = 0;
    layout.network = packet.size();
    size_t at = 2 * size_t{ETH_ALEN};
    for (int tags = 0; Has(packet, at, 2); ++tags, at += 4) {
      layout.eth_type = Word(packet, at);
      layout.network = at + 2;
      if (!IsTag(layout.eth_type) || tags == kTagsSeen || !Has(packet, at, 6)) break;
      layout.eth_type = 0;
    }
    if (layout.eth_type < ETH_P_802_3_MIN && layout.network <= packet.size()) {
      layout.eth_type = SnapType(packet, layout.network);
      if (layout.eth_type != pipeline::kEthTypeNone) layout.network += kSnapHeader;
    }
  }
  layout.ReadNetwork(packet);
  return layout;
}

size_t CheckedLength(ByteView packet, const PacketLayout& layout, uint16_t mru) {
  constexpr size_t kTypeAt = 2 * size_t{ETH_ALEN}, kTag = 4;
  const bool tagged =
      layout.ethernet && Has(packet, kTypeAt, kTag + 2) && IsTag(Word(packet, kTypeAt));
  const size_t beside = tagged ? kTag : 0;
  return (mru != 0 ? layout.network + mru : packet.size()) - beside;
}

}  // namespace sluice::translate
