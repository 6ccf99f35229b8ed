// Batches and events against a scripted kernel.
#include "netlink/socket/event_socket.h"
#include "tests/support/test.h"
#include "tests/unit/socket_fake.h"

namespace sluice::socket {
namespace {

using Sent = std::vector<Message>;

// The value in the attribute of MakeRequest().
uint32_t ValueOf(const Message& message) {
  return base::Load<uint32_t>(attr::Find(message.payload.subspan(4), 1).data());
}

// Refuses each request whose value divides by 10, acknowledges the others if they want it.
void EveryTenthFails(FakeTransport* kernel, const Sent& sent) {
  for (const Message& message : sent) {
    const int error = ValueOf(message) % 10 == 0 ? EEXIST : 0;
    if (error != 0 || (message.flags & NLM_F_ACK) != 0) kernel->Queue(Ack(message, error));
  }
}

Batch MakeBatch(uint32_t count, uint16_t flags = 0) {
  Batch batch;
  for (uint32_t i = 0; i < count; ++i) REQUIRE(batch.Add(MakeRequest(i, flags)));
  return batch;
}

TEST_CASE("socket: errors of a batch find their requests, in both modes") {
  const BatchMode mode = GENERATE(BatchMode::kAckAll, BatchMode::kErrorsOnly);
  for (uint32_t count : {0u, 1u, 2u, 11u, 1000u}) {
    Scripted s(EveryTenthFails);
    Batch batch = MakeBatch(count);
    REQUIRE(s.client.Run(&batch, mode).ok());
    CHECK(batch.failed() == (count + 9) / 10);
    CHECK(batch.unanswered() == 0);
    for (uint32_t i = 0; i < count; ++i) {
      if (batch.error(i) != (i % 10 == 0 ? EEXIST : 0)) FAIL_CHECK("request " << i);
      if (i == 10) CHECK(base::ErrnoOf(s.client.StatusOf(batch, i)) == EEXIST);
    }
    if (count == 1000) CHECK(s.fake->sent.size() == 1);
  }
}

TEST_CASE("socket: a batch is cut where a buffer would overflow") {
  Scripted s(EveryTenthFails);
  Batch batch = MakeBatch(1000);
  SECTION("the send buffer") {
    s.fake->send_bytes = 100 * batch.request(0).size() + 64;
    REQUIRE(s.client.Run(&batch, BatchMode::kErrorsOnly).ok());
    CHECK(s.fake->sent.size() == 10);
  }
  SECTION("the receive buffer, for the answers") {
    s.fake->receive_bytes = 425984;  // what an unprivileged process gets
    REQUIRE(s.client.Run(&batch, BatchMode::kAckAll).ok());
    CHECK(s.fake->sent.size() >= 6);
  }
  SECTION("but one request always goes") {
    s.fake->send_bytes = s.fake->receive_bytes = 1;
    REQUIRE(s.client.Run(&batch, BatchMode::kAckAll).ok());
    CHECK(s.fake->sent.size() == 1000);
  }
  CHECK(batch.failed() == 100);
}

TEST_CASE("socket: lost answers leave outcomes unknown, and the rest is still sent") {
  const Counted unknown("netlink_unknown_outcomes");
  const BatchMode mode = GENERATE(BatchMode::kAckAll, BatchMode::kErrorsOnly);
  int part = 0;
  Scripted s([&part](FakeTransport* kernel, const Sent& sent) {
    if (++part > 1) return EveryTenthFails(kernel, sent);
    kernel->Overrun();
    kernel->Queue(Ack(sent[0], EEXIST));
  });
  Batch batch = MakeBatch(20);
  s.fake->send_bytes = 10 * batch.request(0).size() + 64;
  CHECK(base::ErrnoOf(s.client.Run(&batch, mode)) == ENOBUFS);
  CHECK(batch.error(0) == EEXIST);
  CHECK(batch.error(1) == Batch::kUnknown);
  CHECK(batch.error(9) == Batch::kUnknown);
  CHECK(batch.error(10) == EEXIST);
  CHECK(batch.error(11) == 0);
  CHECK(batch.unanswered() == 9);
  CHECK(unknown() == 9);
}

TEST_CASE("socket: replies come with the index of their request") {
  Scripted s([](FakeTransport* kernel, const Sent& sent) {
    for (const Message& message : sent) {
      kernel->Queue(MakeMessage(100, 0, message.sequence, base::AsBytes(ValueOf(message) * 2)));
      kernel->Queue(Ack(message));
    }
  });
  Batch batch = MakeBatch(5, NLM_F_ECHO);
  std::vector<std::pair<size_t, uint32_t>> replies;
  REQUIRE(s.client
              .Run(&batch, BatchMode::kAckAll,
                   [&](size_t index, const Message& message) {
                     replies.emplace_back(index, base::Load<uint32_t>(message.payload.data()));
                   })
              .ok());
  REQUIRE(replies.size() == 5);
  CHECK(replies[3] == std::pair<size_t, uint32_t>(3, 6));
}

TEST_CASE("socket: a batch takes no dump and no request that is not valid") {
  Batch batch;
  // NLM_F_REPLACE | NLM_F_EXCL has the bits of NLM_F_DUMP.
  CHECK_FALSE(batch.Add(MakeRequest(0, NLM_F_REPLACE | NLM_F_EXCL)));
  CHECK_FALSE(batch.Add(Request()));
  CHECK(batch.empty());
}

TEST_CASE("socket: a kernel that falls silent leaves what it did not answer unknown") {
  Scripted s([](FakeTransport* kernel, const Sent& sent) { kernel->Queue(Ack(sent[0])); });
  Batch batch = MakeBatch(3);
  CHECK(base::ErrnoOf(s.client.Run(&batch, BatchMode::kAckAll)) == ETIMEDOUT);
  CHECK(batch.error(0) == 0);
  CHECK(batch.error(2) == Batch::kUnknown);
}

TEST_CASE("socket: lost and malformed events are told as an overrun") {
  const Counted overruns("netlink_event_overruns");
  auto transport = std::make_unique<FakeTransport>();
  FakeTransport* fake = transport.get();
  EventSocket events(std::move(transport));
  std::vector<EventKind> kinds;
  const auto take = [&](const Event& event) { kinds.push_back(event.kind); };
  const auto receive = [&] { return *events.Receive(std::chrono::milliseconds(0), take); };
  CHECK(receive() == 0);
  fake->Queue(MakeMessage(100, 0, 0, {}, 0));
  fake->Overrun();
  fake->Queue(ByteVector(7));
  CHECK(receive() == 1);
  CHECK(receive() == 1);
  CHECK(receive() == 1);
  CHECK(receive() == 0);
  CHECK(kinds ==
        std::vector<EventKind>{EventKind::kMessage, EventKind::kOverrun, EventKind::kOverrun});
  CHECK(overruns() == 1);
}

}  // namespace
}  // namespace sluice::socket
