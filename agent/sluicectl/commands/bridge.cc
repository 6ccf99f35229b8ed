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
  const auto add = [=](const char* word, v1::Edit::Kind kind, const char* help,
                       const char* lenient) {
    CLI::App* command = bridge->add_subcommand(word, help);
    const auto options = std::make_shared<EditOptions>();
    const auto edit = std::make_shared<v1::Edit>();
    edit->set_kind(kind);
    command->add_option("BRIDGE", *edit->mutable_bridge(), "Its name")->required();
    if (kind != v1::Edit::REMOVE)
      command->add_option("SETTINGS", options->settings,
                          "KEY=VALUE as in the configuration file; KEY= takes a key away");
    if (lenient != nullptr)
      command->add_flag_callback(
          lenient, [edit] { edit->set_lenient(true); }, "Then do nothing");
    command->add_flag("-n,--dry-run", options->dry_run, "Only tell what would change");
    command->callback([=] { *chosen = [=] { return SendEdit(session, *options, *edit); }; });
  };
  add("add", v1::Edit::ADD, "A new bridge", "--may-exist");
  add("set", v1::Edit::SET, "Other settings for a bridge", nullptr);
  add("del", v1::Edit::REMOVE, "Takes a bridge and its datapath away", "--if-exists");
}

}  // namespace sluice::ctl
