// What the typed APIs of this folder have in common: struct nfgenmsg, message numbers, and errors
// that name the module that is missing.
#pragma once

#include <linux/netfilter/nfnetlink.h>

#include <string_view>

#include "netlink/attr/codec.h"
#include "netlink/base/status.h"
#include "netlink/socket/client.h"

namespace sluice::conntrack {

constexpr uint16_t MessageType(uint8_t subsystem, uint8_t command) {
  return static_cast<uint16_t>(subsystem << 8 | command);
}

// A message of a netfilter subsystem, taken apart; borrows the message.
struct NetfilterMessage {
  uint8_t subsystem = 0;  // NFNL_SUBSYS_*
  uint8_t command = 0;
  uint8_t family = 0;     // AF_*
  uint16_t resource = 0;  // means something else for each command
  base::ByteView attributes;
};
// kDataLoss, and a counter, when the message is too short.
absl::StatusOr<NetfilterMessage> ParseNetfilterMessage(const socket::Message& message);

// kDataLoss, and the counter conntrack_malformed_messages.
absl::Status Malformed(const attr::Fault& fault);
absl::Status Malformed(std::string_view why);

socket::Request NetfilterRequest(uint8_t subsystem, uint8_t command, uint16_t flags, uint8_t family,
                                 std::string_view label);

// A client for netfilter. kUnavailable when the kernel has no such protocol.
absl::StatusOr<socket::Client> OpenNetfilter(const socket::ClientOptions& options = {});

// `status` as the answer to a request; kUnavailable, naming `module`, when the kernel does not know
// the subsystem. It answers EINVAL then, as to many a bad request: `client` asks it for something
// that cannot be refused (`probe`, sent as a dump) to tell the two apart.
absl::Status Explain(const absl::Status& status, socket::Client* client,
                     const socket::Request& probe, std::string_view module);

}  // namespace sluice::conntrack
