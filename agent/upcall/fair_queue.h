// Upcalls that wait in a handler: a queue for each port, served in turn.
//
// Deficit round robin: in each round a port that has upcalls waiting may spend kQuantum, and an
// upcall costs its bytes and a constant. So a port gets its share of any stretch of time in which
// it always has something waiting, whatever the others send, and one that sends seldom waits for
// one round at most.
//
// Memory is taken when the queue is made: slots of two sizes, into which messages are copied, so
// that the socket can be emptied at once. A port may have `port_limit` messages waiting. When there
// is no slot, the port with the most gives up its newest, unless that is the one that asks. What is
// lost so is counted in the port's account.
//
// Used by one thread. Nothing is allocated but for a port that was not seen before.
//
//   FairQueue queue({}, &ledger);
//   queue.Push(queue.Find({dp_ifindex, port_no}), message, now);
//   while (const FairQueue::Item* item = queue.Pop()) Handle(item->message);
//   queue.ReleasePopped();
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "agent/upcall/port_ledger.h"
#include "netlink/base/bytes.h"
#include "netlink/base/clock.h"

namespace sluice::upcall {

class FairQueue {
 public:
  static constexpr size_t kQuantum = 2048;
  static constexpr size_t kCost = 512;  // of an upcall, beside its bytes

  struct Options {
    size_t port_limit = 256;
    size_t slots = 2048;
    size_t slot_bytes = 2048;
    size_t large_slots = 64;
    size_t large_slot_bytes = 68 * 1024;
  };

  class Port;
  struct Item {
    base::ByteView message;
    PortAccount* account = nullptr;
    bool delayed = false;  // others were served first although it was there
    // The port asks for more than it may have, and gets less than it asks for.
    bool pressed = false;
  };

  // `ledger` outlives it.
  FairQueue(const Options& options, PortLedger* ledger);
  ~FairQueue();
  FairQueue(const FairQueue&) = delete;
  FairQueue& operator=(const FairQueue&) = delete;

  // Holds until the next ReleasePopped().
  Port* Find(PortId id);
  // Charges the port's budget for it and copies `message`; false when it is lost.
  bool Push(Port* port, base::ByteView message, base::MonotonicMs now);
  // The next one by turns; nullptr when none waits. It and its message hold until ReleasePopped().
  const Item* Pop();
  void ReleasePopped();
  // Pleads for the ports that are beyond their budget: the socket has lost upcalls.
  void BlameOverrun(base::MonotonicMs now);

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  size_t active_ports() const { return active_; }

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr size_t kManyPorts = 4096;  // beyond which idle ones are forgotten
  struct Slot;
  enum Size { kSmall, kLarge };

  Size SizeOf(uint32_t slot) const { return slot < options_.slots ? kSmall : kLarge; }
  uint8_t* BytesOf(uint32_t slot) const;
  uint32_t TakeSlot(Size size, const Port& port, base::MonotonicMs now);
  bool PushOut(Size size, const Port& port, base::MonotonicMs now);
  void Lose(Port* port, base::MonotonicMs now);
  void Append(Port* port, uint32_t index);
  void Unlink(Port* port, uint32_t index);
  void Free(uint32_t slot);
  void Activate(Port* port);
  void Rotate();

  const Options options_;
  PortLedger* const ledger_;
  std::unique_ptr<uint8_t[]> memory_;
  std::vector<Slot> slots_;
  uint32_t free_[2] = {kNone, kNone};  // lists, by size
  absl::flat_hash_map<PortId, std::unique_ptr<Port>> ports_;
  Port* last_found_ = nullptr;
  // Ports that have something waiting, in the order of their turns.
  Port* first_ = nullptr;
  Port* last_ = nullptr;
  size_t active_ = 0, size_ = 0;
  uint64_t releases_ = 0;
  std::vector<uint32_t> popped_;
  Item item_;
};

}  // namespace sluice::upcall
