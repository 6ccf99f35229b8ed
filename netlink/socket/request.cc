#include "netlink/socket/request.h"

#include <algorithm>
#include <utility>

namespace sluice::socket {

Request::Request(const Family& family, uint8_t command, uint16_t flags, ByteView family_header)
    : writer_(&bytes_) {
  Reset(family, command, flags, family_header);
}

Request::Request(uint16_t type, uint16_t flags, ByteView header) : writer_(&bytes_) {
  Reset(type, flags, header);
}

Request Request::FromMessage(ByteView message, size_t attributes_offset) {
  Request request;
  if (message.size() < sizeof(nlmsghdr)) return request;
  auto header = base::Load<nlmsghdr>(message.data());
  if (header.nlmsg_len < sizeof(nlmsghdr) || header.nlmsg_len > message.size()) return request;
  request.bytes_.assign(message.begin(), message.begin() + header.nlmsg_len);
  request.bytes_.resize(attr::Align4(request.bytes_.size()));
  // Libraries set NLM_F_REQUEST as they send; without it the kernel acknowledges and does nothing.
  header.nlmsg_flags |= NLM_F_REQUEST;
  base::Store(request.bytes_.data(), header);
  request.attributes_offset_ = std::min(attributes_offset, request.bytes_.size());
  return request;
}

Request::Request(Request&& other) noexcept : writer_(&bytes_) { *this = std::move(other); }

Request& Request::operator=(Request&& other) noexcept {
  if (this == &other) return *this;
  bytes_ = std::move(other.bytes_);
  failed_ = other.failed_ || !other.writer_.ok();
  writer_ = attr::Writer(&bytes_);
  attributes_offset_ = other.attributes_offset_;
  read_only_ = other.read_only_;
  label_ = other.label_;
  other.bytes_.clear();
  return *this;
}

void Request::Start(uint16_t type, uint16_t flags) {
  const nlmsghdr header{.nlmsg_len = 0,
                        .nlmsg_type = type,
                        .nlmsg_flags = static_cast<uint16_t>(flags | NLM_F_REQUEST),
                        .nlmsg_seq = 0,
                        .nlmsg_pid = 0};
  const ByteView bytes = base::AsBytes(header);
  bytes_.assign(bytes.begin(), bytes.end());
  writer_ = attr::Writer(&bytes_);
  failed_ = false;
  read_only_ = false;
  label_ = {};
}

void Request::Reset(const Family& family, uint8_t command, uint16_t flags, ByteView family_header) {
  Start(family.id, flags);
  const genlmsghdr header{
      .cmd = command, .version = static_cast<uint8_t>(family.version), .reserved = 0};
  const ByteView bytes = base::AsBytes(header);
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  const size_t used = std::min<size_t>(family_header.size(), family.header_size);
  attributes_offset_ = bytes_.size() + attr::Align4(family.header_size);
  bytes_.insert(bytes_.end(), family_header.begin(),
                family_header.begin() + static_cast<ptrdiff_t>(used));
  bytes_.resize(attributes_offset_);
}

void Request::Reset(uint16_t type, uint16_t flags, ByteView header) {
  Start(type, flags);
  bytes_.insert(bytes_.end(), header.begin(), header.end());
  bytes_.resize(attr::Align4(bytes_.size()));
  attributes_offset_ = bytes_.size();
}

bool Request::valid() const { return !failed_ && writer_.ok() && type() >= NLMSG_MIN_TYPE; }

uint16_t Request::type() const {
  return bytes_.size() < sizeof(nlmsghdr) ? uint16_t{NLMSG_NOOP}
                                          : base::Load<nlmsghdr>(bytes_.data()).nlmsg_type;
}

uint16_t Request::flags() const {
  return bytes_.size() < sizeof(nlmsghdr) ? uint16_t{0}
                                          : base::Load<nlmsghdr>(bytes_.data()).nlmsg_flags;
}

ByteView Request::bytes() const {
  if (bytes_.size() >= sizeof(nlmsghdr)) {
    auto header = base::Load<nlmsghdr>(bytes_.data());
    header.nlmsg_len = static_cast<uint32_t>(bytes_.size());
    base::Store(bytes_.data(), header);
  }
  return bytes_;
}

}  // namespace sluice::socket
