// The threads that answer upcalls.
//
// Handlers share nothing: each has a socket, buffers and a processor of its own. A handler receives
// a batch (recvmmsg), decodes each upcall in place and hands it to its processor, then lets that
// finish the batch. Losses are counted: overruns of the socket, truncated and malformed messages.
// A socket that fails is left alone for a while, longer each time, up to a second.
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
#include "netlink/base/fd.h"
#include "netlink/ovs/packet.h"
#include "netlink/socket/receive_buffers.h"
#include "netlink/socket/socket.h"

namespace sluice::upcall {

// What a handler does with upcalls. Called by that handler's thread only.
class Processor {
 public:
  virtual ~Processor() = default;
  // The upcall is a view that holds until FinishBatch() has returned.
  virtual void Process(const ovs::Upcall& upcall) = 0;
  virtual void FinishBatch() = 0;
};

struct HandlerOptions {
  unsigned handlers = 1;
  size_t receive_buffer_bytes = 4 << 20;
  size_t batch = 32;                 // upcalls received at once
  size_t message_bytes = 68 * 1024;  // the largest upcall: a packet of 64 KiB and its key
};

// Thread-safe reading of one handler's numbers.
struct HandlerStats {
  uint64_t upcalls = 0;
  uint64_t batches = 0;
  uint64_t overruns = 0;
  uint64_t malformed = 0;
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

 private:
  struct Handler;
  HandlerPool() = default;
  void Run(Handler* handler);
  // False when the socket failed.
  bool HandleBatch(Handler* handler);

  std::vector<std::unique_ptr<Handler>> handlers_;
  base::UniqueFd stop_;  // eventfd
};

}  // namespace sluice::upcall
