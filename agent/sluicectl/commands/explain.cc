// sluicectl explain: which rules made a flow of the kernel, and why it matches what it does.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "agent/sluicectl/commands/commands.h"
#include "agent/sluicectl/text.h"

namespace sluice::ctl {
namespace {

std::string ToText(const v1::ExplainedAddress& address) {
  const std::string port =
      address.port().empty() ? absl::StrCat(address.port_number()) : address.port();
  return absl::StrCat("  ", address.mac(), " in VLAN ", address.vlan(),
                      address.learned() ? absl::StrCat(": kept alive, on port ", port)
                      : address.found() ? absl::StrCat(": asked for, on port ", port)
                                        : ": asked for, and not known",
                      "\n");
}

std::string ToText(const v1::ExplainFlowResponse& why) {
  const v1::FlowEntry& flow = why.flow();
  std::string out = absl::StrFormat(
      "flow: %s\nactions: %s\nbridge %s, ufid:%s\npackets:%d, bytes:%d, used:%s, age:%s\n",
      flow.flow(), flow.actions(), flow.bridge(), flow.ufid(), flow.packets(), flow.bytes(),
      flow.used() ? Seconds(flow.idle_ms()) : "never", Seconds(flow.age_ms()));
  absl::StrAppend(
      &out, "made: ",
      flow.origin() == "adopted" ? "found in the datapath and adopted" : "for a packet that missed",
      "; verdict: ", flow.verdict(), "\n");
  if (!why.outdated().empty())
    absl::StrAppend(&out, "OUTDATED: rules would now say ", why.outdated(),
                    "; the next round puts it right\n");
  absl::StrAppend(&out, "\nrules:\n");
  for (const v1::ExplainedRule& rule : why.rules())
    absl::StrAppend(
        &out, "  ",
        rule.text().empty() ? absl::StrCat("table=", rule.table(), ": none matches") : rule.text(),
        "\n");
  if (!why.addresses().empty()) absl::StrAppend(&out, "\naddresses:\n");
  for (const v1::ExplainedAddress& address : why.addresses()) out += ToText(address);
  absl::StrAppend(&out, "\nwhat it matches, and who asked for it:\n");
  Table table;
  for (const v1::ExplainedMask& part : why.mask())
    table.push_back({part.match(), absl::StrJoin(part.because(), "; ")});
  AppendTable(table, "  ", &out);
  absl::StrAppend(&out, "\nsteps:\n", why.steps());
  return out;
}

int Explain(Session* session, const v1::ExplainFlowRequest& request) {
  v1::ExplainFlowResponse response;
  if (!session->Ask(&v1::Sluice::Stub::ExplainFlow, request, &response)) return kRefused;
  session->Print(response, [&] { return ToText(response); });
  return 0;
}

}  // namespace

void AddExplain(CLI::App* app, Session* session, Chosen* chosen) {
  CLI::App* command =
      app->add_subcommand("explain", "Which rules made a flow of the kernel, and why");
  const auto request = std::make_shared<v1::ExplainFlowRequest>();
  command->add_option("UFID", *request->mutable_ufid(), "Of the flow, or how it begins")
      ->required();
  command->callback([=] { *chosen = [=] { return Explain(session, *request); }; });
}

}  // namespace sluice::ctl
