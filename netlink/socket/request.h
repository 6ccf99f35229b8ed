// One netlink request under construction: header, family header, attributes.
//
// A Request owns its bytes and can be used again without allocating (Reset). It knows nothing of
// sequence numbers; the Client puts them into the copy that it sends. Not thread-safe. Do not move
// it while a nest is open.
//
//   Request request(*family, OVS_FLOW_CMD_GET, 0, base::AsBytes(ovs_header{dp_ifindex}));
//   { auto key = request.attributes().Nest(OVS_FLOW_ATTR_KEY); ... }
//   request.set_read_only(true);
//   client.Transact(request);
#pragma once

#include <string_view>

#include "netlink/attr/wire.h"
#include "netlink/socket/family.h"
#include "netlink/socket/message.h"

namespace sluice::socket {

class Request {
 public:
  // Of no type yet; Reset() it before use.
  Request() : writer_(&bytes_) {}
  // A generic netlink request. `flags` are NLM_F_CREATE, NLM_F_ECHO and the like; NLM_F_REQUEST is
  // always set, and the Client adds NLM_F_ACK or NLM_F_DUMP. `family_header` must have the family's
  // header_size: a shorter one is filled up with zeros, a longer one is cut.
  Request(const Family& family, uint8_t command, uint16_t flags = 0, ByteView family_header = {});
  // A request of another protocol, as RTM_GETLINK with `header` a struct ifinfomsg.
  Request(uint16_t type, uint16_t flags, ByteView header);
  // A whole message that a library has built; its attributes start `attributes_offset` bytes into
  // it (from the nlmsghdr). NLM_F_REQUEST is set here too. An invalid one gives a request that is
  // not valid().
  static Request FromMessage(ByteView message, size_t attributes_offset);

  Request(Request&& other) noexcept;
  Request& operator=(Request&& other) noexcept;
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;
  ~Request() = default;

  // Starts anew, keeping the memory; as the constructors. Label and read_only are cleared.
  void Reset(const Family& family, uint8_t command, uint16_t flags = 0,
             ByteView family_header = {});
  void Reset(uint16_t type, uint16_t flags, ByteView header);

  attr::Writer& attributes() { return writer_; }

  // What errors call this request: "flow put". The text must outlive the request: a literal.
  // Without one they say "FAMILY command N".
  void set_label(std::string_view label) { label_ = label; }
  std::string_view label() const { return label_; }

  // Says that sending this request twice does no harm, as for every GET. Only such a request is
  // sent again when its answer was lost.
  void set_read_only(bool read_only) { read_only_ = read_only; }
  bool read_only() const { return read_only_; }

  // False when the type is a control type (< NLMSG_MIN_TYPE, which the kernel would acknowledge
  // without doing anything) or an attribute did not fit. The Client refuses such a request.
  bool valid() const;

  uint16_t type() const;
  uint16_t flags() const;
  // The message; its nlmsg_len is right, sequence and port are 0.
  ByteView bytes() const;
  // From the nlmsghdr to the first attribute.
  size_t attributes_offset() const { return attributes_offset_; }

 private:
  void Start(uint16_t type, uint16_t flags);

  mutable ByteVector bytes_;  // mutable: bytes() fixes the length in the header
  attr::Writer writer_;
  size_t attributes_offset_ = 0;
  bool failed_ = false;  // a writer that this object no longer has was not ok()
  bool read_only_ = false;
  std::string_view label_;
};

}  // namespace sluice::socket
