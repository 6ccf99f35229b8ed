#include "agent/daemon/conntrack_config.h"

#include <netinet/in.h>

#include <chrono>
#include <cstdint>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "netlink/base/status.h"
#include "netlink/conntrack/connection_text.h"
#include "netlink/conntrack/tables.h"

namespace sluice::daemon {
namespace {

using namespace std::chrono_literals;
using port::TimeoutSpec;

constexpr size_t kMaxZones = 65536;
constexpr size_t kMaxPolicies = 256;

// Protocols that have timeouts of their own, by the keys of a policy.
struct ProtocolKey {
  std::string_view name;
  uint8_t protocol;
  uint8_t version = 0;  // of IP, where it is of one alone
};
constexpr ProtocolKey kProtocols[] = {
    {"tcp", IPPROTO_TCP},          {"udp", IPPROTO_UDP},   {"icmp", IPPROTO_ICMP, 4},
    {"icmpv6", IPPROTO_ICMPV6, 6}, {"sctp", IPPROTO_SCTP}, {"dccp", IPPROTO_DCCP},
    {"udplite", IPPROTO_UDPLITE},  {"gre", IPPROTO_GRE},
};

void ReadZoneLimit(const YamlValue& value, std::map<int, uint32_t>* limits) {
  std::optional<uint64_t> zone, limit;
  value.ReadMap({
      {"zone", [&](const YamlValue& v) { zone = v.Number(0, UINT16_MAX); }, true},
      {"limit", [&](const YamlValue& v) { limit = v.Number(0, UINT32_MAX); }, true},
  });
  if (!zone || !limit) return;
  if (!limits->emplace(static_cast<int>(*zone), static_cast<uint32_t>(*limit)).second)
    value.Fail(absl::StrCat("is another limit of zone ", *zone));
}

void ReadLimits(const YamlValue& value, std::map<int, uint32_t>* limits) {
  value.ReadMap({
      {"default",
       [&](const YamlValue& v) {
         if (const auto n = v.Number(0, UINT32_MAX))
           (*limits)[ovs::kDefaultZone] = static_cast<uint32_t>(*n);
       }},
      {"zones",
       [&](const YamlValue& v) {
         v.ReadList(kMaxZones, [&](size_t, const YamlValue& item) { ReadZoneLimit(item, limits); });
       }},
  });
}

// The states of a protocol, by the names of its table.
base::ByteVector ReadStates(const YamlValue& value, uint8_t protocol) {
  std::vector<std::string> words;
  std::vector<YamlValue::Key> keys;
  for (const attr::Row& row : conntrack::TimeoutsOf(protocol).rows) {
    if (row.name.empty()) continue;
    keys.push_back({row.name, [&words, &row](const YamlValue& v) {
                      const auto time = v.Duration(1s, 8760h);
                      if (!time) return;
                      if (*time % 1s != 0ms) return v.Fail("must be whole seconds");
                      words.push_back(absl::StrCat(base::ToAbsl(row.name), "=", *time / 1s));
                    }});
  }
  value.ReadMap(keys);
  if (words.empty()) return {};
  absl::StatusOr<base::ByteVector> bytes =
      conntrack::ParseTimeouts(protocol, absl::StrJoin(words, ","));
  if (bytes.ok()) return *std::move(bytes);
  value.Fail(base::FromAbsl(bytes.status().message()));
  return {};
}

bool IsName(std::string_view name) {
  return !name.empty() && name.size() <= port::kMaxTimeoutName && absl::c_all_of(name, [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_';
  });
}

// One of ours is one of the kernel's for each version and protocol.
void ReadPolicy(const YamlValue& value, std::vector<TimeoutSpec>* policies) {
  std::string name;
  uint8_t only = 0;  // version of IP; 0: both
  std::vector<TimeoutSpec> fresh;
  std::vector<YamlValue::Key> keys = {
      {"name", [&](const YamlValue& v) { name = v.Text().value_or(""); }, true},
      {"family",
       [&](const YamlValue& v) {
         if (const auto n = v.OneOf({"inet", "inet6"})) only = *n == 0 ? 4 : 6;
       }},
  };
  for (const ProtocolKey& key : kProtocols)
    keys.push_back(
        {key.name, [&](const YamlValue& v) {
           const base::ByteVector timeouts = ReadStates(v, key.protocol);
           for (const uint8_t version : {uint8_t{4}, uint8_t{6}})
             if (key.version == 0 || key.version == version)
               fresh.push_back({.connections = {version, key.protocol}, .timeouts = timeouts});
         }});
  value.ReadMap(keys);
  if (!IsName(name))
    return value.Fail(absl::StrCat("must have a name of 1 to ", port::kMaxTimeoutName,
                                   " letters, digits, and _-."));
  if (absl::c_any_of(*policies, [&](const TimeoutSpec& other) { return other.name == name; }))
    return value.Fail(absl::StrCat("has the name \"", name, "\" of another policy"));
  std::erase_if(fresh, [&](const TimeoutSpec& spec) {
    return only != 0 && spec.connections.version != only;
  });
  if (fresh.empty())
    return value.Fail("has no protocol of its family: give tcp, udp or another, with timeouts");
  for (TimeoutSpec& spec : fresh) {
    spec.name = name;
    policies->push_back(std::move(spec));
  }
}

}  // namespace

port::ConntrackSpec ReadConntrack(const YamlValue& value) {
  port::ConntrackSpec spec;
  value.ReadMap({
      {"limits", [&](const YamlValue& v) { ReadLimits(v, &spec.limits); }},
      {"timeouts",
       [&](const YamlValue& v) {
         v.ReadList(kMaxPolicies,
                    [&](size_t, const YamlValue& item) { ReadPolicy(item, &spec.timeouts); });
       }},
  });
  return spec;
}

}  // namespace sluice::daemon
