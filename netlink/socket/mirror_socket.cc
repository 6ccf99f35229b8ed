#include "netlink/socket/mirror_socket.h"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/genetlink.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <ctime>

#include "netlink/base/status.h"

namespace sluice::socket {
namespace {

using base::ErrnoError;

constexpr uint32_t kAll = 0xffffffff;  // a filter's verdict: the packet, whole

// The kernel's filter loads numbers in network byte order; netlink has them in this machine's.
absl::Status SetFilter(int fd, const MirrorFilter& wanted) {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(nlmsghdr, nlmsg_type)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htons(wanted.message_type), 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NLMSG_HDRLEN + GENL_HDRLEN),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, htonl(wanted.header_word), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, kAll),
      BPF_STMT(BPF_RET | BPF_K, 0),
  };
  const sock_fprog program{.len = sizeof(code) / sizeof(code[0]), .filter = code};
  if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0)
    return ErrnoError(errno, "setting a packet filter");
  return absl::OkStatus();
}

uint64_t TimeOf(msghdr* message) {
  for (cmsghdr* control = CMSG_FIRSTHDR(message); control != nullptr;
       control = CMSG_NXTHDR(message, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SO_TIMESTAMPNS) continue;
    const auto time = base::Load<timespec>(CMSG_DATA(control));
    return static_cast<uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(time.tv_nsec);
  }
  return 0;
}

}  // namespace

absl::StatusOr<MirrorSocket> MirrorSocket::Open(int ifindex, const MirrorFilter& filter,
                                                size_t receive_buffer_bytes) {
  // Protocol 0: nothing is received before the filter is there, and the device is known.
  base::UniqueFd fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return ErrnoError(errno, "opening a packet socket");
  SLUICE_RETURN_IF_ERROR(SetFilter(fd.get(), filter));
  const int size = static_cast<int>(std::min<size_t>(receive_buffer_bytes, INT_MAX / 2));
  if (setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0)
    setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
  const int on = 1;
  if (setsockopt(fd.get(), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) != 0)
    return ErrnoError(errno, "asking for times of packets");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = ifindex;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0)
    return ErrnoError(errno, "binding a packet socket to the monitor device");
  return MirrorSocket(std::move(fd));
}

absl::Status MirrorSocket::Receive(absl::FunctionRef<void(base::ByteView, uint64_t)> take) {
  for (int count = 0; count < kMostAtOnce; ++count) {
    iovec piece{.iov_base = buffer_.data(), .iov_len = buffer_.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(timespec))];
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    const ssize_t received = ::recvmsg(fd_.get(), &message, MSG_DONTWAIT);
    if (received < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return absl::OkStatus();
      return ErrnoError(errno, "receiving mirrored messages");
    }
    if ((message.msg_flags & MSG_TRUNC) != 0) {
      ++lost_;
      continue;
    }
    take(base::ByteView(buffer_.data(), static_cast<size_t>(received)), TimeOf(&message));
  }
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> MirrorSocket::Lost() {
  tpacket_stats statistics{};  // counted anew after each look
  socklen_t length = sizeof(statistics);
  if (getsockopt(fd_.get(), SOL_PACKET, PACKET_STATISTICS, &statistics, &length) != 0)
    return ErrnoError(errno, "statistics of a packet socket");
  lost_ += statistics.tp_drops;
  return lost_;
}

}  // namespace sluice::socket
