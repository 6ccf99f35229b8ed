// One tracked connection, as ctnetlink tells it
// (include/uapi/linux/netfilter/nfnetlink_conntrack.h).
//
// Values with plain members in wire order; what came is told by Has(). Whatever has no member here
// is kept as it came in `others`. Pure functions.
//
//   SLUICE_ASSIGN_OR_RETURN(const Connection connection, ParseConnection(message));
//   if (connection.original.protocol.number == IPPROTO_TCP) ...
#pragma once

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <array>
#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "netlink/attr/wire.h"
#include "netlink/base/address.h"
#include "netlink/base/byte_order.h"
#include "netlink/socket/message.h"

namespace sluice::conntrack {

using base::Be16;
using base::Be32;
using base::Be64;

// Which attributes came: bit N is attribute N of the set. First in each struct of the codec's.
struct Present {
  uint64_t bits = 0;
  constexpr bool Has(unsigned attribute) const { return (bits >> attribute & 1) != 0; }
  constexpr void Add(unsigned attribute) { bits |= uint64_t{1} << attribute; }
  friend constexpr bool operator==(Present, Present) = default;
};

// CTA_IP_*: of one family, or none.
struct Addresses {
  Present present;
  base::Ipv4 src4, dst4;
  base::Ipv6 src6, dst6;

  bool is_ipv4() const { return present.Has(CTA_IP_V4_SRC) && present.Has(CTA_IP_V4_DST); }
  bool is_ipv6() const { return present.Has(CTA_IP_V6_SRC) && present.Has(CTA_IP_V6_DST); }
  friend bool operator==(const Addresses&, const Addresses&) = default;
};

// CTA_PROTO_*
struct Protocol {
  Present present;
  uint8_t number = 0;  // IPPROTO_*
  uint8_t icmp_type = 0, icmp_code = 0;
  uint8_t icmpv6_type = 0, icmpv6_code = 0;
  Be16 src_port, dst_port;
  Be16 icmp_id, icmpv6_id;

  friend bool operator==(const Protocol&, const Protocol&) = default;
};

// CTA_TUPLE_*: one direction.
struct Tuple {
  Present present;
  Addresses addresses;
  Protocol protocol;
  Be16 zone;  // where the two directions are in different zones

  bool is_icmp() const {
    return protocol.present.Has(CTA_PROTO_ICMP_ID) || protocol.present.Has(CTA_PROTO_ICMPV6_ID);
  }
  // Of ICMP or ICMPv6, whichever came.
  uint16_t icmp_id() const;
  uint8_t icmp_type() const;
  uint8_t icmp_code() const;
  friend bool operator==(const Tuple&, const Tuple&) = default;
};

// CTA_COUNTERS_*: only where the sysctl net.netfilter.nf_conntrack_acct is on.
struct Counters {
  Present present;
  Be64 packets, bytes;
};

// CTA_TIMESTAMP_*: nanoseconds since 1970, where net.netfilter.nf_conntrack_timestamp is on.
struct Timestamp {
  Present present;
  Be64 start, stop;
};

// CTA_PROTOINFO_TCP_*. Flags are IP_CT_TCP_FLAG_* and a mask, which is all ones in what is told.
struct TcpFlags {
  uint8_t flags = 0, mask = 0;
};
struct TcpInfo {
  Present present;
  uint8_t state = 0;  // TCP_CONNTRACK_*
  uint8_t wscale_original = 0, wscale_reply = 0;
  TcpFlags flags_original, flags_reply;
};
struct SctpInfo {
  Present present;
  uint8_t state = 0;
  Be32 vtag_original, vtag_reply;
};
struct DccpInfo {
  Present present;
  uint8_t state = 0;
  uint8_t role = 0;  // of the original direction: 0 client, 1 server
  Be64 handshake_sequence;
};
struct ProtocolInfo {
  Present present;
  TcpInfo tcp;
  SctpInfo sctp;
  DccpInfo dccp;
};

struct Helper {
  Present present;
  std::array<char, 32> bytes{};
  uint16_t length = 0;

  std::string_view name() const;
};

struct Connection {
  Present present;
  Tuple original, reply;
  Tuple parent;  // of the connection that this one was expected by
  Be32 status;   // IPS_*
  Be32 timeout;  // seconds until it ends by itself
  Be32 mark, id, use;
  Be16 zone;
  std::array<uint8_t, 16> labels{};  // bit 0 is the lowest bit of the first byte
  uint16_t labels_length = 0;
  Counters original_counters, reply_counters;
  Timestamp timestamp;
  ProtocolInfo protocol_info;
  Helper helper;
  base::ByteVector others;  // attributes without a member above, whole

  bool Has(unsigned attribute) const { return present.Has(attribute); }
};

// A message of the kernel's about a connection. kDataLoss, and the counter
// conntrack_malformed_messages, when it is none. Attributes that no table knows are counted.
absl::StatusOr<Connection> ParseConnection(const socket::Message& message);

// Attributes that name the connection in a request: one tuple, zone and id. The id makes sure that
// a later connection of the same tuple is left alone.
enum class Direction : uint8_t { kOriginal, kReply };
void EncodeTuple(const Tuple& tuple, Direction direction, attr::Writer* writer);
void EncodeIdentity(const Connection& connection, attr::Writer* writer);

}  // namespace sluice::conntrack
