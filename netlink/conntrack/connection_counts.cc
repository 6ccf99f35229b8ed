#include "netlink/conntrack/connection_counts.h"

#include <netinet/in.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "netlink/attr/codec.h"
#include "netlink/base/status.h"
#include "netlink/conntrack/connection_match.h"
#include "netlink/conntrack/tables.h"

namespace sluice::conntrack {
namespace {

constexpr std::string_view kTcpStates[] = {"CLOSED",      "LISTEN",     "SYN_SENT",   "SYN_RECV",
                                           "ESTABLISHED", "CLOSE_WAIT", "FIN_WAIT_1", "CLOSING",
                                           "LAST_ACK",    "FIN_WAIT_2", "TIME_WAIT"};
constexpr uint8_t kProtocols[] = {IPPROTO_TCP,  IPPROTO_UDP,  IPPROTO_UDPLITE, IPPROTO_SCTP,
                                  IPPROTO_ICMP, IPPROTO_DCCP, IPPROTO_IGMP};

// The place of `what` in a list; those that are not in it come after them.
template <typename Array, typename What>
size_t Rank(const Array& list, const What& what) {
  return static_cast<size_t>(std::find(std::begin(list), std::end(list), what) - std::begin(list));
}

// The counters of a CPU by the names of their table.
template <typename Take>
void ForEachCounter(const CpuStats& stats, Take take) {
  const attr::Table& table = kCpuStatsTable;
  const auto* bytes = reinterpret_cast<const uint8_t*>(&stats);
  for (const attr::Row& row : table.rows)
    if (attr::IsPresent(table, &stats, row.type))
      take(row.name, attr::LoadField(row.fields[0], bytes + row.slot.offset));
}

}  // namespace

bool StateOrder::operator()(const std::string& a, const std::string& b) const {
  return std::pair(Rank(kTcpStates, a), a) < std::pair(Rank(kTcpStates, b), b);
}

bool ProtocolOrder::operator()(uint8_t a, uint8_t b) const {
  return std::pair(Rank(kProtocols, a), a) < std::pair(Rank(kProtocols, b), b);
}

void ConnectionCounts::Add(const Connection& connection) {
  ++total;
  ProtocolCount& of = protocols[connection.original.protocol.number];
  ++of.connections;
  const std::string_view state = FoldedState(StateName(connection));
  if (!state.empty()) ++of.states[std::string(state)];
}

std::string CountsText(const ConnectionCounts& counts, bool states) {
  std::string text = absl::StrCat("Connections Stats:\n    Total: ", counts.total, "\n");
  for (const auto& [protocol, count] : counts.protocols) {
    const std::string name = absl::AsciiStrToUpper(ProtocolName(protocol));
    absl::StrAppend(&text, "  ", name, ": ", count.connections, "\n");
    if (!states || count.states.empty()) continue;
    absl::StrAppend(&text, "    Conn per ", name, " states:\n");
    for (const auto& [state, number] : count.states)
      absl::StrAppend(&text, "\t  [", state, "]=", number, "\n");
  }
  return text;
}

Json CountsToJson(const ConnectionCounts& counts) {
  Json protocols = Json::object();
  for (const auto& [protocol, count] : counts.protocols) {
    Json& json = protocols[ProtocolName(protocol)];
    json["connections"] = count.connections;
    if (count.states.empty()) continue;
    for (const auto& [state, number] : count.states) json["states"][state] = number;
  }
  return {{"total", counts.total}, {"protocols", std::move(protocols)}};
}

std::string CountersText(const KernelCounters& counters) {
  std::string text = absl::StrCat("Kernel counters:\n    Entries: ", counters.all.entries.host());
  if (counters.all.present.Has(CTA_STATS_GLOBAL_MAX_ENTRIES))
    absl::StrAppend(&text, " of ", counters.all.max_entries.host());
  text += "\n";
  for (const CpuStats& stats : counters.cpus) {
    absl::StrAppend(&text, "  CPU ", stats.cpu, ":");
    ForEachCounter(stats, [&text](std::string_view name, uint64_t value) {
      absl::StrAppend(&text, " ", base::ToAbsl(name), ":", value);
    });
    text += "\n";
  }
  return text;
}

Json CountersToJson(const KernelCounters& counters) {
  Json cpus = Json::array();
  for (const CpuStats& stats : counters.cpus) {
    Json json = {{"cpu", stats.cpu}};
    ForEachCounter(
        stats, [&json](std::string_view name, uint64_t value) { json[std::string(name)] = value; });
    cpus.push_back(std::move(json));
  }
  return {{"entries", counters.all.entries.host()},
          {"max_entries", counters.all.present.Has(CTA_STATS_GLOBAL_MAX_ENTRIES)
                              ? Json(counters.all.max_entries.host())
                              : Json()},
          {"cpus", std::move(cpus)}};
}

absl::StatusOr<KernelCounters> GatherCounters(Connections* connections) {
  KernelCounters counters;
  SLUICE_ASSIGN_OR_RETURN(counters.all, connections->Stats());
  SLUICE_ASSIGN_OR_RETURN(counters.cpus, connections->StatsByCpu());
  return counters;
}

}  // namespace sluice::conntrack
