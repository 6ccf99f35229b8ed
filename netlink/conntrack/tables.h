// Every attribute set of connection tracking over netlink (nfnetlink_conntrack.h and
// nfnetlink_cttimeout.h), for whoever goes through all of them: the reference page, the tests, and
// the naming of attributes in errors. Text and JSON take the names of states and bits from here.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "netlink/attr/table.h"

namespace sluice::conntrack {

extern const attr::Table kConnectionTable;     // CTA_*
extern const attr::Table kTupleTable;          // CTA_TUPLE_*
extern const attr::Table kAddressTable;        // CTA_IP_*
extern const attr::Table kProtocolTable;       // CTA_PROTO_*
extern const attr::Table kProtocolInfoTable;   // CTA_PROTOINFO_*
extern const attr::Table kTcpInfoTable;        // CTA_PROTOINFO_TCP_*
extern const attr::Table kDccpInfoTable;       // CTA_PROTOINFO_DCCP_*
extern const attr::Table kSctpInfoTable;       // CTA_PROTOINFO_SCTP_*
extern const attr::Table kCountersTable;       // CTA_COUNTERS_*
extern const attr::Table kTimestampTable;      // CTA_TIMESTAMP_*
extern const attr::Table kHelperTable;         // CTA_HELP_*
extern const attr::Table kSequenceTable;       // CTA_SEQADJ_*
extern const attr::Table kSecurityTable;       // CTA_SECCTX_*
extern const attr::Table kSynproxyTable;       // CTA_SYNPROXY_*
extern const attr::Table kFilterTable;         // CTA_FILTER_*
extern const attr::Table kCpuStatsTable;       // CTA_STATS_*
extern const attr::Table kGlobalStatsTable;    // CTA_STATS_GLOBAL_*
extern const attr::Table kTimeoutPolicyTable;  // CTA_TIMEOUT_*

// All of them, in the order of the reference page; behind them the timeouts of each protocol.
std::span<const attr::Table* const> AllTables();

// What a policy's CTA_TIMEOUT_DATA holds for a protocol (IPPROTO_*); the generic set for those
// without one of their own.
const attr::Table& TimeoutsOf(uint8_t protocol);

// IPS_* bits, and states by protocol, with the words of ovs-dpctl(8).
std::span<const attr::Name> StatusNames();
std::span<const attr::Name> TcpStateNames();
std::span<const attr::Name> TcpFlagNames();
std::span<const attr::Name> SctpStateNames();
std::span<const attr::Name> DccpStateNames();
// The word for a value; empty when there is none.
std::string_view NameOf(std::span<const attr::Name> names, uint32_t value);

// "CTA_TUPLE_ORIG/CTA_TUPLE_IP", for socket::Client::set_attribute_namer().
std::string NameAttributePath(const attr::Table& table, std::span<const uint16_t> path);

}  // namespace sluice::conntrack
