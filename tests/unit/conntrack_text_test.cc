// Messages about connections: what is read of them, their text and JSON; timeouts as text.
#include "netlink/conntrack/connection_text.h"

#include <netinet/in.h>

#include <nlohmann/json.hpp>

#include "netlink/attr/scanner.h"
#include "netlink/base/counters.h"
#include "netlink/conntrack/events.h"
#include "netlink/conntrack/tables.h"
#include "tests/support/test.h"

namespace sluice::conntrack {
namespace {

constexpr uint16_t kNewConnection = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;

base::ByteVector Payload(std::string_view attributes) {
  auto bytes = base::FromHex("02000000" + std::string(attributes));
  REQUIRE(bytes.has_value());
  return *std::move(bytes);
}

absl::StatusOr<Connection> Parse(const base::ByteVector& payload, uint16_t type = kNewConnection) {
  socket::Message message;
  message.type = type;
  message.payload = payload;
  return ParseConnection(message);
}

// 10.0.0.1:1000 > 10.0.0.2:80 over TCP.
constexpr char kTuples[] =
    "3400018014000180080001000a000001080002000a0000021c0002800500010006000000"
    "0600020003e800000600030000500000"
    "3400028014000180080001000a000002080002000a0000011c0002800500010006000000"
    "0600020000500000060003"
    "0003e80000";

std::string Text(std::string_view more, const ConnectionTextOptions& options = {}) {
  const base::ByteVector payload = Payload(std::string(kTuples) + std::string(more));
  const auto connection = Parse(payload);
  REQUIRE_OK(connection);
  std::string text;
  AppendConnection(*connection, options, &text);
  return text;
}

constexpr char kPlain[] =
    "tcp,orig=(src=10.0.0.1,dst=10.0.0.2,sport=1000,dport=80),"
    "reply=(src=10.0.0.2,dst=10.0.0.1,sport=80,dport=1000)";

}  // namespace

TEST_CASE("conntrack text: members stand in the order of ovs-dpctl") {
  CHECK(Text("") == kPlain);
  // zone 5, status 0x100e, timeout 120, mark 16, id 1, labels, TCP in SYN_RECV, helper ftp
  const std::string all =
      "0600120000050000080003000000100e0800070000000078080008000000001008000c0000000001"
      "1400160000ff0100000000000000000000000000"
      "100004800c0001800500010002000000"
      "0c0005800800010066747000";
  CHECK(Text(all) == std::string(kPlain) +
                         ",zone=5,mark=16,labels=0x1ff00,protoinfo=(state=ESTABLISHED),helper=ftp");
  CHECK(Text(all, {.verbose = true, .statistics = true}) ==
        std::string(kPlain) +
            ",id=1,zone=5,status=SEEN_REPLY|ASSURED|CONFIRMED|UNTRACKED,timeout=120,mark=16,"
            "labels=0x1ff00,protoinfo=(state_orig=SYN_RECV,state_reply=SYN_RECV),helper=ftp");
}

TEST_CASE("conntrack text: what nobody knows is kept and shown") {
  CHECK(Text("06003f00abcd0000") == kPlain);
  CHECK(Text("06003f00abcd0000", {.verbose = true}) ==
        std::string(kPlain) + ",id=0,status=,ct_attr63(ab cd)");
}

TEST_CASE("conntrack text: a helper's name does not end the line") {
  CHECK(Text("0c0005800800010066740a00") == std::string(kPlain) + ",helper=ft?");
}

TEST_CASE("conntrack: malformed messages are told and counted") {
  const auto counter = [] {
    return base::Counters::Get("conntrack_malformed_messages", "").value();
  };
  const uint64_t before = counter();
  CHECK(absl::IsDataLoss(Parse({2, 0}).status()));
  CHECK(absl::IsDataLoss(Parse(Payload("0800080001")).status()));        // cut short
  CHECK(absl::IsDataLoss(Parse(Payload("0500080001000000")).status()));  // a mark of a byte
  CHECK(absl::IsDataLoss(Parse(Payload(""), 0x0a00).status()));          // of nftables
  CHECK(counter() == before + 4);
  socket::Event event;
  event.message.type = kNewConnection;
  CHECK(ParseEvent(event).kind == EventKind::kOverrun);
  CHECK(counter() == before + 5);
}

TEST_CASE("conntrack: events by type and flags") {
  const base::ByteVector payload = Payload(kTuples);
  socket::Event event;
  event.message.payload = payload;
  event.message.type = kNewConnection;
  CHECK(ParseEvent(event).kind == EventKind::kUpdate);
  event.message.flags = NLM_F_CREATE | NLM_F_EXCL;
  CHECK(ParseEvent(event).kind == EventKind::kNew);
  event.message.type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE;
  CHECK(ParseEvent(event).kind == EventKind::kDestroy);
  event.kind = socket::EventKind::kOverrun;
  CHECK(ParseEvent(event).kind == EventKind::kOverrun);
}

TEST_CASE("conntrack JSON: a connection") {
  const base::ByteVector payload = Payload(std::string(kTuples) + "0600120000050000");
  const auto connection = Parse(payload);
  REQUIRE_OK(connection);
  CHECK(ConnectionToJson(*connection).dump() ==
        R"({"protocol":"tcp","protocol_number":6,)"
        R"("orig":{"src":"10.0.0.1","dst":"10.0.0.2","src_port":1000,"dst_port":80},)"
        R"("reply":{"src":"10.0.0.2","dst":"10.0.0.1","src_port":80,"dst_port":1000},)"
        R"("zone":5,"id":0,"status":[],"timeout":null,"mark":0,"labels":"0x0"})");
}

TEST_CASE("timeouts as text, both ways") {
  const auto bytes = ParseTimeouts(IPPROTO_TCP, "established=300, close=0x5");
  REQUIRE_OK(bytes);
  const TimeoutPolicy policy{
      .name = "web", .family = AF_INET, .protocol = IPPROTO_TCP, .uses = 0, .timeouts = *bytes};
  CHECK(TimeoutsText(policy) == "established=300,close=5");
  CHECK(TimeoutsToJson(policy).dump() == R"({"established":300,"close":5})");
  CHECK(ParseTimeouts(250, "timeout=5").ok());
  for (const char* bad : {"unreplied=5", "close", "close=x", "close=5,close=6", "close=5/1"}) {
    CAPTURE(bad);
    CHECK(attr::TextErrorOffset(ParseTimeouts(IPPROTO_TCP, bad).status()).has_value());
  }
}

TEST_CASE("conntrack: attributes of errors have names") {
  CHECK(NameAttributePath(kConnectionTable,
                          std::vector<uint16_t>{CTA_TUPLE_ORIG, CTA_TUPLE_PROTO, CTA_PROTO_NUM}) ==
        "CTA_TUPLE_ORIG/CTA_TUPLE_PROTO/CTA_PROTO_NUM");
  CHECK(NameAttributePath(kConnectionTable, std::vector<uint16_t>{99, 1}) ==
        "attribute 99/attribute 1");
}

}  // namespace sluice::conntrack
