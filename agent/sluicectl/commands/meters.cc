// sluicectl meters: meters of bridges, shown or changed in the desired state.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/sluicectl/commands/commands.h"
#include "agent/sluicectl/edits.h"

namespace sluice::ctl {
namespace {

constexpr const char* kExamples = R"(
Examples:
  sluicectl meters                   all of them, and what they dropped
  sluicectl meters add br0 meter=1 pktps burst bands=type=drop rate=1000 burst_size=100
  sluicectl meters mod br0 'meter=1,kbps,bands=type=drop,rate=5000'
  sluicectl meters del br0 meter=1
  sluicectl rules br0 add 'priority=9,udp,actions=meter:1,normal'
)";

std::string ToText(const v1::ListMetersResponse& meters) {
  std::string out;
  for (const v1::Meter& meter : meters.meters()) {
    absl::StrAppend(&out, meter.bridge(), ": ");
    if (!meter.port().empty()) absl::StrAppend(&out, meter.storm(), " of ", meter.port(), ": ");
    absl::StrAppend(&out, meter.config(), "\n  ");
    if (meter.has_kernel_id()) absl::StrAppend(&out, "kernel id ", meter.kernel_id(), ", ");
    absl::StrAppend(&out, "packets ", meter.packets(), ", bytes ", meter.bytes(),
                    "; dropped packets ", meter.dropped_packets(), ", bytes ",
                    meter.dropped_bytes(), "\n");
    if (!meter.problem().empty()) absl::StrAppend(&out, "  NOT RIGHT: ", meter.problem(), "\n");
  }
  for (const v1::MeterPool& pool : meters.pools()) {
    absl::StrAppend(&out, pool.bridge(), ": ");
    if (pool.problem().empty()) {
      absl::StrAppend(&out, "the kernel has at most ", pool.max_meters(), " meters of ",
                      pool.max_bands(), pool.max_bands() == 1 ? " band\n" : " bands\n");
    } else {
      absl::StrAppend(&out, pool.problem(), "\n");
    }
    if (!pool.foreign_ids().empty())
      absl::StrAppend(&out, pool.bridge(), ": somebody else's, left alone: kernel ids ",
                      absl::StrJoin(pool.foreign_ids(), ", "), "\n");
  }
  return out;
}

int List(Session* session, const std::string& bridge) {
  v1::ListMetersRequest request;
  request.set_bridge(bridge);
  v1::ListMetersResponse meters;
  if (!session->Ask(&v1::Sluice::Stub::ListMeters, request, &meters)) return kRefused;
  session->Print(meters, [&] { return ToText(meters); });
  return 0;
}

void AddChange(CLI::App* parent, const char* word, const char* about, v1::Edit::Kind kind,
               Session* session, Chosen* chosen) {
  struct Given {
    std::string bridge;
    std::vector<std::string> words;
    bool dry_run = false;
  };
  CLI::App* command = parent->add_subcommand(word, about);
  const auto given = std::make_shared<Given>();
  command->add_option("BRIDGE", given->bridge, "The bridge's name")->required();
  command
      ->add_option("METER", given->words,
                   kind == v1::Edit::REMOVE ? "meter=NUMBER" : "As ovs-ofctl(8) has meters")
      ->required();
  command->add_flag("-n,--dry-run", given->dry_run, "Only tell what would change");
  command->callback([=] {
    *chosen = [=] {
      v1::EditRequest request;
      request.set_dry_run(given->dry_run);
      v1::Edit* edit = request.add_edits();
      edit->set_kind(kind);
      edit->set_bridge(given->bridge);
      edit->set_list("meters");
      edit->set_port(absl::StrJoin(given->words, " "));
      return SendEdits(session, request);
    };
  });
}

}  // namespace

void AddMeters(CLI::App* app, Session* session, Chosen* chosen) {
  CLI::App* meters = app->add_subcommand("meters", "Meters of bridges: shows or changes them");
  meters->footer(kExamples);
  meters->require_subcommand(0, 1);
  CLI::App* dump =
      meters->add_subcommand("dump", "Meters and what they did (what happens without a command)");
  const auto only = std::make_shared<std::string>();
  dump->add_option("BRIDGE", *only, "Of this bridge only");
  AddChange(meters, "add", "A new meter", v1::Edit::ADD, session, chosen);
  AddChange(meters, "mod", "Other rates for a meter", v1::Edit::SET, session, chosen);
  AddChange(meters, "del", "Takes a meter away", v1::Edit::REMOVE, session, chosen);
  meters->callback([=] {
    if (*chosen == nullptr) *chosen = [=] { return List(session, *only); };
  });
}

}  // namespace sluice::ctl
