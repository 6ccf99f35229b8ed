// sluicectl status: bridges, their ports and flows, and whether all is well.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "agent/sluicectl/commands/commands.h"
#include "agent/sluicectl/text.h"

namespace sluice::ctl {
namespace {

std::string Megabytes(uint64_t bytes) {
  return absl::StrFormat("%.1f MB", static_cast<double>(bytes) / 1e6);
}

void AppendFlows(const v1::FlowCacheStats& flows, std::string* out) {
  absl::StrAppend(out, "  flows kept: ", flows.flows(), " of at most ", flows.limit());
  if (flows.current_limit() < flows.limit())
    absl::StrAppend(out, " (now ", flows.current_limit(), ", as rounds take long)");
  absl::StrAppend(out, ", masks ", flows.masks(), BudgetText(flows.mask_budget()));
  if (flows.emergency())
    absl::StrAppend(out, ", TOO MANY: the idlest are deleted after ", flows.idle_timeout_ms(),
                    " ms");
  const v1::FlowRound& round = flows.last_round();
  absl::StrAppend(out, ", last round ", round.duration_ms(), " ms");
  if (round.lag_ms() > 0) absl::StrAppend(out, ", lag ", round.lag_ms(), " ms");
}

void AppendBridge(const v1::Bridge& bridge, std::string* out) {
  absl::StrAppend(out, "bridge ", bridge.name(), "\n");
  if (!bridge.problem().empty()) absl::StrAppend(out, "  NO DATAPATH: ", bridge.problem(), "\n");
  if (bridge.has_datapath()) {
    const v1::DatapathStats& stats = bridge.datapath();
    absl::StrAppend(out, "  datapath: hit ", stats.hit(), ", missed ", stats.missed(), ", lost ",
                    stats.lost(), "; flows ", stats.flows(), ", masks ", stats.masks(), "\n");
  }
  AppendFlows(bridge.flows(), out);
  absl::StrAppend(out, "; addresses: ", bridge.macs(), " of at most ", bridge.mac_limit(), "\n");
  Table table;
  for (const v1::Port& port : bridge.ports()) {
    const bool numbered = port.state() == "up" || port.state() == "unmanaged";
    table.push_back({absl::StrCat("port ", numbered ? absl::StrCat(port.number()) : "-", ":"),
                     port.name(), port.type(), VlansText(port),
                     port.state() == "up" && !port.has_link() ? "no link" : port.state(),
                     port.reason().empty() ? "" : absl::StrCat("(", port.reason(), ")")});
  }
  AppendTable(table, "  ", out);
}

std::string ToText(const v1::GetStatusResponse& status, const v1::GetHealthResponse& health) {
  uint64_t upcalls = 0, overruns = 0, malformed = 0;
  for (const v1::Handler& handler : status.handlers()) {
    upcalls += handler.upcalls();
    overruns += handler.overruns();
    malformed += handler.malformed();
  }
  std::string out = absl::StrCat("sluiced ", status.version(), ", up ", Uptime(status.uptime_ms()),
                                 health.healthy() ? ", healthy" : ", DEGRADED", "\n");
  for (const std::string& problem : health.problems()) absl::StrAppend(&out, "  ", problem, "\n");
  absl::StrAppend(&out, "upcalls: ", upcalls, " (", status.dispatch_mode(), ", ",
                  status.handlers_size(), status.handlers_size() == 1 ? " handler" : " handlers",
                  "), overruns ", overruns, ", malformed ", malformed, ", lost ",
                  status.upcalls_lost(), "\n");
  for (const std::string& port : status.cut_off())
    absl::StrAppend(&out, "  ", port, ": CUT OFF for a while, see sluicectl upcalls\n");
  const v1::SlowPathStats& slow_path = status.slow_path();
  absl::StrAppend(&out, "slow path: ", slow_path.packets(), " packets, executed ",
                  slow_path.executes(), " times, dropped ", slow_path.dropped(),
                  "; packet-ins: ", status.packet_ins().packets(), " to ",
                  status.packet_ins().listeners(), " listeners, missed ",
                  status.packet_ins().missed(), "\n");
  absl::StrAppend(&out, "memory: ", Megabytes(status.memory().heap()), " in use, ",
                  Megabytes(status.memory().resident()), " resident\n");
  for (const v1::Bridge& bridge : status.bridges()) AppendBridge(bridge, &out);
  return out;
}

int Status(Session* session) {
  v1::GetStatusResponse status;
  v1::GetHealthResponse health;
  if (!session->Ask(&v1::Sluice::Stub::GetStatus, v1::GetStatusRequest(), &status) ||
      !session->Ask(&v1::Sluice::Stub::GetHealth, v1::GetHealthRequest(), &health))
    return kRefused;
  session->Print(status, [&] { return ToText(status, health); });
  return health.healthy() ? 0 : kDegraded;
}

}  // namespace

void AddStatus(CLI::App* app, Session* session, Chosen* chosen) {
  app->add_subcommand("status", "Bridges, their ports and flows")->callback([=] {
    *chosen = [=] { return Status(session); };
  });
}

}  // namespace sluice::ctl
