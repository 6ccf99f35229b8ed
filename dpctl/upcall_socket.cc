#include "dpctl/upcall_socket.h"

#include "dpctl/failure.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {

absl::StatusOr<UpcallSocket> UpcallSocket::Open() {
  auto socket = socket::NetlinkSocket::Open(NETLINK_GENERIC, {.receive_buffer_bytes = 4 << 20});
  if (!socket.ok()) return Failed("opening a socket for upcalls", socket.status());
  return UpcallSocket(*std::move(socket));
}

absl::Status UpcallSocket::Receive(absl::FunctionRef<void(const socket::Message&)> take) {
  const socket::ReceiveResult result = socket_.Receive(&buffers_, std::chrono::milliseconds(0));
  switch (result.outcome) {
    case socket::ReceiveOutcome::kNothing:
      break;
    case socket::ReceiveOutcome::kOverrun:
      ++overruns_;
      break;
    case socket::ReceiveOutcome::kFailed:
      return Failed("receiving upcalls", base::ErrnoError(result.error, "receiving"));
    case socket::ReceiveOutcome::kReceived:
      for (size_t i = 0; i < buffers_.size(); ++i)
        for (const socket::Message& message : socket::MessageWalk(buffers_.datagram(i)))
          if (message.type >= NLMSG_MIN_TYPE) take(message);
      break;
  }
  return absl::OkStatus();
}

}  // namespace sluice::dpctl
