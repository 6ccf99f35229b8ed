#include "agent/translate/packet_fields.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "agent/translate/packet_layout.h"

namespace sluice::translate {
namespace {

using base::Be16;
using base::Be32;
using base::ByteView;
using pipeline::Fields;

constexpr uint16_t kRarp = 0x8035;
constexpr uint8_t kSolicitation = 135, kAdvertisement = 136;
constexpr uint8_t kSourceOption = 1, kTargetOption = 2;  // of neighbour discovery
constexpr size_t kArpPacket = 28, kIpv4Header = 20, kIpv6Header = 40, kLabel = 4;
constexpr size_t kTcpHeader = 20, kUdpHeader = 8, kSctpHeader = 12, kIcmpHeader = 8;
constexpr size_t kNeighbourHeader = 24, kOptionUnit = 8;
constexpr uint32_t kBottomOfStack = 0x100;

class Reader {
 public:
  Reader(ByteView packet, Fields* fields) : packet_(packet), fields_(fields) {}

  void Read() {
    layout_ = LayoutOf(packet_, /*ethernet=*/true, 0);
    fields_->eth_dst = At<base::Mac>(0);
    fields_->eth_src = At<base::Mac>(ETH_ALEN);
    // The kernel shows a type that lacks its tag as a tag of zeros without anything behind it.
    if (Tags()) fields_->eth_type = Be16::FromHost(layout_.eth_type);
    switch (layout_.eth_type) {
      case ETH_P_ARP:
      case kRarp:
        return Arp();
      case ETH_P_MPLS_UC:
      case ETH_P_MPLS_MC:
        return Labels();
      case ETH_P_IP:
        return IpV4();
      case ETH_P_IPV6:
        return IpV6();
      default:
        return;
    }
  }

 private:
  bool Has(size_t at, size_t size) const {
    return at <= packet_.size() && packet_.size() - at >= size;
  }
  template <typename T>
  T At(size_t at) const {
    return base::Load<T>(&packet_[at]);
  }

  // False: what should be a tag is cut short.
  bool Tags() {
    size_t at = 2 * size_t{ETH_ALEN};
    for (Fields::Vlan& tag : fields_->vlans) {
      const auto type = At<Be16>(at);
      const bool is_tag = type.host() == ETH_P_8021Q || type.host() == ETH_P_8021AD;
      if (!is_tag) return true;
      if (!Has(at, 6)) return false;
      tag.tpid = type;
      tag.tci = Be16::FromHost(At<Be16>(at + 2).host() | pipeline::kVlanPresent);
      at += 4;
    }
    return true;
  }

  void Arp() {
    static constexpr uint8_t kEthernetAndIpv4[] = {0, 1, 8, 0, 6, 4};
    const size_t at = layout_.network;
    if (!Has(at, kArpPacket) || !base::Equal(packet_.subspan(at, 6), kEthernetAndIpv4)) return;
    const uint16_t operation = At<Be16>(at + 6).host();
    fields_->nw_proto = operation <= 0xff ? static_cast<uint8_t>(operation) : 0;
    fields_->arp_sha = At<base::Mac>(at + 8);
    fields_->nw_src = At<base::Ipv4>(at + 14);
    fields_->arp_tha = At<base::Mac>(at + 18);
    fields_->nw_dst = At<base::Ipv4>(at + 24);
  }

  // A stack that does not come to its end has no labels, for the kernel.
  void Labels() {
    std::array<Be32, pipeline::kFieldLabels> labels{};
    for (size_t i = 0;; ++i) {
      const size_t at = layout_.network + i * kLabel;
      if (!Has(at, kLabel)) return;
      const auto label = At<Be32>(at);
      if (i < labels.size()) labels[i] = label;
      if ((label.host() & kBottomOfStack) != 0) break;
    }
    fields_->mpls = labels;
  }

  void IpV4() {
    const size_t at = layout_.network;
    if (!Has(at, kIpv4Header)) return;
    const size_t header = size_t{packet_[at] & 0xfU} * 4;
    if (header < kIpv4Header || !Has(at, header)) return;
    fields_->nw_tos = packet_[at + 1];
    fields_->nw_ttl = packet_[at + 8];
    fields_->nw_proto = packet_[at + 9];
    fields_->nw_src = At<base::Ipv4>(at + 12);
    fields_->nw_dst = At<base::Ipv4>(at + 16);
    Fragment(layout_.fragment, (At<Be16>(at + 6).host() & 0x1fff) != 0);
    Transport(IPPROTO_ICMP);
  }

  void IpV6() {
    const size_t at = layout_.network;
    if (!Has(at, kIpv6Header)) return;
    const uint32_t word = At<Be32>(at).host();
    fields_->nw_tos = static_cast<uint8_t>(word >> 20 & 0xff);
    fields_->ipv6_label = Be32::FromHost(word & 0xfffff);
    fields_->nw_ttl = packet_[at + 7];
    fields_->ipv6_src = At<base::Ipv6>(at + 8);
    fields_->ipv6_dst = At<base::Ipv6>(at + 24);
    fields_->nw_proto = IPPROTO_NONE;  // so too behind a header that cannot be read
    if (layout_.proto != 0) fields_->nw_proto = layout_.proto;
    if (layout_.later) fields_->nw_proto = IPPROTO_FRAGMENT;
    Fragment(layout_.fragment, layout_.later);
    Transport(IPPROTO_ICMPV6);
  }

  void Fragment(bool any, bool later) {
    fields_->nw_frag =
        static_cast<uint8_t>((any ? pipeline::kFragAny : 0) | (later ? pipeline::kFragLater : 0));
  }

  void Transport(uint8_t icmp) {
    if ((fields_->nw_frag & pipeline::kFragLater) != 0) return;
    const size_t at = layout_.transport;
    const uint8_t proto = fields_->nw_proto;
    if (proto == IPPROTO_TCP && Has(at, kTcpHeader)) {
      const size_t header = size_t{packet_[at + 12]} / 16 * 4;
      if (header < kTcpHeader || !Has(at, header)) return;
      fields_->tcp_flags = Be16::FromHost(At<Be16>(at + 12).host() & 0xfff);
      Ports();
    } else if ((proto == IPPROTO_UDP && Has(at, kUdpHeader)) ||
               (proto == IPPROTO_SCTP && Has(at, kSctpHeader))) {
      Ports();
    } else if (proto == icmp && Has(at, kIcmpHeader)) {
      fields_->tp_src = Be16::FromHost(packet_[at]);
      fields_->tp_dst = Be16::FromHost(packet_[at + 1]);
      const uint8_t type = packet_[at];
      if (icmp == IPPROTO_ICMPV6 && (type == kSolicitation || type == kAdvertisement) &&
          packet_[at + 1] == 0)
        Neighbour();
    }
  }
  void Ports() {
    fields_->tp_src = At<Be16>(layout_.transport);
    fields_->tp_dst = At<Be16>(layout_.transport + 2);
  }

  void Neighbour() {
    size_t at = layout_.transport;
    if (!Has(at, kNeighbourHeader)) return;
    fields_->nd_target = At<base::Ipv6>(at + 8);
    for (at += kNeighbourHeader; Has(at, kOptionUnit);) {
      const size_t size = packet_[at + 1] * kOptionUnit;
      if (size == 0 || !Has(at, size)) return;
      const uint8_t option = packet_[at];
      if (size == kOptionUnit && (option == kSourceOption || option == kTargetOption)) {
        base::Mac* address = option == kSourceOption ? &fields_->nd_sll : &fields_->nd_tll;
        if (*address != base::Mac{}) {  // twice the same: the kernel believes none of them
          fields_->nd_target = {};
          fields_->nd_sll = fields_->nd_tll = {};
          return;
        }
        *address = At<base::Mac>(at + 2);
      }
      at += size;
    }
  }

  ByteView packet_;
  Fields* fields_;
  PacketLayout layout_;
};

constexpr size_t kHeaders = offsetof(Fields, eth_src);  // the first that a packet carries

}  // namespace

Fields FieldsOfPacket(ByteView packet, const Fields& came_with) {
  Fields fields;
  std::memcpy(static_cast<void*>(&fields), &came_with, kHeaders);
  if (packet.size() >= kShortestPacket) Reader(packet, &fields).Read();
  return fields;
}

bool TellOfHeaders(const Fields& fields) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&fields);
  return std::any_of(bytes + kHeaders, bytes + sizeof(Fields), [](uint8_t b) { return b != 0; });
}

}  // namespace sluice::translate
