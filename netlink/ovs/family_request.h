// What the typed APIs of this folder have in common: struct ovs_header, and short ways to ask.
#pragma once

#include <linux/openvswitch.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "netlink/attr/codec.h"
#include "netlink/base/status.h"
#include "netlink/socket/client.h"

namespace sluice::ovs {

// A message of one of the openvswitch families, taken apart; borrows the message.
struct OvsMessage {
  uint8_t command = 0;
  int dp_ifindex = 0;
  base::ByteView attributes;
};
// kDataLoss, and a counter, when the message is too short.
absl::StatusOr<OvsMessage> ParseOvsMessage(const socket::Message& message);

// kDataLoss, and a counter, for a fault in a message of the kernel's.
absl::Status Malformed(const attr::Fault& fault);

// The family, and an error that names the module when it is not there. Also makes the client name
// attributes in the kernel's errors.
absl::StatusOr<const socket::Family*> Resolve(socket::Client* client, std::string_view family);

socket::Request OvsRequest(const socket::Family& family, uint8_t command, uint16_t flags,
                           int dp_ifindex, std::string_view label);
void ResetOvsRequest(const socket::Family& family, uint8_t command, uint16_t flags, int dp_ifindex,
                     std::string_view label, socket::Request* request);

// Sends the request, asks for the object in the answer (NLM_F_ECHO is in the request where the
// family needs it), and parses it. kDataLoss when the kernel answered without one.
template <typename Parse>
auto TransactParsed(socket::Client* client, const socket::Request& request, Parse parse)
    -> decltype(parse(std::declval<const socket::Message&>())) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Reply reply, client->Transact(request));
  if (!reply.has_message)
    return absl::DataLossError(
        absl::StrCat(base::ToAbsl(request.label()), ": the kernel acknowledged but told nothing"));
  socket::Message message;
  message.type = reply.type;
  message.flags = reply.flags;
  message.payload = reply.payload;
  return parse(message);
}

std::string ToString(base::ByteView text);
std::vector<uint32_t> ToNumbers(base::ByteView array);
void PutNumbers(uint16_t type, std::span<const uint32_t> numbers, attr::Writer* writer);

}  // namespace sluice::ovs
