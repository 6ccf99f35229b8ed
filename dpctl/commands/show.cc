#include "dpctl/commands/commands.h"
#include "dpctl/datapath_report.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

absl::Status Run(Session* session) {
  std::vector<ovs::Datapath> datapaths;
  if (session->args().empty()) {
    SLUICE_ASSIGN_OR_RETURN(datapaths, session->ListDatapaths());
  }
  absl::Status status;
  for (const std::string& name : session->args()) {
    auto datapath = session->OpenDatapath(name);
    if (!datapath.ok()) {
      status.Update(datapath.status());  // the others are shown all the same
      continue;
    }
    datapaths.push_back(*std::move(datapath));
  }
  const bool statistics = session->options().statistics;
  Json list = Json::array();
  for (const ovs::Datapath& datapath : datapaths) {
    SLUICE_ASSIGN_OR_RETURN(const DatapathReport report,
                            GatherReport(session, datapath, statistics));
    if (session->options().json)
      list.push_back(ReportToJson(report, statistics));
    else
      AppendReport(report, statistics, &session->out().buffer());
  }
  if (session->options().json) session->Print({{"datapaths", std::move(list)}});
  return status;
}

}  // namespace

constinit const Command kShow = {
    "show",
    "[-s] [DP]...",
    0,
    kAnyNumber,
    false,
    "Prints datapaths, all of them unless some are named: lookups, flows, masks and ports. -s "
    "adds\n"
    "the ports' counters. No privilege is needed.",
    "  dpctl show\n"
    "  dpctl show -s dp0\n"
    "  dpctl show --json | jq '.datapaths[].lookups.lost'\n",
    Run};

}  // namespace sluice::dpctl
