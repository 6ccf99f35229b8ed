// sluicectl mirrors: mirrors of bridges, listed or changed in the desired state.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/sluicectl/commands/commands.h"
#include "agent/sluicectl/edits.h"
#include "agent/sluicectl/text.h"

namespace sluice::ctl {
namespace {

constexpr const char* kExamples = R"(
Examples:
  sluicectl mirrors                  all of them, and what they took
  sluicectl mirrors add br0 span select_src_port=[web] select_dst_port=[web] output_port=probe
  sluicectl mirrors add br0 remote select_all=true select_vlan=[10] output_vlan=99 snaplen=128
  sluicectl mirrors set br0 span snaplen=64 --dry-run
  sluicectl mirrors del br0 span
)";

std::string Selection(const v1::Mirror& mirror) {
  std::string text;
  if (mirror.select_all()) absl::StrAppend(&text, " all");
  if (!mirror.select_src_ports().empty())
    absl::StrAppend(&text, " from ", absl::StrJoin(mirror.select_src_ports(), ","));
  if (!mirror.select_dst_ports().empty())
    absl::StrAppend(&text, " to ", absl::StrJoin(mirror.select_dst_ports(), ","));
  if (!mirror.select_vlans().empty())
    absl::StrAppend(&text, " vlan ", absl::StrJoin(mirror.select_vlans(), ","));
  return text.empty() ? text : text.substr(1);
}

std::string ToText(const v1::ListMirrorsResponse& mirrors) {
  Table table = {{"BRIDGE", "MIRROR", "SELECTS", "OUTPUT", "SNAPLEN", "PACKETS", "BYTES", "STATE"}};
  for (const v1::Mirror& mirror : mirrors.mirrors())
    table.push_back({mirror.bridge(), mirror.name(), Selection(mirror),
                     mirror.output_vlan() != 0 ? absl::StrCat("vlan ", mirror.output_vlan())
                                               : absl::StrCat("port ", mirror.output_port()),
                     mirror.snaplen() == 0 ? "-" : absl::StrCat(mirror.snaplen()),
                     absl::StrCat(mirror.packets()), absl::StrCat(mirror.bytes()),
                     mirror.problem().empty() ? "up" : mirror.problem()});
  std::string out;
  AppendTable(table, "", &out);
  return out;
}

int List(Session* session, const std::string& bridge) {
  v1::ListMirrorsRequest request;
  request.set_bridge(bridge);
  v1::ListMirrorsResponse mirrors;
  if (!session->Ask(&v1::Sluice::Stub::ListMirrors, request, &mirrors)) return kRefused;
  session->Print(mirrors, [&] { return ToText(mirrors); });
  return 0;
}

}  // namespace

void AddMirrors(CLI::App* app, Session* session, Chosen* chosen) {
  CLI::App* mirrors = app->add_subcommand("mirrors", "Mirrors of bridges: lists or changes them");
  mirrors->footer(kExamples);
  mirrors->require_subcommand(0, 1);
  CLI::App* list = mirrors->add_subcommand(
      "list", "Mirrors and what they took (what happens without a command)");
  const auto only = std::make_shared<std::string>();
  list->add_option("BRIDGE", *only, "Of this bridge only");
  AddEdits(mirrors,
           {.bridge = "The bridge's name",
            .port = "The mirror's name",
            .add = "A new mirror",
            .set = "Other settings for a mirror",
            .del = "Takes a mirror away",
            .item = "MIRROR",
            .list = "mirrors"},
           session, chosen);
  mirrors->callback([=] {
    if (*chosen == nullptr) *chosen = [=] { return List(session, *only); };
  });
}

}  // namespace sluice::ctl
