// The seam between the netlink protocol and the kernel.
//
// NetlinkSocket is the one implementation; tests put a script here for what a real kernel cannot be
// made to do: lost answers, truncation, interrupted dumps. Not thread-safe.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "netlink/base/bytes.h"
#include "netlink/socket/receive_buffers.h"

namespace sluice::socket {

enum class ReceiveOutcome {
  kReceived,  // one datagram or more
  kNothing,   // none came within the time
  kOverrun,   // ENOBUFS: the kernel threw messages away as the receive buffer was full. What was
              // queued before can still be received.
  kFailed,    // ReceiveResult::error says why
};

struct [[nodiscard]] ReceiveResult {
  ReceiveOutcome outcome = ReceiveOutcome::kNothing;
  int error = 0;  // positive errno of kFailed
};

class Transport {
 public:
  virtual ~Transport() = default;

  // Sends one datagram, of one message or many, to the kernel, which has dealt with all of them and
  // queued its answers when this returns. An error means that none was dealt with.
  virtual absl::Status Send(base::ByteView datagram) = 0;

  // Waits at most `timeout` (0: does not wait; negative: for ever) for a datagram, then takes as
  // many as are there and fit.
  virtual ReceiveResult Receive(ReceiveBuffers* buffers, std::chrono::milliseconds timeout) = 0;

  virtual uint32_t port_id() const = 0;
  // What the kernel really gave, in the kernel's accounting (skb true sizes). See socket(7).
  virtual size_t receive_buffer_bytes() const = 0;
  virtual size_t send_buffer_bytes() const = 0;
};

}  // namespace sluice::socket
