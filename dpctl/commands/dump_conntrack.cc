#include "dpctl/commands/commands.h"
#include "dpctl/connection_follow.h"
#include "dpctl/conntrack_arguments.h"
#include "dpctl/failure.h"
#include "dpctl/streamed_list.h"
#include "netlink/base/status.h"
#include "netlink/conntrack/connection_text.h"

namespace sluice::dpctl {
namespace {

using conntrack::Connection;

std::string Line(const Session& session, const Connection& connection) {
  if (session.options().json)
    return ConnectionToJson(connection).dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string line;
  AppendConnection(
      connection,
      {.verbose = session.options().verbosity > 0, .statistics = session.options().statistics},
      &line);
  return line;
}

absl::Status RunDump(Session* session, const conntrack::ConnectionMatch& match) {
  SLUICE_ASSIGN_OR_RETURN(socket::Client client, OpenNetfilterClient());
  StreamedList list(&session->out(), session->options().json, "{\"connections\":[", "]}");
  const auto take = [&](const Connection& connection) {
    if (match.Matches(connection)) list.Add(Line(*session, connection));
    return absl::OkStatus();
  };
  const auto report =
      conntrack::Connections(&client).Dump(WishFor(match), take, [&list] { list.Restart(); });
  if (!report.ok()) {
    if (!session->out().started()) session->out().buffer().clear();
    return Failed("dumping connections", report.status());
  }
  list.End();
  if (list.repeated())
    Session::Warn("the table changed during the dump: some connections are listed twice");
  return absl::OkStatus();
}

absl::Status Run(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const std::vector<std::string> args, WithoutDatapath(session));
  SLUICE_ASSIGN_OR_RETURN(const conntrack::ConnectionMatch match, ReadConnectionMatch(args));
  if (session->Given("--count") && !session->Given("--events"))
    return UsageError("--count needs --events");
  return session->Given("--events") ? FollowConnections(session, match) : RunDump(session, match);
}

constexpr CommandOption kOptions[] = {
    {"--events", "",
     "follow: tell of connections that begin, change and end, and of what was missed"},
    {"--count", "N", "with --events: end after N of them"},
};

}  // namespace

constinit const Command kDumpConntrack = {
    .name = "dump-conntrack",
    .arguments = "[-m] [-s] [--events [--count=N]] [DP] [FIELD=VALUE]...",
    .min_args = 0,
    .max_args = kAnyNumber,
    .changes = false,
    .about =
        "Prints the connections that the kernel tracks in this network namespace, one a line. -m "
        "adds\n"
        "id, status and both states of TCP, -s packets, bytes and times. Only those that FIELDs "
        "match:\n"
        "zone, mark=N[/MASK], labels=0xN[/MASK], state=ESTABLISHED, status=ASSURED|SEEN_REPLY (or\n"
        "+ASSURED-SEEN_REPLY), or of a tuple ct_nw_src, ct_nw_dst, ct_ipv6_src, ct_ipv6_dst (with "
        "/BITS\n"
        "or /MASK), ct_nw_proto, ct_tp_src, ct_tp_dst, icmp_type, icmp_code, icmp_id. A second "
        "argument\n"
        "with fields of a tuple means the reply. The kernel wants CAP_NET_ADMIN for this.",
    .examples =
        "  dpctl dump-conntrack zone=5\n"
        "  dpctl dump-conntrack -m ct_nw_src=10.0.0.0/8,ct_nw_proto=tcp,ct_tp_dst=80\n"
        "  dpctl dump-conntrack '' ct_nw_dst=192.0.2.1\n"
        "  dpctl dump-conntrack --events --json state=SYN_SENT\n",
    .run = Run,
    .options = kOptions,
};

}  // namespace sluice::dpctl
