#include "netlink/conntrack/tables.h"

#include <netinet/in.h>

#include "absl/strings/str_cat.h"

namespace sluice::conntrack {

std::span<const attr::Table* const> AllTables() {
  constexpr uint8_t kNone = 0;  // a protocol without timeouts of its own
  static const attr::Table* const kAll[] = {
      &kConnectionTable,
      &kTupleTable,
      &kAddressTable,
      &kProtocolTable,
      &kProtocolInfoTable,
      &kTcpInfoTable,
      &kSctpInfoTable,
      &kDccpInfoTable,
      &kCountersTable,
      &kTimestampTable,
      &kHelperTable,
      &kSecurityTable,
      &kSequenceTable,
      &kSynproxyTable,
      &kFilterTable,
      &kCpuStatsTable,
      &kGlobalStatsTable,
      &kTimeoutPolicyTable,
      &TimeoutsOf(kNone),
      &TimeoutsOf(IPPROTO_TCP),
      &TimeoutsOf(IPPROTO_UDP),
      &TimeoutsOf(IPPROTO_UDPLITE),
      &TimeoutsOf(IPPROTO_ICMP),
      &TimeoutsOf(IPPROTO_ICMPV6),
      &TimeoutsOf(IPPROTO_SCTP),
      &TimeoutsOf(IPPROTO_DCCP),
      &TimeoutsOf(IPPROTO_GRE),
  };
  return kAll;
}

std::string_view NameOf(std::span<const attr::Name> names, uint32_t value) {
  for (const attr::Name& name : names)
    if (name.value == value) return name.name;
  return {};
}

std::string NameAttributePath(const attr::Table& table, std::span<const uint16_t> path) {
  const attr::Table* at = &table;
  std::string text;
  for (uint16_t type : path) {
    if (!text.empty()) text.push_back('/');
    const attr::Row* row = at != nullptr ? at->Find(type) : nullptr;
    if (row != nullptr) {
      text.append(row->constant);
    } else {
      absl::StrAppend(&text, "attribute ", type);
    }
    at = row != nullptr ? row->nested : nullptr;
  }
  return text;
}

}  // namespace sluice::conntrack
