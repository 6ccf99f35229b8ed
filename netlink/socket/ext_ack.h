// What the kernel says about a request: its errno, its words, and the attribute that it blames.
//
// Pure functions over bytes; no I/O. Format: NLMSG_ERROR and NLMSG_DONE with the NLMSGERR_ATTR_*
// attributes of include/uapi/linux/netlink.h, which a socket gets after setting NETLINK_EXT_ACK.
//
//   SLUICE_ASSIGN_OR_RETURN(ExtAck ack, ParseExtAck(message));
//   if (ack.error != 0) Log(ack.text, ToString(BlameOf(ack, request, attributes_offset).path));
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "netlink/socket/message.h"

namespace sluice::socket {

struct ExtAck {
  int error = 0;                         // positive errno; 0 is an acknowledgement
  std::string text;                      // a message, or with error == 0 a warning
  std::optional<uint32_t> offset;        // of the blamed attribute, from the request's nlmsghdr
  std::optional<uint32_t> missing_type;  // an attribute that had to be there
  std::optional<uint32_t> missing_nest;  // where it had to be: offset of the nest; none = top level
  ByteVector cookie;
  ByteVector policy;  // NLMSGERR_ATTR_POLICY's payload, attributes of enum netlink_policy_type_attr

  bool has_details() const {
    return !text.empty() || offset || missing_type || missing_nest || !cookie.empty() ||
           !policy.empty();
  }
};

// Reads a message of type NLMSG_ERROR or NLMSG_DONE. kDataLoss when it is malformed; attributes
// that are unknown or of a strange size are passed over.
absl::StatusOr<ExtAck> ParseExtAck(const Message& message);

// The types of the attributes from the top level down to one attribute.
using AttributePath = std::vector<uint16_t>;

// The path to the attribute whose header is `offset` bytes into `request`, whose top-level
// attributes start at `attributes_offset`. A nest is entered only when its whole payload parses as
// attributes, as this layer knows no tables. For an offset inside of an attribute that cannot be
// entered, the path to that attribute; empty when the offset is not among the attributes.
AttributePath PathTo(ByteView request, size_t attributes_offset, size_t offset);

struct Blame {
  AttributePath path;    // empty: nothing is blamed
  bool missing = false;  // the path's last attribute is missed rather than wrong
};
Blame BlameOf(const ExtAck& ack, ByteView request, size_t attributes_offset);

// "1/4": the numbers, outermost first.
std::string ToString(const AttributePath& path);

}  // namespace sluice::socket
