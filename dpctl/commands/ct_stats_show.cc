#include <algorithm>

#include "dpctl/commands/commands.h"
#include "dpctl/conntrack_arguments.h"
#include "dpctl/failure.h"
#include "netlink/base/status.h"
#include "netlink/conntrack/connection_counts.h"

namespace sluice::dpctl {
namespace {

using conntrack::Connection;

absl::Status Run(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(std::vector<std::string> args, WithoutDatapath(session, {"verbose"}));
  const auto last = std::remove(args.begin(), args.end(), "verbose");
  const bool verbose = session->options().verbosity > 0 || last != args.end();
  args.erase(last, args.end());
  SLUICE_ASSIGN_OR_RETURN(const conntrack::ConnectionMatch match, ReadConnectionMatch(args));
  SLUICE_ASSIGN_OR_RETURN(socket::Client client, OpenNetfilterClient());
  conntrack::Connections connections(&client);
  conntrack::ConnectionCounts counts;
  const auto take = [&](const Connection& connection) {
    if (match.Matches(connection)) counts.Add(connection);
    return absl::OkStatus();
  };
  const auto report = connections.Dump(WishFor(match), take, [&counts] { counts = {}; });
  if (!report.ok()) return Failed("dumping connections", report.status());
  std::optional<conntrack::KernelCounters> counters;
  if (session->options().statistics) {
    auto gathered = conntrack::GatherCounters(&connections);
    if (!gathered.ok()) return Failed("asking for conntrack statistics", gathered.status());
    counters = *std::move(gathered);
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
