#include "agent/upcall/handler_pool.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "netlink/base/counters.h"
#include "netlink/base/status.h"

namespace sluice::upcall {
namespace {

using ovs::UpcallFault;
using socket::ReceiveOutcome;

struct PoolCounters {
  base::Counter& upcalls = base::Counters::Get("upcall_received", "Upcalls received.");
  base::Counter& batches =
      base::Counters::Get("upcall_batches", "Batches in which they were received.");
  base::Counter& overruns = base::Counters::Get(
      "upcall_overruns", "Times that a full socket lost upcalls (ENOBUFS); see the ports' lost.");
  base::Counter& truncated =
      base::Counters::Get("upcall_truncated", "Upcalls larger than the buffer: dropped.");
  base::Counter& malformed =
      base::Counters::Get("upcall_malformed", "Messages that are no upcall: dropped.");
  base::Counter& receive_errors =
      base::Counters::Get("upcall_receive_errors",
                          "Failures to receive other than overruns: each makes a handler pause.");
};

PoolCounters& Count() {
  static PoolCounters counters;
  return counters;
}

// How long to leave a socket alone that has failed so many times in a row: 1, 2, 4 ... 1024 ms.
std::chrono::milliseconds Pause(unsigned failures) {
  return std::chrono::milliseconds(1 << std::min(failures - 1, 10u));
}

}  // namespace

struct HandlerPool::Handler {
  Handler(socket::NetlinkSocket s, const HandlerOptions& options,
          std::unique_ptr<Processor> processor_)
      : socket(std::move(s)),
        buffers(options.batch, options.message_bytes),
        processor(std::move(processor_)) {}

  socket::NetlinkSocket socket;
  socket::ReceiveBuffers buffers;
  std::unique_ptr<Processor> processor;
  std::atomic<uint64_t> upcalls{0}, batches{0}, overruns{0}, malformed{0};
  std::thread thread;
};

absl::StatusOr<std::unique_ptr<HandlerPool>> HandlerPool::Create(const HandlerOptions& options,
                                                                 const MakeProcessor& make) {
  auto pool = std::unique_ptr<HandlerPool>(new HandlerPool);
  pool->stop_ = base::UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!pool->stop_.valid()) return base::ErrnoError(errno, "eventfd");
  for (unsigned i = 0; i < options.handlers; ++i) {
    SLUICE_ASSIGN_OR_RETURN(
        socket::NetlinkSocket socket,
        socket::NetlinkSocket::Open(NETLINK_GENERIC,
                                    {.receive_buffer_bytes = options.receive_buffer_bytes}));
    pool->handlers_.push_back(std::make_unique<Handler>(std::move(socket), options, make(i)));
  }
  return pool;
}

HandlerPool::~HandlerPool() { Stop(); }

void HandlerPool::Start() {
  for (const std::unique_ptr<Handler>& handler : handlers_)
    handler->thread = std::thread([this, h = handler.get()] { Run(h); });
}

void HandlerPool::Stop() {
  eventfd_write(stop_.get(), 1);
  for (const std::unique_ptr<Handler>& handler : handlers_)
    if (handler->thread.joinable()) handler->thread.join();
}

void HandlerPool::Run(Handler* handler) {
  unsigned failures = 0;  // in a row
  for (;;) {
    pollfd fds[] = {{stop_.get(), POLLIN, 0}, {handler->socket.fd(), POLLIN, 0}};
    const bool pausing = failures > 0;
    const int ready =
        pausing ? poll(fds, 1, static_cast<int>(Pause(failures).count())) : poll(fds, 2, -1);
    if (ready >= 0 && fds[0].revents != 0) return;
    if (ready < 0 && errno == EINTR) continue;
    if (ready >= 0 && HandleBatch(handler)) {
      failures = 0;
    } else {
      ++failures;
      Count().receive_errors.Add();
    }
  }
}

bool HandlerPool::HandleBatch(Handler* handler) {
  const socket::ReceiveResult result =
      handler->socket.Receive(&handler->buffers, std::chrono::milliseconds(0));
  if (result.outcome == ReceiveOutcome::kOverrun) {
    handler->overruns.fetch_add(1, std::memory_order_relaxed);
    Count().overruns.Add();
    return true;
  }
  if (result.outcome != ReceiveOutcome::kReceived) return result.outcome != ReceiveOutcome::kFailed;
  uint64_t upcalls = 0, malformed = 0;
  for (size_t i = 0; i < handler->buffers.size(); ++i) {
    if (handler->buffers.truncated(i)) {
      Count().truncated.Add();
      continue;
    }
    for (const socket::Message& message : socket::MessageWalk(handler->buffers.datagram(i))) {
      ovs::Upcall upcall;
      if (ovs::DecodeUpcall(message, &upcall) != UpcallFault::kNone) {
        ++malformed;
        continue;
      }
      ++upcalls;
      handler->processor->Process(upcall);
    }
  }
  handler->processor->FinishBatch();
  handler->upcalls.fetch_add(upcalls, std::memory_order_relaxed);
  handler->batches.fetch_add(1, std::memory_order_relaxed);
  handler->malformed.fetch_add(malformed, std::memory_order_relaxed);
  Count().upcalls.Add(upcalls);
  Count().batches.Add();
  if (malformed > 0) Count().malformed.Add(malformed);
  return true;
}

std::vector<uint32_t> HandlerPool::pids() const {
  std::vector<uint32_t> pids;
  for (const std::unique_ptr<Handler>& handler : handlers_)
    pids.push_back(handler->socket.port_id());
  return pids;
}

std::vector<HandlerStats> HandlerPool::stats() const {
  std::vector<HandlerStats> stats;
  for (const std::unique_ptr<Handler>& handler : handlers_)
    stats.push_back({handler->upcalls.load(std::memory_order_relaxed),
                     handler->batches.load(std::memory_order_relaxed),
                     handler->overruns.load(std::memory_order_relaxed),
                     handler->malformed.load(std::memory_order_relaxed)});
  return stats;
}

}  // namespace sluice::upcall
