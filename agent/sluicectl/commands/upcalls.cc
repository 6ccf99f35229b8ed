// sluicectl upcalls: what handlers and ports got, and what was lost, with its reason.
#include "absl/strings/str_cat.h"
#include "agent/sluicectl/commands/commands.h"
#include "agent/sluicectl/text.h"

namespace sluice::ctl {
namespace {

std::string State(const v1::UpcallPort& port) {
  if (port.cut_off()) return "CUT OFF";
  return port.over_budget() ? "over budget" : "";
}

void AppendHandlers(const v1::GetUpcallsResponse& upcalls, std::string* out) {
  Table table = {{"HANDLER", "UPCALLS", "BATCHES", "WAITING", "MOST", "PORTS", "OVERRUNS",
                  "MALFORMED", "TRUNCATED"}};
  for (const v1::Handler& handler : upcalls.handlers())
    table.push_back({absl::StrCat(table.size() - 1), absl::StrCat(handler.upcalls()),
                     absl::StrCat(handler.batches()), absl::StrCat(handler.queued()),
                     absl::StrCat(handler.queued_most()), absl::StrCat(handler.ports_waiting()),
                     absl::StrCat(handler.overruns()), absl::StrCat(handler.malformed()),
                     absl::StrCat(handler.truncated())});
  AppendTable(table, "", out);
}

void AppendPorts(const v1::GetUpcallsResponse& upcalls, std::string* out) {
  Table table = {
      {"BRIDGE", "PORT", "RECEIVED", "SERVED", "DELAYED", "NOT INSTALLED", "CUT OFFS", "STATE"}};
  Table losses = {{"BRIDGE", "PORT", "LOST", "REASON"}};
  for (const v1::UpcallPort& port : upcalls.ports()) {
    const std::string name = port.port().empty() ? absl::StrCat(port.number()) : port.port();
    table.push_back({port.bridge(), name, absl::StrCat(port.received()),
                     absl::StrCat(port.served()), absl::StrCat(port.delayed()),
                     absl::StrCat(port.not_installed()), absl::StrCat(port.cut_offs()),
                     State(port)});
    for (const v1::UpcallLoss& loss : port.lost())
      if (loss.upcalls() > 0)
        losses.push_back({port.bridge(), name, absl::StrCat(loss.upcalls()), loss.reason()});
    if (port.lost_by_kernel() > 0)
      losses.push_back({port.bridge(), name, absl::StrCat(port.lost_by_kernel()),
                        "kernel (cut off, or a handler's socket was full)"});
  }
  absl::StrAppend(out, "\n");
  AppendTable(table, "", out);
  if (losses.size() == 1) return;
  absl::StrAppend(out, "\n");
  AppendTable(losses, "", out);
}

std::string ToText(const v1::GetUpcallsResponse& upcalls) {
  std::string out =
      absl::StrCat("each port: ", upcalls.port_rate(), " upcalls a second, ", upcalls.port_burst(),
                   " at once, ", upcalls.port_queue(), " waiting in a handler\n\n");
  AppendHandlers(upcalls, &out);
  AppendPorts(upcalls, &out);
  return out;
}

int Upcalls(Session* session) {
  v1::GetUpcallsResponse upcalls;
  if (!session->Ask(&v1::Sluice::Stub::GetUpcalls, v1::GetUpcallsRequest(), &upcalls))
    return kRefused;
  session->Print(upcalls, [&] { return ToText(upcalls); });
  return 0;
}

}  // namespace

void AddUpcalls(CLI::App* app, Session* session, Chosen* chosen) {
  CLI::App* upcalls =
      app->add_subcommand("upcalls", "Missed packets: of handlers and ports, and what was lost");
  upcalls->add_subcommand("show", "Shows that, as does leaving it out");
  upcalls->callback([=] { *chosen = [=] { return Upcalls(session); }; });
}

}  // namespace sluice::ctl
