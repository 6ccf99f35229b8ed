#include "netlink/socket/ext_ack.h"

#include <algorithm>

#include "absl/strings/str_join.h"
#include "netlink/attr/wire.h"

namespace sluice::socket {
namespace {

using attr::Attribute;
using attr::AttributeWalk;

// Where the ext-ack attributes of an NLMSG_ERROR start: behind the errno and as much of the request
// as the kernel quotes. Empty when they are not there.
absl::StatusOr<ByteView> TlvsOf(const Message& message) {
  ByteView rest = message.payload.subspan(sizeof(int32_t));
  if (message.type == NLMSG_ERROR) {
    if (rest.size() < sizeof(nlmsghdr))
      return absl::DataLossError("netlink error message without the request's header");
    const auto quoted = base::Load<nlmsghdr>(rest.data());
    const bool in_full =
        (message.flags & NLM_F_CAPPED) == 0 && base::Load<int32_t>(message.payload.data()) != 0;
    const size_t quoted_size = in_full ? quoted.nlmsg_len : sizeof(nlmsghdr);
    if (quoted_size < sizeof(nlmsghdr) || quoted_size > rest.size())
      return absl::DataLossError("netlink error message quotes a request of impossible length");
    rest = rest.subspan(std::min(attr::Align4(quoted_size), rest.size()));
  }
  if ((message.flags & NLM_F_ACK_TLVS) == 0) return ByteView();
  return rest;
}

void TakeTlv(const Attribute& attribute, ExtAck* ack) {
  const ByteView payload = attribute.payload;
  const bool is_u32 = payload.size() == sizeof(uint32_t);
  switch (attribute.type) {
    case NLMSGERR_ATTR_MSG: {
      const auto end = std::find(payload.begin(), payload.end(), uint8_t{0});
      ack->text.assign(payload.begin(), end);
      break;
    }
    case NLMSGERR_ATTR_OFFS:
      if (is_u32) ack->offset = base::Load<uint32_t>(payload.data());
      break;
    case NLMSGERR_ATTR_COOKIE:
      ack->cookie.assign(payload.begin(), payload.end());
      break;
    case NLMSGERR_ATTR_POLICY:
      ack->policy.assign(payload.begin(), payload.end());
      break;
    case NLMSGERR_ATTR_MISS_TYPE:
      if (is_u32) ack->missing_type = base::Load<uint32_t>(payload.data());
      break;
    case NLMSGERR_ATTR_MISS_NEST:
      if (is_u32) ack->missing_nest = base::Load<uint32_t>(payload.data());
      break;
    default:
      break;
  }
}

// Appends the path to `offset` within `attributes`; false when it is not among them.
bool Descend(ByteView attributes, size_t offset, AttributePath* path) {
  for (const Attribute& attribute : AttributeWalk(attributes)) {
    const size_t payload_start = attribute.offset + attr::kAttributeHeaderSize;
    if (offset < attribute.offset) return false;  // in padding
    if (offset >= payload_start + attribute.payload.size() && offset != attribute.offset) continue;
    path->push_back(attribute.type);
    if (offset < payload_start) return true;
    if (AttributeWalk(attribute.payload).leftover().empty()) {
      const size_t depth = path->size();
      if (!Descend(attribute.payload, offset - payload_start, path)) path->resize(depth);
    }
    return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<ExtAck> ParseExtAck(const Message& message) {
  ExtAck ack;
  if (message.payload.size() < sizeof(int32_t)) {
    // Dumps of old kernels end with an NLMSG_DONE of no payload.
    if (message.type == NLMSG_DONE && message.payload.empty()) return ack;
    return absl::DataLossError("netlink acknowledgement without an errno");
  }
  const auto error = base::Load<int32_t>(message.payload.data());
  // A positive NLMSG_DONE is a count that some dumps leave behind; it is no error.
  if (error < 0) ack.error = error == INT32_MIN ? INT32_MAX : -error;
  const absl::StatusOr<ByteView> tlvs = TlvsOf(message);
  if (!tlvs.ok()) return tlvs.status();
  for (const Attribute& attribute : AttributeWalk(*tlvs)) TakeTlv(attribute, &ack);
  return ack;
}

AttributePath PathTo(ByteView request, size_t attributes_offset, size_t offset) {
  AttributePath path;
  if (attributes_offset > request.size() || offset < attributes_offset) return path;
  if (!Descend(request.subspan(attributes_offset), offset - attributes_offset, &path)) path.clear();
  return path;
}

Blame BlameOf(const ExtAck& ack, ByteView request, size_t attributes_offset) {
  Blame blame;
  if (ack.missing_type) {
    blame.missing = true;
    if (ack.missing_nest) blame.path = PathTo(request, attributes_offset, *ack.missing_nest);
    blame.path.push_back(static_cast<uint16_t>(*ack.missing_type & 0x3fff));
  } else if (ack.offset) {
    blame.path = PathTo(request, attributes_offset, *ack.offset);
  }
  return blame;
}

std::string ToString(const AttributePath& path) { return absl::StrJoin(path, "/"); }

}  // namespace sluice::socket
