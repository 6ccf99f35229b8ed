#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "dpctl/flow_arguments.h"
#include "dpctl/flow_filter.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

using base::ToAbsl;

// What dump-flows is asked for, behind its options.
struct Wanted {
  std::optional<std::string_view> datapath;
  std::optional<std::string_view> filter;
  bool kernel = true;  // `type=`: whether flows of the kernel are wanted; there are no others here
};

// Of ovs-dpctl(8): where a flow may live, and how much of it is in hardware. The kernel's flows are
// `ovs`, and not offloaded.
absl::StatusOr<bool> ReadTypes(std::string_view list) {
  constexpr std::string_view kOfKernel[] = {"all", "ovs", "non-offloaded"};
  constexpr std::string_view kElsewhere[] = {"tc", "dpdk", "offloaded", "partially-offloaded"};
  const auto is_in = [](const auto& names, std::string_view name) {
    return std::find(std::begin(names), std::end(names), name) != std::end(names);
  };
  bool kernel = false;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    const std::string_view name = list.substr(begin, end - begin);
    if (is_in(kOfKernel, name))
      kernel = true;
    else if (!is_in(kElsewhere, name))
      return attr::TextError(list, begin,
                             "expected one of ovs, tc, dpdk, offloaded, non-offloaded, "
                             "partially-offloaded, all");
    begin = end + 1;
  }
  return kernel;
}

absl::StatusOr<Wanted> ReadArguments(const std::vector<std::string>& args) {
  Wanted wanted;
  for (const std::string_view arg : args) {
    if (arg.substr(0, 7) == "filter=") {
      wanted.filter = arg.substr(7);
    } else if (arg.substr(0, 5) == "type=") {
      const auto kernel = ReadTypes(arg.substr(5));
      if (!kernel.ok()) return Failed("parsing type", kernel.status());
      wanted.kernel = *kernel;
    } else if (arg.substr(0, 4) == "pmd=") {
      return UsageError("pmd= is for datapaths in user space: the kernel's has no such threads");
    } else if (wanted.datapath) {
      return UsageError(absl::StrCat("'", ToAbsl(arg), "': there is a datapath already; expected ",
                                     "filter=FLOW or type=TYPE[,TYPE]..."));
    } else {
      wanted.datapath = arg;
    }
  }
  return wanted;
}

// Writes flows as they come. With --json they stand one a line in an array.
class Dump {
 public:
  // `filter` may be null.
  Dump(Session* session, const ovs::Datapath& datapath, const DatapathPorts& ports,
       const FlowFilter* filter)
      : out_(session->out()), json_(session->options().json), datapath_(datapath), filter_(filter) {
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
    if (filter_ != nullptr && !filter_->Matches(flow)) return absl::OkStatus();
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
  const FlowFilter* filter_;
  ovs::FlowTextOptions text_;
  size_t count_ = 0;
  bool repeated_ = false;
};

absl::Status Run(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const Wanted wanted, ReadArguments(session->args()));
  SLUICE_ASSIGN_OR_RETURN(const ovs::Datapath datapath, session->DatapathOrOnly(wanted.datapath));
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  const DatapathPorts ports(client, datapath.ifindex);
  if (session->options().wants_names())
    SLUICE_RETURN_IF_ERROR(Failed("listing ports", ports.Load()));
  std::optional<FlowFilter> filter;
  if (wanted.filter) {
    auto parsed = FlowFilter::Parse(*wanted.filter, &ports);
    if (!parsed.ok()) return Failed("parsing filter", parsed.status());
    filter = *std::move(parsed);
  }
  Dump dump(session, datapath, ports, filter ? &*filter : nullptr);
  dump.Begin();
  if (!wanted.kernel) {
    dump.End();
    return absl::OkStatus();
  }
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
    "[-m] [--names|--no-names] [DP] [filter=FLOW] [type=TYPE[,TYPE]...]",
    0,
    kAnyNumber,
    false,
    "Prints all flows, one a line: fields, statistics, actions. -m adds UFIDs and the fields that\n"
    "are wildcarded, and writes ports by their names. With filter= only those that a packet such\n"
    "as FLOW may match, which is written as for ovs-ofctl (tcp,tp_src=100) or as here. TYPE is\n"
    "ovs, non-offloaded or all; the kernel has none of the others: tc, dpdk, offloaded,\n"
    "partially-offloaded.",
    "  dpctl dump-flows\n"
    "  dpctl dump-flows -m --no-names dp0\n"
    "  dpctl dump-flows dp0 filter=tcp,nw_dst=10.0.0.0/8,tp_dst=80\n"
    "  dpctl dump-flows dp0 'filter=in_port(eth1),eth_type(0x0806)'\n"
    "  dpctl dump-flows --json dp0 | jq '.flows[] | select(.key.eth_type == 2048)'\n",
    Run};

}  // namespace sluice::dpctl
