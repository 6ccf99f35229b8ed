#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "dpctl/flow_arguments.h"
#include "dpctl/flow_rebind.h"
#include "dpctl/follow.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

constexpr std::string_view kDryRun = "--dry-run";
constexpr CommandOption kRebindOptions[] = {
    {.name = kDryRun,
     .value = "",
     .about = "only print the flows that would be changed, as they "
              "would be",
     .letter = "-n"},
};

// All digits are a number, which may be that of a port that is gone.
absl::StatusOr<uint32_t> PortNumber(const DatapathPorts& ports, const ovs::Datapath& datapath,
                                    const std::string& argument) {
  uint32_t number = 0;
  if (argument.find_first_not_of("0123456789") == std::string::npos) {
    if (absl::SimpleAtoi(argument, &number) && number < UINT16_MAX) return number;
    return UsageError(absl::StrCat("\"", argument, "\": a port has a number below 65535"));
  }
  if (const auto found = ports.NumberOf(argument)) return *found;
  return absl::NotFoundError(absl::StrCat("no port named ", argument, " in ", FullName(datapath)));
}

void PrintPlan(Session* session, const FlowRebind& rebind, const DatapathPorts& ports) {
  const ovs::FlowTextOptions text{.verbose = session->options().verbosity > 0,
                                  .ports = session->options().wants_names() ? &ports : nullptr,
                                  .now = base::SystemClock().Now()};
  for (size_t i = 0; i < rebind.size(); ++i) {
    const ReboundFlow& flow = rebind.flow(i);
    base::ByteVector ufid;
    if (flow.after.ufid) ufid.assign(flow.after.ufid->bytes.begin(), flow.after.ufid->bytes.end());
    session->out().Write(flow.moved ? "move: " : "change: ");
    ovs::AppendFlow(ViewOf(flow.after, ufid), text, &session->out().buffer());
    session->out().Write("\n");
    session->out().Step();
  }
}

void PrintCounts(Session* session, const ovs::Datapath& datapath, uint32_t from, uint32_t to,
                 const RebindCounts& counts, bool dry_run) {
  if (session->options().json) {
    return session->Print({{"datapath", FullName(datapath)},
                           {"from", from},
                           {"to", to},
                           {"dry_run", dry_run},
                           {"changed", counts.changed},
                           {"moved", counts.moved},
                           {"gone", counts.gone}});
  }
  session->out().Write(
      absl::StrCat(FullName(datapath), ": ", counts.changed,
                   dry_run ? " flows to change in place, " : " flows changed in place, ",
                   counts.moved, dry_run ? " to move" : " moved"));
  if (counts.gone > 0)
    session->out().Write(absl::StrCat(", ", counts.gone, " removed by others meanwhile"));
  session->out().Write("\n");
}

RebindCounts Planned(const FlowRebind& rebind) {
  RebindCounts counts;
  for (size_t i = 0; i < rebind.size(); ++i)
    ++(rebind.flow(i).moved ? counts.moved : counts.changed);
  return counts;
}

absl::Status Run(Session* session) {
  const std::vector<std::string>& args = session->args();
  SLUICE_ASSIGN_OR_RETURN(const ovs::Datapath datapath, session->OpenDatapath(args[0]));
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  const DatapathPorts ports(client, datapath.ifindex);
  SLUICE_RETURN_IF_ERROR(Failed("listing ports", ports.Load()));
  SLUICE_ASSIGN_OR_RETURN(const uint32_t from, PortNumber(ports, datapath, args[1]));
  SLUICE_ASSIGN_OR_RETURN(const uint32_t to, PortNumber(ports, datapath, args[2]));
  if (from == to) return UsageError(absl::StrCat(args[1], " and ", args[2], " are the same port"));
  if (ports.NameOf(to).empty())
    return absl::NotFoundError(absl::StrCat("no port number ", to, " in ", FullName(datapath)));

  FlowRebind rebind(client, datapath.ifindex);
  const auto take = [&](const ovs::FlowView& flow) {
    if (auto rebound = RebindFlow(flow, from, to)) rebind.Add(*std::move(rebound));
    return absl::OkStatus();
  };
  const auto report =
      ovs::Flows(client).Dump(datapath.ifindex, {}, take, [&rebind] { rebind.Clear(); });
  if (!report.ok()) return Failed("dumping flows", report.status());
  const bool dry_run = session->Given(kDryRun);
  if (!dry_run) SLUICE_RETURN_IF_ERROR(rebind.Run());
  if (dry_run && !session->options().json) PrintPlan(session, rebind, ports);
  PrintCounts(session, datapath, from, to, dry_run ? Planned(rebind) : rebind.counts(), dry_run);
  return absl::OkStatus();
}

}  // namespace

constinit const Command kRebind = {
    .name = "rebind",
    .arguments = "[-n] DP FROM TO",
    .min_args = 3,
    .max_args = 3,
    .changes = true,
    .about =
        "Makes the flows that name port FROM name port TO, all of them or, when the kernel\n"
        "refuses one, none. FROM and TO are numbers or names; FROM may be gone already.\n"
        "Actions, those inside other actions too, are changed in place, and the flow keeps its\n"
        "statistics. A flow that matches in_port FROM is replaced: the new one is installed\n"
        "before the old one is removed, so that no packet goes without a flow. It has another\n"
        "UFID, and its statistics begin at zero; the program that installed it meets a flow that\n"
        "it does not know. Userdata of userspace actions stays as it is.",
    .examples =
        "  dpctl rebind -n dp0 veth0 veth5\n"
        "  dpctl rebind dp0 7 veth5\n",
    .run = Run,
    .options = kRebindOptions};

}  // namespace sluice::dpctl
