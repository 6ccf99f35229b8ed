// A kernel that follows a script: for what a real one cannot be made to do.
//
//   FakeTransport* fake = ...;
//   fake->on_send = [](FakeTransport* kernel, const std::vector<Message>& sent) {
//     kernel->Overrun();
//     kernel->Queue(Ack(sent[0]));
//   };
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "netlink/attr/wire.h"
#include "netlink/base/counters.h"
#include "netlink/base/status.h"
#include "netlink/socket/client.h"

namespace sluice::socket {

inline constexpr uint32_t kFakePort = 4711;

inline ByteVector MakeMessage(uint16_t type, uint16_t flags, uint32_t sequence, ByteView payload,
                              uint32_t port = kFakePort) {
  const nlmsghdr header{.nlmsg_len = static_cast<uint32_t>(sizeof(nlmsghdr) + payload.size()),
                        .nlmsg_type = type,
                        .nlmsg_flags = flags,
                        .nlmsg_seq = sequence,
                        .nlmsg_pid = port};
  ByteVector out(base::AsBytes(header).begin(), base::AsBytes(header).end());
  out.insert(out.end(), payload.begin(), payload.end());
  out.resize(attr::Align4(out.size()));
  return out;
}

// NLMSG_ERROR for `request`, capped; `tlvs` are ext-ack attributes.
inline ByteVector Ack(const Message& request, int error = 0, ByteView tlvs = {}) {
  ByteVector payload;
  const int32_t code = -error;
  payload.insert(payload.end(), base::AsBytes(code).begin(), base::AsBytes(code).end());
  payload.insert(payload.end(), request.bytes.begin(), request.bytes.begin() + sizeof(nlmsghdr));
  payload.insert(payload.end(), tlvs.begin(), tlvs.end());
  const auto flags = static_cast<uint16_t>(NLM_F_CAPPED | (tlvs.empty() ? 0 : NLM_F_ACK_TLVS));
  return MakeMessage(NLMSG_ERROR, flags, request.sequence, payload);
}

inline ByteVector Done(const Message& request, uint16_t flags = 0, int error = 0) {
  const int32_t code = -error;
  return MakeMessage(NLMSG_DONE, static_cast<uint16_t>(NLM_F_MULTI | flags), request.sequence,
                     base::AsBytes(code));
}

class FakeTransport final : public Transport {
 public:
  using OnSend = std::function<void(FakeTransport*, const std::vector<Message>&)>;
  OnSend on_send;
  size_t receive_bytes = 8 << 20;
  size_t send_bytes = 2 << 20;
  std::vector<ByteVector> sent;

  void Queue(ByteVector datagram) {
    queue_.emplace_back(ReceiveOutcome::kReceived, std::move(datagram));
  }
  void Overrun() { queue_.emplace_back(ReceiveOutcome::kOverrun, ByteVector()); }

  absl::Status Send(ByteView datagram) override {
    sent.emplace_back(datagram.begin(), datagram.end());
    std::vector<Message> messages;
    for (const Message& message : MessageWalk(sent.back())) messages.push_back(message);
    if (on_send) on_send(this, messages);
    return absl::OkStatus();
  }
  ReceiveResult Receive(ReceiveBuffers* buffers, std::chrono::milliseconds) override {
    buffers->Arm();
    if (queue_.empty()) return {ReceiveOutcome::kNothing, 0};
    if (queue_.front().first != ReceiveOutcome::kReceived) {
      const ReceiveOutcome outcome = queue_.front().first;
      queue_.pop_front();
      return {outcome, ENOBUFS};
    }
    while (!queue_.empty() && queue_.front().first == ReceiveOutcome::kReceived &&
           buffers->Append(queue_.front().second))
      queue_.pop_front();
    return {ReceiveOutcome::kReceived, 0};
  }
  uint32_t port_id() const override { return kFakePort; }
  size_t receive_buffer_bytes() const override { return receive_bytes; }
  size_t send_buffer_bytes() const override { return send_bytes; }
  bool drained() const { return queue_.empty(); }

 private:
  std::deque<std::pair<ReceiveOutcome, ByteVector>> queue_;
};

// A client and the script that it talks to.
struct Scripted {
  explicit Scripted(FakeTransport::OnSend on_send, const ClientOptions& options = {})
      : Scripted(std::make_unique<FakeTransport>(), options) {
    fake->on_send = std::move(on_send);
  }
  Scripted(std::unique_ptr<FakeTransport> transport, const ClientOptions& options)
      : fake(transport.get()), client(std::move(transport), options) {}
  FakeTransport* fake;
  Client client;
};

// A request of type 100 with one attribute of type 1 that holds `value`.
inline Request MakeRequest(uint32_t value = 0, uint16_t flags = 0, uint16_t type = 100) {
  Request request(type, flags, base::AsBytes(uint32_t{0}));
  request.attributes().Put(1, value);
  return request;
}

// How far a counter has gone since this was made.
class Counted {
 public:
  explicit Counted(std::string_view name)
      : counter_(base::Counters::Get(name, "")), start_(counter_.value()) {}
  uint64_t operator()() const { return counter_.value() - start_; }

 private:
  base::Counter& counter_;
  uint64_t start_;
};

}  // namespace sluice::socket
