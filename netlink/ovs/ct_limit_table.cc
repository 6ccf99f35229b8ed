// The table of the ovs_ct_limit family.

#include <linux/openvswitch.h>

#include <cstddef>

#include "netlink/attr/table.h"
#include "netlink/ovs/ct_limit.h"
#include "netlink/ovs/tables.h"

namespace sluice::ovs {
namespace {

using attr::Field;
using attr::Kind;
using attr::Row;

constexpr Field kZoneLimit[] = {
    {.name = "zone", .offset = 0, .size = 4},
    {.name = "limit", .offset = 4, .size = 4},
    {.name = "count", .offset = 8, .size = 4},
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
     .slot = attr::View(offsetof(CtLimitAttributes, limits)),
     .since = "4.18",
     .doc = "Limits of connections by zone (struct ovs_zone_limit); zone -1 is the default."},
};

}  // namespace

constinit const attr::Table kCtLimitTable =
    attr::MakeTable({.name = "ovs_ct_limit_attr",
                     .prefix = "OVS_CT_LIMIT_ATTR_",
                     .unknown = "ct_limit_attr",
                     .doc = "Attributes of the ovs_ct_limit family.",
                     .rows = kCtLimitRows,
                     .present_offset = offsetof(CtLimitAttributes, present)});

}  // namespace sluice::ovs
