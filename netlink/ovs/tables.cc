#include "netlink/ovs/tables.h"

#include <linux/openvswitch.h>

#include "absl/strings/str_cat.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/flow_key.h"
#include "netlink/ovs/psample.h"

namespace sluice::ovs {
namespace {

struct FamilyTable {
  std::string_view family;
  const attr::Table* table;
};
constexpr FamilyTable kFamilies[] = {
    {OVS_DATAPATH_FAMILY, &kDatapathTable}, {OVS_VPORT_FAMILY, &kVportTable},
    {OVS_FLOW_FAMILY, &kFlowTable},         {OVS_PACKET_FAMILY, &kPacketTable},
    {OVS_METER_FAMILY, &kMeterTable},       {OVS_CT_LIMIT_FAMILY, &kCtLimitTable},
    {kPsampleFamily, &kPsamplePacketTable},
};

}  // namespace

std::span<const attr::Table* const> AllTables() {
  static constexpr const attr::Table* kAll[] = {
      &kDatapathTable,    &kVportTable,         &kVportOptionsTable,
      &kVportUpcallTable, &kFlowTable,          &kKeyTable,
      &kTunnelTable,      &kVxlanTable,         &kNshTable,
      &kActionTable,      &kUserspaceTable,     &kSampleTable,
      &kCtTable,          &kNatTable,           &kCheckPacketLengthTable,
      &kDecTtlTable,      &kPsampleTable,       &kPacketTable,
      &kMeterTable,       &kBandsTable,         &kBandTable,
      &kCtLimitTable,     &kPsamplePacketTable,
  };
  return kAll;
}

const attr::Table* TableOfFamily(std::string_view family) {
  for (const FamilyTable& entry : kFamilies)
    if (entry.family == family) return entry.table;
  return nullptr;
}

std::string NameAttributePath(std::string_view family, std::span<const uint16_t> path) {
  const attr::Table* table = TableOfFamily(family);
  std::string text;
  for (uint16_t type : path) {
    if (!text.empty()) text.push_back('/');
    const attr::Row* row = table != nullptr ? table->Find(type) : nullptr;
    if (row != nullptr) {
      text.append(row->constant);
    } else {
      absl::StrAppend(&text, "attribute ", type);
    }
    table = row != nullptr ? row->nested : nullptr;
  }
  return text;
}

}  // namespace sluice::ovs
