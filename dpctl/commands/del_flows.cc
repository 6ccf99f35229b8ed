#include <unistd.h>

#include <cerrno>

#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "dpctl/flow_file_run.h"
#include "netlink/base/status.h"
#include "netlink/ovs/flow.h"

namespace sluice::dpctl {
namespace {

absl::Status Flush(Session* session, const ovs::Datapath& datapath) {
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  return Failed("deleting all flows", ovs::Flows(client).Flush(datapath.ifindex));
}

// A name that is that of a file, as there is no datapath of that name.
absl::Status RunOnOnlyDatapath(Session* session, const std::string& path) {
  SLUICE_ASSIGN_OR_RETURN(const ovs::Datapath datapath, session->DatapathOrOnly(std::nullopt));
  return RunFlowFile(session, datapath, path, FlowVerb::kDelete);
}

absl::Status Run(Session* session) {
  const std::vector<std::string>& args = session->args();
  std::optional<std::string_view> name;
  if (!args.empty()) name = args[0];
  if (args.size() == 1 && args[0] == "-") return RunOnOnlyDatapath(session, args[0]);
  const auto datapath = session->DatapathOrOnly(name);
  if (args.size() == 1 && !datapath.ok()) {
    const int error = base::ErrnoOf(datapath.status());
    const bool no_datapath = error == ENODEV || absl::IsInvalidArgument(datapath.status());
    if (no_datapath && ::access(args[0].c_str(), F_OK) == 0)
      return RunOnOnlyDatapath(session, args[0]);
    if (no_datapath) return WithHint(datapath.status(), "there is no file of that name either");
  }
  SLUICE_RETURN_IF_ERROR(datapath.status());
  if (args.size() == 2) return RunFlowFile(session, *datapath, args[1], FlowVerb::kDelete);
  return Flush(session, *datapath);
}

}  // namespace

constinit const Command kDelFlows = {
    "del-flows",
    "[--atomic] [DP] [FILE|-]",
    0,
    2,
    true,
    "Removes all flows of a datapath, or those of a file, as add-flows reads it: lines without a\n"
    "keyword delete. A single argument is a datapath if there is one of that name, else a file.",
    "  dpctl del-flows dp0\n"
    "  dpctl del-flows --atomic dp0 flows.txt\n"
    "  dpctl dump-flows dp0 | grep 'used:never' | dpctl del-flows dp0 -\n",
    Run};

}  // namespace sluice::dpctl
