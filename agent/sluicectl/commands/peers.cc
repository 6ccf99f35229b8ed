// sluicectl peers: the peers of overlays, and how they are.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/sluicectl/commands/commands.h"
#include "agent/sluicectl/text.h"

namespace sluice::ctl {
namespace {

std::string AnsweredText(const v1::Peer& peer) {
  return peer.has_answered() ? absl::StrCat(Seconds(peer.answered_ms_ago()), " ago") : "never";
}

std::string TripText(const v1::Peer& peer) {
  return peer.has_answered() ? absl::StrCat(peer.round_trip_ms(), "ms") : "-";
}

// One that is being looked for is at least that.
std::string MtuText(const v1::Peer& peer) {
  if (peer.path_mtu() == 0) return "-";
  return absl::StrCat(peer.path_mtu(), peer.path_mtu_is_final() ? "" : "+");
}

std::string ToText(const v1::GetStatusResponse& status) {
  Table table = {{"BRIDGE", "PEER", "ADDRESS", "KEY", "STATE", "ANSWERED", "TRIP", "MTU",
                  "PATH MTU", "MACS", "AND"}};
  for (const v1::Bridge& bridge : status.bridges()) {
    for (const v1::Port& port : bridge.ports()) {
      std::string extras;
      if (!port.peer().reason().empty()) absl::StrAppend(&extras, "(", port.peer().reason(), ")");
      if (!port.peer().relays_to().empty())
        absl::StrAppend(&extras, extras.empty() ? "" : " ", "relays to ",
                        absl::StrJoin(port.peer().relays_to(), ", "));
      table.push_back(
          {bridge.name(), port.name(), port.tunnel().remote(), port.tunnel().key(),
           port.peer().state(), AnsweredText(port.peer()), TripText(port.peer()),
           port.tunnel().inner_mtu() == 0 ? "-" : absl::StrCat(port.tunnel().inner_mtu()),
           MtuText(port.peer()), absl::StrCat(port.macs()), extras});
    }
  }
  std::string out;
  AppendTable(table, "", &out);
  return out;
}

int List(Session* session, const std::string& only) {
  v1::GetStatusResponse status;
  if (!session->AskBridges(only, &status)) return kRefused;
  // As JSON too: the bridges, and of their ports the peers.
  v1::GetStatusResponse peers;
  for (v1::Bridge& bridge : *status.mutable_bridges()) {
    v1::Bridge* kept = peers.add_bridges();
    kept->set_name(bridge.name());
    for (v1::Port& port : *bridge.mutable_ports())
      if (port.has_peer()) *kept->add_ports() = std::move(port);
  }
  session->Print(peers, [&] { return ToText(peers); });
  return 0;
}

}  // namespace

void AddPeers(CLI::App* app, Session* session, Chosen* chosen) {
  CLI::App* peers = app->add_subcommand("peers", "Peers of overlays and how they are");
  const auto only = std::make_shared<std::string>();
  peers->add_option("BRIDGE", *only, "Of this bridge only");
  peers->callback([=] { *chosen = [=] { return List(session, *only); }; });
}

}  // namespace sluice::ctl
