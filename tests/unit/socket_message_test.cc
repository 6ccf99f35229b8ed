// The pure half of netlink/socket: messages, ext-ack, families, requests, buffers.
#include "tests/support/test.h"
#include "tests/unit/socket_fake.h"

namespace sluice::socket {
namespace {

std::vector<Message> MessagesOf(const MessageWalk& walk) {
  std::vector<Message> messages;
  for (const Message& message : walk) messages.push_back(message);
  return messages;
}

TEST_CASE("socket: a datagram is walked message by message") {
  ByteVector datagram = MakeMessage(20, 0, 1, base::AsBytes(uint8_t{7}));
  const ByteVector second = MakeMessage(21, NLM_F_MULTI, 2, {});
  datagram.insert(datagram.end(), second.begin(), second.end());
  const MessageWalk walk(datagram);
  const std::vector<Message> messages = MessagesOf(walk);
  REQUIRE(messages.size() == 2);
  CHECK(messages[0].type == 20);
  CHECK(messages[0].payload.size() == 1);
  CHECK(messages[1].sequence == 2);
  CHECK(messages[1].flags == NLM_F_MULTI);
  CHECK(walk.leftover().empty());
}

TEST_CASE("socket: bytes that are no message are left over") {
  for (uint32_t length : {0u, 15u, 64u, 0xffffffffu}) {
    ByteVector datagram = MakeMessage(20, 0, 1, {});
    const ByteVector bad = MakeMessage(20, 0, 2, {});
    datagram.insert(datagram.end(), bad.begin(), bad.end());
    base::Store(datagram.data() + 16, length);
    const MessageWalk walk(datagram);
    CHECK(MessagesOf(walk).size() == 1);
    CHECK(walk.leftover().size() == 16);
  }
  CHECK(MessagesOf(MessageWalk(ByteView())).empty());
}

TEST_CASE("socket: a generic message without room for its headers is none") {
  const ByteVector payload(7);
  Message message;
  message.payload = payload;
  CHECK(ParseGeneric(message, 0).has_value());
  CHECK_FALSE(ParseGeneric(message, 4).has_value());
  message.payload = message.payload.first(3);
  CHECK_FALSE(ParseGeneric(message, 0).has_value());
}

Message FirstOf(const ByteVector& datagram) { return *MessageWalk(datagram).begin(); }

TEST_CASE("socket: an ext-ack gives the kernel's words and what it blames") {
  const ByteVector asked = MakeMessage(100, 0, 9, {});
  ByteVector tlvs;
  attr::Writer writer(&tlvs);
  writer.PutString(NLMSGERR_ATTR_MSG, "no such thing");
  writer.Put(NLMSGERR_ATTR_OFFS, uint32_t{24});
  writer.Put(NLMSGERR_ATTR_MISS_TYPE, uint16_t{3});  // of a strange size
  writer.Put(77, uint32_t{1});                       // from a newer kernel
  const ByteVector message = Ack(FirstOf(asked), EINVAL, tlvs);
  const auto ack = ParseExtAck(FirstOf(message));
  REQUIRE(ack.ok());
  CHECK(ack->error == EINVAL);
  CHECK(ack->text == "no such thing");
  CHECK(ack->offset == 24u);
  CHECK_FALSE(ack->missing_type.has_value());
}

TEST_CASE("socket: the ext-ack behind a request that is quoted in full is found") {
  const ByteVector asked = MakeMessage(100, 0, 9, base::AsBytes(uint64_t{1}));
  ByteVector payload(sizeof(int32_t));
  base::Store(payload.data(), int32_t{-EPERM});
  payload.insert(payload.end(), asked.begin(), asked.end());
  attr::Writer(&payload).PutString(NLMSGERR_ATTR_MSG, "no");
  const auto ack = ParseExtAck(FirstOf(MakeMessage(NLMSG_ERROR, NLM_F_ACK_TLVS, 9, payload)));
  REQUIRE(ack.ok());
  CHECK(ack->text == "no");
}

TEST_CASE("socket: a malformed acknowledgement is an error, not a crash") {
  const ByteVector asked = MakeMessage(100, 0, 9, {});
  const ByteVector whole = Ack(FirstOf(asked), EINVAL, ByteVector(8));
  for (size_t size = 0; size <= whole.size() - sizeof(nlmsghdr); ++size) {
    for (int flags : {0, NLM_F_CAPPED, NLM_F_ACK_TLVS, NLM_F_CAPPED | NLM_F_ACK_TLVS}) {
      const auto ack =
          ParseExtAck(FirstOf(MakeMessage(NLMSG_ERROR, static_cast<uint16_t>(flags), 9,
                                          ByteView(whole).subspan(sizeof(nlmsghdr), size))));
      CHECK(ack.ok() == (size >= sizeof(int32_t) + sizeof(nlmsghdr)));
    }
  }
  CHECK(ParseExtAck(FirstOf(MakeMessage(NLMSG_DONE, 0, 9, {}))).ok());
}

TEST_CASE("socket: an offset becomes the path of the attribute there") {
  Request request(100, 0, base::AsBytes(uint32_t{0}));
  attr::Writer& writer = request.attributes();
  writer.Put(1, uint32_t{5});
  size_t inner = 0;
  size_t text = 0;
  {
    auto outer = writer.Nest(2);
    writer.Put(3, uint64_t{0});
    auto nest = writer.Nest(4);
    inner = request.bytes().size();
    writer.Put(6, uint16_t{1});
    text = request.bytes().size();
    writer.Put(7, ByteVector{0xff, 0xff, 0xff, 0xff, 0xff});
  }
  const size_t start = request.attributes_offset();
  const auto path = [&](size_t offset) { return ToString(PathTo(request.bytes(), start, offset)); };
  CHECK(path(start) == "1");
  CHECK(path(start + 8) == "2");
  CHECK(path(inner) == "2/4/6");
  CHECK(path(text) == "2/4/7");
  CHECK(path(text + 6) == "2/4/7");  // inside of what is no nest
  CHECK(path(0).empty());
  CHECK(path(100000).empty());

  ExtAck missing;
  missing.missing_type = 9;
  CHECK(ToString(BlameOf(missing, request.bytes(), start).path) == "9");
  missing.missing_nest = static_cast<uint32_t>(start + 8);
  CHECK(ToString(BlameOf(missing, request.bytes(), start).path) == "2/9");
}

TEST_CASE("socket: a request has its length and its family's header") {
  const Family family{.name = "f",
                      .id = 30,
                      .version = 2,
                      .header_size = 4,
                      .max_attribute = 0,
                      .groups = {},
                      .operations = {}};
  Request request(family, 5, NLM_F_CREATE, base::AsBytes(uint32_t{0x01020304}));
  request.attributes().Put(1, uint32_t{9});
  const Message message = *MessageWalk(request.bytes()).begin();
  CHECK(message.type == 30);
  CHECK(message.flags == (NLM_F_REQUEST | NLM_F_CREATE));
  CHECK(message.bytes.size() == request.bytes().size());
  const auto generic = ParseGeneric(message, 4);
  REQUIRE(generic);
  CHECK(generic->command == 5);
  CHECK(generic->version == 2);
  CHECK(base::Load<uint32_t>(generic->family_header.data()) == 0x01020304);
  CHECK(attr::Find(generic->attributes, 1).size() == 4);

  Request moved = std::move(request);
  moved.attributes().Put(2, uint32_t{1});
  CHECK(moved.bytes().size() == message.bytes.size() + 8);
  CHECK(moved.valid());
  moved.attributes().Put(3, ByteVector(70000));
  CHECK_FALSE(moved.valid());
  const Request again = std::move(moved);
  CHECK_FALSE(again.valid());  // a move does not forget it
  CHECK_FALSE(Request().valid());
  CHECK_FALSE(Request::FromMessage(ByteVector(8), 0).valid());
  const Request built = Request::FromMessage(MakeMessage(100, NLM_F_EXCL, 0, {}), 16);
  CHECK(built.valid());
  CHECK(built.flags() == (NLM_F_REQUEST | NLM_F_EXCL));
}

TEST_CASE("socket: a family's description is read, and refused when it is nonsense") {
  ByteVector bytes;
  attr::Writer writer(&bytes);
  writer.PutString(CTRL_ATTR_FAMILY_NAME, "ovs_vport");
  writer.Put(CTRL_ATTR_FAMILY_ID, uint16_t{33});
  writer.Put(CTRL_ATTR_HDRSIZE, uint32_t{4});
  {
    auto list = writer.Nest(CTRL_ATTR_MCAST_GROUPS);
    auto entry = writer.Nest(1);
    writer.PutString(CTRL_ATTR_MCAST_GRP_NAME, "ovs_vport");
    writer.Put(CTRL_ATTR_MCAST_GRP_ID, uint32_t{12});
  }
  const auto family = ParseFamily(bytes);
  REQUIRE(family.ok());
  CHECK(family->id == 33);
  CHECK(family->header_size == 4);
  CHECK(family->GroupId("ovs_vport") == 12u);
  CHECK_FALSE(family->GroupId("other").has_value());
  CHECK_FALSE(ParseFamily({}).ok());
  writer.Put(CTRL_ATTR_HDRSIZE, uint32_t{1} << 30);
  CHECK_FALSE(ParseFamily(bytes).ok());
}

TEST_CASE("socket: receive buffers tell what was cut") {
  ReceiveBuffers buffers(2, 32);
  CHECK(buffers.Append(ByteVector(32)));
  CHECK(buffers.Append(ByteVector(33)));
  CHECK_FALSE(buffers.Append(ByteVector(1)));
  CHECK(buffers.size() == 2);
  CHECK_FALSE(buffers.truncated(0));
  CHECK(buffers.truncated(1));
  CHECK(buffers.datagram(1).size() == 32);
  buffers.Reshape(1);
  CHECK(buffers.size() == 0);
  CHECK(buffers.bytes_each() == 64);
}

}  // namespace
}  // namespace sluice::socket
