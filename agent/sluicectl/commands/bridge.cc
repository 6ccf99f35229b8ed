// sluicectl bridge: bridges, listed or changed in the desired state.
#include "absl/strings/str_cat.h"
#include "agent/sluicectl/commands/commands.h"
#include "agent/sluicectl/edits.h"
#include "agent/sluicectl/text.h"

namespace sluice::ctl {
namespace {

int List(Session* session) {
  v1::GetStatusResponse status;
  if (!session->Ask(&v1::Sluice::Stub::GetStatus, v1::GetStatusRequest(), &status)) return kRefused;
  session->Print(status, [&] {
    Table table = {{"BRIDGE", "PORTS", "FLOWS", "ADDRESSES", "STATE"}};
    for (const v1::Bridge& bridge : status.bridges())
      table.push_back({bridge.name(), absl::StrCat(bridge.ports_size()),
                       absl::StrCat(bridge.flows().flows()), absl::StrCat(bridge.macs()),
                       bridge.problem().empty() ? "up" : bridge.problem()});
    std::string out;
    AppendTable(table, "", &out);
    return out;
  });
  return 0;
}

}  // namespace

void AddBridge(CLI::App* app, Session* session, Chosen* chosen) {
  CLI::App* bridge = app->add_subcommand("bridge", "Bridges: lists or changes them");
  bridge->require_subcommand(1);
  bridge->add_subcommand("list", "Bridges and how they are")->callback([=] {
    *chosen = [=] { return List(session); };
  });
  AddEdits(bridge,
           {.bridge = "Its name",
            .port = nullptr,
            .add = "A new bridge",
            .set = "Other settings for a bridge",
            .del = "Takes a bridge and its datapath away"},
           session, chosen);
}

}  // namespace sluice::ctl
