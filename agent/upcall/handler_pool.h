// The threads that answer upcalls.
//
// Each handler has a socket, buffers, a queue and a processor of its own; what they share are the
// ports' accounts (port_ledger.h). A handler empties its socket into its queue (recvmmsg), takes
// from there at most a batch, port by port in turn (fair_queue.h), hands each upcall to its
// processor, lets that finish the batch, and looks at its socket again. So what a flooding port has
// too much is dropped here, by port, and not by the kernel for want of room in a socket that all
// ports share. Losses are counted: overruns of the socket, truncated and malformed messages, and
// those of the queue. A socket that fails is left alone for a while, longer each time, up to a
// second.
//
//   auto pool = HandlerPool::Create(options, [&](unsigned) { return MakeProcessor(); });
//   Dispatch dispatch(mode, pool->pids(), PossibleCpus());
//   pool->Start();
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/upcall/fair_queue.h"
#include "agent/upcall/port_ledger.h"
#include "netlink/base/clock.h"
#include "netlink/base/fd.h"
#include "netlink/ovs/packet.h"
#include "netlink/socket/receive_buffers.h"
#include "netlink/socket/socket.h"

namespace sluice::upcall {

// What comes with an upcall.
struct Ticket {
  PortAccount* account = nullptr;  // of the port that it came in on
  // The port asks for more than it may have, and gets less than it asks for: do only what must be.
  bool pressed = false;
};

// What a handler does with upcalls. Called by that handler's thread only.
class Processor {
 public:
  virtual ~Processor() = default;
  // The upcall is a view that holds until FinishBatch() has returned, as does `ticket.account`.
  virtual void Process(const ovs::Upcall& upcall, const Ticket& ticket) = 0;
  virtual void FinishBatch() = 0;
};

struct HandlerOptions {
  unsigned handlers = 1;
  size_t receive_buffer_bytes = 4 << 20;
  size_t batch = 32;                 // upcalls received at once, and served at once
  size_t message_bytes = 68 * 1024;  // the largest upcall: a packet of 64 KiB and its key
  FairQueue::Options queue{};
  PortAccount::Budget budget{};
  const base::Clock* clock = nullptr;  // outlives the pool; without one, the system's
};

// Thread-safe reading of one handler's numbers.
struct HandlerStats {
  uint64_t upcalls = 0;
  uint64_t batches = 0;
  uint64_t overruns = 0;
  uint64_t malformed = 0;
  uint64_t truncated = 0;
  uint64_t queued = 0;       // upcalls that wait now
  uint64_t queued_most = 0;  // that ever waited
  uint64_t ports = 0;        // that have upcalls waiting
};

class HandlerPool {
 public:
  using MakeProcessor = std::function<std::unique_ptr<Processor>(unsigned handler)>;

  // Opens the sockets. Threads start with Start().
  static absl::StatusOr<std::unique_ptr<HandlerPool>> Create(const HandlerOptions& options,
                                                             const MakeProcessor& make);
  ~HandlerPool();
  HandlerPool(const HandlerPool&) = delete;
  HandlerPool& operator=(const HandlerPool&) = delete;

  void Start();
  // Waits until each thread has finished its batch. Upcalls that are queued then are lost with the
  // sockets.
  void Stop();

  std::vector<uint32_t> pids() const;
  std::vector<HandlerStats> stats() const;
  PortLedger& ledger() const { return *ledger_; }
  const FairQueue::Options& queue_options() const { return queue_options_; }

 private:
  struct Handler;
  HandlerPool() = default;
  void Run(Handler* handler);
  // Empties the socket into the queue; false when the socket failed.
  bool Drain(Handler* handler);
  void Enqueue(Handler* handler, base::MonotonicMs now);
  void ServeBatch(Handler* handler);

  base::SystemClock system_clock_;
  const base::Clock* clock_ = nullptr;
  size_t batch_ = 0;
  FairQueue::Options queue_options_;
  std::unique_ptr<PortLedger> ledger_;
  std::vector<std::unique_ptr<Handler>> handlers_;
  base::UniqueFd stop_;  // eventfd
};

}  // namespace sluice::upcall
