#include "agent/upcall/handler_pool.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "netlink/attr/wire.h"
#include "netlink/base/counters.h"
#include "netlink/base/status.h"

namespace sluice::upcall {
namespace {

using ovs::UpcallFault;
using socket::ReceiveOutcome;

struct PoolCounters {
  base::Counter& upcalls = base::Counters::Get("upcall_received", "Upcalls received.");
  base::Counter& batches =
      base::Counters::Get("upcall_batches", "Batches in which they were served.");
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

// How much is received, at most, before something is served again.
constexpr int kDrainedBatches = 64;
// Stands for the port of an upcall whose key names none.
constexpr uint32_t kNoPort = UINT32_MAX;

uint32_t PortOf(const ovs::Upcall& upcall) {
  const base::ByteView port = attr::Find(upcall.key, OVS_KEY_ATTR_IN_PORT);
  return port.size() == sizeof(uint32_t) ? base::Load<uint32_t>(port.data()) : kNoPort;
}

// How long to leave a socket alone that has failed so many times in a row: 1, 2, 4 ... 1024 ms.
std::chrono::milliseconds Pause(unsigned failures) {
  return std::chrono::milliseconds(1 << std::min(failures - 1, 10u));
}

}  // namespace

struct HandlerPool::Handler {
  Handler(socket::NetlinkSocket s, const HandlerOptions& options, PortLedger* ledger,
          std::unique_ptr<Processor> processor_)
      : socket(std::move(s)),
        buffers(options.batch, options.message_bytes),
        queue(options.queue, ledger),
        processor(std::move(processor_)) {}

  socket::NetlinkSocket socket;
  socket::ReceiveBuffers buffers;
  FairQueue queue;
  std::unique_ptr<Processor> processor;
  std::atomic<uint64_t> upcalls{0}, batches{0}, overruns{0}, malformed{0}, truncated{0};
  std::atomic<uint64_t> queued{0}, queued_most{0}, ports{0};
  std::thread thread;

  void TellQueue() {
    queued.store(queue.size(), std::memory_order_relaxed);
    ports.store(queue.active_ports(), std::memory_order_relaxed);
    if (queue.size() > queued_most.load(std::memory_order_relaxed))
      queued_most.store(queue.size(), std::memory_order_relaxed);
  }
};

absl::StatusOr<std::unique_ptr<HandlerPool>> HandlerPool::Create(const HandlerOptions& options,
                                                                 const MakeProcessor& make) {
  auto pool = std::unique_ptr<HandlerPool>(new HandlerPool);
  pool->clock_ = options.clock != nullptr ? options.clock : &pool->system_clock_;
  pool->batch_ = options.batch;
  pool->queue_options_ = options.queue;
  pool->ledger_ = std::make_unique<PortLedger>(options.budget);
  pool->stop_ = base::UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!pool->stop_.valid() || pool->ledger_->plea_fd() < 0)
    return base::ErrnoError(errno, "eventfd");
  for (unsigned i = 0; i < options.handlers; ++i) {
    SLUICE_ASSIGN_OR_RETURN(
        socket::NetlinkSocket socket,
        socket::NetlinkSocket::Open(NETLINK_GENERIC,
                                    {.receive_buffer_bytes = options.receive_buffer_bytes}));
    pool->handlers_.push_back(
        std::make_unique<Handler>(std::move(socket), options, pool->ledger_.get(), make(i)));
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
    int patience = -1;
    if (pausing) patience = static_cast<int>(Pause(failures).count());
    if (!handler->queue.empty()) patience = 0;
    const int ready = poll(fds, pausing ? 1 : 2, patience);
    if (ready >= 0 && fds[0].revents != 0) return;
    if (ready < 0 && errno == EINTR) continue;
    if (ready >= 0 && Drain(handler)) {
      failures = 0;
    } else {
      ++failures;
      Count().receive_errors.Add();
    }
    ServeBatch(handler);
  }
}

bool HandlerPool::Drain(Handler* handler) {
  const base::MonotonicMs now = clock_->Now();
  for (int i = 0; i < kDrainedBatches; ++i) {
    const socket::ReceiveResult result =
        handler->socket.Receive(&handler->buffers, std::chrono::milliseconds(0));
    if (result.outcome == ReceiveOutcome::kOverrun) {
      handler->overruns.fetch_add(1, std::memory_order_relaxed);
      Count().overruns.Add();
      handler->queue.BlameOverrun(now);
      continue;
    }
    if (result.outcome == ReceiveOutcome::kFailed) return false;
    if (result.outcome != ReceiveOutcome::kReceived) break;
    Enqueue(handler, now);
    if (handler->buffers.size() < handler->buffers.slots()) break;
  }
  handler->TellQueue();
  return true;
}

void HandlerPool::Enqueue(Handler* handler, base::MonotonicMs now) {
  uint64_t upcalls = 0, malformed = 0, truncated = 0;
  for (size_t i = 0; i < handler->buffers.size(); ++i) {
    if (handler->buffers.truncated(i)) {
      ++truncated;
      continue;
    }
    for (const socket::Message& message : socket::MessageWalk(handler->buffers.datagram(i))) {
      ovs::Upcall upcall;
      if (ovs::DecodeUpcall(message, &upcall) != UpcallFault::kNone) {
        ++malformed;
        continue;
      }
      ++upcalls;
      handler->queue.Push(handler->queue.Find({upcall.dp_ifindex, PortOf(upcall)}), message.bytes,
                          now);
    }
  }
  handler->upcalls.fetch_add(upcalls, std::memory_order_relaxed);
  handler->malformed.fetch_add(malformed, std::memory_order_relaxed);
  handler->truncated.fetch_add(truncated, std::memory_order_relaxed);
  Count().upcalls.Add(upcalls);
  if (malformed > 0) Count().malformed.Add(malformed);
  if (truncated > 0) Count().truncated.Add(truncated);
}

void HandlerPool::ServeBatch(Handler* handler) {
  size_t served = 0;
  for (; served < batch_; ++served) {
    const FairQueue::Item* item = handler->queue.Pop();
    if (item == nullptr) break;
    ovs::Upcall upcall;
    // It was decoded before it was put there.
    for (const socket::Message& message : socket::MessageWalk(item->message))
      if (ovs::DecodeUpcall(message, &upcall) == UpcallFault::kNone)
        handler->processor->Process(upcall, {item->account, item->pressed});
    item->account->Served(item->delayed);
  }
  if (served == 0) return;
  handler->processor->FinishBatch();
  handler->queue.ReleasePopped();
  handler->batches.fetch_add(1, std::memory_order_relaxed);
  Count().batches.Add();
  handler->TellQueue();
}

std::vector<uint32_t> HandlerPool::pids() const {
  std::vector<uint32_t> pids;
  for (const std::unique_ptr<Handler>& handler : handlers_)
    pids.push_back(handler->socket.port_id());
  return pids;
}

std::vector<HandlerStats> HandlerPool::stats() const {
  const auto read = [](const std::atomic<uint64_t>& value) {
    return value.load(std::memory_order_relaxed);
  };
  std::vector<HandlerStats> stats;
  for (const std::unique_ptr<Handler>& handler : handlers_)
    stats.push_back({.upcalls = read(handler->upcalls),
                     .batches = read(handler->batches),
                     .overruns = read(handler->overruns),
                     .malformed = read(handler->malformed),
                     .truncated = read(handler->truncated),
                     .queued = read(handler->queued),
                     .queued_most = read(handler->queued_most),
                     .ports = read(handler->ports)});
  return stats;
}

}  // namespace sluice::upcall
