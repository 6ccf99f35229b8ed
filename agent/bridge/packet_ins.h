// Packets that rules send to user space, on their way to whoever listens: controller and userspace
// actions, samples, packets whose TTL ran out.
//
// One PacketIns for each bridge; any number of listeners, each with a queue of its own, which has a
// limit: what does not fit is dropped and counted. While nobody listens, translation sends nothing
// up (translate::View::packet_ins).
//
//   const std::shared_ptr<PacketInListener> listener = bridge->packet_ins().Listen(/*limit=*/100);
//   while (const auto packet = listener->Next(absl::Seconds(1))) ...
//   // It listens until it is destroyed.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "agent/translate/user_data.h"
#include "netlink/base/bytes.h"
#include "netlink/base/mutex.h"

namespace sluice::bridge {

struct PacketIn {
  translate::UserData data;    // reason, table, cookie, listener's id
  base::ByteVector user_data;  // that the rule's author gave
  base::ByteVector key;        // OVS_KEY_ATTR_*
  base::ByteVector packet;     // perhaps cut
  uint32_t length = 0;         // before it was
};
using SharedPacketIn = std::shared_ptr<const PacketIn>;

class PacketInListener {
 public:
  ~PacketInListener();
  PacketInListener(const PacketInListener&) = delete;
  PacketInListener& operator=(const PacketInListener&) = delete;

  // The oldest one that waits; nullptr when none came in time, or the bridge is gone.
  SharedPacketIn Next(absl::Duration timeout);
  // How many this listener missed, so far, as its queue was full.
  uint64_t missed() const { return missed_.load(std::memory_order_relaxed); }

 private:
  friend class PacketIns;
  struct Hub;
  PacketInListener(std::shared_ptr<Hub> hub, size_t limit) : hub_(std::move(hub)), limit_(limit) {}
  void Offer(const SharedPacketIn& packet);

  const std::shared_ptr<Hub> hub_;
  const size_t limit_;
  std::atomic<uint64_t> missed_{0};
  // Of the standard library, as ThreadSanitizer sees its locks. Guards queue_.
  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<SharedPacketIn> queue_;
};

class PacketIns {
 public:
  // `on_change` is called, by whatever thread, when the first listener comes and when the last one
  // has gone; it must not call back.
  explicit PacketIns(std::function<void()> on_change);
  // Listeners may live on: they hear nothing more.
  ~PacketIns();
  PacketIns(const PacketIns&) = delete;
  PacketIns& operator=(const PacketIns&) = delete;

  std::shared_ptr<PacketInListener> Listen(size_t limit);
  bool wanted() const { return listeners() > 0; }
  size_t listeners() const;
  // To each listener. Counts those that nobody hears any more.
  void Publish(PacketIn packet);

 private:
  const std::shared_ptr<PacketInListener::Hub> hub_;
};

}  // namespace sluice::bridge
