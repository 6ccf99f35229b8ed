#include "agent/upcall/fair_queue.h"

#include <algorithm>
#include <cstring>

#include "netlink/base/counters.h"

namespace sluice::upcall {
namespace {

struct QueueCounters {
  base::Counter& queue_full = base::Counters::Get(
      "upcall_lost_queue_full",
      "Upcalls lost as too many waited, of ports within their budget; see sluicectl upcalls.");
  base::Counter& over_budget = base::Counters::Get(
      "upcall_lost_over_budget", "Upcalls lost as too many waited, of ports beyond their budget.");
};

QueueCounters& Count() {
  static QueueCounters counters;
  return counters;
}

}  // namespace

// What waits in it, first come first; and its place among those that take turns.
class FairQueue::Port {
 public:
  explicit Port(std::shared_ptr<PortAccount> a) : account(std::move(a)) {}

  std::shared_ptr<PortAccount> account;
  uint32_t head = kNone, tail = kNone;
  size_t waiting[2] = {0, 0};  // by size
  size_t deficit = 0;
  bool paid = false;  // has got its quantum for the turn that it is in
  bool active = false;
  Port* next = nullptr;

  size_t size() const { return waiting[kSmall] + waiting[kLarge]; }
};

struct FairQueue::Slot {
  Port* port = nullptr;
  uint32_t next = kNone, previous = kNone;  // of its port, or of the free list
  uint32_t length = 0;
  uint64_t release = 0;  // how often had been released when it came
  bool pressed = false;
};

FairQueue::FairQueue(const Options& options, PortLedger* ledger)
    : options_(options),
      ledger_(ledger),
      memory_(std::make_unique_for_overwrite<uint8_t[]>(
          options.slots * options.slot_bytes + options.large_slots * options.large_slot_bytes)),
      slots_(options.slots + options.large_slots) {
  popped_.reserve(slots_.size());
  // Low slots first, and those that were used last: what is never needed is never touched.
  for (size_t slot = slots_.size(); slot-- > 0;) Free(static_cast<uint32_t>(slot));
}

FairQueue::~FairQueue() = default;

uint8_t* FairQueue::BytesOf(uint32_t slot) const {
  if (SizeOf(slot) == kSmall) return memory_.get() + slot * options_.slot_bytes;
  return memory_.get() + options_.slots * options_.slot_bytes +
         (slot - options_.slots) * options_.large_slot_bytes;
}

FairQueue::Port* FairQueue::Find(PortId id) {
  if (last_found_ != nullptr && last_found_->account->id() == id &&
      !last_found_->account->retired())
    return last_found_;
  std::unique_ptr<Port>& port = ports_[id];
  if (port == nullptr) {
    port = std::make_unique<Port>(ledger_->Get(id));
  } else if (port->account->retired()) {
    port->account = ledger_->Get(id);  // a new port of that number; what waits counts for it
  }
  return last_found_ = port.get();
}

bool FairQueue::Push(Port* port, base::ByteView message, base::MonotonicMs now) {
  const bool within = port->account->Charge(now);
  const bool fits = message.size() <= options_.large_slot_bytes;
  const Size size = message.size() <= options_.slot_bytes ? kSmall : kLarge;
  const uint32_t index =
      fits && port->size() < options_.port_limit ? TakeSlot(size, *port, now) : kNone;
  if (index == kNone) {
    Lose(port, now);
    return false;
  }
  Slot& slot = slots_[index];
  slot.length = static_cast<uint32_t>(message.size());
  slot.release = releases_;
  slot.pressed = !within && port->size() * 2 >= options_.port_limit;
  if (!message.empty()) std::memcpy(BytesOf(index), message.data(), message.size());
  Append(port, index);
  return true;
}

uint32_t FairQueue::TakeSlot(Size size, const Port& port, base::MonotonicMs now) {
  if (free_[size] == kNone && !PushOut(size, port, now)) return kNone;
  const uint32_t slot = free_[size];
  free_[size] = slots_[slot].next;
  return slot;
}

// Frees a slot for `port` by the newest upcall of the port that has the most, if that is still more
// than `port` then has.
bool FairQueue::PushOut(Size size, const Port& port, base::MonotonicMs now) {
  Port* victim = nullptr;
  for (Port* p = first_; p != nullptr; p = p->next)
    if (victim == nullptr || p->waiting[size] > victim->waiting[size]) victim = p;
  if (victim == nullptr || victim->waiting[size] <= port.waiting[size] + 1) return false;
  uint32_t slot = victim->tail;
  while (SizeOf(slot) != size) slot = slots_[slot].previous;
  Unlink(victim, slot);
  Free(slot);
  Lose(victim, now);
  return true;
}

void FairQueue::Lose(Port* port, base::MonotonicMs now) {
  const bool over = port->account->IsOverBudget(now);
  (over ? Count().over_budget : Count().queue_full).Add();
  port->account->Lost(over ? Loss::kOverBudget : Loss::kQueueFull);
  if (over) ledger_->Plead(port->account.get());
}

void FairQueue::BlameOverrun(base::MonotonicMs now) {
  for (const auto& [id, port] : ports_)
    if (port->account->IsOverBudget(now)) ledger_->Plead(port->account.get());
}

void FairQueue::Append(Port* port, uint32_t index) {
  Slot& slot = slots_[index];
  slot.port = port;
  slot.next = kNone;
  slot.previous = port->tail;
  (port->tail == kNone ? port->head : slots_[port->tail].next) = index;
  port->tail = index;
  ++port->waiting[SizeOf(index)];
  ++size_;
  if (!port->active) Activate(port);
}

void FairQueue::Unlink(Port* port, uint32_t index) {
  const Slot& slot = slots_[index];
  (slot.previous == kNone ? port->head : slots_[slot.previous].next) = slot.next;
  (slot.next == kNone ? port->tail : slots_[slot.next].previous) = slot.previous;
  --port->waiting[SizeOf(index)];
  --size_;
}

void FairQueue::Free(uint32_t slot) {
  slots_[slot].next = free_[SizeOf(slot)];
  free_[SizeOf(slot)] = slot;
}

void FairQueue::Activate(Port* port) {
  port->active = true;
  port->deficit = 0;
  port->paid = false;
  port->next = nullptr;
  (last_ == nullptr ? first_ : last_->next) = port;
  last_ = port;
  ++active_;
}

// The first goes to the end of those that wait for their turn, or away when it has nothing more.
void FairQueue::Rotate() {
  Port* port = first_;
  first_ = port->next;
  if (first_ == nullptr) last_ = nullptr;
  port->next = nullptr;
  port->paid = false;
  if (port->head == kNone) {
    port->active = false;
    --active_;
    return;
  }
  (last_ == nullptr ? first_ : last_->next) = port;
  last_ = port;
}

const FairQueue::Item* FairQueue::Pop() {
  while (first_ != nullptr) {
    Port* port = first_;
    if (!port->paid) port->deficit += kQuantum;
    port->paid = true;
    const uint32_t index = port->head;
    const size_t cost = kCost + slots_[index].length;
    if (port->deficit < cost) {
      Rotate();
      continue;
    }
    port->deficit -= cost;
    Unlink(port, index);
    popped_.push_back(index);
    if (port->head == kNone) Rotate();
    const Slot& slot = slots_[index];
    item_ = {.message = {BytesOf(index), slot.length},
             .account = port->account.get(),
             .delayed = slot.release != releases_,
             .pressed = slot.pressed};
    return &item_;
  }
  return nullptr;
}

void FairQueue::ReleasePopped() {
  ++releases_;
  for (const uint32_t slot : popped_) Free(slot);
  popped_.clear();
  if (ports_.size() <= kManyPorts) return;
  last_found_ = nullptr;
  absl::erase_if(ports_, [](const auto& entry) { return !entry.second->active; });
}

}  // namespace sluice::upcall
