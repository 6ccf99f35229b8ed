// Packets between kernel and user space: the ovs_packet family.
//
// An Upcall is a view of a received message: nothing is copied, and it must not outlive the buffer.
// The functions here are pure; sending and receiving is the caller's (agent/upcall, agent/install).
#pragma once

#include <linux/openvswitch.h>

#include <cstdint>
#include <optional>

#include "netlink/base/bytes.h"
#include "netlink/socket/client.h"

namespace sluice::ovs {

struct Upcall {
  enum class Kind : uint8_t { kMiss, kAction };  // no flow matched; a userspace() action sent it
  Kind kind = Kind::kMiss;
  int dp_ifindex = 0;
  base::ByteView packet;                  // from the Ethernet header on; cut when `length` says so
  base::ByteView key;                     // OVS_KEY_ATTR_*
  base::ByteView userdata;                // of the userspace() action
  std::optional<base::ByteView> actions;  // of the flow, when the action asked for them
  base::ByteView egress_tunnel_key;       // OVS_TUNNEL_KEY_ATTR_*
  // To be given back with the execute, so that the packet goes on as it would have.
  std::optional<uint16_t> mru;   // largest fragment of the packets that were reassembled
  std::optional<uint64_t> hash;  // of the packet, with flags in the upper half
  uint32_t length = 0;           // of the packet before it was cut; 0: it was not
};

enum class UpcallFault : uint8_t { kNone, kMalformed, kNoKey, kNoPacket, kUnknownCommand };

// Reads an upcall of a message without building any text: for the per-packet path.
[[nodiscard]] UpcallFault DecodeUpcall(const socket::Message& message, Upcall* upcall);

struct ExecuteSpec {
  base::ByteView packet{};
  base::ByteView key{};  // as it came with the upcall; at least in_port matters
  base::ByteView actions{};
  std::optional<uint16_t> mru{};
  std::optional<uint64_t> hash{};
  std::optional<uint32_t> upcall_pid{};  // who gets upcalls of this packet; since Linux 6.17
  bool probe = false;                    // the kernel shall not log a refusal
};
void EncodeExecute(const socket::Family& family, int dp_ifindex, const ExecuteSpec& spec,
                   socket::Request* request);

// Has the kernel take actions on a packet. Needs CAP_NET_ADMIN. errno EINVAL for bad actions.
absl::Status Execute(socket::Client* client, int dp_ifindex, const ExecuteSpec& spec);

}  // namespace sluice::ovs
