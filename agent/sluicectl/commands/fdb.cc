// sluicectl fdb: the addresses that bridges know, shown or changed.
#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "agent/sluicectl/commands/commands.h"
#include "agent/sluicectl/text.h"

namespace sluice::ctl {
namespace {

constexpr uint32_t kMaxVlan = 4094;
constexpr const char* kExamples = R"(
Examples:
  sluicectl fdb                                    of all bridges
  sluicectl fdb br0 stats                          learned, moved, evicted, expired
  sluicectl fdb br0 add web 10 0a:1b:2c:3d:4e:5f   a static address: VLAN 10, on port web
  sluicectl fdb br0 del 10 0a:1b:2c:3d:4e:5f
  sluicectl fdb br0 flush --port web --wait
)";

using Request = std::shared_ptr<v1::ChangeMacsRequest>;

std::string ToText(const v1::ListMacsResponse& macs) {
  Table table = {{"BRIDGE", "PORT", "VLAN", "ADDRESS", "AGE"}};
  for (const v1::Mac& mac : macs.macs())
    table.push_back(
        {mac.bridge(), mac.port().empty() ? absl::StrCat(mac.port_number()) : mac.port(),
         absl::StrCat(mac.vlan()), mac.mac(), mac.is_static() ? "static" : Uptime(mac.age_ms())});
  std::string out;
  AppendTable(table, "", &out);
  return out;
}

std::string StatsText(const v1::ListMacsResponse& macs) {
  std::string out;
  for (const v1::MacTable& table : macs.tables()) {
    absl::StrAppend(&out, "bridge ", table.bridge(), "\n");
    AppendTable({{"learned now:", absl::StrCat(table.entries() - table.statics()),
                  absl::StrCat("of at most ", table.limit())},
                 {"static now:", absl::StrCat(table.statics())},
                 {"learned:", absl::StrCat(table.learned())},
                 {"moved:", absl::StrCat(table.moved()), "to another port"},
                 {"evicted:", absl::StrCat(table.evicted()), "as the room was needed"},
                 {"expired:", absl::StrCat(table.expired()), "not seen for too long"},
                 {"static elsewhere:", absl::StrCat(table.elsewhere()),
                  "packets from a static address on another port"}},
                "  ", &out);
  }
  return out;
}

int Show(Session* session, const std::string& bridge, bool stats) {
  v1::ListMacsRequest request;
  request.set_bridge(bridge);
  v1::ListMacsResponse macs;
  if (!session->Ask(&v1::Sluice::Stub::ListMacs, request, &macs)) return kRefused;
  if (stats) macs.clear_macs();
  session->Print(macs, [&] { return stats ? StatsText(macs) : ToText(macs); });
  return 0;
}

int Change(Session* session, const v1::ChangeMacsRequest& request) {
  v1::ChangeMacsResponse response;
  if (!session->Ask(&v1::Sluice::Stub::ChangeMacs, request, &response)) return kRefused;
  session->Print(response, [&] {
    switch (request.command()) {
      case v1::ChangeMacsRequest::ADD:
        return std::string("1 address added\n");
      case v1::ChangeMacsRequest::DELETE:
        return std::string("1 address deleted\n");
      default:
        return absl::StrCat(response.changed(), " addresses flushed\n");
    }
  });
  return 0;
}

// A command that changes something, with what they all have.
CLI::App* AddChange(CLI::App* fdb, const char* name, const char* help, Session* session,
                    Chosen* chosen, v1::ChangeMacsRequest::Command command,
                    const Request& request) {
  CLI::App* change = fdb->add_subcommand(name, help);
  change->add_flag_callback(
      "--wait", [=] { request->set_wait(true); },
      "Until no packet follows what has changed any more");
  change->callback([=] {
    if (request->bridge().empty()) throw CLI::RequiredError("BRIDGE");
    request->set_command(command);
    *chosen = [=] { return Change(session, *request); };
  });
  return change;
}

CLI::Option* AddVlan(CLI::App* command, const char* name, const Request& request) {
  return command
      ->add_option_function<uint32_t>(
          name, [=](const uint32_t& vlan) { request->set_vlan(vlan); },
          "VLAN, 0 for untagged packets")
      ->check(CLI::Range(uint32_t{0}, kMaxVlan))
      ->type_name("0..4094");
}

}  // namespace

void AddFdb(CLI::App* app, Session* session, Chosen* chosen) {
  CLI::App* fdb = app->add_subcommand("fdb", "Addresses that bridges know: shows or changes them");
  fdb->footer(kExamples);
  const auto request = std::make_shared<v1::ChangeMacsRequest>();
  fdb->add_option("BRIDGE", *request->mutable_bridge(), "Of this bridge only");
  const auto stats = std::make_shared<bool>(false);
  fdb->add_subcommand("show", "The addresses (what happens without a command)");
  fdb->add_subcommand("stats", "How many there are, and what became of others")->callback([=] {
    *stats = true;
  });

  CLI::App* add = AddChange(fdb, "add", "Adds a static address, in place of what is known of it",
                            session, chosen, v1::ChangeMacsRequest::ADD, request);
  add->add_option("PORT", *request->mutable_port(), "Where it stays")->required();
  AddVlan(add, "VLAN", request)->required();
  add->add_option("ADDRESS", *request->mutable_mac(), "A host's")->required();

  CLI::App* del = AddChange(fdb, "del", "Forgets an address, learned or static", session, chosen,
                            v1::ChangeMacsRequest::DELETE, request);
  AddVlan(del, "VLAN", request)->required();
  del->add_option("ADDRESS", *request->mutable_mac(), "A host's")->required();

  CLI::App* flush = AddChange(fdb, "flush", "Forgets all learned addresses", session, chosen,
                              v1::ChangeMacsRequest::FLUSH, request);
  flush->add_option("--port", *request->mutable_port(), "Those on this port only");
  AddVlan(flush, "--vlan", request);
  flush->add_flag_callback(
      "--static", [=] { request->set_statics(true); }, "Static ones too");

  fdb->require_subcommand(0, 1);
  fdb->callback([=] {
    if (*chosen == nullptr) *chosen = [=] { return Show(session, request->bridge(), *stats); };
  });
}

}  // namespace sluice::ctl
