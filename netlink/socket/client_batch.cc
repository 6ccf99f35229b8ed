// The part of the Client that sends batches.

#include <algorithm>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "netlink/base/status.h"
#include "netlink/socket/client.h"
#include "netlink/socket/client_counters.h"

namespace sluice::socket {
namespace {

constexpr size_t kAckSlots = 64;   // 8 KiB each: acknowledgements are short
constexpr size_t kReplySlots = 8;  // 64 KiB each: whole objects come back

// A datagram: long enough to make the system call cheap, short enough to stay in the caches.
constexpr size_t kMaxPartBytes = 256 * 1024;
// The kernel refuses a datagram longer than the send buffer less its own overhead.
constexpr size_t kSendOverhead = 64;

// What one answer takes of the receive buffer, as the kernel accounts for it: the whole skb. The
// kernel answers the whole datagram before anything can be received, so all must fit.
constexpr size_t kAckCost = 1280;
constexpr size_t kReplyCost = 4096;

}  // namespace

struct Client::BatchPart {
  size_t begin = 0;
  size_t end = 0;
  bool has_replies = false;
  bool malformed = false;
  uint16_t unknown_to_kernel = 0;  // the type of a request that was answered with ENOENT
};

Client::BatchPart Client::NextPart(const Batch& batch, size_t begin) const {
  const size_t send_buffer = transport_->send_buffer_bytes();
  const size_t max_bytes =
      send_buffer > kSendOverhead ? std::min(send_buffer - kSendOverhead, kMaxPartBytes) : 0;
  const size_t max_cost = transport_->receive_buffer_bytes() / 2;
  BatchPart part{.begin = begin, .end = begin};
  size_t bytes = 0;
  size_t cost = 0;
  while (part.end < batch.size()) {
    const Batch::Item& item = batch.items_[part.end];
    // Without NETLINK_CAP_ACK an error quotes the request.
    const size_t item_cost =
        kAckCost + item.length + (item.has_reply ? kReplyCost + 2 * item.length : 0);
    const bool fits = bytes + item.length <= max_bytes && cost + item_cost <= max_cost;
    if (part.end > begin && !fits) break;
    bytes += attr::Align4(item.length);
    cost += item_cost;
    part.has_replies |= item.has_reply;
    ++part.end;
  }
  return part;
}

void Client::StampPart(Batch* batch, const BatchPart& part, BatchMode mode, uint32_t first) const {
  uint16_t type = 0;
  uint16_t current = 0;
  for (size_t i = part.begin; i < part.end; ++i) {
    Batch::Item& item = batch->items_[i];
    uint8_t* message = batch->bytes_.data() + item.offset;
    auto header = base::Load<nlmsghdr>(message);
    if (header.nlmsg_type != type) {
      type = header.nlmsg_type;
      current = CurrentType(type);
    }
    header.nlmsg_type = current;
    header.nlmsg_seq = first + static_cast<uint32_t>(i - part.begin);
    if (mode == BatchMode::kAckAll || i + 1 == part.end)
      header.nlmsg_flags |= NLM_F_ACK;
    else
      header.nlmsg_flags &= static_cast<uint16_t>(~NLM_F_ACK);
    base::Store(message, header);
    item.outcome = Batch::kUnknown;
  }
}

bool Client::TakeAnswer(Batch* batch, BatchPart* part, size_t index, const Message& message) {
  Batch::Item& item = batch->items_[index];
  absl::StatusOr<ExtAck> ack = ParseExtAck(message);
  if (!ack.ok()) {
    TheClientCounters().malformed.Add();
    part->malformed = true;
    return index + 1 == part->end;
  }
  item.outcome = ack->error;
  if (ack->error != 0) TheClientCounters().refused.Add();
  if (ack->error == ENOENT)
    part->unknown_to_kernel = base::Load<nlmsghdr>(batch->bytes_.data() + item.offset).nlmsg_type;
  if (ack->has_details()) batch->details_[index] = *std::move(ack);
  return index + 1 == part->end;
}

absl::Status Client::RunPart(Batch* batch, BatchPart* part, BatchMode mode, ReplyVisitor on_reply) {
  buffers_.Reshape(part->has_replies ? kReplySlots : kAckSlots);
  const auto count = static_cast<uint32_t>(part->end - part->begin);
  const uint32_t first = TakeSequences(count);
  StampPart(batch, *part, mode, first);
  const Batch::Item& last = batch->items_[part->end - 1];
  const size_t offset = batch->items_[part->begin].offset;
  const absl::Status sent =
      transport_->Send(ByteView(batch->bytes_).subspan(offset, last.offset + last.length - offset));
  if (!sent.ok()) {
    for (size_t i = part->begin; i < part->end; ++i) batch->items_[i].outcome = Batch::kNotSent;
    return base::Annotate(sent, absl::StrCat("a batch of ", count, " netlink requests"));
  }

  busy_ = true;
  const absl::Cleanup idle = [this] { busy_ = false; };
  const auto take = [&](const Message& message) {
    const size_t index = part->begin + (message.sequence - first);
    if (message.type == NLMSG_ERROR) return TakeAnswer(batch, part, index, message);
    on_reply(index, message);
    return false;
  };
  PumpResult result = Pump(first, count, options_.timeout, take);
  bool overrun = false;
  while (result.outcome == Pumped::kOverrun) {
    // All answers that there will be are queued by now: none is worth waiting for.
    overrun = true;
    result = Pump(first, count, std::chrono::milliseconds(0), take);
  }
  if (overrun && result.outcome != Pumped::kFailed) result = {Pumped::kOverrun};
  if (result.outcome == Pumped::kDone && part->malformed) result = {Pumped::kMalformed};
  if (result.outcome != Pumped::kDone) {
    Drain();
    return PumpError(result, absl::StrCat("a batch of ", count, " netlink requests"));
  }
  if (mode == BatchMode::kErrorsOnly)
    for (size_t i = part->begin; i < part->end; ++i)
      if (batch->items_[i].outcome == Batch::kUnknown) batch->items_[i].outcome = 0;
  return absl::OkStatus();
}

absl::Status Client::Run(Batch* batch, BatchMode mode) {
  return Run(batch, mode, [](size_t, const Message&) {});
}

absl::Status Client::Run(Batch* batch, BatchMode mode, ReplyVisitor on_reply) {
  if (busy_) return absl::FailedPreconditionError("a netlink client used from its own visitor");
  batch->details_.clear();
  for (Batch::Item& item : batch->items_) item.outcome = Batch::kNotSent;
  absl::Status status;
  bool refreshed = false;
  for (size_t begin = 0; begin < batch->size();) {
    BatchPart part = NextPart(*batch, begin);
    const absl::Status part_status = RunPart(batch, &part, mode, on_reply);
    status.Update(part_status);
    begin = part.end;
    // A lost answer does not keep the rest from being sent; a dead socket does.
    if (!part_status.ok() && base::ErrnoOf(part_status) != ENOBUFS) break;
    if (part.unknown_to_kernel != 0 && !refreshed) {
      // An object that is gone, or the whole family: then what follows carries the new id. What was
      // refused is not sent again, as whatever it was about went away with the module.
      refreshed = true;
      Refresh(part.unknown_to_kernel).IgnoreError();
    }
  }
  batch->failed_ = 0;
  batch->unanswered_ = 0;
  size_t unknown = 0;
  for (const Batch::Item& item : batch->items_) {
    if (item.outcome > 0) ++batch->failed_;
    if (item.outcome < 0) ++batch->unanswered_;
    if (item.outcome == Batch::kUnknown) ++unknown;
  }
  TheClientCounters().unknown.Add(unknown);
  return status;
}

absl::Status Client::StatusOf(const Batch& batch, size_t index) const {
  const int outcome = batch.error(index);
  if (outcome == 0) return absl::OkStatus();
  const std::string what = Describe(batch.request(index), batch.label(index));
  if (outcome == Batch::kNotSent) return absl::CancelledError(absl::StrCat(what, ": not sent"));
  if (outcome == Batch::kUnknown) return PumpError({Pumped::kOverrun}, what);
  ExtAck ack;
  if (batch.details(index) != nullptr) ack = *batch.details(index);
  ack.error = outcome;
  return Refusal(ack, batch.request(index), batch.attributes_offset(index), batch.label(index));
}

}  // namespace sluice::socket
