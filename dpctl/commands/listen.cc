#include <linux/openvswitch.h>

#include <algorithm>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "dpctl/follow.h"
#include "dpctl/packet_file_writer.h"
#include "dpctl/port_names.h"
#include "dpctl/stop_signals.h"
#include "dpctl/upcall_source.h"
#include "dpctl/upcall_text.h"
#include "netlink/base/status.h"
#include "netlink/ovs/packet.h"

namespace sluice::dpctl {
namespace {

using base::ToAbsl;

struct Wanted {
  ovs::Datapath datapath;
  std::vector<ovs::Vport> ports;      // that are listened to
  std::optional<uint32_t> port_no{};  // upcalls of this one alone
  std::optional<uint32_t> most{};
  bool take = false;
};

bool PerCpu(const ovs::Datapath& datapath) {
  return (datapath.user_features & OVS_DP_F_DISPATCH_UPCALL_PER_CPU) != 0;
}

// By number, or by name.
absl::Status ChoosePort(std::string_view text, Wanted* wanted) {
  uint32_t number = 0;
  const bool is_number = absl::SimpleAtoi(ToAbsl(text), &number);
  std::erase_if(wanted->ports, [&](const ovs::Vport& port) {
    return is_number ? port.port_no != number : port.name != text;
  });
  if (wanted->ports.empty())
    return UsageError(
        absl::StrCat("--port: ", wanted->datapath.name, " has no port \"", ToAbsl(text), "\""));
  wanted->port_no = wanted->ports[0].port_no;
  return absl::OkStatus();
}

absl::StatusOr<Wanted> ReadArguments(Session* session) {
  Wanted wanted;
  SLUICE_ASSIGN_OR_RETURN(wanted.most, NumberOption(*session, "--count"));
  std::optional<std::string_view> name;
  if (!session->args().empty()) name = session->args()[0];
  wanted.take = session->Given("--take");
  if (session->Given("--pcapng") && session->options().json)
    return UsageError("--pcapng and --json cannot be given together");
  SLUICE_ASSIGN_OR_RETURN(wanted.datapath, session->DatapathOrOnly(name));
  SLUICE_ASSIGN_OR_RETURN(wanted.ports, session->ListPorts(wanted.datapath));
  if (const auto port = session->Value("--port")) {
    SLUICE_RETURN_IF_ERROR(ChoosePort(*port, &wanted));
    if (wanted.take && PerCpu(wanted.datapath))
      return UsageError(absl::StrCat("upcalls of ", wanted.datapath.name,
                                     " go to sockets by CPU, not by port: --take takes those of "
                                     "all ports, without --port"));
  }
  return wanted;
}

// False too when nobody can tell.
bool NobodyTakes(const Wanted& wanted) {
  const auto nobody = [](const std::vector<uint32_t>& pids) {
    return std::all_of(pids.begin(), pids.end(), [](uint32_t pid) { return pid == 0; });
  };
  if (PerCpu(wanted.datapath))
    return !wanted.datapath.per_cpu_pids.empty() && nobody(wanted.datapath.per_cpu_pids);
  return std::all_of(wanted.ports.begin(), wanted.ports.end(),
                     [&nobody](const ovs::Vport& port) { return nobody(port.upcall_pids); });
}

// Shows upcalls, or writes them into a file.
class Show {
 public:
  Show(Session* session, const Wanted& wanted, const DatapathPorts& ports)
      : session_(session), wanted_(wanted), ports_(ports) {}

  absl::Status OpenFile() {
    const auto path = session_->Value("--pcapng");
    if (!path) return absl::OkStatus();
    SLUICE_ASSIGN_OR_RETURN(PacketFileWriter file, PacketFileWriter::Create(*path));
    file_.emplace(std::move(file));
    return absl::OkStatus();
  }

  void Take(const socket::Message& message, uint64_t time_ns) {
    if (!more()) return;
    ovs::Upcall upcall;
    const ovs::UpcallFault fault = ovs::DecodeUpcall(message, &upcall);
    if (fault == ovs::UpcallFault::kUnknownCommand) return;  // an execute
    if (fault != ovs::UpcallFault::kNone) {
      ++malformed_;
      return;
    }
    const std::optional<uint32_t> port = InPortOf(upcall);
    if (wanted_.port_no && port != wanted_.port_no) return;
    ++shown_;
    UpcallReport report{.upcall = upcall,
                        .time_ns = time_ns,
                        .ports = session_->options().wants_names() ? &ports_ : nullptr,
                        .more = session_->options().verbosity > 0};
    if (file_)
      Record(report, port);
    else if (session_->options().json)
      PrintLine(UpcallToJson(report), &session_->out());
    else
      AppendUpcall(report, &session_->out().buffer());
  }

  bool more() const { return !wanted_.most || shown_ < *wanted_.most; }
  absl::Status Flush() { return file_ ? file_->Flush() : session_->out().Flush(); }

  void Conclude() const {
    if (malformed_ != 0) Session::Warn(absl::StrCat(malformed_, " messages made no sense"));
    if (file_) Session::Warn(absl::StrCat(file_->packets(), " upcalls were written"));
  }

 private:
  void Record(const UpcallReport& report, std::optional<uint32_t> port) {
    std::string comment;
    AppendUpcallWords(report, &comment);
    std::string interface;
    if (port) interface = ports_.NameOf(*port);
    if (interface.empty() && port) interface = absl::StrCat("port ", *port);
    file_->Append({.bytes = report.upcall.packet,
                   .length = report.upcall.length,
                   .time_ns = report.time_ns,
                   .interface = interface,
                   .comment = comment});
  }

  Session* session_;
  const Wanted& wanted_;
  const DatapathPorts& ports_;
  std::optional<PacketFileWriter> file_;
  uint64_t shown_ = 0, malformed_ = 0;
};

absl::Status Follow(UpcallSource* source, StopSignals* stop, Show* show) {
  while (show->more()) {
    SLUICE_RETURN_IF_ERROR(show->Flush());
    if (!stop->WaitFor(source->fd())) break;
    SLUICE_RETURN_IF_ERROR(
        source->Receive([show](const socket::Message& message, uint64_t time_ns) {
          show->Take(message, time_ns);
        }));
  }
  return show->Flush();
}

void TellBeginning(const Wanted& wanted) {
  const std::string& name = wanted.datapath.name;
  if (wanted.take)
    Session::Warn(absl::StrCat("the upcalls of ", name,
                               " come here until this ends, and to nobody else: packets without a "
                               "flow get no further"));
  else if (NobodyTakes(wanted))
    Session::Warn(absl::StrCat("nobody takes the upcalls of ", name,
                               ": there are none to see, but of userspace() actions; --take has "
                               "them sent here"));
  Session::Warn(absl::StrCat("listening for upcalls of ", name));
}

void TellLost(Session* session, const Wanted& wanted, UpcallSource* source) {
  if (const std::string lost = source->Lost(); !lost.empty()) Session::Warn(lost);
  const auto client = session->client();
  if (!client.ok()) return;
  const auto now = ovs::Datapaths(*client).Get(wanted.datapath.ifindex);
  if (!now.ok() || now->stats.n_lost <= wanted.datapath.stats.n_lost) return;
  Session::Warn(absl::StrCat(now->stats.n_lost - wanted.datapath.stats.n_lost,
                             " upcalls were lost in the kernel: there was nobody for them, or no "
                             "room in a socket"));
}

absl::Status Run(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const Wanted wanted, ReadArguments(session));
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  const DatapathPorts ports(client, wanted.datapath.ifindex);
  SLUICE_RETURN_IF_ERROR(Failed("listing ports", ports.Load()));
  Show show(session, wanted, ports);
  SLUICE_RETURN_IF_ERROR(show.OpenFile());
  StopSignals stop;
  SLUICE_RETURN_IF_ERROR(stop.Install());
  SLUICE_ASSIGN_OR_RETURN(const std::unique_ptr<UpcallSource> source,
                          wanted.take ? TakeUpcalls(session, wanted.datapath, wanted.ports)
                                      : MirrorUpcalls(session, wanted.datapath));
  TellBeginning(wanted);
  absl::Status status = Follow(source.get(), &stop, &show);
  TellLost(session, wanted, source.get());
  show.Conclude();
  status.Update(source->End());
  return status;
}

constexpr CommandOption kOptions[] = {
    {"--port", "PORT", "upcalls of packets that came in by this port, a name or number"},
    {"--count", "N", "ends after so many", "-n"},
    {"--pcapng", "FILE", "writes the packets into FILE (- is standard output) for Wireshark"},
    {"--take", "", "takes the upcalls, away from whoever gets them now"},
};

}  // namespace

constinit const Command kListen = {
    .name = "listen",
    .arguments = "[-m] [--port=PORT] [--count=N] [--pcapng=FILE] [--take] [DP]",
    .min_args = 0,
    .max_args = 1,
    .changes = false,
    .about =
        "Shows the upcalls of a datapath as they come: packets that no flow matched (miss), and\n"
        "those that a userspace() action sends (action), with flow key, length, hash, userdata\n"
        "and actions; -m adds the bytes, and names of ports. With --json a document a line.\n"
        "--pcapng writes the packets instead, the port as their interface and the rest of the\n"
        "upcall as their comment.\n"
        "\n"
        "Whoever takes the upcalls, such as an agent, still gets them: a device that mirrors\n"
        "netlink messages (nlmon) is made, for which CAP_NET_ADMIN and CAP_NET_RAW are needed, "
        "and\n"
        "removed at the end. Where the kernel has no such\n"
        "devices, or nobody takes the upcalls, --take has them sent here; who had them gets them\n"
        "back at the end, but not if this program is killed by SIGKILL.\n"
        "Ends by SIGINT, SIGTERM, or -t. What was lost is told then.",
    .examples =
        "  dpctl listen dp0\n"
        "  dpctl listen -m --port=veth0 --count=10 dp0\n"
        "  dpctl listen --pcapng=- dp0 | wireshark -k -i -\n"
        "  dpctl listen --json dp0 | jq 'select(.kind == \"action\").cookie'\n",
    .run = Run,
    .options = kOptions,
    .changes_with = "--take"};

}  // namespace sluice::dpctl
