// Statistics of connection tracking.

#include <linux/netfilter/nfnetlink_conntrack.h>

#include <cstddef>

#include "netlink/attr/table.h"
#include "netlink/conntrack/connections.h"
#include "netlink/conntrack/tables.h"

namespace sluice::conntrack {
namespace {

using attr::Copy;
using attr::Field;
using attr::Kind;
using attr::Order;
using attr::Row;
using attr::Style;

constexpr Field kBe32Dec[] = {{.size = 4, .order = Order::kNetwork}};

constexpr Row kCpuRows[] = {
    {.type = CTA_STATS_UNSPEC, .constant = "CTA_STATS_UNSPEC", .kind = Kind::kReserved},
    {.type = CTA_STATS_SEARCHED,
     .constant = "CTA_STATS_SEARCHED",
     .kind = Kind::kReserved,
     .since = "3.6",
     .doc = "No longer used."},
    {.type = CTA_STATS_FOUND,
     .constant = "CTA_STATS_FOUND",
     .name = "found",
     .size = 4,
     .fields = kBe32Dec,
     .style = Style::kAssign,
     .slot = Copy(offsetof(CpuStats, found)),
     .since = "3.6",
     .doc = "Searches that found a connection."},
    {.type = CTA_STATS_NEW,
     .constant = "CTA_STATS_NEW",
     .kind = Kind::kReserved,
     .since = "3.6",
     .doc = "No longer used."},
    {.type = CTA_STATS_INVALID,
     .constant = "CTA_STATS_INVALID",
     .name = "invalid",
     .size = 4,
     .fields = kBe32Dec,
     .style = Style::kAssign,
     .slot = Copy(offsetof(CpuStats, invalid)),
     .since = "3.6",
     .doc = "Packets that belong to no connection and begin none."},
    {.type = CTA_STATS_IGNORE,
     .constant = "CTA_STATS_IGNORE",
     .kind = Kind::kReserved,
     .since = "3.6",
     .doc = "No longer used."},
    {.type = CTA_STATS_DELETE,
     .constant = "CTA_STATS_DELETE",
     .kind = Kind::kReserved,
     .since = "3.6",
     .doc = "No longer used."},
    {.type = CTA_STATS_DELETE_LIST,
     .constant = "CTA_STATS_DELETE_LIST",
     .kind = Kind::kReserved,
     .since = "3.6",
     .doc = "No longer used."},
    {.type = CTA_STATS_INSERT,
     .constant = "CTA_STATS_INSERT",
     .name = "insert",
     .size = 4,
     .fields = kBe32Dec,
     .style = Style::kAssign,
     .slot = Copy(offsetof(CpuStats, insert)),
     .since = "3.6",
     .doc = "Connections entered into the table."},
    {.type = CTA_STATS_INSERT_FAILED,
     .constant = "CTA_STATS_INSERT_FAILED",
     .name = "insert_failed",
     .size = 4,
     .fields = kBe32Dec,
     .style = Style::kAssign,
     .slot = Copy(offsetof(CpuStats, insert_failed)),
     .since = "3.6",
     .doc = "Connections that could not be entered, as one of the same tuple was there."},
    {.type = CTA_STATS_DROP,
     .constant = "CTA_STATS_DROP",
     .name = "drop",
     .size = 4,
     .fields = kBe32Dec,
     .style = Style::kAssign,
     .slot = Copy(offsetof(CpuStats, drop)),
     .since = "3.6",
     .doc = "Packets dropped as the table was full or memory short."},
    {.type = CTA_STATS_EARLY_DROP,
     .constant = "CTA_STATS_EARLY_DROP",
     .name = "early_drop",
     .size = 4,
     .fields = kBe32Dec,
     .style = Style::kAssign,
     .slot = Copy(offsetof(CpuStats, early_drop)),
     .since = "3.6",
     .doc = "Connections ended early, to make room."},
    {.type = CTA_STATS_ERROR,
     .constant = "CTA_STATS_ERROR",
     .name = "error",
     .size = 4,
     .fields = kBe32Dec,
     .style = Style::kAssign,
     .slot = Copy(offsetof(CpuStats, error)),
     .since = "3.6",
     .doc = "Packets with errors."},
    {.type = CTA_STATS_SEARCH_RESTART,
     .constant = "CTA_STATS_SEARCH_RESTART",
     .name = "search_restart",
     .size = 4,
     .fields = kBe32Dec,
     .style = Style::kAssign,
     .slot = Copy(offsetof(CpuStats, search_restart)),
     .since = "3.6",
     .doc = "Searches begun anew as the table was resized."},
    {.type = CTA_STATS_CLASH_RESOLVE,
     .constant = "CTA_STATS_CLASH_RESOLVE",
     .name = "clash_resolve",
     .size = 4,
     .fields = kBe32Dec,
     .style = Style::kAssign,
     .slot = Copy(offsetof(CpuStats, clash_resolve)),
     .since = "5.10",
     .doc = "Clashes of two first packets that were resolved."},
    {.type = CTA_STATS_CHAIN_TOOLONG,
     .constant = "CTA_STATS_CHAIN_TOOLONG",
     .name = "chain_toolong",
     .size = 4,
     .fields = kBe32Dec,
     .style = Style::kAssign,
     .slot = Copy(offsetof(CpuStats, chain_toolong)),
     .since = "5.15",
     .doc = "Packets dropped as a hash chain was too long."},
};

constexpr Row kGlobalRows[] = {
    {.type = CTA_STATS_GLOBAL_UNSPEC,
     .constant = "CTA_STATS_GLOBAL_UNSPEC",
     .kind = Kind::kReserved},
    {.type = CTA_STATS_GLOBAL_ENTRIES,
     .constant = "CTA_STATS_GLOBAL_ENTRIES",
     .name = "entries",
     .size = 4,
     .fields = kBe32Dec,
     .style = Style::kAssign,
     .slot = Copy(offsetof(GlobalStats, entries)),
     .since = "3.6",
     .doc = "Connections in the network namespace."},
    {.type = CTA_STATS_GLOBAL_MAX_ENTRIES,
     .constant = "CTA_STATS_GLOBAL_MAX_ENTRIES",
     .name = "max_entries",
     .size = 4,
     .fields = kBe32Dec,
     .style = Style::kAssign,
     .slot = Copy(offsetof(GlobalStats, max_entries)),
     .since = "4.18",
     .doc = "How many there can be: the sysctl nf_conntrack_max."},
};

}  // namespace

constinit const attr::Table kCpuStatsTable =
    attr::MakeTable({.name = "ctattr_stats_cpu",
                     .prefix = "CTA_STATS_",
                     .unknown = "cta_stats_attr",
                     .doc = "Statistics of one CPU.",
                     .rows = kCpuRows,
                     .present_offset = offsetof(CpuStats, present)});

constinit const attr::Table kGlobalStatsTable =
    attr::MakeTable({.name = "ctattr_stats_global",
                     .prefix = "CTA_STATS_GLOBAL_",
                     .unknown = "cta_stats_global_attr",
                     .doc = "Statistics of all CPUs.",
                     .rows = kGlobalRows,
                     .present_offset = offsetof(GlobalStats, present)});

}  // namespace sluice::conntrack
