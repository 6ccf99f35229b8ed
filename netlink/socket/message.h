// Netlink messages as they lie in a datagram: a walker without I/O, fit to be fuzzed.
//
// A datagram holds messages one after the other, each with a nlmsghdr
// (include/uapi/linux/netlink.h) in host byte order and padded to 4 bytes. The views borrow the
// datagram; nothing is copied.
//
//   MessageWalk walk(datagram);
//   for (const Message& message : walk) ...
//   if (!walk.leftover().empty()) ...  // cut short, or nonsense
#pragma once

#include <linux/genetlink.h>
#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <optional>

#include "netlink/base/bytes.h"

namespace sluice::socket {

using base::ByteVector;
using base::ByteView;
using base::MutableByteView;

struct Message {
  uint16_t type = 0;      // a family's id, or NLMSG_ERROR and its like
  uint16_t flags = 0;     // NLM_F_*
  uint32_t sequence = 0;  // of the request that it answers; 0 for events
  uint32_t port = 0;      // whom it answers
  ByteView payload;       // what follows the nlmsghdr, without padding
  ByteView bytes;         // header and payload
};

// A range over a datagram's messages. It ends at the first header that is no message; what is left
// then is leftover(), empty when every byte was understood.
class MessageWalk {
 public:
  explicit MessageWalk(ByteView datagram) : bytes_(datagram) {}

  class Iterator {
   public:
    Iterator(ByteView bytes, size_t offset) : bytes_(bytes), offset_(offset) { Read(); }
    const Message& operator*() const { return current_; }
    const Message* operator->() const { return &current_; }
    Iterator& operator++();
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.offset_ == b.offset_; }

   private:
    void Read();
    ByteView bytes_;
    size_t offset_;
    Message current_;
  };

  Iterator begin() const { return {bytes_, 0}; }
  Iterator end() const { return {bytes_, bytes_.size()}; }
  ByteView leftover() const;

 private:
  ByteView bytes_;
};

// A generic netlink message taken apart. `family_header` is the family's own fixed header (for the
// openvswitch families: struct ovs_header), empty when the family has none.
struct GenericMessage {
  uint8_t command = 0;
  uint8_t version = 0;
  ByteView family_header;
  ByteView attributes;
};

// nullopt when the payload is too short for the genlmsghdr and `family_header_size` bytes more.
std::optional<GenericMessage> ParseGeneric(const Message& message, size_t family_header_size);

}  // namespace sluice::socket
