// Every attribute set of the openvswitch families, for whoever goes through all of them: the
// reference page, the tests, and the naming of attributes in errors.
#pragma once

#include <span>
#include <string>

#include "netlink/attr/table.h"

namespace sluice::ovs {

extern const attr::Table kDatapathTable;           // OVS_DP_ATTR_*
extern const attr::Table kVportTable;              // OVS_VPORT_ATTR_*
extern const attr::Table kVportOptionsTable;       // OVS_TUNNEL_ATTR_*
extern const attr::Table kVportUpcallTable;        // OVS_VPORT_UPCALL_ATTR_*
extern const attr::Table kFlowTable;               // OVS_FLOW_ATTR_*
extern const attr::Table kPacketTable;             // OVS_PACKET_ATTR_*
extern const attr::Table kMeterTable;              // OVS_METER_ATTR_*
extern const attr::Table kBandsTable;              // a list of bands, each numbered
extern const attr::Table kBandTable;               // OVS_BAND_ATTR_*
extern const attr::Table kCtLimitTable;            // OVS_CT_LIMIT_ATTR_*
extern const attr::Table kUserspaceTable;          // OVS_USERSPACE_ATTR_*
extern const attr::Table kSampleTable;             // OVS_SAMPLE_ATTR_*
extern const attr::Table kCtTable;                 // OVS_CT_ATTR_*
extern const attr::Table kNatTable;                // OVS_NAT_ATTR_*
extern const attr::Table kCheckPacketLengthTable;  // OVS_CHECK_PKT_LEN_ATTR_*
extern const attr::Table kDecTtlTable;             // OVS_DEC_TTL_ATTR_*
extern const attr::Table kPsampleTable;            // OVS_PSAMPLE_ATTR_*
extern const attr::Table kPsamplePacketTable;      // PSAMPLE_ATTR_*, of the psample family

// All of them, in the order of the reference page.
std::span<const attr::Table* const> AllTables();

// The table of a family's own attributes, by the family's name ("ovs_flow"); null for others.
const attr::Table* TableOfFamily(std::string_view family);

// "OVS_FLOW_ATTR_KEY/OVS_KEY_ATTR_IPV4", for socket::Client::set_attribute_namer().
std::string NameAttributePath(std::string_view family, std::span<const uint16_t> path);

}  // namespace sluice::ovs
