#include <cerrno>
#include <span>

#include "absl/strings/str_cat.h"
#include "dpctl/commands/commands.h"
#include "dpctl/conntrack_arguments.h"
#include "dpctl/failure.h"
#include "dpctl/streamed_list.h"
#include "kmod-compat/features.h"
#include "netlink/base/status.h"
#include "netlink/conntrack/connection_text.h"
#include "netlink/conntrack/sweep.h"

namespace sluice::dpctl {
namespace {

using conntrack::Connection;
using conntrack::ConnectionMatch;
using conntrack::Connections;
using conntrack::DeleteReport;

constexpr char kWhat[] = "failed to flush conntrack";
bool Reports(const Session& session) {
  return session.options().json || session.options().statistics;
}

void PrintCounts(const DeleteReport& report, Session* session) {
  if (session->options().json || !session->options().statistics) return;
  std::string text =
      absl::StrCat("deleted ", report.deleted, " connection", report.deleted == 1 ? "" : "s");
  if (report.gone != 0) absl::StrAppend(&text, ", ", report.gone, " had ended before");
  if (report.failed != 0) absl::StrAppend(&text, ", ", report.failed, " could not be deleted");
  session->out().Write(text + "\n");
}

absl::Status DeleteOne(const conntrack::OneTuple& one, uint16_t zone, Session* session) {
  SLUICE_ASSIGN_OR_RETURN(socket::Client client, OpenNetfilterClient());
  const absl::Status status = Connections(&client).Delete(one.tuple, one.direction, zone);
  if (base::ErrnoOf(status) == ENOENT)
    return WithHint(Failed(kWhat, status),
                    absl::StrCat("there is no such connection in zone ", zone));
  if (base::ErrnoOf(status) == EOPNOTSUPP && zone != 0)
    return WithHint(Failed(kWhat, status), "this kernel was built without connection zones");
  SLUICE_RETURN_IF_ERROR(Failed(kWhat, status));
  const DeleteReport report{.deleted = 1, .gone = 0, .failed = 0, .status = {}};
  if (session->options().json) session->Print({{"deleted", 1}, {"gone", 0}, {"failed", 0}});
  PrintCounts(report, session);
  return absl::OkStatus();
}

// Sweeps, and tells what was deleted, also when it fails.
class Sweeper {
 public:
  Sweeper(const ConnectionMatch& match, Session* session)
      : match_(match),
        session_(session),
        list_(&session->out(), ListsJson(), "{\"connections\":[", "]") {}

  absl::Status Run() {
    SLUICE_ASSIGN_OR_RETURN(socket::Client reader, OpenNetfilterClient());
    SLUICE_ASSIGN_OR_RETURN(socket::Client writer, OpenNetfilterClient());
    const absl::Status status = conntrack::Sweep(
        match_, &reader, &writer,
        [this](std::span<const Connection> connections) { List(connections); }, &total_);
    Print();
    if (status.ok() || total_.deleted + total_.failed == 0) return Failed(kWhat, status);
    return WithHint(Failed(kWhat, status),
                    absl::StrCat(total_.deleted, " connections were deleted, ", total_.failed,
                                 " could not be"));
  }

 private:
  bool ListsJson() const { return session_->options().json; }

  void List(std::span<const Connection> connections) {
    if (ListsJson() || (session_->options().statistics && session_->options().verbosity > 0))
      for (const Connection& connection : connections) list_.Add(Line(connection));
  }

  std::string Line(const Connection& connection) const {
    if (ListsJson())
      return ConnectionToJson(connection).dump(-1, ' ', false, Json::error_handler_t::replace);
    std::string line;
    AppendConnection(connection, {.verbose = true, .statistics = true}, &line);
    return line;
  }

  void Print() {
    if (ListsJson()) {
      if (list_.size() != 0) session_->out().Write("\n");
      session_->out().Write(absl::StrCat("],\"deleted\":", total_.deleted, ",\"gone\":",
                                         total_.gone, ",\"failed\":", total_.failed, "}\n"));
    }
    PrintCounts(total_, session_);
  }

  const ConnectionMatch& match_;
  Session* session_;
  StreamedList list_;
  DeleteReport total_;
};

// In one request, where the kernel can. False when it cannot.
absl::StatusOr<bool> FlushAtOnce(const ConnectionMatch& match) {
  SLUICE_ASSIGN_OR_RETURN(socket::Client client, OpenNetfilterClient());
  Connections connections(&client);
  if (!match.zone) {
    SLUICE_RETURN_IF_ERROR(Failed(kWhat, connections.Flush()));
    return true;
  }
  // A kernel that knows no zone filter would end all connections of all zones.
  const auto finding = compat::ProbeConntrackByZone();
  if (!finding.ok() || finding->support != compat::Support::kYes) return false;
  SLUICE_RETURN_IF_ERROR(Failed(kWhat, connections.FlushZone(*match.zone)));
  return true;
}

absl::Status Run(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const std::vector<std::string> args, WithoutDatapath(session));
  SLUICE_ASSIGN_OR_RETURN(const ConnectionMatch match, ReadConnectionMatch(args));
  if (const auto one = conntrack::TheTuple(match))
    return DeleteOne(*one, match.zone.value_or(0), session);
  if (match.only_zone() && !Reports(*session)) {
    SLUICE_ASSIGN_OR_RETURN(const bool done, FlushAtOnce(match));
    if (done) return absl::OkStatus();
  }
  return Sweeper(match, session).Run();
}

}  // namespace

constinit const Command kFlushConntrack = {
    .name = "flush-conntrack",
    .arguments = "[-s] [-m] [DP] [zone=N] [mark=N[/MASK]] [labels=N[/MASK]] [ORIG [REPLY]]",
    .min_args = 0,
    .max_args = kAnyNumber,
    .changes = true,
    .about =
        "Ends the connections that match, or all of this network namespace. ORIG and REPLY are "
        "fields of\n"
        "a tuple, as `dpctl help dump-conntrack` has them; '' stands for no ORIG. A tuple in full "
        "is one\n"
        "request, and an error when there is no such connection (in zone 0, unless zone= says "
        "otherwise).\n"
        "All of a zone is one request where the kernel filters by zone (Linux 6.8). Otherwise the\n"
        "connections are listed, and those that match are deleted, many in one system call; one "
        "that ended\n"
        "by itself meanwhile is no error. -s tells how many were deleted, -s -m and --json which.",
    .examples =
        "  dpctl flush-conntrack\n"
        "  dpctl flush-conntrack -s zone=5 mark=0x1/0x1\n"
        "  dpctl flush-conntrack zone=5 "
        "ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,ct_nw_proto=17,ct_tp_src=2,ct_tp_dst=1\n"
        "  dpctl flush-conntrack '' ct_nw_src=192.0.2.1\n",
    .run = Run,
};

}  // namespace sluice::dpctl
