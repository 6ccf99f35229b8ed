#include "netlink/socket/message.h"

#include <algorithm>

#include "netlink/attr/wire.h"

namespace sluice::socket {
namespace {

// Whether a message starts at `offset` and ends within `bytes`.
bool IsWhole(ByteView bytes, size_t offset, nlmsghdr* header) {
  if (bytes.size() - offset < sizeof(nlmsghdr)) return false;
  *header = base::Load<nlmsghdr>(bytes.data() + offset);
  return header->nlmsg_len >= sizeof(nlmsghdr) && header->nlmsg_len <= bytes.size() - offset;
}

}  // namespace

void MessageWalk::Iterator::Read() {
  nlmsghdr header;
  if (offset_ >= bytes_.size() || !IsWhole(bytes_, offset_, &header)) {
    offset_ = bytes_.size();
    return;
  }
  current_.type = header.nlmsg_type;
  current_.flags = header.nlmsg_flags;
  current_.sequence = header.nlmsg_seq;
  current_.port = header.nlmsg_pid;
  current_.bytes = bytes_.subspan(offset_, header.nlmsg_len);
  current_.payload = current_.bytes.subspan(sizeof(nlmsghdr));
}

MessageWalk::Iterator& MessageWalk::Iterator::operator++() {
  offset_ = std::min(offset_ + attr::Align4(current_.bytes.size()), bytes_.size());
  Read();
  return *this;
}

ByteView MessageWalk::leftover() const {
  size_t offset = 0;
  nlmsghdr header;
  while (offset < bytes_.size() && IsWhole(bytes_, offset, &header))
    offset = std::min(offset + attr::Align4(header.nlmsg_len), bytes_.size());
  return bytes_.subspan(offset);
}

std::optional<GenericMessage> ParseGeneric(const Message& message, size_t family_header_size) {
  const size_t header_size = attr::Align4(family_header_size);
  if (message.payload.size() < GENL_HDRLEN || message.payload.size() - GENL_HDRLEN < header_size)
    return std::nullopt;
  const auto header = base::Load<genlmsghdr>(message.payload.data());
  return GenericMessage{.command = header.cmd,
                        .version = header.version,
                        .family_header = message.payload.subspan(GENL_HDRLEN, family_header_size),
                        .attributes = message.payload.subspan(GENL_HDRLEN + header_size)};
}

}  // namespace sluice::socket
