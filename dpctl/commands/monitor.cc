#include <cerrno>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "dpctl/commands/commands.h"
#include "dpctl/event_report.h"
#include "dpctl/failure.h"
#include "dpctl/stop_signals.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

constexpr std::string_view kOnly = "--only";
constexpr std::string_view kTimestamps = "--timestamps";
constexpr CommandOption kMonitorOptions[] = {
    {kOnly, "KINDS", "only these, with commas: datapath, port, flow, meter"},
    {kTimestamps, "", "the time of day before each line"},
};

absl::StatusOr<EventReportOptions> ReadOptions(Session* session) {
  EventReportOptions options{.json = session->options().json,
                             .timestamps = session->Given(kTimestamps),
                             .verbose = session->options().verbosity > 0,
                             .names = session->options().wants_names()};
  if (!session->args().empty()) {
    // It need not be there yet.
    SLUICE_ASSIGN_OR_RETURN(options.datapath, DatapathName(session->args()[0]));
  }
  const auto only = session->Value(kOnly);
  if (!only) return options;
  options.datapaths = options.ports = options.flows = options.meters = false;
  for (const absl::string_view kind : absl::StrSplit(base::ToAbsl(*only), ',')) {
    if (kind == "datapath") {
      options.datapaths = true;
    } else if (kind == "port") {
      options.ports = true;
    } else if (kind == "flow") {
      options.flows = true;
    } else if (kind == "meter") {
      options.meters = true;
    } else {
      return UsageError(absl::StrCat("\"", kind, "\": expected datapath, port, flow or meter"));
    }
  }
  return options;
}

absl::StatusOr<WatchedState> Look(Session* session) {
  WatchedState state;
  SLUICE_ASSIGN_OR_RETURN(const std::vector<ovs::Datapath> datapaths, session->ListDatapaths());
  for (const ovs::Datapath& datapath : datapaths) {
    const auto ports = session->ListPorts(datapath);
    if (base::ErrnoOf(ports.status()) == ENODEV) continue;  // it went meanwhile
    if (!ports.ok()) return ports.status();
    WatchedDatapath& watched = state[datapath.ifindex];
    watched.datapath = datapath;
    for (const ovs::Vport& port : *ports) watched.ports.emplace(port.port_no, port);
  }
  return state;
}

absl::StatusOr<socket::EventSocket> Subscribe(Session* session, const EventReportOptions& options) {
  // Datapaths and ports always, as lines name them.
  std::vector<socket::GroupName> groups = {{OVS_DATAPATH_FAMILY, OVS_DATAPATH_MCGROUP},
                                           {OVS_VPORT_FAMILY, OVS_VPORT_MCGROUP}};
  if (options.flows) groups.push_back({OVS_FLOW_FAMILY, OVS_FLOW_MCGROUP});
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  if (options.meters && client->ResolveFamily(OVS_METER_FAMILY).ok())
    groups.push_back({OVS_METER_FAMILY, OVS_METER_MCGROUP});
  auto events = socket::EventSocket::OpenGeneric(std::move(groups), {.module = "openvswitch"});
  if (!events.ok()) return Failed("subscribing to notifications", events.status());
  return events;
}

// Takes what there is, until there is no more, and writes it.
absl::Status TakeAll(socket::EventSocket* events, EventReport* report, Output* out) {
  const auto take = [report](const socket::Event& event) { report->Take(event); };
  while (true) {
    const auto count = events->Receive(std::chrono::milliseconds(0), take);
    if (!count.ok()) return Failed("receiving notifications", count.status());
    if (*count == 0) return absl::OkStatus();
    SLUICE_RETURN_IF_ERROR(out->Flush());
  }
}

absl::Status Follow(Session* session, socket::EventSocket* events, EventReport* report,
                    StopSignals* stop) {
  while (stop->WaitFor(events->fd())) {
    SLUICE_RETURN_IF_ERROR(TakeAll(events, report, &session->out()));
    if (!report->must_look()) continue;
    SLUICE_ASSIGN_OR_RETURN(WatchedState now, Look(session));
    report->Reconcile(std::move(now), events->dropped());
    SLUICE_RETURN_IF_ERROR(session->out().Flush());
  }
  return absl::OkStatus();
}

absl::Status Run(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const EventReportOptions options, ReadOptions(session));
  StopSignals stop;
  SLUICE_RETURN_IF_ERROR(stop.Install());
  SLUICE_ASSIGN_OR_RETURN(socket::EventSocket events, Subscribe(session, options));
  EventReport report(options, &session->out());
  SLUICE_ASSIGN_OR_RETURN(WatchedState state, Look(session));
  report.Begin(std::move(state));
  absl::Status status = Follow(session, &events, &report, &stop);
  if (stop.reader_gone() || base::ErrnoOf(status) == EPIPE) StopSignals::EndByBrokenPipe();
  return status;
}

}  // namespace

constinit const Command kMonitor = {
    .name = "monitor",
    .arguments = "[--only=KINDS] [--timestamps] [DP]",
    .min_args = 0,
    .max_args = 1,
    .changes = false,
    .about =
        "Follows what is done to datapaths, ports and flows, by whomever, until it is "
        "interrupted:\n"
        "one line each, with --json one document a line. DP need not be there yet. When events "
        "were\n"
        "lost, as they came too fast, it says how many; then, and when the module was loaded anew, "
        "it\n"
        "looks again and tells which datapaths and ports have changed and how many flows there "
        "are.\n"
        "The kernel (up to 7.2) tells nothing of meters, of flows that del-flows without FILE\n"
        "removes, and of ports and flows that go with their datapath.",
    .examples =
        "  dpctl monitor\n"
        "  dpctl monitor --only=datapath,port --timestamps dp0\n"
        "  dpctl monitor --json | jq 'select(.kind == \"port\")'\n",
    .run = Run,
    .options = kMonitorOptions};

}  // namespace sluice::dpctl
