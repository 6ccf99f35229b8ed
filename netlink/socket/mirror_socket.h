// Netlink messages that others get, as a monitor device (nlmon) mirrors them.
//
// A packet socket on that device, with a filter in the kernel: messages of one generic netlink
// family that have a word of their own in the family's header, such as the upcalls of one
// datapath. Needs CAP_NET_RAW. Move-only; not thread-safe.
//
// A mirror shows what was delivered: a message that its addressee had no room for is not there.
//
//   SLUICE_ASSIGN_OR_RETURN(auto mirror, MirrorSocket::Open(device.ifindex(), {
//       .message_type = family->id, .header_word = dp.ifindex}));
//   while (stop.WaitFor(mirror.fd())) mirror.Receive([](ByteView datagram, uint64_t time_ns) ..);
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "netlink/base/bytes.h"
#include "netlink/base/fd.h"

namespace sluice::socket {

struct MirrorFilter {
  uint16_t message_type = 0;  // id of a generic netlink family
  uint32_t header_word = 0;   // the first four bytes after the genlmsghdr, host byte order
};

class MirrorSocket {
 public:
  static absl::StatusOr<MirrorSocket> Open(int ifindex, const MirrorFilter& filter,
                                           size_t receive_buffer_bytes = 16 << 20);

  int fd() const { return fd_.get(); }
  // Hands over the datagrams that are there, at most kMostAtOnce, each with the time (nanoseconds
  // since 1970, UTC) at which it was mirrored. They are borrowed. Does not wait.
  absl::Status Receive(absl::FunctionRef<void(base::ByteView, uint64_t)> take);
  // How many passed the filter and were lost, as there was no room for them; since it was opened.
  absl::StatusOr<uint64_t> Lost();

  static constexpr int kMostAtOnce = 256;

 private:
  explicit MirrorSocket(base::UniqueFd fd) : fd_(std::move(fd)), buffer_(kLongest) {}

  static constexpr size_t kLongest = 256 * 1024;

  base::UniqueFd fd_;
  base::ByteVector buffer_;
  uint64_t lost_ = 0;
};

}  // namespace sluice::socket
