// sluicectl masks: how many different masks flows have, and how masks are made.
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/sluicectl/commands/commands.h"
#include "agent/sluicectl/text.h"

namespace sluice::ctl {
namespace {

struct Options {
  std::string bridge;
  std::optional<uint64_t> budget;
  std::optional<uint32_t> reuse_bits;
  std::string megaflows;
  std::vector<std::string> on, off;
  bool wait = false;

  bool ChangeAnything() const {
    return budget || reuse_bits || !megaflows.empty() || !on.empty() || !off.empty();
  }
};

std::string ToText(const v1::Masks& masks) {
  std::string out = absl::StrCat("bridge ", masks.bridge(), "\n  masks in use: ", masks.in_use(),
                                 BudgetText(masks.budget()), "; reuse within ", masks.reuse_bits(),
                                 " bits; megaflows ", masks.megaflows() ? "on" : "OFF", "\n");
  std::vector<std::string> words;
  for (const v1::MaskFits& fits : masks.fits())
    words.push_back(absl::StrCat(fits.name(), " ", fits.flows()));
  absl::StrAppend(&out, "  masks given to flows: ", absl::StrJoin(words, ", "), "; bits added ",
                  masks.bits_added(), "\n");
  words.clear();
  for (const v1::MaskOptimisation& optimisation : masks.optimisations())
    words.push_back(absl::StrCat(optimisation.name(), optimisation.on() ? " on" : " OFF"));
  absl::StrAppend(&out, "  lookups: ", absl::StrJoin(words, ", "), "\n");
  Table table;
  for (const v1::TableMasks& rules : masks.tables())
    table.push_back({absl::StrCat("table ", rules.table(), ":"),
                     absl::StrCat("rules ", rules.rules()),
                     absl::StrCat("different masks ", rules.masks())});
  AppendTable(table, "  ", &out);
  return out;
}

int Show(Session* session, const Options& options) {
  v1::GetMasksRequest request;
  request.set_bridge(options.bridge);
  v1::GetMasksResponse response;
  if (!session->Ask(&v1::Sluice::Stub::GetMasks, request, &response)) return kRefused;
  session->Print(response, [&] {
    std::string text;
    for (const v1::Masks& masks : response.masks()) text += ToText(masks);
    return text;
  });
  return 0;
}

int Masks(Session* session, const Options& options) {
  if (!options.ChangeAnything()) return Show(session, options);
  v1::SetMasksRequest request;
  request.set_bridge(options.bridge);
  if (options.budget) request.set_budget(*options.budget);
  if (options.reuse_bits) request.set_reuse_bits(*options.reuse_bits);
  if (!options.megaflows.empty()) request.set_megaflows(options.megaflows == "on");
  for (const std::string& name : options.on) request.add_on(name);
  for (const std::string& name : options.off) request.add_off(name);
  request.set_wait(options.wait);
  v1::SetMasksResponse response;
  if (!session->Ask(&v1::Sluice::Stub::SetMasks, request, &response)) return kRefused;
  session->Print(response, [&] { return ToText(response.masks()); });
  return 0;
}

}  // namespace

void AddMasks(CLI::App* app, Session* session, Chosen* chosen) {
  const auto options = std::make_shared<Options>();
  CLI::App* masks =
      app->add_subcommand("masks", "Masks of flows: how many there are, how they are made");
  CLI::Option* bridge = masks->add_option("BRIDGE", options->bridge, "Of this bridge only");
  masks->add_option("--budget", options->budget, "Different masks at most; 0: no limit")
      ->needs(bridge);
  masks->add_option("--reuse-bits", options->reuse_bits, "Bits that reuse of a mask may add")
      ->needs(bridge);
  masks->add_option("--megaflows", options->megaflows, "off: flows match all of their first packet")
      ->check(CLI::IsMember({"on", "off"}))
      ->needs(bridge);
  masks->add_option("--on", options->on, "Optimisations of lookups to switch on")
      ->delimiter(',')
      ->needs(bridge);
  masks->add_option("--off", options->off, "Optimisations of lookups to switch off")
      ->delimiter(',')
      ->needs(bridge);
  masks->add_flag("--wait", options->wait, "Until all flows have been looked at");
  masks->callback([=] { *chosen = [=] { return Masks(session, *options); }; });
}

}  // namespace sluice::ctl
