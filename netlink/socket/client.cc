#include "netlink/socket/client.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "netlink/base/status.h"
#include "netlink/socket/client_counters.h"

namespace sluice::socket {
namespace {

// The kernel makes a dump's datagrams as long as the largest buffer that it was asked to fill, up
// to 32 KiB; an answer can hold little more than the longest attribute, 64 KiB.
constexpr size_t kReceiveBytes = 512 * 1024;
constexpr size_t kTransactSlots = 2;  // an answer and its acknowledgement

constexpr int kMaxDrains = 1 << 16;

}  // namespace

std::optional<GenericMessage> Reply::Generic(size_t family_header_size) const {
  if (!has_message) return std::nullopt;
  Message message;
  message.payload = payload;
  return ParseGeneric(message, family_header_size);
}

absl::StatusOr<Client> Client::Open(int protocol, const ClientOptions& options) {
  SLUICE_ASSIGN_OR_RETURN(NetlinkSocket socket, NetlinkSocket::Open(protocol, options.socket));
  return Client(std::make_unique<NetlinkSocket>(std::move(socket)), options);
}

Client::Client(std::unique_ptr<Transport> transport, const ClientOptions& options)
    : transport_(std::move(transport)), options_(options), buffers_(1, kReceiveBytes) {}

absl::Status Client::CheckUsable(const Request& request) const {
  if (busy_) return absl::FailedPreconditionError("a netlink client used from its own visitor");
  if (!request.valid())
    return absl::InvalidArgumentError(
        absl::StrCat(Describe(request.bytes(), request.label()),
                     ": the request has no type, or an attribute is too long"));
  return absl::OkStatus();
}

uint32_t Client::TakeSequences(uint32_t count) {
  // 0 is what events have.
  if (next_sequence_ == 0 || next_sequence_ + count < next_sequence_) next_sequence_ = 1;
  return std::exchange(next_sequence_, next_sequence_ + count);
}

absl::Status Client::SendOne(const Request& request, uint16_t type, uint16_t flags,
                             uint32_t sequence) {
  const ByteView bytes = request.bytes();
  send_.assign(bytes.begin(), bytes.end());
  auto header = base::Load<nlmsghdr>(send_.data());
  header.nlmsg_type = type;
  header.nlmsg_flags = flags;
  header.nlmsg_seq = sequence;
  base::Store(send_.data(), header);
  return base::Annotate(transport_->Send(send_), Describe(send_, request.label()));
}

Client::PumpResult Client::Pump(uint32_t first, uint32_t count, std::chrono::milliseconds timeout,
                                absl::FunctionRef<bool(const Message&)> take) {
  while (true) {
    const ReceiveResult received = transport_->Receive(&buffers_, timeout);
    if (received.outcome == ReceiveOutcome::kNothing) return {Pumped::kNothing};
    if (received.outcome == ReceiveOutcome::kOverrun) return {Pumped::kOverrun};
    if (received.outcome == ReceiveOutcome::kFailed) return {Pumped::kFailed, received.error};
    for (size_t i = 0; i < buffers_.size(); ++i) {
      const MessageWalk walk(buffers_.datagram(i));
      for (const Message& message : walk) {
        const bool to_us = message.port == 0 || message.port == transport_->port_id();
        if (!to_us || message.sequence - first >= count) {
          TheClientCounters().stale.Add();
        } else if (message.type != NLMSG_NOOP && take(message)) {
          return {Pumped::kDone};
        }
      }
      if (buffers_.truncated(i) || !walk.leftover().empty()) {
        TheClientCounters().malformed.Add();
        return {Pumped::kMalformed};
      }
    }
  }
}

void Client::Drain() {
  for (int i = 0; i < kMaxDrains; ++i) {
    const ReceiveResult result = transport_->Receive(&buffers_, std::chrono::milliseconds(0));
    if (result.outcome == ReceiveOutcome::kNothing || result.outcome == ReceiveOutcome::kFailed)
      return;
  }
}

absl::Status Client::PumpError(const PumpResult& result, std::string_view context) const {
  switch (result.outcome) {
    case Pumped::kDone:
      return absl::OkStatus();
    case Pumped::kNothing:
      TheClientCounters().timeouts.Add();
      return base::KernelError(ETIMEDOUT, absl::StrCat(base::ToAbsl(context), ": no answer after ",
                                                       options_.timeout.count(), " ms"));
    case Pumped::kOverrun:
      return base::KernelError(ENOBUFS, absl::StrCat(base::ToAbsl(context),
                                                     ": the receive buffer was full, the answer "
                                                     "was lost, it may have been carried out"));
    case Pumped::kMalformed:
      return absl::DataLossError(
          absl::StrCat(base::ToAbsl(context), ": the kernel's answer was malformed or cut short"));
    case Pumped::kFailed:
      break;
  }
  return base::ErrnoError(result.error, absl::StrCat(base::ToAbsl(context), ": receiving"));
}

std::string Client::Describe(ByteView request, std::string_view label) const {
  if (!label.empty()) return std::string(label);
  if (request.size() < sizeof(nlmsghdr)) return "netlink request";
  const uint16_t type = base::Load<nlmsghdr>(request.data()).nlmsg_type;
  const CachedFamily* cached = FamilyOf(type);
  if (cached == nullptr || request.size() <= sizeof(nlmsghdr))
    return absl::StrCat("netlink request of type ", type);
  return absl::StrCat(cached->family.name, " command ", request[sizeof(nlmsghdr)]);
}

absl::Status Client::Refusal(const ExtAck& ack, ByteView request, size_t attributes_offset,
                             std::string_view label) const {
  const Blame blame = BlameOf(ack, request, attributes_offset);
  std::string path;
  if (!blame.path.empty()) {
    const CachedFamily* cached = FamilyOf(base::Load<nlmsghdr>(request.data()).nlmsg_type);
    if (namer_)
      path = namer_(cached == nullptr ? std::string_view() : cached->family.name, blame.path);
    if (path.empty()) path = ToString(blame.path);
  }
  const std::string_view text =
      ack.text.empty() && blame.missing ? std::string_view("attribute missing") : ack.text;
  return base::KernelError(ack.error, Describe(request, label), text, path);
}

absl::StatusOr<Reply> Client::TransactOnce(const Request& request, uint16_t type, bool* lost) {
  buffers_.Reshape(kTransactSlots);
  const uint32_t sequence = TakeSequences(1);
  const auto flags = static_cast<uint16_t>(request.flags() | NLM_F_ACK);
  SLUICE_RETURN_IF_ERROR(SendOne(request, type, flags, sequence));
  Reply reply;
  absl::StatusOr<ExtAck> ack = ExtAck();
  const PumpResult result =
      Pump(sequence, 1, options_.timeout, [&reply, &ack](const Message& message) {
        if (message.type == NLMSG_ERROR || message.type == NLMSG_DONE) {
          ack = ParseExtAck(message);
          return true;
        }
        if (!reply.has_message) {
          reply = {.has_message = true,
                   .type = message.type,
                   .flags = message.flags,
                   .payload = ByteVector(message.payload.begin(), message.payload.end()),
                   .warning = {}};
        }
        return false;
      });
  if (result.outcome != Pumped::kDone) {
    *lost = result.outcome == Pumped::kOverrun;
    Drain();
    if (!request.read_only()) TheClientCounters().unknown.Add();
    return PumpError(result, Describe(send_, request.label()));
  }
  if (!ack.ok()) {
    TheClientCounters().malformed.Add();
    return ack.status();
  }
  if (ack->error != 0) {
    TheClientCounters().refused.Add();
    return Refusal(*ack, send_, request.attributes_offset(), request.label());
  }
  reply.warning = std::move(ack->text);
  return reply;
}

absl::StatusOr<Reply> Client::Transact(const Request& request) {
  SLUICE_RETURN_IF_ERROR(CheckUsable(request));
  uint16_t type = CurrentType(request.type());
  bool refreshed = false;
  int retries = 0;
  while (true) {
    bool lost = false;
    absl::StatusOr<Reply> reply = TransactOnce(request, type, &lost);
    if (reply.ok()) return reply;
    if (lost && request.read_only() && retries++ < options_.retries) {
      TheClientCounters().repeated.Add();
      continue;
    }
    if (base::ErrnoOf(reply.status()) == ENOENT && !refreshed) {
      refreshed = true;
      SLUICE_ASSIGN_OR_RETURN(const uint16_t now, Refresh(type));
      if (now != type) {
        type = now;
        continue;
      }
    }
    return reply;
  }
}

}  // namespace sluice::socket
