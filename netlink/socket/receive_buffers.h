// Buffers for many datagrams at once, made before they are needed.
//
// One allocation, cut into `count` slots of equal size, with the vectors that recvmmsg(2) wants.
// Receiving allocates nothing. Views into it hold until the next receive. Move-only, not
// thread-safe.
//
//   ReceiveBuffers buffers(32, 16 * 1024);
//   if (socket.Receive(&buffers, 0ms).outcome == ReceiveOutcome::kReceived)
//     for (size_t i = 0; i < buffers.size(); ++i) Use(buffers.datagram(i));
#pragma once

#include <linux/netlink.h>
#include <sys/socket.h>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "netlink/base/bytes.h"

namespace sluice::socket {

class ReceiveBuffers {
 public:
  // At least one slot of at least 16 bytes; sizes are rounded up to 16.
  ReceiveBuffers(size_t count, size_t bytes_each);

  // Cuts the same memory into `count` slots instead; forgets what was received. A count that would
  // leave less than 16 bytes a slot is lowered.
  void Reshape(size_t count);

  size_t slots() const { return headers_.size(); }
  size_t bytes_each() const { return bytes_each_; }

  // How many datagrams the last receive brought.
  size_t size() const { return received_; }
  // Datagram `i` < size(). One that was longer than the slot is cut: see truncated(). One that
  // another process sent, not the kernel, is empty.
  base::ByteView datagram(size_t i) const;
  bool truncated(size_t i) const { return (headers_[i].msg_hdr.msg_flags & MSG_TRUNC) != 0; }

  // For transports. Arm() forgets what was received and gives the vectors for recvmmsg();
  // Received() says how many of them it filled. Append() copies one datagram into the next free
  // slot, as a fake does; false when all are full.
  std::span<mmsghdr> Arm();
  void Received(size_t count) { received_ = count; }
  bool Append(base::ByteView datagram);

 private:
  size_t total_;
  size_t bytes_each_ = 0;
  size_t received_ = 0;
  std::unique_ptr<uint8_t[]> memory_;
  std::vector<mmsghdr> headers_;
  std::vector<iovec> vectors_;
  std::vector<sockaddr_nl> senders_;
};

}  // namespace sluice::socket
