#include <string>

#include "agent/pipeline/match.h"
#include "tests/support/test.h"
#include "tests/unit/rule_ports.h"

namespace sluice::pipeline {
namespace {

const FakePorts kPorts;

std::string Rewritten(std::string_view text) {
  const auto match = ParseMatch(text, &kPorts);
  if (!match.ok()) return std::string(match.status().message());
  return ToString(*match, &kPorts);
}

TEST_CASE("match text: every way to say it, and how it is written") {
  struct Case {
    std::string_view in, out;
  };
  const Case cases[] = {
      {"", ""},
      {" , ,", ""},
      {"ip,nw_dst=10.0.0.0/24", "ip,nw_dst=10.0.0.0/24"},
      {"ip nw_src=1.2.3.4", "ip,nw_src=1.2.3.4"},
      {"ip, nw_src = 1.2.3.4 ,nw_tos=32", "ip,nw_src=1.2.3.4,nw_tos=32"},
      {"dl_type=0x800,nw_proto=6,tp_src=5", "tcp,tp_src=5"},
      {"eth_type=2048,ip_src=10.1.2.3/255.0.255.0", "ip,nw_src=10.0.2.0/255.0.255.0"},
      {"ip,nw_dst=10.1.2.3/8", "ip,nw_dst=10.0.0.0/8"},
      {"ip,nw_dst=10.1.2.3/0", "ip"},
      {"ip6", "ipv6"},
      {"ipv6,ipv6_src=fe80::1/10", "ipv6,ipv6_src=fe80::/10"},
      {"ipv6,ipv6_dst=::1/::ff,ipv6_label=0x12345", "ipv6,ipv6_dst=::1/::ff,ipv6_label=0x12345"},
      {"tcp6,tp_dst=0x50/0xfff0", "tcp6,tp_dst=0x50/0xfff0"},
      {"tcp,tcp_dst=80", "tcp,tp_dst=80"},
      {"udp,udp_src=53", "udp,tp_src=53"},
      {"sctp,sctp_dst=9", "sctp,tp_dst=9"},
      {"tcp,tcp_flags=+syn-ack", "tcp,tcp_flags=+syn-ack"},
      {"tcp,tcp_flags=0x2/0x12", "tcp,tcp_flags=+syn-ack"},
      {"tcp,tcp_flags=syn|ack", "tcp,tcp_flags=syn|ack"},
      {"tcp,tcp_flags=0x12", "tcp,tcp_flags=syn|ack"},
      {"tcp,tcp_flags=0", "tcp,tcp_flags=0x0"},
      {"tcp,tcp_flags=0x800/0x800", "tcp,tcp_flags=0x800/0x800"},
      {"icmp,icmp_type=8,icmp_code=0", "icmp,icmp_type=8,icmp_code=0"},
      {"icmp6,icmpv6_type=135,nd_target=::1,nd_sll=00:00:00:00:00:01",
       "icmp6,icmp_type=135,nd_target=::1,nd_sll=00:00:00:00:00:01"},
      {"icmp6,icmp_type=136,nd_tll=0:0:0:0:0:2", "icmp6,icmp_type=136,nd_tll=00:00:00:00:00:02"},
      {"arp,arp_spa=1.2.3.4,nw_dst=1.2.3.5,arp_op=1",
       "arp,arp_spa=1.2.3.4,arp_tpa=1.2.3.5,arp_op=1"},
      {"arp,nw_proto=2,arp_sha=00:00:00:00:00:01", "arp,arp_sha=00:00:00:00:00:01,arp_op=2"},
      {"rarp", "rarp"},
      {"mpls,mpls_label=5,mpls_tc=1,mpls_bos=1,mpls_ttl=3",
       "mpls,mpls_label=5,mpls_tc=1,mpls_ttl=3,mpls_bos=1"},
      {"mplsm,OXM_OF_MPLS_LABEL=1048575", "mplsm,mpls_label=1048575"},
      {"vlan_tci=0x1000/0x1000", "vlan_tci=0x1000/0x1000"},
      {"vlan_vid=0x1005/0x1fff", "dl_vlan=5"},
      {"vlan_vid=0x1005", "dl_vlan=5"},
      {"vlan_vid=0x1000/0x1000", "vlan_tci=0x1000/0x1000"},
      {"vlan_vid=0x1001/0x1003", "vlan_tci=0x1001/0x1003"},
      {"vlan_vid=5", "vlan_tci=0x0"},
      {"vlan_vid=0", "vlan_tci=0x0"},
      {"dl_vlan=0xffff", "vlan_tci=0x0"},
      {"vlan_tci=0", "vlan_tci=0x0"},
      {"vlan_tci=0x0/0x1000", "vlan_tci=0x0/0x1000"},
      {"dl_vlan=5,dl_vlan_pcp=3", "dl_vlan=5,dl_vlan_pcp=3"},
      {"vlan_pcp=3,dl_vlan=4", "dl_vlan=4,dl_vlan_pcp=3"},
      {"dl_vlan=0", "dl_vlan=0"},
      {"dl_vlan_pcp=0", "dl_vlan_pcp=0"},
      {"dl_vlan=5,vlan_tpid=0x88a8,inner_vlan_tci=0x1006/0x1fff",
       "dl_vlan=5,vlan_tpid=0x88a8,inner_vlan_tci=0x1006/0x1fff"},
      {"ip,ip_dscp=8,nw_ecn=1", "ip,nw_tos=32,nw_ecn=1"},
      {"ip,ip_ecn=2,nw_ttl=64", "ip,nw_ecn=2,nw_ttl=64"},
      {"ip,ip_frag=yes", "ip,nw_frag=yes"},
      {"ip,nw_frag=no", "ip,nw_frag=no"},
      {"ipv6,nw_frag=first", "ipv6,nw_frag=first"},
      {"ip,nw_frag=later", "ip,nw_frag=later"},
      {"ip,nw_frag=not_later", "ip,nw_frag=not_later"},
      {"ip,nw_frag=0x3/0x2", "ip,nw_frag=0x2/0x2"},
      {"ip,nw_proto=47", "ip,nw_proto=47"},
      {"dl_type=0x1234", "dl_type=0x1234"},
      {"dl_src=01:00:00:00:00:00/01:00:00:00:00:00", "dl_src=01:00:00:00:00:00/01:00:00:00:00:00"},
      {"eth_dst=A:b:C:1:2:3", "dl_dst=0a:0b:0c:01:02:03"},
      {"in_port=1", "in_port=1"},
      {"in_port=web", "in_port=web"},
      {"in_port=\"web\"", "in_port=web"},
      {"in_port=\"a b,c\"", "in_port=\"a b,c\""},
      {"in_port=7", "in_port=web"},
      {"in_port=LOCAL", "in_port=LOCAL"},
      {"in_port=local", "in_port=LOCAL"},
      {"in_port=65534", "in_port=LOCAL"},
      {"in_port=CONTROLLER", "in_port=CONTROLLER"},
      {"in_port=none", "in_port=NONE"},
      {"in_port_oxm=0xfffffffe", "in_port=LOCAL"},
      {"NXM_OF_IN_PORT=3", "in_port=3"},
      {"reg0=0x5/0xff,NXM_NX_REG15=1", "reg0=0x5/0xff,reg15=0x1"},
      {"reg0=-1", "reg0=0xffffffff"},
      {"xreg1=7", "reg2=0x0,reg3=0x7"},
      {"xxreg1=0x10000000000000009", "reg4=0x0,reg5=0x1,reg6=0x0,reg7=0x9"},
      {"reg0=1/1,reg0=2/2", "reg0=0x3/0x3"},
      {"metadata=0x5", "metadata=0x5"},
      {"metadata=0x5/0xff", "metadata=0x5/0xff"},
      {"ct_state=+trk+est-new,ct_mark=1,ct_zone=3,ct_label=0x5",
       "ct_state=-new+est+trk,ct_zone=3,ct_mark=0x1,ct_label=0x5"},
      {"ct_state=+trk-inv,ct_nw_src=10.0.0.1,ct_tp_dst=80,ct_nw_proto=6",
       "ct_state=-inv+trk,ct_nw_src=10.0.0.1,ct_nw_proto=6,ct_tp_dst=80"},
      {"ct_label=0x123456789abcdef0123456789abcdef/0xffffffffffffffffffffffffffffffff",
       "ct_label=0x123456789abcdef0123456789abcdef"},
      {"ct_state=0x21/0x21", "ct_state=+new+trk"},
      {"tun_id=5,tun_src=1.2.3.4,tun_flags=+oam,tun_ipv6_dst=::1",
       "tun_id=0x5,tun_src=1.2.3.4,tun_ipv6_dst=::1,tun_flags=+oam"},
      {"tunnel_id=0x100/0xff00,tun_gbp_id=9,tun_gbp_flags=0x8",
       "tun_id=0x100/0xff00,tun_gbp_id=9,tun_gbp_flags=0x8"},
      {"tun_erspan_ver=1,tun_erspan_idx=0xfffff", "tun_erspan_ver=1,tun_erspan_idx=0xfffff"},
      {"pkt_mark=1/1", "pkt_mark=0x1/0x1"},
      {"packet_type=(0,0)", "packet_type=(0,0x0)"},
      {"eth,arp", "arp,packet_type=(0,0x0)"},
      {"packet_type=(1,0x800),nw_src=1.2.3.4", "ip,packet_type=(1,0x800),nw_src=1.2.3.4"},
      {"actset_output=LOCAL,conj_id=4", "conj_id=4,actset_output=LOCAL"},
  };
  for (const Case& c : cases) {
    INFO(c.in);
    CHECK(Rewritten(c.in) == c.out);
    CHECK(Rewritten(c.out) == c.out);
  }
}

TEST_CASE("match text: what is wrong, and where") {
  struct Case {
    std::string_view in, message;
    size_t caret;
  };
  const Case cases[] = {
      {"tp_dst=5", "tp_dst needs tcp, udp or sctp", 0},
      {"ip,tp_dst=5", "tp_dst needs tcp, udp or sctp", 3},
      {"udp,tcp_dst=5", "tcp_dst needs tcp or tcp6", 4},
      {"nw_src=1.2.3.4", "nw_src needs ip, arp or rarp", 0},
      {"ipv6,nw_src=1.2.3.4", "nw_src needs ip, arp or rarp", 5},
      {"ip_frag=yes", "ip_frag needs ip or ipv6", 0},
      {"ip,ipv6_label=5", "ipv6_label needs ipv6", 3},
      {"ip,arp_op=5", "arp_op needs arp or rarp", 3},
      {"tcp,icmp_type=5", "icmp_type needs icmp or icmp6", 4},
      {"icmp6,nd_target=::1", "nd_target needs icmp6 with icmp_type=135 or icmp_type=136", 6},
      {"icmp6,icmp_type=136,nd_sll=00:00:00:00:00:01", "nd_sll needs icmp6 with icmp_type=135", 20},
      {"ct_nw_src=1.2.3.4",
       "ct_nw_src needs a tracked connection (ct_state=+trk-inv, +new, +est or +rel)", 0},
      {"vlan_tpid=0x8100", "vlan_tpid needs a VLAN tag (vlan_tci=0x1000/0x1000)", 0},
      {"packet_type=(1,0x800),dl_src=0:0:0:0:0:1", "dl_src needs an Ethernet packet", 22},
      {"ip,arp", "arp contradicts what was said before", 3},
      {"tcp,nw_proto=17", "nw_proto contradicts what was said before", 13},
      {"in_port=1,in_port=2", "in_port contradicts what was said before", 18},
      {"dl_vlan=1,dl_vlan=0xffff", "vlan_tci contradicts what was said before", 18},
      {"in_port=5/7", "in_port takes no mask", 8},
      {"arp,ip_src=1.2.3.4", "ip_src needs ip", 4},
      {"in_port=nope", "there is no port nope", 8},
      {"in_port=70000", "a port is a number of 0 to 65279, or a name", 8},
      {"dl_type=0x1234/0xff", "dl_type takes no mask", 8},
      {"dl_vlan=0x5/0x7", "dl_vlan takes no mask", 8},
      {"dl_vlan=4096", "dl_vlan must be a number of 0 to 4095", 8},
      {"reg0=0x1ffffffff", "reg0 must be a number of 0 to 0xffffffff", 5},
      {"reg0=1/x", "the mask of reg0 must be a number of 0 to 0xffffffff", 7},
      {"reg0=", "reg0 needs a value", 5},
      {"reg0", "reg0 needs a value", 0},
      {"reg16=1", "unknown field reg16; did you mean reg1?", 0},
      {"nw_dts=1.2.3.4", "unknown field nw_dts; did you mean nw_dst?", 0},
      {"foo=1", "unknown field foo", 0},
      {"ip,nw_dst=10.0.0.0/33", "the mask of nw_dst must be an IPv4 address or a length of 0 to 32",
       19},
      {"ip,nw_dst=10.0.0", "nw_dst must be an IPv4 address", 10},
      {"ipv6,ipv6_dst=10.0.0.1", "ipv6_dst must be an IPv6 address", 14},
      {"dl_src=1:2:3", "dl_src must be an Ethernet address", 7},
      {"ip,nw_tos=33", "nw_tos must be a multiple of 4; nw_ecn has the rest", 10},
      {"ip,nw_ecn=4", "nw_ecn must be a number of 0 to 3", 10},
      {"tcp,tcp_flags=+foo",
       "expected a flag of tcp_flags (fin, syn, rst, psh, ack, urg, ece, cwr, ns)", 15},
      {"tcp,tcp_flags=+syn-syn", "flag syn is given twice", 19},
      {"packet_type=1", "", 0},
      {"packet_type=(1,2", "parentheses or quotes are not closed", 12},
      {"packet_type=(1)", "packet_type must be (NAMESPACE,TYPE), such as (0,0) or (1,0x800)", 12},
      {"in_port=\"web", "parentheses or quotes are not closed", 8},
      {"dl_src", "dl_src needs a value", 0},
  };
  for (const Case& c : cases) {
    INFO(c.in);
    const auto match = ParseMatch(c.in, &kPorts);
    if (c.message.empty()) {
      CHECK(match.ok());
      continue;
    }
    REQUIRE_FALSE(match.ok());
    const std::string message(match.status().message());
    CHECK(message.substr(0, message.find('\n')) == c.message);
    CHECK(attr::TextErrorOffset(match.status()) == c.caret);
  }
}

TEST_CASE("match: packets match or do not") {
  const auto match = ParseMatch("tcp,nw_dst=10.0.0.0/8,tp_dst=80", nullptr);
  REQUIRE_OK(match);
  Fields packet;
  packet.eth_type = Be16::FromHost(0x0800);
  packet.nw_proto = 6;
  packet.nw_dst = {{10, 9, 8, 7}};
  packet.tp_dst = Be16::FromHost(80);
  CHECK(match->Matches(packet));
  CHECK(MatchesUnder(packet, match->Value(), match->Mask()));
  packet.tp_dst = Be16::FromHost(81);
  CHECK_FALSE(match->Matches(packet));
  CHECK(Match().Matches(packet));
  CHECK(Match().IsCatchAll());
}

TEST_CASE("match: one covers another when it asks no more") {
  const auto parse = [](std::string_view text) { return ParseMatch(text, nullptr).value(); };
  struct Case {
    std::string_view wide, narrow;
    bool covers;
  };
  const Case cases[] = {
      {"", "", true},
      {"", "tcp,tp_dst=1", true},
      {"ip", "tcp", true},
      {"tcp", "ip", false},
      {"ip,nw_dst=10.0.0.0/8", "ip,nw_dst=10.1.0.0/16", true},
      {"ip,nw_dst=10.1.0.0/16", "ip,nw_dst=10.0.0.0/8", false},
      {"ip,nw_dst=10.0.0.0/8", "ip,nw_dst=11.1.0.0/16", false},
      {"reg3=1", "reg0=2,reg3=1,metadata=4", true},
      {"reg3=1", "reg0=2,metadata=4", false},
      {"in_port=1", "in_port=1", true},
  };
  for (const Case& c : cases) {
    INFO(c.wide << " | " << c.narrow);
    CHECK(parse(c.wide).Covers(parse(c.narrow)) == c.covers);
  }
}

}  // namespace
}  // namespace sluice::pipeline
