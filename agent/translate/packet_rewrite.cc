#include "agent/translate/packet_rewrite.h"

#include <linux/if_ether.h>
#include <linux/openvswitch.h>
#include <netinet/in.h>

#include <algorithm>

#include "agent/translate/checksum.h"
#include "netlink/base/byte_order.h"

namespace sluice::translate {

using base::Be16;
using base::Be32;
using base::ByteView;

namespace {

constexpr size_t kMacs = 2 * size_t{ETH_ALEN};
constexpr size_t kTag = 4, kLabel = 4;
constexpr size_t kArpSize = 28;
constexpr size_t kIpv4Sum = 10, kIpv4Header = 20, kIpv6Header = 40;
constexpr size_t kTcpSum = 16, kTcpHeader = 20, kUdpSum = 6, kUdpHeader = 8, kIcmpSum = 2;
constexpr size_t kSctpSum = 8, kSctpHeader = 12;
// Neighbour discovery (RFC 4861): the target behind eight bytes, then options.
constexpr size_t kNdTarget = 8, kNdOptions = 24, kOptionUnit = 8;
constexpr uint8_t kSourceOption = 1, kTargetOption = 2;
constexpr uint8_t kSolicitation = 135, kAdvertisement = 136;

bool IsMpls(uint16_t eth_type) { return eth_type == ETH_P_MPLS_UC || eth_type == ETH_P_MPLS_MC; }

}  // namespace

std::string_view ToString(RewriteFault fault) {
  constexpr std::array<std::string_view, 4> kNames = {"none", "too_short", "unsupported",
                                                      "too_many"};
  return kNames[static_cast<size_t>(fault)];
}

const PacketRewriter::Row PacketRewriter::kRows[] = {
    {OVS_KEY_ATTR_ETHERNET, sizeof(ovs_key_ethernet), &PacketRewriter::SetEthernet},
    {OVS_KEY_ATTR_ARP, sizeof(ovs_key_arp), &PacketRewriter::SetArp},
    {OVS_KEY_ATTR_IPV4, sizeof(ovs_key_ipv4), &PacketRewriter::SetIpv4},
    {OVS_KEY_ATTR_IPV6, sizeof(ovs_key_ipv6), &PacketRewriter::SetIpv6},
    {OVS_KEY_ATTR_TCP, sizeof(ovs_key_tcp), &PacketRewriter::SetPorts},
    {OVS_KEY_ATTR_UDP, sizeof(ovs_key_udp), &PacketRewriter::SetPorts},
    {OVS_KEY_ATTR_SCTP, sizeof(ovs_key_sctp), &PacketRewriter::SetPorts},
    {OVS_KEY_ATTR_ICMP, sizeof(ovs_key_icmp), &PacketRewriter::SetIcmp},
    {OVS_KEY_ATTR_ICMPV6, sizeof(ovs_key_icmpv6), &PacketRewriter::SetIcmp},
    {OVS_KEY_ATTR_ND, sizeof(ovs_key_nd), &PacketRewriter::SetNeighbour},
    {OVS_KEY_ATTR_MPLS, sizeof(ovs_key_mpls), &PacketRewriter::SetLabels},
};

PacketRewriter::PacketRewriter(ByteView packet, bool ethernet, uint16_t eth_type)
    : bytes_(packet.begin(), packet.end()), layout_(LayoutOf(packet, ethernet, eth_type)) {}

const PacketRewriter::ActionRow PacketRewriter::kActionRows[] = {
    {OVS_ACTION_ATTR_SET, &PacketRewriter::Set<false>},
    {OVS_ACTION_ATTR_SET_MASKED, &PacketRewriter::Set<true>},
    {OVS_ACTION_ATTR_PUSH_VLAN, &PacketRewriter::PushVlan},
    {OVS_ACTION_ATTR_POP_VLAN, &PacketRewriter::PopVlan},
    {OVS_ACTION_ATTR_PUSH_MPLS, &PacketRewriter::PushMpls},
    {OVS_ACTION_ATTR_POP_MPLS, &PacketRewriter::PopMpls},
};

RewriteFault PacketRewriter::Apply(const attr::Attribute& action) {
  const auto* const row = std::find_if(std::begin(kActionRows), std::end(kActionRows),
                                       [&](const ActionRow& r) { return r.action == action.type; });
  if (row == std::end(kActionRows)) return RewriteFault::kUnsupported;
  return (this->*row->take)(action.payload);
}

template <bool kMasked>
RewriteFault PacketRewriter::Set(ByteView payload) {
  const attr::AttributeWalk walk(payload);
  if (walk.begin() == walk.end()) return RewriteFault::kUnsupported;
  const attr::Attribute key = *walk.begin();
  const auto* const row = std::find_if(std::begin(kRows), std::end(kRows),
                                       [&](const Row& r) { return r.attribute == key.type; });
  if (row == std::end(kRows)) return RewriteFault::kUnsupported;
  const size_t size = key.payload.size() / (kMasked ? 2 : 1);
  const bool fits =
      row->attribute == OVS_KEY_ATTR_MPLS ? size > 0 && size % row->size == 0 : size == row->size;
  if (!fits || size * (kMasked ? 2 : 1) != key.payload.size()) return RewriteFault::kUnsupported;
  if constexpr (kMasked)
    return (this->*row->set)({key.payload.first(size), key.payload.subspan(size)});
  const base::ByteVector ones(size, 0xff);
  return (this->*row->set)({key.payload, ones});
}

// --- Bytes ---------------------------------------------------------------------------------------

RewriteFault PacketRewriter::Patch(const Change& change, size_t from, size_t size, size_t at,
                                   size_t base, unsigned sums) {
  const ByteView mask = change.mask.subspan(from, size);
  if (base::IsAllZeros(mask)) return RewriteFault::kNone;
  if (!Has(at, size)) return RewriteFault::kTooShort;
  std::array<uint8_t, sizeof(in6_addr)> before{};
  std::copy_n(&bytes_[at], size, before.begin());
  for (size_t i = 0; i < size; ++i)
    bytes_[at + i] =
        static_cast<uint8_t>((bytes_[at + i] & ~mask[i]) | (change.value[from + i] & mask[i]));
  ChecksumChange sum;
  sum.Replace({before.data(), size}, ByteView(bytes_).subspan(at, size), (at - base) % 2 != 0);
  if ((sums & kNetworkSum) != 0) sum.ApplyTo(&bytes_[layout_.network + kIpv4Sum]);
  const size_t transport = (sums & kTransportSum) != 0 ? TransportSum() : 0;
  if (transport == 0) return RewriteFault::kNone;
  sum.ApplyTo(&bytes_[transport]);
  // Of UDP, zero would say that there is no checksum.
  if (layout_.proto == IPPROTO_UDP && base::Load<uint16_t>(&bytes_[transport]) == 0)
    base::Store(&bytes_[transport], uint16_t{0xffff});
  return RewriteFault::kNone;
}

size_t PacketRewriter::TransportSum() const {
  const size_t at = layout_.transport;
  switch (layout_.proto) {
    case IPPROTO_TCP:
      return Has(at, kTcpHeader) ? at + kTcpSum : 0;
    case IPPROTO_UDP:
      if (!Has(at, kUdpHeader)) return 0;
      return base::Load<uint16_t>(&bytes_[at + kUdpSum]) != 0 ? at + kUdpSum : 0;
    case IPPROTO_ICMP:
      return layout_.eth_type == ETH_P_IP && Has(at, kIcmpSum + 2) ? at + kIcmpSum : 0;
    case IPPROTO_ICMPV6:
      return layout_.eth_type == ETH_P_IPV6 && Has(at, kIcmpSum + 2) ? at + kIcmpSum : 0;
    default:
      return 0;
  }
}

void PacketRewriter::Insert(size_t at, ByteView more) {
  bytes_.insert(bytes_.begin() + static_cast<ptrdiff_t>(at), more.begin(), more.end());
}

// --- Tags and labels -----------------------------------------------------------------------------

// Only a tag that came in front of the type: behind the addresses.
RewriteFault PacketRewriter::PushVlan(ByteView payload) {
  if (payload.size() != sizeof(ovs_action_push_vlan) || !layout_.ethernet)
    return RewriteFault::kUnsupported;
  if (!Has(0, kMacs + 2)) return RewriteFault::kTooShort;
  const auto push = base::Load<ovs_action_push_vlan>(payload.data());
  std::array<uint8_t, kTag> tag{};
  base::Store(tag.data(), push.vlan_tpid);
  // The bit that says that there is a tag is the kernel's own.
  const uint16_t tci = Be16::FromWire(push.vlan_tci).host();
  base::Store(&tag[2], Be16::FromHost(static_cast<uint16_t>(tci & ~0x1000)));
  Insert(kMacs, tag);
  layout_.network += kTag;
  layout_.transport += kTag;
  return RewriteFault::kNone;
}

RewriteFault PacketRewriter::PopVlan(ByteView /*payload*/) {
  if (!layout_.ethernet) return RewriteFault::kUnsupported;
  if (!Has(0, kMacs + kTag + 2)) return RewriteFault::kTooShort;
  const uint16_t type = base::Load<Be16>(&bytes_[kMacs]).host();
  if (type != ETH_P_8021Q && type != ETH_P_8021AD) return RewriteFault::kTooShort;
  bytes_.erase(bytes_.begin() + kMacs, bytes_.begin() + kMacs + kTag);
  layout_.network -= kTag;
  layout_.transport -= kTag;
  return RewriteFault::kNone;
}

// The type stands just in front of what it tells of, in a SNAP header too.
void PacketRewriter::SetEthType(uint16_t eth_type) {
  base::Store(&bytes_[layout_.network - 2], Be16::FromHost(eth_type));
  layout_.eth_type = eth_type;
  layout_.ReadNetwork(bytes_);
}

RewriteFault PacketRewriter::PushMpls(ByteView payload) {
  if (payload.size() != sizeof(ovs_action_push_mpls) || !layout_.ethernet)
    return RewriteFault::kUnsupported;
  if (layout_.eth_type < ETH_P_802_3_MIN || !Has(0, layout_.network) || layout_.network < kMacs + 2)
    return RewriteFault::kTooShort;
  const auto push = base::Load<ovs_action_push_mpls>(payload.data());
  Insert(layout_.network, base::AsBytes(push.mpls_lse));
  SetEthType(Be16::FromWire(push.mpls_ethertype).host());
  return RewriteFault::kNone;
}

RewriteFault PacketRewriter::PopMpls(ByteView payload) {
  if (payload.size() != sizeof(uint16_t) || !layout_.ethernet) return RewriteFault::kUnsupported;
  if (!IsMpls(layout_.eth_type) || !Has(layout_.network, kLabel)) return RewriteFault::kTooShort;
  const auto at = bytes_.begin() + static_cast<ptrdiff_t>(layout_.network);
  bytes_.erase(at, at + kLabel);
  SetEthType(base::Load<Be16>(payload.data()).host());
  return RewriteFault::kNone;
}

RewriteFault PacketRewriter::SetLabels(const Change& change) {
  if (!IsMpls(layout_.eth_type)) return RewriteFault::kTooShort;
  for (size_t at = 0; at < change.value.size(); at += kLabel) {
    const RewriteFault fault =
        Patch(change, at, kLabel, layout_.network + at, layout_.network, kNoSum);
    if (fault != RewriteFault::kNone) return fault;
  }
  return RewriteFault::kNone;
}

// --- Sets ----------------------------------------------------------------------------------------

RewriteFault PacketRewriter::SetEthernet(const Change& change) {
  if (!layout_.ethernet || !Has(0, kMacs)) return RewriteFault::kTooShort;
  (void)Patch(change, offsetof(ovs_key_ethernet, eth_dst), ETH_ALEN, 0, 0, kNoSum);
  return Patch(change, offsetof(ovs_key_ethernet, eth_src), ETH_ALEN, ETH_ALEN, 0, kNoSum);
}

RewriteFault PacketRewriter::SetArp(const Change& change) {
  struct Part {
    size_t from, size, at;
  };
  static constexpr Part kParts[] = {
      {offsetof(ovs_key_arp, arp_op), 2, 6},   {offsetof(ovs_key_arp, arp_sha), 6, 8},
      {offsetof(ovs_key_arp, arp_sip), 4, 14}, {offsetof(ovs_key_arp, arp_tha), 6, 18},
      {offsetof(ovs_key_arp, arp_tip), 4, 24},
  };
  const size_t base = layout_.network;
  const bool arp = layout_.eth_type == ETH_P_ARP || layout_.eth_type == ETH_P_RARP;
  if (!arp || !Has(base, kArpSize)) return RewriteFault::kTooShort;
  for (const Part& part : kParts)
    (void)Patch(change, part.from, part.size, base + part.at, base, kNoSum);
  return RewriteFault::kNone;
}

RewriteFault PacketRewriter::SetIpv4(const Change& change) {
  const size_t base = layout_.network;
  if (layout_.eth_type != ETH_P_IP || !Has(base, kIpv4Header)) return RewriteFault::kTooShort;
  // ICMP of IPv4 does not sum up addresses.
  const unsigned address =
      layout_.proto == IPPROTO_ICMP ? kNetworkSum : kNetworkSum | kTransportSum;
  (void)Patch(change, offsetof(ovs_key_ipv4, ipv4_src), 4, base + 12, base, address);
  (void)Patch(change, offsetof(ovs_key_ipv4, ipv4_dst), 4, base + 16, base, address);
  (void)Patch(change, offsetof(ovs_key_ipv4, ipv4_tos), 1, base + 1, base, kNetworkSum);
  return Patch(change, offsetof(ovs_key_ipv4, ipv4_ttl), 1, base + 8, base, kNetworkSum);
}

RewriteFault PacketRewriter::SetIpv6(const Change& change) {
  const size_t base = layout_.network;
  if (layout_.eth_type != ETH_P_IPV6 || !Has(base, kIpv6Header)) return RewriteFault::kTooShort;
  (void)Patch(change, offsetof(ovs_key_ipv6, ipv6_src), 16, base + 8, base, kTransportSum);
  (void)Patch(change, offsetof(ovs_key_ipv6, ipv6_dst), 16, base + 24, base,
              layout_.routed ? kNoSum : kTransportSum);
  (void)Patch(change, offsetof(ovs_key_ipv6, ipv6_hlimit), 1, base + 7, base, kNoSum);
  return SetIpv6Word(change);
}

// Version, class and label share a word.
RewriteFault PacketRewriter::SetIpv6Word(const Change& change) {
  const auto word = [](ByteView bytes) {
    const uint32_t label = base::Load<Be32>(&bytes[offsetof(ovs_key_ipv6, ipv6_label)]).host();
    return uint32_t{bytes[offsetof(ovs_key_ipv6, ipv6_tclass)]} << 20 | (label & 0xfffff);
  };
  const uint32_t mask = word(change.mask);
  uint8_t* const at = &bytes_[layout_.network];
  const uint32_t before = base::Load<Be32>(at).host();
  base::Store(at, Be32::FromHost((before & ~mask) | (word(change.value) & mask)));
  return RewriteFault::kNone;
}

RewriteFault PacketRewriter::SetPorts(const Change& change) {
  const size_t base = layout_.transport;
  const bool sctp = layout_.proto == IPPROTO_SCTP;
  const bool ports = sctp || layout_.proto == IPPROTO_TCP || layout_.proto == IPPROTO_UDP;
  if (!ports || !Has(base, sctp ? kSctpHeader : kUdpHeader)) return RewriteFault::kTooShort;
  const uint32_t before = sctp ? SctpSum() : 0;
  const RewriteFault fault = Patch(change, 0, 4, base, base, kTransportSum);
  if (sctp && fault == RewriteFault::kNone) UpdateSctp(before);
  return fault;
}

// Of a packet whose checksum was wrong it stays wrong.
void PacketRewriter::UpdateSctp(uint32_t before) {
  uint8_t* const at = &bytes_[layout_.transport + kSctpSum];
  base::Store(at, base::Load<uint32_t>(at) ^ before ^ SctpSum());
}

// As it stands in memory: the least significant byte first.
uint32_t PacketRewriter::SctpSum() const {
  static constexpr std::array<uint8_t, 4> kZero{};
  const ByteView all(bytes_);
  const size_t sum = layout_.transport + kSctpSum;
  Crc32c crc;
  crc.Add(all.subspan(layout_.transport, kSctpSum));
  crc.Add(kZero);
  crc.Add(all.subspan(sum + kZero.size(), std::max(EndOfIp(), sum + 4) - sum - 4));
  const uint32_t value = crc.value();
  const std::array<uint8_t, 4> wire = {
      static_cast<uint8_t>(value & 0xff), static_cast<uint8_t>(value >> 8 & 0xff),
      static_cast<uint8_t>(value >> 16 & 0xff), static_cast<uint8_t>(value >> 24)};
  return base::Load<uint32_t>(wire.data());
}

size_t PacketRewriter::EndOfIp() const {
  const size_t at = layout_.network + (layout_.eth_type == ETH_P_IP ? 2 : 4);
  const size_t header = layout_.eth_type == ETH_P_IP ? 0 : kIpv6Header;
  const size_t length = base::Load<Be16>(&bytes_[at]).host();
  if (length == 0) return bytes_.size();  // more than 64 KiB
  return std::min(layout_.network + header + length, bytes_.size());
}

// --- ICMP and neighbour discovery ----------------------------------------------------------------

RewriteFault PacketRewriter::SetIcmp(const Change& change) {
  const size_t base = layout_.transport;
  const int proto = layout_.eth_type == ETH_P_IPV6 ? int{IPPROTO_ICMPV6} : int{IPPROTO_ICMP};
  if (layout_.proto != proto || !Has(base, kIcmpSum + 2)) return RewriteFault::kTooShort;
  const RewriteFault fault = Patch(change, 0, 2, base, base, kTransportSum);
  // A sum of nothing but zeros is another zero than one that changes lead to.
  const size_t end = std::max(EndOfIp(), base + kIcmpSum + 2);
  if (layout_.eth_type == ETH_P_IP && base::IsAllZeros(bytes().subspan(base, end - base)))
    base::Store(&bytes_[base + kIcmpSum], uint16_t{0xffff});
  return fault;
}

RewriteFault PacketRewriter::SetNeighbour(const Change& change) {
  const size_t base = layout_.transport;
  const bool icmp = layout_.eth_type == ETH_P_IPV6 && layout_.proto == IPPROTO_ICMPV6;
  if (!icmp || !Has(base, kNdOptions) || EndOfIp() < base + kNdOptions)
    return RewriteFault::kTooShort;
  (void)Patch(change, offsetof(ovs_key_nd, nd_target), 16, base + kNdTarget, base, kTransportSum);
  const RewriteFault fault = SetLinkAddress(change, offsetof(ovs_key_nd, nd_sll), kSourceOption);
  if (fault != RewriteFault::kNone) return fault;
  return SetLinkAddress(change, offsetof(ovs_key_nd, nd_tll), kTargetOption);
}

// An option that is not there is made of the other one, where a solicitation was turned into an
// advertisement, or back, which has no use for that; or it is added.
RewriteFault PacketRewriter::SetLinkAddress(const Change& change, size_t from, uint8_t option) {
  if (base::IsAllZeros(change.mask.subspan(from, ETH_ALEN))) return RewriteFault::kNone;
  size_t at = FindOption(option);
  if (at == 0) {
    const bool source = option == kSourceOption;
    const bool fits = bytes_[layout_.transport] == (source ? kSolicitation : kAdvertisement);
    at = fits ? FindOption(source ? kTargetOption : kSourceOption) : 0;
    if (at == 0) return AppendOption(change, from, option);
    static constexpr std::array<uint8_t, 1> kOnes = {0xff};
    const std::array<uint8_t, 1> type = {option};
    (void)Patch({type, kOnes}, 0, 1, at, layout_.transport, kTransportSum);
  }
  return Patch(change, from, ETH_ALEN, at + 2, layout_.transport, kTransportSum);
}

size_t PacketRewriter::FindOption(uint8_t option) const {
  const size_t end = EndOfIp();
  for (size_t at = layout_.transport + kNdOptions; at + kOptionUnit <= end;) {
    const size_t size = bytes_[at + 1] * kOptionUnit;
    if (size == 0 || size > end - at) return 0;
    if (bytes_[at] == option && size == kOptionUnit) return at;
    at += size;
  }
  return 0;
}

RewriteFault PacketRewriter::AppendOption(const Change& change, size_t from, uint8_t option) {
  const size_t end = EndOfIp();
  const size_t length_at = layout_.network + 4;
  const size_t length = base::Load<Be16>(&bytes_[length_at]).host();
  if (layout_.fragment || length == 0 || length + kOptionUnit > 0xffff ||
      end != layout_.network + kIpv6Header + length || (end - layout_.transport) % kOptionUnit != 0)
    return RewriteFault::kTooShort;
  std::array<uint8_t, kOptionUnit> bytes{option, 1};
  for (size_t i = 0; i < ETH_ALEN; ++i)
    bytes[2 + i] = static_cast<uint8_t>(change.value[from + i] & change.mask[from + i]);
  Insert(end, bytes);
  base::Store(&bytes_[length_at], Be16::FromHost(static_cast<uint16_t>(length + kOptionUnit)));
  ChecksumChange sum;
  sum.Add(bytes);
  // The length of the message is summed up as well.
  sum.Add(base::AsBytes(Be16::FromHost(kOptionUnit)));
  sum.ApplyTo(&bytes_[TransportSum()]);
  return RewriteFault::kNone;
}

}  // namespace sluice::translate
