#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "dpctl/flow_file.h"
#include "dpctl/named_ports.h"
#include "netlink/attr/json.h"
#include "netlink/base/fd.h"
#include "netlink/base/status.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::dpctl {
namespace {

// Prints flows as they come, as dump-flows would, without statistics.
class Printer {
 public:
  explicit Printer(Session* session) : session_(*session) {}

  void Print(const ovs::FlowText& flow, const NamedPorts& ports) {
    const attr::TextOptions text{.verbose = session_.options().verbosity > 0, .ports = &ports};
    const auto mask = attr::MaskView::Of(flow.mask);
    if (session_.options().json) {
      Json json;
      json["ufid"] = flow.ufid ? Json(ovs::ToString(*flow.ufid)) : Json();
      json["key"] = attr::SetToJson(ovs::kKeyTable, flow.key, mask, text);
      if (flow.actions) json["actions"] = attr::ListToJson(ovs::kActionTable, *flow.actions, text);
      flows_.push_back(std::move(json));
      return;
    }
    std::string line;
    if (flow.ufid) absl::StrAppend(&line, "ufid:", ovs::ToString(*flow.ufid));
    if (flow.ufid && !flow.key.empty()) line.append(", ");
    attr::AppendSet(ovs::kKeyTable, flow.key, mask, text, &line);
    if (flow.actions) {
      line.append(", actions:");
      attr::AppendList(ovs::kActionTable, *flow.actions, text, &line);
    }
    session_.out().Write(line + "\n");
    session_.out().Step();
  }
  void End() {
    if (session_.options().json) session_.Print({{"flows", std::move(flows_)}});
  }

 private:
  Session& session_;
  Json flows_ = Json::array();
};

bool IsFlow(std::string_view text) {
  return text.find('(') != std::string_view::npos || text.substr(0, 5) == "ufid:";
}

absl::Status RunFile(const std::string& name, Printer* printer) {
  base::UniqueFd file;
  if (name != "-") {
    file = base::UniqueFd(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid())
      return WithHint(Failed(absl::StrCat("opening ", name), base::ErrnoError(errno, "open")),
                      "a flow is told from a file by its parentheses");
  }
  LineReader reader(name == "-" ? STDIN_FILENO : file.get());
  const NamedPorts ports;
  size_t failed = 0;
  std::string_view line;
  while (reader.Next(&line)) {
    const std::string_view text = FlowLineText(line);
    if (text.empty() && !reader.too_long()) continue;
    absl::StatusOr<FlowLine> flow = UsageError("the line is longer than 1 MiB");
    if (!reader.too_long()) flow = ParseFlowLine(text, FlowVerb::kModify, &ports);
    if (flow.ok()) {
      printer->Print(flow->flow, ports);
      continue;
    }
    ++failed;
    const std::string why =
        FailureText(flow.status(), ErrorColumns()).substr(sizeof("dpctl: ") - 1);
    std::fputs(absl::StrCat(name, ":", reader.number(), ": ", why).c_str(), stderr);
  }
  printer->End();
  if (!reader.status().ok()) return Failed(absl::StrCat("reading ", name), reader.status());
  if (failed == 0) return absl::OkStatus();
  return UsageError(absl::StrCat(failed, failed == 1 ? " line of " : " lines of ", name,
                                 failed == 1 ? " is wrong" : " are wrong"));
}

absl::Status Run(Session* session) {
  const std::vector<std::string>& args = session->args();
  Printer printer(session);
  if (args.size() == 1 && !IsFlow(args[0])) return RunFile(args[0], &printer);
  const NamedPorts ports;
  auto flow = ovs::ParseFlowText(args[0], &ports);
  if (!flow.ok()) return Failed("parsing flow", flow.status());
  if (args.size() > 1) {
    auto actions = ovs::ParseActionsText(args[1], &ports);
    if (!actions.ok()) return Failed("parsing actions", actions.status());
    flow->actions = *std::move(actions);
  }
  printer.Print(*flow, ports);
  printer.End();
  return absl::OkStatus();
}

}  // namespace

constinit const Command kParse = {
    "parse",
    "[-m] FLOW [ACTIONS]|FILE|-",
    1,
    2,
    false,
    "Checks the text of a flow, or of each line of a file as add-flows takes it, and prints it as\n"
    "dump-flows would. No kernel is asked: any name may be that of a port. A line that is wrong "
    "is\n"
    "told as FILE:LINE: why. What has a parenthesis is a flow, all else a file.",
    "  dpctl parse 'in_port(veth0),eth_type(0x0800),ipv4(dst=10.0.0.0/8)' veth1\n"
    "  dpctl parse flows.txt >/dev/null\n"
    "  dpctl dump-flows | dpctl parse --json -\n",
    Run};

}  // namespace sluice::dpctl
