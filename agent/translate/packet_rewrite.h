// Changes the headers of a packet in its bytes, as datapath actions say, and keeps its checksums
// right: for what the kernel has no action for, and for what comes in front of such a change.
//
// Knows set and set_masked of Ethernet, ARP, IPv4, IPv6, TCP, UDP, SCTP, ICMP, ICMPv6, neighbour
// discovery and MPLS; push and pop of tags and labels. Never reads or writes beyond the packet.
//
//   PacketRewriter packet(upcall.packet, /*ethernet=*/true, 0);
//   if (packet.Apply(action) == RewriteFault::kNone) Send(packet.bytes());
//
// A value: a copy goes its own way. Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "agent/translate/packet_layout.h"
#include "netlink/attr/wire.h"
#include "netlink/base/bytes.h"

namespace sluice::translate {

enum class RewriteFault : uint8_t {
  kNone,
  kTooShort,     // the packet ends before the header that is to change, or has none such
  kUnsupported,  // no such change is known here
  kTooMany,      // executes for one packet; see slow_path.h
};
std::string_view ToString(RewriteFault fault);

class PacketRewriter {
 public:
  // `eth_type` is that of a packet without Ethernet header.
  PacketRewriter(base::ByteView packet, bool ethernet, uint16_t eth_type);

  // Takes one action that changes headers. After a fault the packet is fit for nothing.
  [[nodiscard]] RewriteFault Apply(const attr::Attribute& action);

  base::ByteView bytes() const { return bytes_; }
  const PacketLayout& layout() const { return layout_; }

 private:
  using ByteView = base::ByteView;
  // Value and mask of an attribute OVS_KEY_ATTR_*, of one length.
  struct Change {
    ByteView value, mask;
  };
  using Setter = RewriteFault (PacketRewriter::*)(const Change& change);
  struct Row {
    uint16_t attribute;
    size_t size;  // of the value; of labels, of one
    Setter set;
  };
  static const Row kRows[];
  struct ActionRow {
    uint16_t action;  // OVS_ACTION_ATTR_*
    RewriteFault (PacketRewriter::*take)(ByteView payload);
  };
  static const ActionRow kActionRows[];
  // What else has to change with some bytes.
  enum Sums : uint8_t { kNoSum = 0, kNetworkSum = 1, kTransportSum = 2 };

  template <bool kMasked>
  RewriteFault Set(ByteView payload);
  RewriteFault PushVlan(ByteView payload);
  RewriteFault PopVlan(ByteView payload);
  RewriteFault PushMpls(ByteView payload);
  RewriteFault PopMpls(ByteView payload);
  RewriteFault SetEthernet(const Change& change);
  RewriteFault SetArp(const Change& change);
  RewriteFault SetIpv4(const Change& change);
  RewriteFault SetIpv6(const Change& change);
  RewriteFault SetPorts(const Change& change);
  RewriteFault SetIcmp(const Change& change);
  RewriteFault SetNeighbour(const Change& change);
  RewriteFault SetLabels(const Change& change);

  // Bytes [from, from + size) of the change become those of the packet at `at`, under the mask.
  // `base` is where the header begins that a checksum counts from.
  RewriteFault Patch(const Change& change, size_t from, size_t size, size_t at, size_t base,
                     unsigned sums);
  RewriteFault SetIpv6Word(const Change& change);
  RewriteFault SetLinkAddress(const Change& change, size_t from, uint8_t option);
  RewriteFault AppendOption(const Change& change, size_t from, uint8_t option);
  // Where the option of this type with an address begins; 0 for nowhere.
  size_t FindOption(uint8_t option) const;
  // Where the IP packet ends, without padding behind it.
  size_t EndOfIp() const;
  // Where the checksum of the transport header stands; 0 when it has none.
  size_t TransportSum() const;
  void UpdateSctp(uint32_t before);
  uint32_t SctpSum() const;
  bool Has(size_t at, size_t size) const {
    return at <= bytes_.size() && bytes_.size() - at >= size;
  }
  void Insert(size_t at, ByteView more);
  void SetEthType(uint16_t eth_type);

  base::ByteVector bytes_;
  PacketLayout layout_;
};

}  // namespace sluice::translate
