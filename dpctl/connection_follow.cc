#include "dpctl/connection_follow.h"

#include "absl/strings/str_cat.h"
#include "dpctl/connection_census.h"
#include "dpctl/conntrack_arguments.h"
#include "dpctl/failure.h"
#include "dpctl/follow.h"
#include "dpctl/stop_signals.h"
#include "netlink/base/status.h"
#include "netlink/conntrack/connection_text.h"

namespace sluice::dpctl {
namespace {

using conntrack::Connection;
using conntrack::ConnectionEvent;
using conntrack::EventKind;

constexpr char kWhat[] = "listening for connections";
// So many receives at most before the table is read after an overrun: events may come without end.
constexpr int kDrains = 1000;

constexpr std::string_view kNew = "new", kUpdate = "update", kDestroy = "destroy";

class Follower {
 public:
  Follower(Session* session, const conntrack::ConnectionMatch& match, uint64_t count)
      : session_(session), match_(match), census_(match), left_(count) {}

  absl::Status Run() {
    StopSignals stop;
    SLUICE_RETURN_IF_ERROR(stop.Install());
    auto events = conntrack::Events::Open();
    if (!events.ok()) return Failed(kWhat, events.status());
    SLUICE_ASSIGN_OR_RETURN(socket::Client client, OpenNetfilterClient());
    conntrack::Connections connections(&client);
    if (const auto known = census_.Read(&connections); !known.ok())
      return Failed("dumping connections", known.status());
    while (left_ != 0 && stop.WaitFor(events->fd())) {
      SLUICE_RETURN_IF_ERROR(Receive(&*events).status());
      if (lost_) SLUICE_RETURN_IF_ERROR(Recover(&*events, &connections));
      SLUICE_RETURN_IF_ERROR(session_->out().Flush());
    }
    return absl::OkStatus();
  }

 private:
  absl::StatusOr<size_t> Receive(conntrack::Events* events) {
    const auto received = events->Receive(std::chrono::milliseconds(0),
                                          [this](const ConnectionEvent& event) { Take(event); });
    if (!received.ok()) return Failed(kWhat, received.status());
    return *received;
  }

  void Take(const ConnectionEvent& event) {
    lost_ |= event.kind == EventKind::kOverrun;
    if (event.kind == EventKind::kOverrun) return;
    census_.Take(event);
    if (match_.Matches(event.connection)) Tell(NameOf(event.kind), event.connection, false);
  }

  static std::string_view NameOf(EventKind kind) {
    if (kind == EventKind::kDestroy) return kDestroy;
    return kind == EventKind::kNew ? kNew : kUpdate;
  }

  // What is still in the socket is older than the table: it is told first.
  absl::Status Recover(conntrack::Events* events, conntrack::Connections* connections) {
    for (int i = 0; i < kDrains; ++i) {
      SLUICE_ASSIGN_OR_RETURN(const size_t received, Receive(events));
      if (received == 0) break;
    }
    lost_ = false;
    const auto missed = census_.Read(connections);
    if (!missed.ok()) return Failed("dumping connections after events were lost", missed.status());
    TellOverrun(*missed);
    for (const Connection& connection : missed->begun) Tell(kNew, connection, true);
    for (const Connection& connection : missed->changed) Tell(kUpdate, connection, true);
    for (const Connection& connection : missed->ended) Tell(kDestroy, connection, true);
    return absl::OkStatus();
  }

  void TellOverrun(const ConnectionCensus::Missed& missed) {
    if (left_ == 0) return;
    --left_;
    if (session_->options().json)
      return PrintLine({{"event", "overrun"},
                        {"connection", nullptr},
                        {"began", missed.begun.size()},
                        {"changed", missed.changed.size()},
                        {"ended", missed.ended.size()}},
                       &session_->out());
    session_->out().Write(absl::StrCat(
        "[overrun] events were lost; meanwhile ", missed.begun.size(), " connections began, ",
        missed.changed.size(), " changed, ", missed.ended.size(), " ended, as the table tells:\n"));
  }

  void Tell(std::string_view event, const Connection& connection, bool missed) {
    if (left_ == 0) return;
    --left_;
    if (session_->options().json)
      return PrintLine({{"event", std::string(event)},
                        {"connection", ConnectionToJson(connection)},
                        {"missed", missed}},
                       &session_->out());
    std::string line = absl::StrCat("[", base::ToAbsl(event), missed ? ", missed] " : "] ");
    AppendConnection(connection,
                     {.verbose = session_->options().verbosity > 0,
                      .statistics = session_->options().statistics},
                     &line);
    line += "\n";
    session_->out().Write(line);
  }

  Session* session_;
  const conntrack::ConnectionMatch& match_;
  ConnectionCensus census_;
  uint64_t left_;
  bool lost_ = false;
};

}  // namespace

absl::Status FollowConnections(Session* session, const conntrack::ConnectionMatch& match) {
  SLUICE_ASSIGN_OR_RETURN(const auto count, NumberOption(*session, "--count"));
  if (count && *count == 0) return UsageError("--count=0: expected a number from 1 on");
  return Follower(session, match, count ? *count : UINT64_MAX).Run();
}

}  // namespace sluice::dpctl
