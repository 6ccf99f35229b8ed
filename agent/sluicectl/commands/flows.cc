// sluicectl flows: the flows that sluiced has in the kernel, shown, checked, put right or deleted.
#include <cstdio>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "agent/sluicectl/commands/commands.h"
#include "agent/sluicectl/text.h"

namespace sluice::ctl {
namespace {

struct Options {
  std::string bridge;
  std::string command = "dump";
  uint32_t siblings = 0;
  uint64_t seed = 0;

  std::string wanted() const { return bridge == "all" ? "" : bridge; }
};

std::string ToText(const v1::FlowEntry& flow, bool with_bridge) {
  std::string out = absl::StrFormat(
      "%sufid:%s, %s, packets:%d, bytes:%d, used:%s, age:%s, %s, tables:%s",
      with_bridge ? absl::StrCat("bridge:", flow.bridge(), ", ") : "", flow.ufid(), flow.flow(),
      flow.packets(), flow.bytes(), flow.used() ? Seconds(flow.idle_ms()) : "never",
      Seconds(flow.age_ms()), flow.origin(), absl::StrJoin(flow.tables(), "+"));
  if (flow.uncertain()) out += ", uncertain";
  absl::StrAppend(&out, ", verdict:", flow.verdict(), ", actions:", flow.actions(), "\n");
  return out;
}

// Each flow as it comes: there may be hundreds of thousands.
int Dump(Session* session, const Options& options) {
  v1::DumpFlowsRequest request;
  request.set_bridge(options.wanted());
  grpc::ClientContext context;
  const auto stream = session->Api().DumpFlows(&context, request);
  v1::FlowEntry flow;
  const char* before = "{\"flows\": [\n";
  while (stream->Read(&flow)) {
    if (session->json) std::fputs(std::exchange(before, ","), stdout);
    session->Print(flow, [&] { return ToText(flow, options.bridge == "all"); });
  }
  if (!session->Succeeded(stream->Finish())) return kRefused;
  if (session->json) std::printf("%s]}\n", *before == ',' ? "" : before);
  return 0;
}

std::string ToText(const v1::VerifyFlowsResponse& report) {
  std::string out;
  for (const v1::FlowFinding& finding : report.findings())
    absl::StrAppend(&out, finding.bridge(), ": ", finding.kind(), ": ",
                    finding.ufid().empty() ? "" : absl::StrCat("ufid:", finding.ufid(), ", "),
                    finding.flow(), ": ", finding.what(), "\n");
  if (report.unshown() > 0) absl::StrAppend(&out, "and ", report.unshown(), " more\n");
  const uint64_t wrong = static_cast<uint64_t>(report.findings_size()) + report.unshown();
  absl::StrAppendFormat(&out, "%d flows and %d packets under their masks checked (seed %d): %s\n",
                        report.flows(), report.siblings(), report.seed(),
                        wrong == 0 ? "all right" : absl::StrCat(wrong, " wrong"));
  if (report.changing() > 0)
    absl::StrAppend(&out, report.changing(), " passed over, as they were about to change\n");
  return out;
}

int Verify(Session* session, const Options& options) {
  v1::VerifyFlowsRequest request;
  request.set_bridge(options.wanted());
  request.set_siblings(options.siblings);
  request.set_seed(options.seed);
  v1::VerifyFlowsResponse report;
  if (!session->Ask(&v1::Sluice::Stub::VerifyFlows, request, &report)) return kRefused;
  session->Print(report, [&] { return ToText(report); });
  return report.findings().empty() && report.unshown() == 0 ? 0 : kRefused;
}

// Only what happened.
std::string ToText(const v1::FlowRound& round) {
  struct Number {
    uint64_t value;
    const char* what;
  };
  const Number numbers[] = {
      {round.kept(), "kept"},
      {round.modified(), "changed in place"},
      {round.deleted(), "deleted as wrong"},
      {round.idle(), "deleted as idle"},
      {round.evicted(), "deleted as the idlest of too many"},
      {round.vanished(), "deleted by someone else"},
      {round.adopted(), "adopted"},
      {round.foreign(), "foreign deleted"},
      {round.purged(), "deleted"},
      {round.refused(), "changes refused by the kernel"},
  };
  std::string out =
      absl::StrFormat("%s: %d flows in %d ms", round.bridge(), round.flows(), round.duration_ms());
  for (const Number& number : numbers)
    if (number.value > 0) absl::StrAppend(&out, ", ", number.value, " ", number.what);
  return out + "\n";
}

template <typename Response>
std::string ToText(const Response& response) {
  std::string out;
  for (const v1::FlowRound& round : response.rounds()) out += ToText(round);
  return out;
}

int Revalidate(Session* session, const Options& options) {
  v1::RevalidateFlowsRequest request;
  request.set_bridge(options.wanted());
  v1::RevalidateFlowsResponse response;
  if (!session->Ask(&v1::Sluice::Stub::RevalidateFlows, request, &response)) return kRefused;
  session->Print(response, [&] { return ToText(response); });
  return 0;
}

int Purge(Session* session, const Options& options) {
  v1::PurgeFlowsRequest request;
  request.set_bridge(options.wanted());
  v1::PurgeFlowsResponse response;
  if (!session->Ask(&v1::Sluice::Stub::PurgeFlows, request, &response)) return kRefused;
  session->Print(response, [&] { return ToText(response); });
  return 0;
}

struct Command {
  std::string_view word;
  int (*run)(Session* session, const Options& options);
};
constexpr Command kCommands[] = {
    {"dump", Dump}, {"verify", Verify}, {"revalidate", Revalidate}, {"purge", Purge}};

int Flows(Session* session, const Options& options) {
  for (const Command& command : kCommands)
    if (command.word == options.command) return command.run(session, options);
  return kUsage;  // not reached: the words were checked
}

}  // namespace

void AddFlows(CLI::App* app, Session* session, Chosen* chosen) {
  const auto options = std::make_shared<Options>();
  CLI::App* flows =
      app->add_subcommand("flows", "Flows in the kernel: shows, checks or deletes them");
  flows->add_option("BRIDGE", options->bridge, "Whose flows; all: of all bridges")->required();
  std::vector<std::string> words;
  for (const Command& command : kCommands) words.emplace_back(command.word);
  flows->add_option("COMMAND", options->command, "What to do with them")
      ->check(CLI::IsMember(words))
      ->capture_default_str();
  flows
      ->add_option("--siblings", options->siblings,
                   "verify: so many random packets for each flow (default 16)")
      ->check(CLI::Range(1, 100000));
  flows->add_option("--seed", options->seed, "verify: the packets of that number, as it told");
  flows->callback([=] { *chosen = [=] { return Flows(session, *options); }; });
}

}  // namespace sluice::ctl
