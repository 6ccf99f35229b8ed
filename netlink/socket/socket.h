// A netlink socket: opened, bound to a port id of the kernel's choice, closed when it goes.
//
// Move-only RAII, non-blocking and close-on-exec. Not thread-safe; different sockets are
// independent. It lives in the network namespace of the thread that opened it, for ever.
//
// NETLINK_NO_ENOBUFS is never set: a full receive buffer is reported as ReceiveOutcome::kOverrun
// and counted as netlink_overruns. Losing messages unnoticed is what that option is for.
//
//   SLUICE_ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open(NETLINK_GENERIC, {
//       .receive_buffer_bytes = 4 << 20}));
//   ReceiveBuffers buffers(32, 64 * 1024);
//   socket.Receive(&buffers, std::chrono::milliseconds(0));  // e.g. when epoll says so
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "netlink/socket/transport.h"

struct mnl_socket;

namespace sluice::socket {

struct SocketOptions {
  // 0 leaves the system's default. SO_RCVBUFFORCE is tried first, which needs CAP_NET_ADMIN; then
  // SO_RCVBUF, which net.core.rmem_max bounds. The kernel doubles either; getting less than asked
  // is no error: see receive_buffer_bytes().
  size_t receive_buffer_bytes = 0;
  size_t send_buffer_bytes = 0;
  bool ext_ack = true;        // NETLINK_EXT_ACK, Linux 4.12; done without where it is not known
  bool cap_ack = true;        // NETLINK_CAP_ACK, Linux 4.3; likewise
  bool strict_check = false;  // NETLINK_GET_STRICT_CHK, Linux 4.20: dump filters of route netlink
};

class NetlinkSocket final : public Transport {
 public:
  // `protocol`: NETLINK_GENERIC, NETLINK_ROUTE, ... Errors carry the errno.
  static absl::StatusOr<NetlinkSocket> Open(int protocol, const SocketOptions& options = {});

  NetlinkSocket(NetlinkSocket&&) noexcept = default;
  NetlinkSocket& operator=(NetlinkSocket&&) noexcept = default;

  int fd() const;
  uint32_t port_id() const override;
  size_t receive_buffer_bytes() const override { return receive_buffer_bytes_; }
  size_t send_buffer_bytes() const override { return send_buffer_bytes_; }

  // EMSGSIZE when it does not fit into the send buffer.
  absl::Status Send(base::ByteView datagram) override;
  ReceiveResult Receive(ReceiveBuffers* buffers, std::chrono::milliseconds timeout) override;

  // Multicast groups, by the number that Family::GroupId() or RTNLGRP_* gives.
  absl::Status JoinGroup(uint32_t group);
  absl::Status LeaveGroup(uint32_t group);

 private:
  struct Closer {
    void operator()(mnl_socket* socket) const;
  };
  explicit NetlinkSocket(mnl_socket* socket) : socket_(socket) {}
  absl::Status Configure(const SocketOptions& options);

  std::unique_ptr<mnl_socket, Closer> socket_;
  size_t receive_buffer_bytes_ = 0;
  size_t send_buffer_bytes_ = 0;
};

}  // namespace sluice::socket
