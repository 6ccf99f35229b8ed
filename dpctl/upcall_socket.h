// A socket that upcalls of a datapath can be sent to.
//
// Move-only; not thread-safe. A socket whose buffer is full loses upcalls: Receive() says so, and
// the kernel counts them as `lost` of the datapath.
//
//   SLUICE_ASSIGN_OR_RETURN(UpcallSocket socket, UpcallSocket::Open());
//   vports.SetUpcallPids(dp.ifindex, 1, {{socket.pid()}});
//   while (stop.WaitFor(socket.fd())) socket.Receive([](const socket::Message& message) { .. });
#pragma once

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "netlink/socket/message.h"
#include "netlink/socket/socket.h"

namespace sluice::dpctl {

class UpcallSocket {
 public:
  static absl::StatusOr<UpcallSocket> Open();

  int fd() const { return socket_.fd(); }
  uint32_t pid() const { return socket_.port_id(); }
  // How often upcalls were lost, nobody knows how many each time.
  uint64_t overruns() const { return overruns_; }

  // Hands over what is there, without waiting. The messages are borrowed.
  absl::Status Receive(absl::FunctionRef<void(const socket::Message&)> take);

 private:
  explicit UpcallSocket(socket::NetlinkSocket socket)
      : socket_(std::move(socket)), buffers_(kSlots, kBytesEach) {}

  static constexpr size_t kSlots = 32;
  static constexpr size_t kBytesEach = 96 * 1024;  // a packet of 64 KiB, key and actions

  socket::NetlinkSocket socket_;
  socket::ReceiveBuffers buffers_;
  uint64_t overruns_ = 0;
};

}  // namespace sluice::dpctl
