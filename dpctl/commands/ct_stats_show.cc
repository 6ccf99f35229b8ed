#include <netinet/in.h>

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "dpctl/commands/commands.h"
#include "dpctl/conntrack_arguments.h"
#include "dpctl/failure.h"
#include "netlink/attr/codec.h"
#include "netlink/base/status.h"
#include "netlink/conntrack/tables.h"

namespace sluice::dpctl {
namespace {

using conntrack::Connection;

// The place of `what` in a list; those that are not in it come after them.
template <typename Array, typename What>
size_t Rank(const Array& list, const What& what) {
  return static_cast<size_t>(std::find(std::begin(list), std::end(list), what) - std::begin(list));
}

// As ovs-dpctl(8) sorts: protocols and states of TCP that it knows first, by these lists.
struct StateOrder {
  static constexpr std::string_view kTcp[] = {"CLOSED",      "LISTEN",     "SYN_SENT",   "SYN_RECV",
                                              "ESTABLISHED", "CLOSE_WAIT", "FIN_WAIT_1", "CLOSING",
                                              "LAST_ACK",    "FIN_WAIT_2", "TIME_WAIT"};
  bool operator()(const std::string& a, const std::string& b) const {
    return std::pair(Rank(kTcp, a), a) < std::pair(Rank(kTcp, b), b);
  }
};
struct ProtocolOrder {
  static constexpr uint8_t kKnown[] = {IPPROTO_TCP,  IPPROTO_UDP,  IPPROTO_UDPLITE, IPPROTO_SCTP,
                                       IPPROTO_ICMP, IPPROTO_DCCP, IPPROTO_IGMP};
  bool operator()(uint8_t a, uint8_t b) const {
    return std::pair(Rank(kKnown, a), a) < std::pair(Rank(kKnown, b), b);
  }
};

struct ProtocolCount {
  size_t connections = 0;
  std::map<std::string, size_t, StateOrder> states;  // as they are told without -m
};

struct Counts {
  size_t total = 0;
  std::map<uint8_t, ProtocolCount, ProtocolOrder> protocols;

  void Add(const Connection& connection) {
    ++total;
    ProtocolCount& of = protocols[connection.original.protocol.number];
    ++of.connections;
    const std::string_view state = conntrack::FoldedState(conntrack::StateName(connection));
    if (!state.empty()) ++of.states[std::string(state)];
  }
};

struct KernelCounters {
  conntrack::GlobalStats all;
  std::vector<conntrack::CpuStats> cpus;
};

std::string CountsText(const Counts& counts, bool states) {
  std::string text = absl::StrCat("Connections Stats:\n    Total: ", counts.total, "\n");
  for (const auto& [protocol, count] : counts.protocols) {
    const std::string name = absl::AsciiStrToUpper(conntrack::ProtocolName(protocol));
    absl::StrAppend(&text, "  ", name, ": ", count.connections, "\n");
    if (!states || count.states.empty()) continue;
    absl::StrAppend(&text, "    Conn per ", name, " states:\n");
    for (const auto& [state, number] : count.states)
      absl::StrAppend(&text, "\t  [", state, "]=", number, "\n");
  }
  return text;
}

Json CountsToJson(const Counts& counts) {
  Json protocols = Json::object();
  for (const auto& [protocol, count] : counts.protocols) {
    Json& json = protocols[conntrack::ProtocolName(protocol)];
    json["connections"] = count.connections;
    if (count.states.empty()) continue;
    for (const auto& [state, number] : count.states) json["states"][state] = number;
  }
  return {{"total", counts.total}, {"protocols", std::move(protocols)}};
}

// The counters of a CPU by the names of their table.
template <typename Take>
void ForEachCounter(const conntrack::CpuStats& stats, Take take) {
  const attr::Table& table = conntrack::kCpuStatsTable;
  const auto* bytes = reinterpret_cast<const uint8_t*>(&stats);
  for (const attr::Row& row : table.rows)
    if (attr::IsPresent(table, &stats, row.type))
      take(row.name, attr::LoadField(row.fields[0], bytes + row.slot.offset));
}

std::string CountersText(const KernelCounters& counters) {
  std::string text = absl::StrCat("Kernel counters:\n    Entries: ", counters.all.entries.host());
  if (counters.all.present.Has(CTA_STATS_GLOBAL_MAX_ENTRIES))
    absl::StrAppend(&text, " of ", counters.all.max_entries.host());
  text += "\n";
  for (const conntrack::CpuStats& stats : counters.cpus) {
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
  for (const conntrack::CpuStats& stats : counters.cpus) {
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

absl::StatusOr<KernelCounters> GatherCounters(conntrack::Connections* connections) {
  KernelCounters counters;
  auto all = connections->Stats();
  if (!all.ok()) return Failed("asking for conntrack statistics", all.status());
  counters.all = *all;
  auto cpus = connections->StatsByCpu();
  if (!cpus.ok()) return Failed("asking for conntrack statistics", cpus.status());
  counters.cpus = *std::move(cpus);
  return counters;
}

absl::Status Run(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(std::vector<std::string> args, WithoutDatapath(session, {"verbose"}));
  const auto last = std::remove(args.begin(), args.end(), "verbose");
  const bool verbose = session->options().verbosity > 0 || last != args.end();
  args.erase(last, args.end());
  SLUICE_ASSIGN_OR_RETURN(const conntrack::ConnectionMatch match, ReadConnectionMatch(args));
  SLUICE_ASSIGN_OR_RETURN(socket::Client client, OpenNetfilterClient());
  conntrack::Connections connections(&client);
  Counts counts;
  const auto take = [&](const Connection& connection) {
    if (match.Matches(connection)) counts.Add(connection);
    return absl::OkStatus();
  };
  const auto report = connections.Dump(WishFor(match), take, [&counts] { counts = {}; });
  if (!report.ok()) return Failed("dumping connections", report.status());
  std::optional<KernelCounters> counters;
  if (session->options().statistics) {
    SLUICE_ASSIGN_OR_RETURN(counters, GatherCounters(&connections));
  }
  if (session->options().json) {
    Json json = CountsToJson(counts);
    if (counters) json["kernel"] = CountersToJson(*counters);
    session->Print(json);
    return absl::OkStatus();
  }
  session->out().Write(CountsText(counts, verbose));
  if (counters) session->out().Write(CountersText(*counters));
  return absl::OkStatus();
}

}  // namespace

constinit const Command kCtStatsShow = {
    .name = "ct-stats-show",
    .arguments = "[-m|verbose] [-s] [DP] [zone=N] [FIELD=VALUE]...",
    .min_args = 0,
    .max_args = kAnyNumber,
    .changes = false,
    .about =
        "Counts connections by protocol, with -m also by state: all, or those that FIELDs "
        "match, as\n"
        "dump-conntrack takes them. -s adds the kernel's own counters: entries, and what each "
        "CPU found,\n"
        "inserted and dropped. The kernel wants CAP_NET_ADMIN for this.",
    .examples =
        "  dpctl ct-stats-show -m zone=5\n"
        "  dpctl ct-stats-show -s --json | jq '[.kernel.cpus[].insert_failed] | add'\n",
    .run = Run,
};

}  // namespace sluice::dpctl
