// How a Client deals with what the kernel seldom does.
#include <algorithm>

#include "tests/support/test.h"
#include "tests/unit/socket_fake.h"

namespace sluice::socket {
namespace {

using Sent = std::vector<Message>;

ByteVector Answer(const Message& request, uint32_t value, uint16_t flags = 0) {
  return MakeMessage(request.type, flags, request.sequence, base::AsBytes(value));
}

TEST_CASE("socket: a request is answered by a message and an acknowledgement") {
  Scripted s([](FakeTransport* kernel, const Sent& sent) {
    kernel->Queue(Answer(sent[0], 42));
    kernel->Queue(Ack(sent[0]));
  });
  const auto reply = s.client.Transact(MakeRequest());
  REQUIRE(reply.ok());
  REQUIRE(reply->has_message);
  CHECK(base::Load<uint32_t>(reply->payload.data()) == 42);
  CHECK((MessageWalk(s.fake->sent[0]).begin()->flags & NLM_F_ACK) != 0);
}

TEST_CASE("socket: answers to something else are passed over and counted") {
  const Counted stale("netlink_stale_messages");
  Scripted s([](FakeTransport* kernel, const Sent& sent) {
    Message old = sent[0];
    old.sequence -= 7;
    kernel->Queue(Ack(old, EPERM));
    kernel->Queue(MakeMessage(100, 0, sent[0].sequence, {}, kFakePort + 1));
    kernel->Queue(Ack(sent[0]));
  });
  CHECK(s.client.Transact(MakeRequest()).ok());
  CHECK(stale() == 2);
}

TEST_CASE("socket: a refusal carries errno, text and path, named by the caller's tables") {
  Scripted s([](FakeTransport* kernel, const Sent& sent) {
    ByteVector tlvs;
    attr::Writer writer(&tlvs);
    writer.PutString(NLMSGERR_ATTR_MSG, "bad port");
    writer.Put(NLMSGERR_ATTR_OFFS, uint32_t{20});
    kernel->Queue(Ack(sent[0], ERANGE, tlvs));
  });
  Request request = MakeRequest();
  request.set_label("vport add");
  absl::Status status = s.client.Transact(request).status();
  CHECK(base::ErrnoOf(status) == ERANGE);
  CHECK(base::KernelTextOf(status) == "bad port");
  CHECK(base::AttributePathOf(status) == "1");
  CHECK(std::string(status.message()).find("vport add") == 0);
  s.client.set_attribute_namer(
      [](std::string_view, const AttributePath& path) { return "NAME_" + ToString(path); });
  status = s.client.Transact(request).status();
  CHECK(base::AttributePathOf(status) == "NAME_1");
}

TEST_CASE("socket: a lost answer is asked for again only when that does no harm") {
  int asked = 0;
  Scripted s([&asked](FakeTransport* kernel, const Sent& sent) {
    if (++asked == 1)
      kernel->Overrun();
    else
      kernel->Queue(Ack(sent[0]));
  });
  Request request = MakeRequest();
  SECTION("reading") {
    const Counted repeated("netlink_repeated_requests");
    request.set_read_only(true);
    CHECK(s.client.Transact(request).ok());
    CHECK(asked == 2);
    CHECK(repeated() == 1);
  }
  SECTION("writing") {
    const Counted unknown("netlink_unknown_outcomes");
    CHECK(base::ErrnoOf(s.client.Transact(request).status()) == ENOBUFS);
    CHECK(asked == 1);
    CHECK(unknown() == 1);
  }
}

TEST_CASE("socket: answers that are lost again and again are given up") {
  int asked = 0;
  Scripted s([&asked](FakeTransport* kernel, const Sent&) {
    ++asked;
    kernel->Overrun();
  });
  Request request = MakeRequest();
  request.set_read_only(true);
  CHECK(base::ErrnoOf(s.client.Transact(request).status()) == ENOBUFS);
  CHECK(asked == 1 + ClientOptions().retries);
}

TEST_CASE("socket: silence, cut and malformed answers are errors") {
  SECTION("silence") {
    Scripted s([](FakeTransport*, const Sent&) {});
    CHECK(base::ErrnoOf(s.client.Transact(MakeRequest()).status()) == ETIMEDOUT);
  }
  SECTION("cut") {
    Scripted s([](FakeTransport* kernel, const Sent& sent) {
      kernel->Queue(MakeMessage(100, 0, sent[0].sequence, ByteVector(600 * 1024)));
    });
    CHECK(s.client.Transact(MakeRequest()).status().code() == absl::StatusCode::kDataLoss);
  }
  SECTION("malformed") {
    const Counted malformed("netlink_malformed_messages");
    Scripted s([](FakeTransport* kernel, const Sent&) { kernel->Queue(ByteVector(9)); });
    CHECK(s.client.Transact(MakeRequest()).status().code() == absl::StatusCode::kDataLoss);
    CHECK(malformed() == 1);
  }
}

TEST_CASE("socket: a request that the kernel would take for a no-op is not sent") {
  Scripted s([](FakeTransport*, const Sent&) {});
  CHECK(s.client.Transact(MakeRequest(0, 0, 3)).status().code() ==
        absl::StatusCode::kInvalidArgument);
  CHECK(s.fake->sent.empty());
}

// A kernel whose family "f" has the id `*id`, 0 for none.
FakeTransport::OnSend FamilyKernel(uint16_t* id) {
  return [id](FakeTransport* kernel, const Sent& sent) {
    if (sent[0].type == GENL_ID_CTRL) {
      if (*id != 0) {
        ByteVector payload(GENL_HDRLEN);
        attr::Writer writer(&payload);
        writer.PutString(CTRL_ATTR_FAMILY_NAME, "f");
        writer.Put(CTRL_ATTR_FAMILY_ID, *id);
        kernel->Queue(MakeMessage(GENL_ID_CTRL, 0, sent[0].sequence, payload));
      }
      kernel->Queue(Ack(sent[0], *id == 0 ? ENOENT : 0));
    } else {
      kernel->Queue(Ack(sent[0], sent[0].type == *id ? 0 : ENOENT));
    }
  };
}

TEST_CASE("socket: a family that came back with another id is found again") {
  const Counted anew("netlink_family_resolved_anew");
  uint16_t id = 40;
  Scripted s(FamilyKernel(&id));
  const auto family = s.client.ResolveFamily("f", "fmod");
  REQUIRE(family.ok());
  const Request before(**family, 1);
  CHECK(s.client.Transact(before).ok());
  id = 41;
  CHECK(s.client.Transact(before).ok());
  CHECK(anew() == 1);
  CHECK((*family)->id == 41);
  const size_t sent = s.fake->sent.size();
  CHECK(s.client.Transact(before).ok());  // still built with 40, sent with 41 at once
  CHECK(s.fake->sent.size() == sent + 1);
  id = 0;
  const absl::Status gone = s.client.Transact(before).status();
  CHECK(gone.code() == absl::StatusCode::kUnavailable);
  CHECK(std::string(gone.message()).find("modprobe fmod") != std::string::npos);
  id = 42;
  CHECK(s.client.Transact(before).ok());
}

struct Values final : DumpVisitor {
  void Begin() override { values.clear(); }
  absl::Status OnMessage(const Message& message) override {
    values.push_back(base::Load<uint32_t>(message.payload.data()));
    return values.size() == limit ? absl::ResourceExhaustedError("enough") : absl::OkStatus();
  }
  std::vector<uint32_t> values;
  size_t limit = 1000;
};

TEST_CASE("socket: an interrupted dump begins again, within a bound") {
  const Counted interrupted("netlink_dump_interrupted");
  int pass = 0;
  int good_pass = 3;
  Scripted s([&](FakeTransport* kernel, const Sent& sent) {
    ++pass;
    CHECK((sent[0].flags & NLM_F_DUMP) == NLM_F_DUMP);
    kernel->Queue(Answer(sent[0], 1, NLM_F_MULTI));
    if (pass < good_pass) {
      kernel->Queue(Answer(sent[0], 99, NLM_F_MULTI | NLM_F_DUMP_INTR));
      kernel->Queue(Done(sent[0], NLM_F_DUMP_INTR));
    } else {
      kernel->Queue(Answer(sent[0], 2, NLM_F_MULTI));
      kernel->Queue(Done(sent[0]));
    }
  });
  Values visitor;
  SECTION("until it is whole") {
    const auto report = s.client.Dump(MakeRequest(), &visitor);
    REQUIRE(report.ok());
    CHECK(report->passes == 3);
    CHECK(report->messages == 2);
    CHECK(visitor.values == std::vector<uint32_t>{1, 2});
    CHECK(interrupted() == 2);
  }
  SECTION("until the bound") {
    good_pass = 100;
    const Counted aborted("netlink_dump_aborted");
    CHECK(s.client.Dump(MakeRequest(), &visitor).status().code() == absl::StatusCode::kAborted);
    CHECK(pass == ClientOptions().dump_passes);
    CHECK(aborted() == 1);
  }
  SECTION("unless the caller does not mind") {
    const auto report = s.client.Dump(MakeRequest(), &visitor, {.accept_interrupted = true});
    REQUIRE(report.ok());
    CHECK(report->interrupted);
    CHECK(pass == 1);
  }
}

TEST_CASE("socket: a dump of which something was lost begins again") {
  int pass = 0;
  Scripted s([&pass](FakeTransport* kernel, const Sent& sent) {
    kernel->Queue(Answer(sent[0], 1, NLM_F_MULTI));
    if (++pass == 1) kernel->Overrun();
    kernel->Queue(Done(sent[0]));
  });
  Values visitor;
  const auto report = s.client.Dump(MakeRequest(), &visitor);
  REQUIRE(report.ok());
  CHECK(report->passes == 2);
}

TEST_CASE("socket: a dump ends with the kernel's error, or the visitor's") {
  Scripted s([](FakeTransport* kernel, const Sent& sent) {
    for (uint32_t i = 0; i < 50; ++i) kernel->Queue(Answer(sent[0], i, NLM_F_MULTI));
    kernel->Queue(Done(sent[0], 0, EIO));
  });
  Values visitor;
  CHECK(base::ErrnoOf(s.client.Dump(MakeRequest(), &visitor).status()) == EIO);
  visitor.limit = 3;
  CHECK(s.client.Dump(MakeRequest(), &visitor).status().code() ==
        absl::StatusCode::kResourceExhausted);
  CHECK(visitor.values.size() == 3);
  CHECK(s.fake->drained());
}

TEST_CASE("socket: the client refuses to be used from its own visitor") {
  Scripted s([](FakeTransport* kernel, const Sent& sent) {
    kernel->Queue(Answer(sent[0], 1, NLM_F_MULTI));
    kernel->Queue(Done(sent[0]));
  });
  struct Reentrant final : DumpVisitor {
    explicit Reentrant(Client* c) : client(c) {}
    void Begin() override {}
    absl::Status OnMessage(const Message&) override {
      return client->Transact(MakeRequest()).status();
    }
    Client* client;
  } visitor(&s.client);
  CHECK(s.client.Dump(MakeRequest(), &visitor).status().code() ==
        absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace sluice::socket
