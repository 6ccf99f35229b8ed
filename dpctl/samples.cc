#include "dpctl/samples.h"

#include "absl/strings/str_cat.h"
#include "dpctl/failure.h"
#include "dpctl/stop_signals.h"
#include "netlink/base/status.h"
#include "netlink/socket/event_socket.h"

namespace sluice::dpctl {
namespace {

struct Follower {
  absl::FunctionRef<bool(const ovs::Sample&)> take;
  bool more = true;
  uint64_t malformed = 0;

  void Take(const socket::Event& event) {
    if (!more) return;
    if (event.kind == socket::EventKind::kOverrun)
      return Session::Warn("samples were lost: the socket was full");
    if (event.kind == socket::EventKind::kFamilyGone)
      return Session::Warn("the psample module is gone: no samples until it comes back");
    if (event.kind != socket::EventKind::kMessage) return;
    const auto sample = ovs::ParseSample(event.message);
    if (sample.ok())
      more = take(*sample);
    else if (!absl::IsNotFound(sample.status()))
      ++malformed;
  }
};

}  // namespace

absl::Status FollowSamples(Session* session, absl::FunctionRef<void()> ready,
                           absl::FunctionRef<bool(const ovs::Sample&)> take) {
  StopSignals stop;
  SLUICE_RETURN_IF_ERROR(stop.Install());
  auto events = socket::EventSocket::OpenGeneric(
      {{ovs::kPsampleFamily, ovs::kPsamplePackets}},
      {.socket = {.receive_buffer_bytes = 4 << 20}, .module = ovs::kPsampleFamily});
  if (!events.ok()) return Failed("listening for samples", events.status());
  ready();
  Follower follower{.take = take};
  while (follower.more) {
    SLUICE_RETURN_IF_ERROR(session->out().Flush());
    if (!stop.WaitFor(events->fd())) break;
    const auto count =
        events->Receive(std::chrono::milliseconds(0),
                        [&follower](const socket::Event& event) { follower.Take(event); });
    if (!count.ok()) return Failed("receiving samples", count.status());
  }
  if (follower.malformed != 0)
    Session::Warn(absl::StrCat(follower.malformed, " messages of psample made no sense"));
  return absl::OkStatus();
}

}  // namespace sluice::dpctl
