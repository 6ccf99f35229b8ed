#include "netlink/socket/receive_buffers.h"

#include <algorithm>

namespace sluice::socket {
namespace {

constexpr size_t kGrain = 16;  // keeps every slot aligned for a nlmsghdr

}  // namespace

ReceiveBuffers::ReceiveBuffers(size_t count, size_t bytes_each)
    : total_(std::max<size_t>(count, 1) *
             std::max(kGrain, (bytes_each + kGrain - 1) / kGrain * kGrain)),
      memory_(std::make_unique_for_overwrite<uint8_t[]>(total_)) {
  Reshape(count);
}

void ReceiveBuffers::Reshape(size_t count) {
  count = std::clamp<size_t>(count, 1, total_ / kGrain);
  received_ = 0;
  if (count == headers_.size()) return;
  bytes_each_ = total_ / count / kGrain * kGrain;
  headers_.assign(count, mmsghdr{});
  vectors_.assign(count, iovec{});
  senders_.assign(count, sockaddr_nl{});
  for (size_t i = 0; i < count; ++i) {
    vectors_[i] = {.iov_base = memory_.get() + i * bytes_each_, .iov_len = bytes_each_};
    headers_[i].msg_hdr.msg_iov = &vectors_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
    headers_[i].msg_hdr.msg_name = &senders_[i];
  }
}

base::ByteView ReceiveBuffers::datagram(size_t i) const {
  if (senders_[i].nl_pid != 0) return {};
  return {static_cast<const uint8_t*>(vectors_[i].iov_base),
          std::min<size_t>(headers_[i].msg_len, bytes_each_)};
}

std::span<mmsghdr> ReceiveBuffers::Arm() {
  received_ = 0;
  for (mmsghdr& header : headers_) {
    header.msg_hdr.msg_namelen = sizeof(sockaddr_nl);
    header.msg_hdr.msg_flags = 0;
  }
  return headers_;
}

bool ReceiveBuffers::Append(base::ByteView datagram) {
  if (received_ == headers_.size()) return false;
  const size_t size = std::min(datagram.size(), bytes_each_);
  if (size > 0) std::memcpy(vectors_[received_].iov_base, datagram.data(), size);
  headers_[received_].msg_len = static_cast<unsigned>(size);
  headers_[received_].msg_hdr.msg_flags = size < datagram.size() ? MSG_TRUNC : 0;
  senders_[received_] = {};
  ++received_;
  return true;
}

}  // namespace sluice::socket
