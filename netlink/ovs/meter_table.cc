// The tables of the ovs_meter and ovs_ct_limit families.

#include <linux/openvswitch.h>

#include "netlink/attr/table.h"
#include "netlink/ovs/tables.h"

namespace sluice::ovs {
namespace {

using attr::Field;
using attr::Format;
using attr::Kind;
using attr::Name;
using attr::Row;

constexpr Field kStats[] = {
    {.name = "packets", .offset = 0, .size = 8},
    {.name = "bytes", .offset = 8, .size = 8},
};
constexpr Name kBandTypes[] = {{OVS_METER_BAND_TYPE_DROP, "drop", "OVS_METER_BAND_TYPE_DROP"}};
constexpr Field kBandType[] = {{.size = 4, .format = Format::kEnum, .names = kBandTypes}};
constexpr Field kZoneLimit[] = {
    {.name = "zone", .offset = 0, .size = 4},
    {.name = "limit", .offset = 4, .size = 4},
    {.name = "count", .offset = 8, .size = 4},
};

constexpr Row kBandRows[] = {
    {.type = OVS_BAND_ATTR_UNSPEC, .constant = "OVS_BAND_ATTR_UNSPEC", .kind = Kind::kReserved},
    {.type = OVS_BAND_ATTR_TYPE,
     .constant = "OVS_BAND_ATTR_TYPE",
     .name = "type",
     .size = 4,
     .fields = kBandType,
     .since = "4.15",
     .doc = "What is done with a packet beyond the rate (OVS_METER_BAND_TYPE_*)."},
    {.type = OVS_BAND_ATTR_RATE,
     .constant = "OVS_BAND_ATTR_RATE",
     .name = "rate",
     .size = 4,
     .fields = attr::kU32Dec,
     .since = "4.15",
     .doc = "Kilobits or packets a second."},
    {.type = OVS_BAND_ATTR_BURST,
     .constant = "OVS_BAND_ATTR_BURST",
     .name = "burst",
     .size = 4,
     .fields = attr::kU32Dec,
     .since = "4.15",
     .doc = "Kilobits or packets that may come at once."},
    {.type = OVS_BAND_ATTR_STATS,
     .constant = "OVS_BAND_ATTR_STATS",
     .name = "stats",
     .size = sizeof(ovs_flow_stats),
     .fields = kStats,
     .grows = true,
     .since = "4.15",
     .doc = "Packets and bytes beyond the rate."},
};

constexpr Row kBandsRows[] = {
    {.type = 0,
     .constant = "(band)",
     .name = "band",
     .kind = Kind::kSet,
     .nested = &kBandTable,
     .since = "4.15",
     .doc = "One band. The number of the attribute does not matter; 0 is what the kernel writes."},
};

constexpr Row kMeterRows[] = {
    {.type = OVS_METER_ATTR_UNSPEC, .constant = "OVS_METER_ATTR_UNSPEC", .kind = Kind::kReserved},
    {.type = OVS_METER_ATTR_ID,
     .constant = "OVS_METER_ATTR_ID",
     .name = "id",
     .size = 4,
     .fields = attr::kU32Dec,
     .since = "4.15",
     .doc = "Number of the meter in its datapath."},
    {.type = OVS_METER_ATTR_KBPS,
     .constant = "OVS_METER_ATTR_KBPS",
     .name = "kbps",
     .kind = Kind::kFlag,
     .since = "4.15",
     .doc = "Rates are kilobits a second; without it packets a second."},
    {.type = OVS_METER_ATTR_STATS,
     .constant = "OVS_METER_ATTR_STATS",
     .name = "stats",
     .size = sizeof(ovs_flow_stats),
     .fields = kStats,
     .grows = true,
     .since = "4.15",
     .doc = "Packets and bytes that went through."},
    {.type = OVS_METER_ATTR_BANDS,
     .constant = "OVS_METER_ATTR_BANDS",
     .name = "bands",
     .kind = Kind::kList,
     .nested = &kBandsTable,
     .since = "4.15",
     .doc = "The bands."},
    {.type = OVS_METER_ATTR_USED,
     .constant = "OVS_METER_ATTR_USED",
     .name = "used",
     .size = 8,
     .fields = attr::kU64Dec,
     .since = "4.15",
     .doc = "When it was last used: milliseconds of the monotonic clock."},
    {.type = OVS_METER_ATTR_CLEAR,
     .constant = "OVS_METER_ATTR_CLEAR",
     .name = "clear",
     .kind = Kind::kFlag,
     .since = "4.15",
     .doc = "Sets the statistics to zero."},
    {.type = OVS_METER_ATTR_MAX_METERS,
     .constant = "OVS_METER_ATTR_MAX_METERS",
     .name = "max_meters",
     .size = 4,
     .fields = attr::kU32Dec,
     .since = "4.15",
     .doc = "How many meters the datapath can have."},
    {.type = OVS_METER_ATTR_MAX_BANDS,
     .constant = "OVS_METER_ATTR_MAX_BANDS",
     .name = "max_bands",
     .size = 4,
     .fields = attr::kU32Dec,
     .since = "4.15",
     .doc = "How many bands a meter can have."},
    {.type = OVS_METER_ATTR_PAD,
     .constant = "OVS_METER_ATTR_PAD",
     .kind = Kind::kReserved,
     .since = "4.15",
     .doc = "Padding for alignment."},
};

constexpr Row kCtLimitRows[] = {
    {.type = OVS_CT_LIMIT_ATTR_UNSPEC,
     .constant = "OVS_CT_LIMIT_ATTR_UNSPEC",
     .kind = Kind::kReserved},
    {.type = OVS_CT_LIMIT_ATTR_ZONE_LIMIT,
     .constant = "OVS_CT_LIMIT_ATTR_ZONE_LIMIT",
     .name = "zone_limit",
     .kind = Kind::kArray,
     .size = 12,
     .fields = kZoneLimit,
     .since = "4.18",
     .doc = "Limits of connections by zone (struct ovs_zone_limit); zone -1 is the default."},
};

}  // namespace

constinit const attr::Table kBandTable =
    attr::MakeTable({.name = "ovs_band_attr",
                     .prefix = "OVS_BAND_ATTR_",
                     .unknown = "band_attr",
                     .doc = "A meter's band, nested in the list of OVS_METER_ATTR_BANDS.",
                     .rows = kBandRows});

constinit const attr::Table kBandsTable =
    attr::MakeTable({.name = "bands",
                     .unknown = "band",
                     .doc = "The list inside OVS_METER_ATTR_BANDS.",
                     .rows = kBandsRows});

constinit const attr::Table kMeterTable =
    attr::MakeTable({.name = "ovs_meter_attr",
                     .prefix = "OVS_METER_ATTR_",
                     .unknown = "meter_attr",
                     .doc = "Attributes of the ovs_meter family.",
                     .rows = kMeterRows});

constinit const attr::Table kCtLimitTable =
    attr::MakeTable({.name = "ovs_ct_limit_attr",
                     .prefix = "OVS_CT_LIMIT_ATTR_",
                     .unknown = "ct_limit_attr",
                     .doc = "Attributes of the ovs_ct_limit family.",
                     .rows = kCtLimitRows});

}  // namespace sluice::ovs
