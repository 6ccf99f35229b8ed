// Multicast: what the kernel tells without being asked.
//
// Events get lost when the reader is slow, and end without a word when a module is unloaded. Both
// are told here as events, so that the owner can look again. The pattern that misses nothing:
//
//   1. open the EventSocket (from now on events queue up),
//   2. dump the state with a Client,
//   3. apply events; each is a hint that may be older than the dump, so applying must be
//   idempotent,
//   4. on kOverrun or kFamilyBack: Receive() until it returns 0, then go to 2.
//
// Not thread-safe; poll fd() for reading. Borrowed messages hold during the call.
//
//   SLUICE_ASSIGN_OR_RETURN(EventSocket events,
//                           EventSocket::OpenGeneric({{"ovs_vport", "ovs_vport"}}));
//   events.Receive(0ms, [&](const Event& event) { ... });
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "netlink/socket/family.h"
#include "netlink/socket/message.h"
#include "netlink/socket/socket.h"

namespace sluice::socket {

enum class EventKind {
  kMessage,
  kOverrun,     // events were lost: dump
  kFamilyGone,  // the module was unloaded: its objects are gone
  kFamilyBack,  // the module was loaded again and its groups were joined again: dump
};

struct Event {
  EventKind kind = EventKind::kMessage;
  std::string_view family;  // the name; empty for protocols without families and for kOverrun
  Message message;          // of kMessage
};

struct GroupName {
  std::string family;
  std::string group;
};

struct EventOptions {
  SocketOptions socket{.receive_buffer_bytes = 1 << 20};
  std::string module;  // for the text of an error: which module would provide the families
};

class EventSocket {
 public:
  // Generic netlink groups, by name. kUnavailable when a family is not there, kNotFound when it has
  // no such group; EPERM for a group that needs a capability.
  static absl::StatusOr<EventSocket> OpenGeneric(std::vector<GroupName> groups,
                                                 const EventOptions& options = {});
  // Groups of another protocol, by number: NETLINK_ROUTE with RTNLGRP_LINK.
  static absl::StatusOr<EventSocket> OpenGroups(int protocol, const std::vector<uint32_t>& groups,
                                                const EventOptions& options = {});
  // On a transport of the caller's making, for tests; without groups.
  explicit EventSocket(std::unique_ptr<Transport> transport);

  EventSocket(EventSocket&&) = default;
  EventSocket& operator=(EventSocket&&) = default;

  // -1 for a transport of the caller's making.
  int fd() const { return socket_ == nullptr ? -1 : socket_->fd(); }

  // How many datagrams the kernel could not put into the receive buffer since the socket was
  // opened; 0 where it does not say.
  uint64_t dropped() const;

  // Waits at most `timeout` (0: not at all) and hands over what one receive brought. How many
  // events that was; 0 when there is nothing. A malformed datagram counts as an overrun, as nobody
  // knows what it said.
  absl::StatusOr<size_t> Receive(std::chrono::milliseconds timeout,
                                 absl::FunctionRef<void(const Event&)> take);

 private:
  struct Subscription {
    std::string family;
    uint16_t id = 0;  // 0 while the family is gone
    std::vector<std::string> groups;
  };
  absl::Status Subscribe(std::vector<GroupName> groups, const EventOptions& options);
  absl::Status Join(Subscription* subscription, const Family& family);
  // After an overrun, which may have swallowed the news of a family that came back.
  void Resubscribe();
  size_t Take(const Message& message, absl::FunctionRef<void(const Event&)> take);
  size_t TakeControl(const Message& message, absl::FunctionRef<void(const Event&)> take);

  std::unique_ptr<Transport> transport_;
  NetlinkSocket* socket_ = nullptr;  // transport_, when it is a real one
  ReceiveBuffers buffers_;
  std::vector<Subscription> subscriptions_;
};

}  // namespace sluice::socket
