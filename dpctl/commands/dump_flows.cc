#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "dpctl/flow_arguments.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

// Writes flows as they come. With --json they stand one a line in an array.
class Dump {
 public:
  Dump(Session* session, const ovs::Datapath& datapath, const DatapathPorts& ports)
      : out_(session->out()), json_(session->options().json), datapath_(datapath) {
    text_ = {.verbose = session->options().verbosity > 0,
             .ports = session->options().wants_names() ? &ports : nullptr,
             .now = base::SystemClock().Now()};
  }

  void Begin() {
    if (!json_) return;
    out_.Write("{\"datapath\":");
    out_.Write(Json(FullName(datapath_)).dump());
    out_.Write(",\"flows\":[");
  }
  absl::Status Take(const ovs::FlowView& flow) {
    if (json_) {
      out_.Write(count_ == 0 ? "\n" : ",\n");
      out_.Write(FlowToJson(flow, text_).dump(-1, ' ', false, Json::error_handler_t::replace));
    } else {
      ovs::AppendFlow(flow, text_, &out_.buffer());
      out_.buffer().push_back('\n');
    }
    ++count_;
    out_.Step();
    return absl::OkStatus();
  }
  // An interrupted dump begins anew.
  void Restart() {
    repeated_ |= out_.started();
    if (repeated_) return;
    out_.buffer().clear();
    count_ = 0;
    Begin();
  }
  void End() {
    if (json_) out_.Write(count_ == 0 ? "]}\n" : "\n]}\n");
  }
  bool repeated() const { return repeated_; }

 private:
  Output& out_;
  bool json_;
  const ovs::Datapath& datapath_;
  ovs::FlowTextOptions text_;
  size_t count_ = 0;
  bool repeated_ = false;
};

absl::Status Run(Session* session) {
  std::optional<std::string_view> name;
  if (!session->args().empty()) name = session->args()[0];
  SLUICE_ASSIGN_OR_RETURN(const ovs::Datapath datapath, session->DatapathOrOnly(name));
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  const DatapathPorts ports(client, datapath.ifindex);
  if (session->options().wants_names())
    SLUICE_RETURN_IF_ERROR(Failed("listing ports", ports.Load()));
  Dump dump(session, datapath, ports);
  dump.Begin();
  const auto report = ovs::Flows(client).Dump(
      datapath.ifindex, {}, [&dump](const ovs::FlowView& flow) { return dump.Take(flow); },
      [&dump] { dump.Restart(); });
  if (!report.ok()) return Failed("dumping flows", report.status());
  dump.End();
  if (dump.repeated())
    Session::Warn("the flow table changed during the dump: some flows are listed twice");
  return absl::OkStatus();
}

}  // namespace

constinit const Command kDumpFlows = {
    "dump-flows",
    "[-m] [--names|--no-names] [DP]",
    0,
    1,
    false,
    "Prints all flows, one a line: fields, statistics, actions. -m adds UFIDs and the fields that\n"
    "are wildcarded, and writes ports by their names.",
    "  dpctl dump-flows\n"
    "  dpctl dump-flows -m --no-names dp0\n"
    "  dpctl dump-flows --json dp0 | jq '.flows[] | select(.key.eth_type == 2048)'\n",
    Run};

}  // namespace sluice::dpctl
