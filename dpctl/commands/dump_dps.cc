#include "dpctl/commands/commands.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

absl::Status Run(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const std::vector<ovs::Datapath> datapaths, session->ListDatapaths());
  Json list = Json::array();
  for (const ovs::Datapath& datapath : datapaths) {
    if (session->options().json) {
      list.push_back({{"type", "system"}, {"name", datapath.name}, {"ifindex", datapath.ifindex}});
    } else {
      session->out().Write(FullName(datapath) + "\n");
    }
  }
  if (session->options().json) session->Print({{"datapaths", std::move(list)}});
  return absl::OkStatus();
}

}  // namespace

constinit const Command kDumpDps = {"dump-dps",
                                    "",
                                    0,
                                    0,
                                    false,
                                    "Prints the names of all datapaths of this network namespace.",
                                    "  dpctl dump-dps\n",
                                    Run};

}  // namespace sluice::dpctl
