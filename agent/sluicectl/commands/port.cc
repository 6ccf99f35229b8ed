// sluicectl port: ports of bridges, listed or changed in the desired state.
#include "absl/strings/str_cat.h"
#include "agent/sluicectl/commands/commands.h"
#include "agent/sluicectl/edits.h"
#include "agent/sluicectl/text.h"

namespace sluice::ctl {
namespace {

// What a port has that others have not.
std::string Extras(const v1::Port& port) {
  std::string text;
  if (port.has_tunnel()) {
    const v1::Tunnel& tunnel = port.tunnel();
    absl::StrAppend(&text, " to ", tunnel.remote(), " key ", tunnel.key(), " over ",
                    tunnel.device());
    if (!tunnel.local().empty()) absl::StrAppend(&text, " from ", tunnel.local());
    if (tunnel.tos() != "0") absl::StrAppend(&text, " tos ", tunnel.tos());
    if (tunnel.ttl() != "64") absl::StrAppend(&text, " ttl ", tunnel.ttl());
    if (!tunnel.dont_fragment()) absl::StrAppend(&text, " may be fragmented");
    if (tunnel.checksum()) absl::StrAppend(&text, " csum");
    if (tunnel.gbp()) absl::StrAppend(&text, " gbp");
    if (tunnel.inner_mtu() != 0) absl::StrAppend(&text, " mtu ", tunnel.inner_mtu());
    if (tunnel.gpe()) absl::StrAppend(&text, " gpe");
  }
  for (const v1::VlanPair& pair : port.vlan_map())
    absl::StrAppend(&text, " ", pair.wire(), "=", pair.vlan());
  for (const std::string& storm : port.storm()) absl::StrAppend(&text, " ", storm);
  if (port.is_protected()) absl::StrAppend(&text, " protected");
  if (port.priority_tags() == "if-nonzero" || port.priority_tags() == "always")
    absl::StrAppend(&text, " priority-tags ", port.priority_tags());
  if (!port.reason().empty()) absl::StrAppend(&text, " (", port.reason(), ")");
  return text.empty() ? text : text.substr(1);
}

std::string ToText(const v1::GetStatusResponse& status) {
  Table table = {{"BRIDGE", "PORT", "NUMBER", "TYPE", "STATE", "LINK", "MACS", "VLAN", "AND"}};
  for (const v1::Bridge& bridge : status.bridges()) {
    for (const v1::Port& port : bridge.ports()) {
      const bool numbered = port.state() == "up" || port.state() == "unmanaged";
      const std::string limit = port.mac_limit() == 0 ? "" : absl::StrCat("/", port.mac_limit());
      const std::string link = port.has_link() ? "yes" : "no";
      table.push_back({bridge.name(), port.name(), numbered ? absl::StrCat(port.number()) : "-",
                       port.type(), port.state(), port.state() == "up" ? link : "-",
                       absl::StrCat(port.macs(), limit), VlansText(port), Extras(port)});
    }
  }
  std::string out;
  AppendTable(table, "", &out);
  return out;
}

int List(Session* session, const std::string& only) {
  v1::GetStatusResponse status;
  if (!session->AskBridges(only, &status)) return kRefused;
  session->Print(status, [&] { return ToText(status); });
  return 0;
}

}  // namespace

void AddPort(CLI::App* app, Session* session, Chosen* chosen) {
  CLI::App* port = app->add_subcommand("port", "Ports of bridges: lists or changes them");
  port->require_subcommand(1);
  CLI::App* list = port->add_subcommand("list", "Ports and how they are");
  const auto only = std::make_shared<std::string>();
  list->add_option("BRIDGE", *only, "Of this bridge only");
  list->callback([=] { *chosen = [=] { return List(session, *only); }; });
  AddEdits(port,
           {.bridge = "The bridge's name",
            .port = "The device's name",
            .add = "A device becomes a port of a bridge",
            .set = "Other settings for a port",
            .del = "A device is a port no more"},
           session, chosen);
}

}  // namespace sluice::ctl
