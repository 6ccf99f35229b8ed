// What connection tracking knows of a connection's protocol, and the words for states and bits.

#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include <cstddef>

#include "netlink/attr/table.h"
#include "netlink/conntrack/connection.h"
#include "netlink/conntrack/tables.h"

namespace sluice::conntrack {
namespace {

using attr::Copy;
using attr::Field;
using attr::Format;
using attr::Kind;
using attr::Name;
using attr::Order;
using attr::Row;
using attr::Struct;
using attr::Style;

// The words are those of ovs-dpctl(8), which differ from the kernel's for some TCP states.
constexpr Name kTcpStates[] = {
    {TCP_CONNTRACK_NONE, "CLOSED", "TCP_CONNTRACK_NONE"},
    {TCP_CONNTRACK_SYN_SENT, "SYN_SENT", "TCP_CONNTRACK_SYN_SENT"},
    {TCP_CONNTRACK_SYN_RECV, "SYN_RECV", "TCP_CONNTRACK_SYN_RECV"},
    {TCP_CONNTRACK_ESTABLISHED, "ESTABLISHED", "TCP_CONNTRACK_ESTABLISHED"},
    {TCP_CONNTRACK_FIN_WAIT, "FIN_WAIT_1", "TCP_CONNTRACK_FIN_WAIT"},
    {TCP_CONNTRACK_CLOSE_WAIT, "CLOSE_WAIT", "TCP_CONNTRACK_CLOSE_WAIT"},
    {TCP_CONNTRACK_LAST_ACK, "LAST_ACK", "TCP_CONNTRACK_LAST_ACK"},
    {TCP_CONNTRACK_TIME_WAIT, "TIME_WAIT", "TCP_CONNTRACK_TIME_WAIT"},
    {TCP_CONNTRACK_CLOSE, "CLOSING", "TCP_CONNTRACK_CLOSE"},
    {TCP_CONNTRACK_SYN_SENT2, "SYN_SENT", "TCP_CONNTRACK_SYN_SENT2"},
};
constexpr Name kTcpFlags[] = {
    {IP_CT_TCP_FLAG_WINDOW_SCALE, "WINDOW_SCALE", "IP_CT_TCP_FLAG_WINDOW_SCALE"},
    {IP_CT_TCP_FLAG_SACK_PERM, "SACK_PERM", "IP_CT_TCP_FLAG_SACK_PERM"},
    {IP_CT_TCP_FLAG_CLOSE_INIT, "CLOSE_INIT", "IP_CT_TCP_FLAG_CLOSE_INIT"},
    {IP_CT_TCP_FLAG_BE_LIBERAL, "BE_LIBERAL", "IP_CT_TCP_FLAG_BE_LIBERAL"},
    {IP_CT_TCP_FLAG_DATA_UNACKNOWLEDGED, "DATA_UNACKNOWLEDGED",
     "IP_CT_TCP_FLAG_DATA_UNACKNOWLEDGED"},
    {IP_CT_TCP_FLAG_MAXACK_SET, "MAXACK_SET", "IP_CT_TCP_FLAG_MAXACK_SET"},
    {IP_CT_EXP_CHALLENGE_ACK, "CHALLENGE_ACK", "IP_CT_EXP_CHALLENGE_ACK"},
    {IP_CT_TCP_SIMULTANEOUS_OPEN, "SIMULTANEOUS_OPEN", "IP_CT_TCP_SIMULTANEOUS_OPEN"},
};
// <linux/netfilter/nf_conntrack_sctp.h> clashes with headers of the C library; there is no public
// one for DCCP (include/linux/netfilter/nf_conntrack_dccp.h, until Linux 6.16).
constexpr Name kSctpStates[] = {
    {0, "CLOSED", "SCTP_CONNTRACK_NONE"},
    {1, "CLOSED", "SCTP_CONNTRACK_CLOSED"},
    {2, "COOKIE_WAIT", "SCTP_CONNTRACK_COOKIE_WAIT"},
    {3, "COOKIE_ECHOED", "SCTP_CONNTRACK_COOKIE_ECHOED"},
    {4, "ESTABLISHED", "SCTP_CONNTRACK_ESTABLISHED"},
    {5, "SHUTDOWN_SENT", "SCTP_CONNTRACK_SHUTDOWN_SENT"},
    {6, "SHUTDOWN_RECD", "SCTP_CONNTRACK_SHUTDOWN_RECD"},
    {7, "SHUTDOWN_ACK_SENT", "SCTP_CONNTRACK_SHUTDOWN_ACK_SENT"},
    {8, "HEARTBEAT_SENT", "SCTP_CONNTRACK_HEARTBEAT_SENT"},
    {9, "HEARTBEAT_ACKED", "SCTP_CONNTRACK_HEARTBEAT_ACKED"},
};
constexpr Name kDccpStates[] = {
    {0, "NONE", "CT_DCCP_NONE"},       {1, "REQUEST", "CT_DCCP_REQUEST"},
    {2, "RESPOND", "CT_DCCP_RESPOND"}, {3, "PARTOPEN", "CT_DCCP_PARTOPEN"},
    {4, "OPEN", "CT_DCCP_OPEN"},       {5, "CLOSEREQ", "CT_DCCP_CLOSEREQ"},
    {6, "CLOSING", "CT_DCCP_CLOSING"}, {7, "TIMEWAIT", "CT_DCCP_TIMEWAIT"},
    {8, "IGNORE", "CT_DCCP_IGNORE"},   {9, "INVALID", "CT_DCCP_INVALID"},
};
constexpr Name kRoles[] = {
    {0, "client", "CT_DCCP_ROLE_CLIENT"},
    {1, "server", "CT_DCCP_ROLE_SERVER"},
};

constexpr Field kTcpState[] = {{.size = 1, .format = Format::kEnum, .names = kTcpStates}};
constexpr Field kTcpFlagFields[] = {
    {.name = "flags", .size = 1, .format = Format::kFlags, .names = kTcpFlags},
    {.name = "mask", .offset = 1, .size = 1, .format = Format::kHex},
};
constexpr Field kSctpState[] = {{.size = 1, .format = Format::kEnum, .names = kSctpStates}};
constexpr Field kDccpState[] = {{.size = 1, .format = Format::kEnum, .names = kDccpStates}};
constexpr Field kDccpRole[] = {{.size = 1, .format = Format::kEnum, .names = kRoles}};
constexpr Field kBe32Hex[] = {{.size = 4, .order = Order::kNetwork, .format = Format::kHex}};

constexpr Row kTcpRows[] = {
    {.type = CTA_PROTOINFO_TCP_UNSPEC,
     .constant = "CTA_PROTOINFO_TCP_UNSPEC",
     .kind = Kind::kReserved},
    {.type = CTA_PROTOINFO_TCP_STATE,
     .constant = "CTA_PROTOINFO_TCP_STATE",
     .name = "state",
     .size = 1,
     .fields = kTcpState,
     .style = Style::kAssign,
     .slot = Copy(offsetof(TcpInfo, state)),
     .since = "2.6.14",
     .doc = "State of the connection."},
    {.type = CTA_PROTOINFO_TCP_WSCALE_ORIGINAL,
     .constant = "CTA_PROTOINFO_TCP_WSCALE_ORIGINAL",
     .name = "wscale_orig",
     .size = 1,
     .fields = attr::kU8Dec,
     .style = Style::kAssign,
     .slot = Copy(offsetof(TcpInfo, wscale_original)),
     .since = "2.6.23",
     .doc = "Window scale of the original direction."},
    {.type = CTA_PROTOINFO_TCP_WSCALE_REPLY,
     .constant = "CTA_PROTOINFO_TCP_WSCALE_REPLY",
     .name = "wscale_reply",
     .size = 1,
     .fields = attr::kU8Dec,
     .style = Style::kAssign,
     .slot = Copy(offsetof(TcpInfo, wscale_reply)),
     .since = "2.6.23",
     .doc = "Window scale of the reply direction."},
    {.type = CTA_PROTOINFO_TCP_FLAGS_ORIGINAL,
     .constant = "CTA_PROTOINFO_TCP_FLAGS_ORIGINAL",
     .name = "flags_orig",
     .size = 2,
     .fields = kTcpFlagFields,
     .style = Style::kCall,
     .slot = Copy(offsetof(TcpInfo, flags_original)),
     .since = "2.6.23",
     .doc =
         "What was seen in the original direction (IP_CT_TCP_FLAG_*), and a mask for setting it."},
    {.type = CTA_PROTOINFO_TCP_FLAGS_REPLY,
     .constant = "CTA_PROTOINFO_TCP_FLAGS_REPLY",
     .name = "flags_reply",
     .size = 2,
     .fields = kTcpFlagFields,
     .style = Style::kCall,
     .slot = Copy(offsetof(TcpInfo, flags_reply)),
     .since = "2.6.23",
     .doc = "The same of the reply direction."},
};

constexpr Row kDccpRows[] = {
    {.type = CTA_PROTOINFO_DCCP_UNSPEC,
     .constant = "CTA_PROTOINFO_DCCP_UNSPEC",
     .kind = Kind::kReserved},
    {.type = CTA_PROTOINFO_DCCP_STATE,
     .constant = "CTA_PROTOINFO_DCCP_STATE",
     .name = "state",
     .size = 1,
     .fields = kDccpState,
     .style = Style::kAssign,
     .slot = Copy(offsetof(DccpInfo, state)),
     .since = "2.6.30",
     .doc = "State of the connection."},
    {.type = CTA_PROTOINFO_DCCP_ROLE,
     .constant = "CTA_PROTOINFO_DCCP_ROLE",
     .name = "role",
     .size = 1,
     .fields = kDccpRole,
     .style = Style::kAssign,
     .slot = Copy(offsetof(DccpInfo, role)),
     .since = "2.6.30",
     .doc = "What the original direction is."},
    {.type = CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ,
     .constant = "CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ",
     .name = "handshake_seq",
     .size = 8,
     .fields = attr::kBe64Hex,
     .style = Style::kAssign,
     .slot = Copy(offsetof(DccpInfo, handshake_sequence)),
     .since = "2.6.31",
     .doc = "Sequence number of the handshake."},
    {.type = CTA_PROTOINFO_DCCP_PAD,
     .constant = "CTA_PROTOINFO_DCCP_PAD",
     .kind = Kind::kReserved,
     .since = "4.7",
     .doc = "Padding for alignment."},
};

constexpr Row kSctpRows[] = {
    {.type = CTA_PROTOINFO_SCTP_UNSPEC,
     .constant = "CTA_PROTOINFO_SCTP_UNSPEC",
     .kind = Kind::kReserved},
    {.type = CTA_PROTOINFO_SCTP_STATE,
     .constant = "CTA_PROTOINFO_SCTP_STATE",
     .name = "state",
     .size = 1,
     .fields = kSctpState,
     .style = Style::kAssign,
     .slot = Copy(offsetof(SctpInfo, state)),
     .since = "2.6.27",
     .doc = "State of the connection."},
    {.type = CTA_PROTOINFO_SCTP_VTAG_ORIGINAL,
     .constant = "CTA_PROTOINFO_SCTP_VTAG_ORIGINAL",
     .name = "vtag_orig",
     .size = 4,
     .fields = kBe32Hex,
     .style = Style::kAssign,
     .slot = Copy(offsetof(SctpInfo, vtag_original)),
     .since = "2.6.27",
     .doc = "Verification tag of the original direction."},
    {.type = CTA_PROTOINFO_SCTP_VTAG_REPLY,
     .constant = "CTA_PROTOINFO_SCTP_VTAG_REPLY",
     .name = "vtag_reply",
     .size = 4,
     .fields = kBe32Hex,
     .style = Style::kAssign,
     .slot = Copy(offsetof(SctpInfo, vtag_reply)),
     .since = "2.6.27",
     .doc = "Verification tag of the reply direction."},
};

constexpr Row kProtocolInfoRows[] = {
    {.type = CTA_PROTOINFO_UNSPEC, .constant = "CTA_PROTOINFO_UNSPEC", .kind = Kind::kReserved},
    {.type = CTA_PROTOINFO_TCP,
     .constant = "CTA_PROTOINFO_TCP",
     .name = "tcp",
     .kind = Kind::kSet,
     .nested = &kTcpInfoTable,
     .slot = Struct(offsetof(ProtocolInfo, tcp)),
     .since = "2.6.14",
     .doc = "Of TCP."},
    {.type = CTA_PROTOINFO_DCCP,
     .constant = "CTA_PROTOINFO_DCCP",
     .name = "dccp",
     .kind = Kind::kSet,
     .nested = &kDccpInfoTable,
     .slot = Struct(offsetof(ProtocolInfo, dccp)),
     .since = "2.6.30",
     .doc = "Of DCCP; up to Linux 6.15."},
    {.type = CTA_PROTOINFO_SCTP,
     .constant = "CTA_PROTOINFO_SCTP",
     .name = "sctp",
     .kind = Kind::kSet,
     .nested = &kSctpInfoTable,
     .slot = Struct(offsetof(ProtocolInfo, sctp)),
     .since = "2.6.27",
     .doc = "Of SCTP."},
};

}  // namespace

constinit const attr::Table kTcpInfoTable =
    attr::MakeTable({.name = "ctattr_protoinfo_tcp",
                     .prefix = "CTA_PROTOINFO_TCP_",
                     .unknown = "cta_protoinfo_tcp_attr",
                     .doc = "What is known of a TCP connection.",
                     .rows = kTcpRows,
                     .present_offset = offsetof(TcpInfo, present)});

constinit const attr::Table kDccpInfoTable =
    attr::MakeTable({.name = "ctattr_protoinfo_dccp",
                     .prefix = "CTA_PROTOINFO_DCCP_",
                     .unknown = "cta_protoinfo_dccp_attr",
                     .doc = "What is known of a DCCP connection.",
                     .rows = kDccpRows,
                     .present_offset = offsetof(DccpInfo, present)});

constinit const attr::Table kSctpInfoTable =
    attr::MakeTable({.name = "ctattr_protoinfo_sctp",
                     .prefix = "CTA_PROTOINFO_SCTP_",
                     .unknown = "cta_protoinfo_sctp_attr",
                     .doc = "What is known of an SCTP association.",
                     .rows = kSctpRows,
                     .present_offset = offsetof(SctpInfo, present)});

constinit const attr::Table kProtocolInfoTable =
    attr::MakeTable({.name = "ctattr_protoinfo",
                     .prefix = "CTA_PROTOINFO_",
                     .unknown = "cta_protoinfo_attr",
                     .doc = "What is known of a connection's protocol.",
                     .rows = kProtocolInfoRows,
                     .present_offset = offsetof(ProtocolInfo, present)});

std::span<const Name> TcpStateNames() { return kTcpStates; }
std::span<const Name> TcpFlagNames() { return kTcpFlags; }
std::span<const Name> SctpStateNames() { return kSctpStates; }
std::span<const Name> DccpStateNames() { return kDccpStates; }

}  // namespace sluice::conntrack
