// Which connections a user means, and how the tuple in full is found.
#include "netlink/conntrack/connection_match.h"

#include <netinet/in.h>

#include "netlink/attr/scanner.h"
#include "tests/support/test.h"

namespace sluice::conntrack {
namespace {

Connection Tcp() {
  Connection c;
  Addresses& a = c.original.addresses;
  a.present.Add(CTA_IP_V4_SRC);
  a.present.Add(CTA_IP_V4_DST);
  a.src4 = {{10, 0, 0, 1}};
  a.dst4 = {{10, 0, 0, 2}};
  Protocol& p = c.original.protocol;
  p.present.Add(CTA_PROTO_NUM);
  p.present.Add(CTA_PROTO_SRC_PORT);
  p.number = IPPROTO_TCP;
  p.src_port = Be16::FromHost(1000);
  p.dst_port = Be16::FromHost(80);
  c.reply = c.original;
  std::swap(c.reply.addresses.src4, c.reply.addresses.dst4);
  std::swap(c.reply.protocol.src_port, c.reply.protocol.dst_port);
  c.zone = Be16::FromHost(5);
  c.mark = Be32::FromHost(0x1f);
  c.labels[0] = 1;
  c.labels[15] = 0x80;
  c.status = Be32::FromHost(IPS_ASSURED | IPS_CONFIRMED);
  c.protocol_info.present.Add(CTA_PROTOINFO_TCP);
  c.protocol_info.tcp.state = 2;  // SYN_RECV
  return c;
}

bool Matches(const std::vector<std::string>& arguments) {
  ConnectionMatch match;
  for (const std::string& argument : arguments) REQUIRE_OK(match.Add(argument));
  return match.Matches(Tcp());
}

}  // namespace

TEST_CASE("conntrack match: fields of a connection") {
  for (const std::vector<std::string>& yes : std::vector<std::vector<std::string>>{
           {},
           {"zone=5"},
           {"mark=0x1f"},
           {"mark=0xf/0x0f"},
           {"labels=0x80000000000000000000000000000001"},
           {"labels=1/1"},
           {"state=ESTABLISHED"},
           {"state=syn_recv"},
           {"status=ASSURED|CONFIRMED"},
           {"status=+assured-seen_reply"},
           {"ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.0/24"},
           {"ct_nw_src=10.9.9.1/255.0.0.255"},
           {"ct_nw_src=1.2.3.4/0"},
           {"ct_nw_proto=6,ct_tp_dst=80"},
           {"proto=tcp ct_tp_src=1000", "ct_tp_src=80"},
           {"", "ct_nw_src=10.0.0.2"},
           {"zone=5", "ct_tp_dst=80", "ct_tp_dst=1000"},
       }) {
    CAPTURE(yes);
    CHECK(Matches(yes));
  }
  for (const std::vector<std::string>& no : std::vector<std::vector<std::string>>{
           {"zone=0"},
           {"mark=0x1e"},
           {"mark=0"},
           {"labels=0x2/0x2"},
           {"labels=0"},
           {"state=SYN_SENT"},
           {"status=SEEN_REPLY"},
           {"status=-ASSURED"},
           {"ct_nw_src=10.0.0.2"},
           {"ct_ipv6_src=::/0"},
           {"ct_nw_proto=17"},
           {"ct_tp_dst=81"},
           {"icmp_type=0"},
           {"", "ct_tp_dst=80"},
       }) {
    CAPTURE(no);
    CHECK_FALSE(Matches(no));
  }
}

TEST_CASE("conntrack match: errors show the place") {
  struct Case {
    const char* text;
    size_t offset;
  };
  for (const Case& c : {Case{"zone=70000", 5},
                        {"zone", 4},
                        {"zone=5,", 7},
                        {"nosuch=1", 0},
                        {"zone=5,zone=6", 7},
                        {"ct_nw_src=10.0.0.300", 10},
                        {"ct_nw_src=10.0.0.1/33", 19},
                        {"ct_nw_src=10.0.0.1,ct_ipv6_dst=::1", 31},
                        {"ct_nw_proto=tpc", 12},
                        {"state=OPENED", 6},
                        {"status=ASSURED|X", 15},
                        {"labels=0xzz", 7},
                        {"labels=0x123456789012345678901234567890123", 7},
                        {"ct_tp_src=1)", 11},
                        {"mark=1/x", 7}}) {
    CAPTURE(c.text);
    ConnectionMatch match;
    const absl::Status status = match.Add(c.text);
    CHECK(absl::IsInvalidArgument(status));
    CHECK(attr::TextErrorOffset(status) == c.offset);
  }
  ConnectionMatch match;
  REQUIRE_OK(match.Add("ct_tp_src=1"));
  REQUIRE_OK(match.Add("ct_tp_src=2"));
  CHECK_FALSE(match.Add("ct_tp_src=3").ok());
  CHECK_FALSE(match.Add("").ok());
}

TEST_CASE("conntrack match: a tuple in full") {
  const auto whole = [](const char* text) {
    ConnectionMatch match;
    REQUIRE_OK(match.Add(text));
    return match.original.Whole();
  };
  const auto tcp =
      whole("ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,ct_nw_proto=6,ct_tp_src=1,ct_tp_dst=2");
  REQUIRE(tcp);
  base::ByteVector bytes;
  attr::Writer writer(&bytes);
  EncodeTuple(*tcp, Direction::kReply, &writer);
  CHECK(base::ToHex(bytes) ==
        "34000280"
        "14000100080001000a000001080002000a000002"
        "1c0002000500010006000000060002000001000006000300000200"
        "00");
  const auto icmp = whole(
      "ct_ipv6_src=::1,ct_ipv6_dst=::2,ct_nw_proto=icmpv6,icmp_type=128,icmp_code=0,icmp_id=7");
  REQUIRE(icmp);
  CHECK(icmp->is_icmp());
  CHECK(icmp->icmp_id() == 7);
  CHECK(icmp->icmp_type() == 128);
  for (const char* part :
       {"ct_nw_src=10.0.0.1",
        "ct_nw_src=10.0.0.0/8,ct_nw_dst=10.0.0.2,ct_nw_proto=6,ct_tp_src=1,ct_tp_dst=2",
        "ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,ct_nw_proto=6,ct_tp_src=1",
        "ct_nw_src=10.0.0.1,ct_nw_dst=10.0.0.2,ct_nw_proto=1,ct_tp_src=1,ct_tp_dst=2"})
    CHECK_FALSE(whole(part));
}

}  // namespace sluice::conntrack
