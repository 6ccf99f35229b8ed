// What happens to datapaths, as lines for a reader: a notification of the kernel's becomes a line
// of text or a JSON document.
//
// Keeps what datapaths and ports there are, to name them, and to tell what has changed when events
// were lost: the owner then looks again and hands over what it found (Reconcile). Flows are counted
// then, not compared. Not thread-safe; borrows the output.
//
//   EventReport report({.json = true}, &out);
//   report.Begin(state);
//   events.Receive(timeout, [&](const socket::Event& event) { report.Take(event); });
//   if (report.must_look()) report.Reconcile(Look(), events.dropped());
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "dpctl/output.h"
#include "dpctl/session.h"
#include "netlink/ovs/datapath.h"
#include "netlink/ovs/vport.h"
#include "netlink/socket/event_socket.h"

namespace sluice::dpctl {

struct WatchedDatapath {
  ovs::Datapath datapath;
  std::map<uint32_t, ovs::Vport> ports;
};
using WatchedState = std::map<int, WatchedDatapath>;  // by interface index

struct EventReportOptions {
  bool json = false;
  bool timestamps = false;  // before each line of text; JSON always has them
  bool verbose = false;     // flows with their wildcarded fields
  bool names = false;       // ports in flows by name
  std::string datapath{};   // the only one that is told of; empty: all
  bool datapaths = true, ports = true, flows = true, meters = true;
};

class EventReport {
 public:
  EventReport(EventReportOptions options, Output* out) : options_(std::move(options)), out_(out) {}

  void Begin(WatchedState state) { state_ = std::move(state); }
  void Take(const socket::Event& event);
  // Whether events were lost, or the module was loaded anew, since Reconcile().
  bool must_look() const { return must_look_; }
  // `dropped` is how many events the socket has lost since it was opened.
  void Reconcile(WatchedState now, uint64_t dropped);

 private:
  enum class Kind { kDatapath, kPort, kFlow, kMeter };
  // What a line says beside its time: `detail` in text, the members of `json` in JSON.
  // NOLINTNEXTLINE(bugprone-exception-escape): a move of Json, which is said to throw nothing
  struct Line {
    Kind kind = Kind::kDatapath;
    std::string_view what;  // add, change, delete
    int dp_ifindex = 0;
    std::optional<uint32_t> netlink_port{};  // whose request it was; unset: found by looking
    std::string detail{};
    Json json{};
  };
  absl::Status TakeMessage(const socket::Event& event);
  absl::Status TakeDatapath(const socket::Message& message, Line line);
  absl::Status TakePort(const socket::Message& message, Line line);
  absl::Status TakeFlow(const socket::Message& message, Line line);
  absl::Status TakeMeter(const socket::Message& message, Line line);
  void ReconcilePorts(const WatchedDatapath& before, const WatchedDatapath& now);
  void Tell(Line line);
  void TellPort(const ovs::Vport& port, std::string_view what);
  void TellDatapath(const ovs::Datapath& datapath, std::string_view what);
  // Of what no datapath is part of: events that were lost, the module.
  void Note(std::string_view event, std::string_view text,
            std::optional<uint64_t> count = std::nullopt);
  std::string NameOf(int dp_ifindex) const;
  bool Wants(const Line& line) const;

  EventReportOptions options_;
  Output* out_;
  WatchedState state_;
  bool must_look_ = false;
  bool lost_ = false;
  uint64_t dropped_ = 0;  // that were told of
};

}  // namespace sluice::dpctl
