// Tuples: what names one direction of a connection.

#include <linux/netfilter/nfnetlink_conntrack.h>

#include <cstddef>

#include "netlink/attr/table.h"
#include "netlink/conntrack/connection.h"
#include "netlink/conntrack/tables.h"

namespace sluice::conntrack {
namespace {

using attr::Copy;
using attr::Kind;
using attr::Row;
using attr::Struct;
using attr::Style;

constexpr Row kAddressRows[] = {
    {.type = CTA_IP_UNSPEC, .constant = "CTA_IP_UNSPEC", .kind = Kind::kReserved},
    {.type = CTA_IP_V4_SRC,
     .constant = "CTA_IP_V4_SRC",
     .name = "v4_src",
     .size = 4,
     .fields = attr::kIpv4Address,
     .style = Style::kAssign,
     .slot = Copy(offsetof(Addresses, src4)),
     .since = "2.6.14",
     .doc = "IPv4 source address."},
    {.type = CTA_IP_V4_DST,
     .constant = "CTA_IP_V4_DST",
     .name = "v4_dst",
     .size = 4,
     .fields = attr::kIpv4Address,
     .style = Style::kAssign,
     .slot = Copy(offsetof(Addresses, dst4)),
     .since = "2.6.14",
     .doc = "IPv4 destination address."},
    {.type = CTA_IP_V6_SRC,
     .constant = "CTA_IP_V6_SRC",
     .name = "v6_src",
     .size = 16,
     .fields = attr::kIpv6Address,
     .style = Style::kAssign,
     .slot = Copy(offsetof(Addresses, src6)),
     .since = "2.6.14",
     .doc = "IPv6 source address."},
    {.type = CTA_IP_V6_DST,
     .constant = "CTA_IP_V6_DST",
     .name = "v6_dst",
     .size = 16,
     .fields = attr::kIpv6Address,
     .style = Style::kAssign,
     .slot = Copy(offsetof(Addresses, dst6)),
     .since = "2.6.14",
     .doc = "IPv6 destination address."},
};

constexpr Row kProtocolRows[] = {
    {.type = CTA_PROTO_UNSPEC, .constant = "CTA_PROTO_UNSPEC", .kind = Kind::kReserved},
    {.type = CTA_PROTO_NUM,
     .constant = "CTA_PROTO_NUM",
     .name = "num",
     .size = 1,
     .fields = attr::kU8Dec,
     .style = Style::kAssign,
     .slot = Copy(offsetof(Protocol, number)),
     .since = "2.6.14",
     .doc = "IP protocol (IPPROTO_*)."},
    {.type = CTA_PROTO_SRC_PORT,
     .constant = "CTA_PROTO_SRC_PORT",
     .name = "src_port",
     .size = 2,
     .fields = attr::kBe16Dec,
     .style = Style::kAssign,
     .slot = Copy(offsetof(Protocol, src_port)),
     .since = "2.6.14",
     .doc = "Source port."},
    {.type = CTA_PROTO_DST_PORT,
     .constant = "CTA_PROTO_DST_PORT",
     .name = "dst_port",
     .size = 2,
     .fields = attr::kBe16Dec,
     .style = Style::kAssign,
     .slot = Copy(offsetof(Protocol, dst_port)),
     .since = "2.6.14",
     .doc = "Destination port."},
    {.type = CTA_PROTO_ICMP_ID,
     .constant = "CTA_PROTO_ICMP_ID",
     .name = "icmp_id",
     .size = 2,
     .fields = attr::kBe16Dec,
     .style = Style::kAssign,
     .slot = Copy(offsetof(Protocol, icmp_id)),
     .since = "2.6.14",
     .doc = "Identifier of an ICMP query."},
    {.type = CTA_PROTO_ICMP_TYPE,
     .constant = "CTA_PROTO_ICMP_TYPE",
     .name = "icmp_type",
     .size = 1,
     .fields = attr::kU8Dec,
     .style = Style::kAssign,
     .slot = Copy(offsetof(Protocol, icmp_type)),
     .since = "2.6.14",
     .doc = "ICMP type."},
    {.type = CTA_PROTO_ICMP_CODE,
     .constant = "CTA_PROTO_ICMP_CODE",
     .name = "icmp_code",
     .size = 1,
     .fields = attr::kU8Dec,
     .style = Style::kAssign,
     .slot = Copy(offsetof(Protocol, icmp_code)),
     .since = "2.6.14",
     .doc = "ICMP code."},
    {.type = CTA_PROTO_ICMPV6_ID,
     .constant = "CTA_PROTO_ICMPV6_ID",
     .name = "icmpv6_id",
     .size = 2,
     .fields = attr::kBe16Dec,
     .style = Style::kAssign,
     .slot = Copy(offsetof(Protocol, icmpv6_id)),
     .since = "2.6.14",
     .doc = "Identifier of an ICMPv6 query."},
    {.type = CTA_PROTO_ICMPV6_TYPE,
     .constant = "CTA_PROTO_ICMPV6_TYPE",
     .name = "icmpv6_type",
     .size = 1,
     .fields = attr::kU8Dec,
     .style = Style::kAssign,
     .slot = Copy(offsetof(Protocol, icmpv6_type)),
     .since = "2.6.14",
     .doc = "ICMPv6 type."},
    {.type = CTA_PROTO_ICMPV6_CODE,
     .constant = "CTA_PROTO_ICMPV6_CODE",
     .name = "icmpv6_code",
     .size = 1,
     .fields = attr::kU8Dec,
     .style = Style::kAssign,
     .slot = Copy(offsetof(Protocol, icmpv6_code)),
     .since = "2.6.14",
     .doc = "ICMPv6 code."},
};

constexpr Row kTupleRows[] = {
    {.type = CTA_TUPLE_UNSPEC, .constant = "CTA_TUPLE_UNSPEC", .kind = Kind::kReserved},
    {.type = CTA_TUPLE_IP,
     .constant = "CTA_TUPLE_IP",
     .name = "ip",
     .kind = Kind::kSet,
     .nested = &kAddressTable,
     .slot = Struct(offsetof(Tuple, addresses)),
     .since = "2.6.14",
     .doc = "Addresses."},
    {.type = CTA_TUPLE_PROTO,
     .constant = "CTA_TUPLE_PROTO",
     .name = "proto",
     .kind = Kind::kSet,
     .nested = &kProtocolTable,
     .slot = Struct(offsetof(Tuple, protocol)),
     .since = "2.6.14",
     .doc = "Protocol and ports."},
    {.type = CTA_TUPLE_ZONE,
     .constant = "CTA_TUPLE_ZONE",
     .name = "zone",
     .size = 2,
     .fields = attr::kBe16Dec,
     .style = Style::kAssign,
     .slot = Copy(offsetof(Tuple, zone)),
     .since = "4.3",
     .doc = "Zone of this direction, where the two are in different zones."},
};

}  // namespace

constinit const attr::Table kAddressTable =
    attr::MakeTable({.name = "ctattr_ip",
                     .prefix = "CTA_IP_",
                     .unknown = "cta_ip_attr",
                     .doc = "Addresses of a tuple.",
                     .rows = kAddressRows,
                     .present_offset = offsetof(Addresses, present)});

constinit const attr::Table kProtocolTable =
    attr::MakeTable({.name = "ctattr_l4proto",
                     .prefix = "CTA_PROTO_",
                     .unknown = "cta_proto_attr",
                     .doc = "Protocol and ports of a tuple.",
                     .rows = kProtocolRows,
                     .present_offset = offsetof(Protocol, present)});

constinit const attr::Table kTupleTable =
    attr::MakeTable({.name = "ctattr_tuple",
                     .prefix = "CTA_TUPLE_",
                     .unknown = "cta_tuple_attr",
                     .doc = "A tuple: one direction of a connection.",
                     .rows = kTupleRows,
                     .present_offset = offsetof(Tuple, present)});

}  // namespace sluice::conntrack
