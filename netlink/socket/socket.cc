#include "netlink/socket/socket.h"

#include <libmnl/libmnl.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "absl/strings/str_cat.h"
#include "netlink/base/counters.h"
#include "netlink/base/status.h"

namespace sluice::socket {
namespace {

using base::Counter;
using base::Counters;
using base::ErrnoError;

struct SocketCounters {
  Counter& overruns = Counters::Get(
      "netlink_overruns", "Times that a full receive buffer made the kernel lose messages.");
  Counter& truncated = Counters::Get("netlink_truncated_datagrams",
                                     "Datagrams that were longer than the buffer for them.");
  Counter& foreign = Counters::Get("netlink_foreign_datagrams",
                                   "Datagrams that another process sent, thrown away.");
};

SocketCounters& TheCounters() {
  static SocketCounters* counters = new SocketCounters;
  return *counters;
}

int ClampToInt(size_t n) { return static_cast<int>(std::min<size_t>(n, INT_MAX / 2)); }

// Sets a buffer size, past the system's limit where this process may. What the kernel then has.
size_t SetBuffer(int fd, int forced, int plain, size_t bytes) {
  if (bytes > 0) {
    const int wanted = ClampToInt(bytes);
    if (setsockopt(fd, SOL_SOCKET, forced, &wanted, sizeof(wanted)) != 0)
      setsockopt(fd, SOL_SOCKET, plain, &wanted, sizeof(wanted));
  }
  int effective = 0;
  socklen_t length = sizeof(effective);
  if (getsockopt(fd, SOL_SOCKET, plain, &effective, &length) != 0 || effective < 0) return 0;
  return static_cast<size_t>(effective);
}

// An option that older kernels lack.
absl::Status SetOptional(mnl_socket* socket, int option, const char* name) {
  int on = 1;
  if (mnl_socket_setsockopt(socket, option, &on, sizeof(on)) == 0 || errno == ENOPROTOOPT)
    return absl::OkStatus();
  return ErrnoError(errno, absl::StrCat("netlink socket option ", name));
}

}  // namespace

void NetlinkSocket::Closer::operator()(mnl_socket* socket) const { mnl_socket_close(socket); }

absl::StatusOr<NetlinkSocket> NetlinkSocket::Open(int protocol, const SocketOptions& options) {
  mnl_socket* opened = mnl_socket_open2(protocol, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (opened == nullptr)
    return ErrnoError(errno, absl::StrCat("opening a netlink socket of protocol ", protocol));
  NetlinkSocket socket(opened);
  SLUICE_RETURN_IF_ERROR(socket.Configure(options));
  return socket;
}

absl::Status NetlinkSocket::Configure(const SocketOptions& options) {
  receive_buffer_bytes_ = SetBuffer(fd(), SO_RCVBUFFORCE, SO_RCVBUF, options.receive_buffer_bytes);
  send_buffer_bytes_ = SetBuffer(fd(), SO_SNDBUFFORCE, SO_SNDBUF, options.send_buffer_bytes);
  if (options.ext_ack)
    SLUICE_RETURN_IF_ERROR(SetOptional(socket_.get(), NETLINK_EXT_ACK, "NETLINK_EXT_ACK"));
  if (options.cap_ack)
    SLUICE_RETURN_IF_ERROR(SetOptional(socket_.get(), NETLINK_CAP_ACK, "NETLINK_CAP_ACK"));
  if (options.strict_check)
    SLUICE_RETURN_IF_ERROR(
        SetOptional(socket_.get(), NETLINK_GET_STRICT_CHK, "NETLINK_GET_STRICT_CHK"));
  if (mnl_socket_bind(socket_.get(), 0, MNL_SOCKET_AUTOPID) != 0)
    return ErrnoError(errno, "binding a netlink socket");
  return absl::OkStatus();
}

int NetlinkSocket::fd() const { return mnl_socket_get_fd(socket_.get()); }

uint32_t NetlinkSocket::port_id() const { return mnl_socket_get_portid(socket_.get()); }

absl::Status NetlinkSocket::Send(base::ByteView datagram) {
  ssize_t sent;
  do {
    sent = mnl_socket_sendto(socket_.get(), datagram.data(), datagram.size());
  } while (sent < 0 && errno == EINTR);
  if (sent < 0)
    return ErrnoError(errno, absl::StrCat("sending ", datagram.size(), " bytes of netlink"));
  return absl::OkStatus();
}

ReceiveResult NetlinkSocket::Receive(ReceiveBuffers* buffers, std::chrono::milliseconds timeout) {
  const auto waiting = static_cast<int>(std::clamp<int64_t>(timeout.count(), -1, INT_MAX));
  bool waited = waiting == 0;
  while (true) {
    std::span<mmsghdr> headers = buffers->Arm();
    const int count = recvmmsg(fd(), headers.data(), static_cast<unsigned>(headers.size()),
                               MSG_DONTWAIT, nullptr);
    if (count > 0) {
      buffers->Received(static_cast<size_t>(count));
      for (size_t i = 0; i < buffers->size(); ++i) {
        if (buffers->truncated(i)) TheCounters().truncated.Add();
        if (headers[i].msg_len > 0 && buffers->datagram(i).empty()) TheCounters().foreign.Add();
      }
      return {ReceiveOutcome::kReceived, 0};
    }
    if (errno == EINTR) continue;
    if (errno == ENOBUFS) {
      TheCounters().overruns.Add();
      return {ReceiveOutcome::kOverrun, ENOBUFS};
    }
    if (errno != EAGAIN) return {ReceiveOutcome::kFailed, errno};
    if (waited) return {ReceiveOutcome::kNothing, 0};
    pollfd poller{.fd = fd(), .events = POLLIN, .revents = 0};
    int ready;
    do {
      ready = poll(&poller, 1, waiting);
    } while (ready < 0 && errno == EINTR);
    if (ready < 0) return {ReceiveOutcome::kFailed, errno};
    waited = true;
  }
}

absl::Status NetlinkSocket::JoinGroup(uint32_t group) {
  if (mnl_socket_setsockopt(socket_.get(), NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) != 0)
    return ErrnoError(errno, absl::StrCat("joining netlink multicast group ", group));
  return absl::OkStatus();
}

absl::Status NetlinkSocket::LeaveGroup(uint32_t group) {
  if (mnl_socket_setsockopt(socket_.get(), NETLINK_DROP_MEMBERSHIP, &group, sizeof(group)) != 0)
    return ErrnoError(errno, absl::StrCat("leaving netlink multicast group ", group));
  return absl::OkStatus();
}

}  // namespace sluice::socket
