// sluicectl fdb: the addresses that bridges have learned.
#include "absl/strings/str_cat.h"
#include "agent/sluicectl/commands/commands.h"
#include "agent/sluicectl/text.h"

namespace sluice::ctl {
namespace {

std::string ToText(const v1::ListMacsResponse& macs) {
  Table table = {{"BRIDGE", "PORT", "VLAN", "ADDRESS", "AGE"}};
  for (const v1::Mac& mac : macs.macs())
    table.push_back({mac.bridge(),
                     mac.port().empty() ? absl::StrCat(mac.port_number()) : mac.port(),
                     absl::StrCat(mac.vlan()), mac.mac(), Uptime(mac.age_ms())});
  std::string out;
  AppendTable(table, "", &out);
  return out;
}

int Fdb(Session* session, const v1::ListMacsRequest& request) {
  v1::ListMacsResponse macs;
  if (!session->Ask(&v1::Sluice::Stub::ListMacs, request, &macs)) return kRefused;
  session->Print(macs, [&] { return ToText(macs); });
  return 0;
}

}  // namespace

void AddFdb(CLI::App* app, Session* session, Chosen* chosen) {
  CLI::App* command = app->add_subcommand("fdb", "Addresses that bridges have learned");
  const auto request = std::make_shared<v1::ListMacsRequest>();
  command->add_option("BRIDGE", *request->mutable_bridge(), "Of this bridge only");
  command->callback([=] { *chosen = [=] { return Fdb(session, *request); }; });
}

}  // namespace sluice::ctl
