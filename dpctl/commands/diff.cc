#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "dpctl/flow_file.h"
#include "dpctl/named_ports.h"
#include "dpctl/port_names.h"
#include "netlink/base/fd.h"
#include "netlink/base/status.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::dpctl {
namespace {

// Actions by match, both as text: what two sources have in common is told by it.
using FlowMap = std::map<std::string, std::string>;

struct Source {
  std::string name;
  std::optional<ovs::Datapath> datapath;  // else a file
};

absl::Status Put(base::ByteView key, attr::MaskView mask, std::optional<base::ByteView> actions,
                 const attr::PortNames& ports, FlowMap* flows) {
  const attr::TextOptions text{.ports = &ports};
  std::string match, list;
  attr::AppendSet(ovs::kKeyTable, key, mask, text, &match);
  if (actions) attr::AppendList(ovs::kActionTable, *actions, text, &list);
  (*flows)[std::move(match)] = std::move(list);
  return absl::OkStatus();
}

absl::Status ReadDatapath(Session* session, const Source& source, const DatapathPorts& ports,
                          FlowMap* flows) {
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  const auto report = ovs::Flows(client).Dump(
      source.datapath->ifindex, {},
      [&](const ovs::FlowView& flow) {
        return Put(flow.key, flow.mask ? attr::MaskView::Of(*flow.mask) : attr::MaskView{},
                   flow.actions, ports, flows);
      },
      [flows] { flows->clear(); });
  return Failed("dumping flows", report.status());
}

absl::Status ReadFile(const Source& source, const attr::PortNames& ports, FlowMap* flows) {
  base::UniqueFd file;
  if (source.name != "-") {
    file = base::UniqueFd(::open(source.name.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid())
      return WithHint(
          Failed(absl::StrCat("opening ", source.name), base::ErrnoError(errno, "open")),
          "there is neither a datapath nor a file of that name");
  }
  LineReader reader(source.name == "-" ? STDIN_FILENO : file.get());
  std::string_view line;
  while (reader.Next(&line)) {
    const std::string_view text = FlowLineText(line);
    const std::string place = absl::StrCat(source.name, ":", reader.number());
    if (reader.too_long()) return UsageError(place + ": the line is longer than 1 MiB");
    if (text.empty()) continue;
    const auto flow = ParseFlowLine(text, FlowVerb::kAdd, &ports);
    if (!flow.ok()) return Failed(place, flow.status());
    if (flow->verb != FlowVerb::kAdd)
      return UsageError(place + ": expected a flow: there is nothing to modify or delete here");
    SLUICE_RETURN_IF_ERROR(Put(flow->flow.key, attr::MaskView::Of(flow->flow.mask),
                               base::ByteView(*flow->flow.actions), ports, flows));
  }
  return Failed(absl::StrCat("reading ", source.name), reader.status());
}

// `dp:NAME` is a datapath; `-` a file; else a datapath if there is one of that name.
absl::StatusOr<Source> Open(Session* session, const std::string& argument) {
  Source source{argument, std::nullopt};
  if (argument.substr(0, 3) == "dp:") {
    SLUICE_ASSIGN_OR_RETURN(source.datapath, session->OpenDatapath(argument.substr(3)));
  } else if (argument != "-" && DatapathName(argument).ok() &&
             ::access(argument.c_str(), F_OK) != 0) {
    auto datapath = session->OpenDatapath(argument);
    if (datapath.ok())
      source.datapath = *std::move(datapath);
    else if (base::ErrnoOf(datapath.status()) == EPERM)
      return datapath.status();
  }
  return source;
}

class Differences {
 public:
  explicit Differences(Session* session) : session_(*session) {}

  void Compare(const FlowMap& a, const FlowMap& b) {
    for (const auto& [match, actions] : a) {
      const auto other = b.find(match);
      if (other == b.end())
        One("-", match, actions, &removed_);
      else if (other->second != actions)
        Changed(match, actions, other->second);
    }
    for (const auto& [match, actions] : b)
      if (!a.contains(match)) One("+", match, actions, &added_);
    if (session_.options().json)
      session_.Print({{"added", added_}, {"removed", removed_}, {"changed", changed_}});
  }
  bool any() const { return any_; }

 private:
  void One(const char* sign, const std::string& match, const std::string& actions, Json* list) {
    any_ = true;
    if (session_.options().json)
      list->push_back({{"flow", match}, {"actions", actions}});
    else
      session_.out().Write(absl::StrCat(sign, " ", match, ", actions:", actions, "\n"));
    session_.out().Step();
  }
  void Changed(const std::string& match, const std::string& before, const std::string& after) {
    any_ = true;
    if (session_.options().json)
      changed_.push_back({{"flow", match}, {"before", before}, {"after", after}});
    else
      session_.out().Write(
          absl::StrCat("~ ", match, ", actions:", before, " => actions:", after, "\n"));
    session_.out().Step();
  }

  Session& session_;
  bool any_ = false;
  Json added_ = Json::array(), removed_ = Json::array(), changed_ = Json::array();
};

absl::Status Run(Session* session) {
  const std::vector<std::string>& args = session->args();
  if (args[0] == "-" && args[1] == "-") return UsageError("standard input can be read only once");
  SLUICE_ASSIGN_OR_RETURN(const Source a, Open(session, args[0]));
  SLUICE_ASSIGN_OR_RETURN(const Source b, Open(session, args[1]));
  // Where there is a datapath its names are those that a file means; ports of two datapaths are
  // compared by name.
  const Source* named = a.datapath ? &a : b.datapath ? &b : nullptr;
  const NamedPorts any;
  std::unique_ptr<DatapathPorts> of_a, of_b;
  const auto ports_of = [&](const Source& source, std::unique_ptr<DatapathPorts>* ports) {
    if (!source.datapath) return absl::OkStatus();
    const auto client = session->client();
    if (!client.ok()) return client.status();
    *ports = std::make_unique<DatapathPorts>(*client, source.datapath->ifindex);
    return Failed("listing ports", (*ports)->Load());
  };
  SLUICE_RETURN_IF_ERROR(ports_of(a, &of_a));
  SLUICE_RETURN_IF_ERROR(ports_of(b, &of_b));
  const DatapathPorts* shared = named == &a ? of_a.get() : of_b.get();
  FlowMap flows_a, flows_b;
  const auto read = [&](const Source& source, const DatapathPorts* own, FlowMap* flows) {
    if (source.datapath) return ReadDatapath(session, source, *own, flows);
    if (shared != nullptr) return ReadFile(source, *shared, flows);
    return ReadFile(source, any, flows);
  };
  SLUICE_RETURN_IF_ERROR(read(a, of_a.get(), &flows_a));
  SLUICE_RETURN_IF_ERROR(read(b, of_b.get(), &flows_b));
  Differences differences(session);
  differences.Compare(flows_a, flows_b);
  if (differences.any()) session->set_exit_status(1);
  return absl::OkStatus();
}

}  // namespace

constinit const Command kDiff = {
    .name = "diff",
    .arguments = "A B",
    .min_args = 2,
    .max_args = 2,
    .changes = false,
    .about =
        "Compares the flows of two datapaths, or of files as add-flows takes them, such as saved\n"
        "dumps: `-` a flow that only A has, `+` one that only B has, `~` one whose actions are\n"
        "others. Statistics and UFIDs say nothing. A file is meant if there is one of that name,\n"
        "else a datapath; dp:NAME is always a datapath. Ports of a datapath go by their names.\n"
        "Exit status: 0 when nothing differs, 1 when something does, 2 for an error.",
    .examples =
        "  dpctl diff before.txt dp0\n"
        "  dpctl dump-flows dp0 >before.txt; dpctl dump-flows dp0 | dpctl diff before.txt -\n"
        "  dpctl diff --json dp:dp0 dp:dp1\n",
    .run = Run,
    .error_status = 2};

}  // namespace sluice::dpctl
