#include "agent/bridge/packet_ins.h"

#include <algorithm>

#include "absl/memory/memory.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "netlink/base/counters.h"

namespace sluice::bridge {
namespace {

struct PacketInCounters {
  base::Counter& published = base::Counters::Get(
      "packet_ins", "Packets that rules sent to user space, or whose TTL ran out, for listeners.");
  base::Counter& unheard = base::Counters::Get(
      "packet_ins_unheard", "Such packets that came up when nobody listened any more: dropped.");
  base::Counter& missed = base::Counters::Get(
      "packet_ins_missed", "Such packets that a listener did not get, as its queue was full.");
};

PacketInCounters& Count() {
  static PacketInCounters counters;
  return counters;
}

}  // namespace

// What listeners and PacketIns share: whoever is destroyed first.
struct PacketInListener::Hub {
  std::function<void()> on_change;
  absl::Mutex mutex;
  std::vector<PacketInListener*> listeners ABSL_GUARDED_BY(mutex);
  bool closed ABSL_GUARDED_BY(mutex) = false;
  std::atomic<size_t> count{0};

  void Add(PacketInListener* listener) {
    base::MutexLock lock(&mutex);
    listeners.push_back(listener);
    count.store(listeners.size(), std::memory_order_release);
    if (listeners.size() == 1 && !closed) on_change();
  }
  void Remove(PacketInListener* listener) {
    base::MutexLock lock(&mutex);
    listeners.erase(std::find(listeners.begin(), listeners.end(), listener));
    count.store(listeners.size(), std::memory_order_release);
    if (listeners.empty() && !closed) on_change();
  }
};

PacketInListener::~PacketInListener() { hub_->Remove(this); }

SharedPacketIn PacketInListener::Next(absl::Duration timeout) {
  std::unique_lock lock(mutex_);
  const auto until = absl::ToChronoTime(absl::Now() + timeout);
  if (!came_.wait_until(lock, until, [this] { return !queue_.empty(); })) return nullptr;
  SharedPacketIn packet = std::move(queue_.front());
  queue_.pop_front();
  return packet;
}

void PacketInListener::Offer(const SharedPacketIn& packet) {
  const std::lock_guard lock(mutex_);
  if (queue_.size() < limit_) {
    queue_.push_back(packet);
    return came_.notify_one();
  }
  missed_.fetch_add(1, std::memory_order_relaxed);
  Count().missed.Add();
}

PacketIns::PacketIns(std::function<void()> on_change)
    : hub_(std::make_shared<PacketInListener::Hub>()) {
  hub_->on_change = std::move(on_change);
}

PacketIns::~PacketIns() {
  base::MutexLock lock(&hub_->mutex);
  hub_->closed = true;
}

std::shared_ptr<PacketInListener> PacketIns::Listen(size_t limit) {
  auto listener = absl::WrapUnique(new PacketInListener(hub_, limit));
  hub_->Add(listener.get());
  return listener;
}

size_t PacketIns::listeners() const { return hub_->count.load(std::memory_order_acquire); }

void PacketIns::Publish(PacketIn packet) {
  const auto shared = std::make_shared<const PacketIn>(std::move(packet));
  base::MutexLock lock(&hub_->mutex);
  if (hub_->listeners.empty()) return Count().unheard.Add();
  Count().published.Add();
  for (PacketInListener* listener : hub_->listeners) listener->Offer(shared);
}

}  // namespace sluice::bridge
