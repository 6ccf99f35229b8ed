// The text of flows: what users of ovs-dpctl(8) and of the kernel's selftests write, what comes
// back, and where errors stand.
#include "netlink/attr/text.h"

#include <bit>

#include "absl/strings/str_cat.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/flow_key.h"
#include "tests/support/test.h"

namespace sluice {
namespace {

using attr::MaskView;
using attr::TextOptions;
using base::ByteVector;

class Ports : public attr::PortNames {
 public:
  std::string_view NameOf(uint32_t port) const override {
    for (const auto& [number, name] : kPorts)
      if (number == port) return name;
    return {};
  }
  std::optional<uint32_t> NumberOf(std::string_view name) const override {
    for (const auto& [number, port] : kPorts)
      if (name == port) return number;
    return std::nullopt;
  }

 private:
  static constexpr std::pair<uint32_t, std::string_view> kPorts[] = {
      {1, "eth0"}, {2, "drop"}, {3, "7"}, {4, "veth@if5"}, {5, "br-ex.100"}, {6, "action9"}};
};
const Ports kPorts;

std::string Key(std::string_view text, const TextOptions& options = {}) {
  auto read = attr::ParseSet(ovs::kKeyTable, text, options);
  if (!read.ok()) return std::string(read.status().message());
  std::string out;
  attr::AppendSet(ovs::kKeyTable, read->value, MaskView::Of(read->mask), options, &out);
  return out;
}

std::string Actions(std::string_view text, const TextOptions& options = {}) {
  auto read = attr::ParseList(ovs::kActionTable, text, options);
  if (!read.ok()) return std::string(read.status().message());
  std::string out;
  attr::AppendList(ovs::kActionTable, *read, options, &out);
  return out;
}

struct Case {
  const char* text;
  const char* shown = nullptr;  // null: the same
};

TEST_CASE("keys: what is written and what is shown") {
  static constexpr Case kCases[] = {
      {"recirc_id(0x1)"},
      {"recirc_id(1)", "recirc_id(0x1)"},
      {"recirc_id(0)"},
      {"dp_hash(0x5/0xff)"},
      {"skb_priority(0x5)"},
      {"priority(5)", "skb_priority(0x5)"},
      {"skb_mark(0x5/0xff)"},
      {"ct_mark(010)", "ct_mark(0x8)"},
      {"ct_zone(5)"},
      {"ct_zone(5/0xff)"},
      {"ct_state(+trk+est-new)", "ct_state(-new+est+trk)"},
      {"ct_state(0x21/0x23)", "ct_state(+new-est+trk)"},
      {"ct_state(trk|est)", "ct_state(est|trk)"},
      {"ct_state(0x100/0x100)"},
      {"ct_label(0x1/0xf)"},
      {"ct_label(0xffffffffffffffff0000000000000001)"},
      {"ct_tuple4(src=10.0.0.1,dst=10.0.0.2,proto=6,tp_src=1,tp_dst=2)"},
      {"ct_tuple6(src=::1,dst=::2,proto=6,src_port=1,dst_port=2)",
       "ct_tuple6(src=::1,dst=::2,proto=6,tp_src=1,tp_dst=2)"},
      {"tunnel(tun_id=0x1/0xff,src=10.0.0.1,dst=10.0.0.2,ipv6_src=::1,ipv6_dst=::2,tos=0x4,ttl=64,"
       "tp_src=1,tp_dst=4789,flags(df|csum))"},
      {"tunnel(tun_id=1,ttl=64,flags(+df-csum+key))", "tunnel(tun_id=0x1,ttl=64,flags(+df-csum))"},
      {"tunnel(flags(key))", "tunnel(flags(-df-csum-oam))"},
      {"tunnel(flags(df|key|csum))", "tunnel(flags(df|csum))"},
      {"tunnel(flags(bridge|df))", "tunnel(flags(df|bridge))"},
      {"tunnel(vxlan(gbp(id=10,flags=0x8)))"},
      {"tunnel(geneve({class=0x102,type=0x80,len=4,0x7f/0xff}{class=0x2,len=0}))",
       "tunnel(geneve({class=0x102,type=0x80,len=4,0x0000007f/0x000000ff}{class=0x2,len=0}))"},
      {"tunnel(geneve({class=0x102,type=0x80/0xf,len=8/0xff,0x0102030405060708}))"},
      {"tunnel(erspan(ver=1,idx=0x7))"},
      {"tunnel(erspan(ver=2,dir=1,hwid=0x27))"},
      {"in_port(1)"},
      {"in_port(1/0xff)"},
      {"eth()"},
      {"eth(src=0a:00:00:00:00:01,dst=a:0:0:0:0:2/01:00:00:00:00:00)",
       "eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02/01:00:00:00:00:00)"},
      {"eth_type(0x8100),vlan(vid=5,pcp=1),encap(eth_type(0x0800),ipv4(proto=6),tcp(dst=80))"},
      {"eth_type(0x8100),vlan(vid=5/0xfff,pcp=1/7,cfi=0),encap()",
       "eth_type(0x8100),vlan(vid=5,pcp=1,cfi=0),encap()"},
      {"vlan()"},
      {"eth_type(0x88a8),vlan(vid=1,pcp=0),encap(eth_type(0x8100),vlan(vid=2,pcp=0),"
       "encap(eth_type(0x0806)))"},
      {"eth_type(2048)", "eth_type(0x0800)"},
      {"eth_type(0x0800/0xff00)", "eth_type(0x0800/0xff00)"},
      {"mpls(label=1,tc=2,ttl=3,bos=0,label=4,tc=5,ttl=6,bos=1)"},
      {"mpls(label=1/0xff,bos=0/0,label=4)",
       "mpls(label=1/0xff,tc=0/0,ttl=0/0,bos=0/0,label=4,tc=0/0,ttl=0/0,bos=0/0)"},
      {"ipv4(src=10.0.0.0/8,dst=10.0.0.1,proto=17,tos=0,ttl=64,frag=no)",
       "ipv4(src=10.0.0.0/255.0.0.0,dst=10.0.0.1,proto=17,tos=0,ttl=64,frag=no)"},
      {"ipv4(dst=10.0.0.0/255.0.255.0,frag=later)"},
      {"ipv6(src=fd00::/16,dst=::1,label=0x5,proto=58,tclass=0x10,hlimit=255,frag=first)",
       "ipv6(src=fd00::/ffff::,dst=::1,label=0x5,proto=58,tclass=0x10,hlimit=255,frag=first)"},
      {"ipv6(dst=::ffff:10.0.0.1/::ffff:255.255.255.255)"},
      {"ipv6_exthdrs(hop|frag)", "ipv6_exthdrs(frag|hop)"},
      {"tcp(src=80/0xfff0,dst=0x50)", "tcp(src=80/0xfff0,dst=80)"},
      {"udp(src=1)"},
      {"sctp(dst=2)"},
      {"tcp_flags(+syn-ack)"},
      {"tcp_flags(syn|ack)"},
      {"tcp_flags(0x2/0xfff)", "tcp_flags(syn)"},
      {"tcp_flags(+[200]-[800])"},
      {"tcp_flags(0)"},
      {"icmp(type=8/0xff,code=0)", "icmp(type=8,code=0)"},
      {"icmpv6(type=135)"},
      {"arp(sip=10.0.0.1,tip=10.0.0.2,op=1,sha=00:00:00:00:00:01,tha=00:00:00:00:00:02)"},
      {"nd(target=fe80::1,sll=00:00:00:00:00:01,tll=00:00:00:00:00:02)"},
      {"nsh(flags=0,ttl=63,mdtype=1,np=3,spi=0x10,si=255,c1=0x1,c2=0x2,c3=0x3,c4=0)"},
      {"nsh(spi=0x10/0xff)"},
      {"key99(0a 0b/ff 00)"},
      {"key99(0a0b)", "key99(0a 0b/ff ff)"},
      {"key99()", "key99(/)"},
      {"in_port(1) eth()\t,ipv4( proto = 6 )", "in_port(1),eth(),ipv4(proto=6)"},
      {"ipv4(proto=6),in_port(1)", "in_port(1),ipv4(proto=6)"},
      {"", ""},
  };
  for (const Case& c : kCases) {
    CAPTURE(c.text);
    const std::string shown = c.shown != nullptr ? c.shown : c.text;
    CHECK(Key(c.text) == shown);
    CHECK(Key(shown) == shown);
  }
}

TEST_CASE("actions: what is written and what is shown") {
  static constexpr Case kCases[] = {
      {"3"},
      {"output(3)", "3"},
      {"", "drop"},
      {"drop"},
      {"drop(0)"},
      {"drop(5)"},
      {"1,2 3", "1,2,3"},
      {"trunc(100),1"},
      {"recirc(1)", "recirc(0x1)"},
      {"hash(l4(0)),recirc(0x1)"},
      {"hash(sym_l4(5))"},
      {"hash(7(0))"},
      {"push_vlan(vid=5,pcp=1)"},
      {"push_vlan(tpid=0x88a8,vid=5,pcp=1,cfi=0)"},
      {"push_vlan(vid=10,pcp=0,tpid=0x8100)", "push_vlan(vid=10,pcp=0)"},
      {"pop_vlan,ct_clear,pop_eth"},
      {"pop_vlan()", "pop_vlan"},
      {"push_mpls(label=1,tc=2,ttl=64,bos=1,eth_type=0x8847)"},
      {"pop_mpls(eth_type=0x800)"},
      {"add_mpls(label=1,tc=2,ttl=64,bos=1,eth_type=0x8847)"},
      {"add_mpls(label=1,tc=2,ttl=64,bos=1,eth_type=0x8847,tun_flags=0x1)"},
      {"push_eth(src=00:00:00:00:00:01,dst=00:00:00:00:00:02)"},
      {"push_nsh(flags=0,ttl=63,mdtype=1,np=3,spi=0x10,si=255,c1=0x1,c2=0x2,c3=0x3,c4=0x4)"},
      {"push_nsh(flags=0,ttl=63,mdtype=2,np=3,spi=0x10,si=255,md2=0x00010203)"},
      {"pop_nsh()"},
      {"pop_nsh", "pop_nsh()"},
      {"set(eth(src=00:00:00:00:00:01,dst=00:00:00:00:00:02))"},
      {"set(eth(dst=00:00:00:00:00:02))"},
      {"set(eth(dst=00:00:00:00:00:02/00:00:00:00:00:ff))"},
      {"set_masked(eth(dst=00:00:00:00:00:02))", "set(eth(dst=00:00:00:00:00:02))"},
      {"set_masked(tcp(src=1,dst=2))"},
      {"set(tcp(src=1/0xffff,dst=2/0xffff))", "set_masked(tcp(src=1,dst=2))"},
      {"set(skb_mark(5))", "set(skb_mark(0x5))"},
      {"set(skb_mark(0x5/0xff))"},
      {"set(nsh(ttl=63))"},
      {"set(tunnel(tun_id=0x1,dst=10.0.0.1,ttl=64,tp_dst=6081,"
       "geneve({class=0x102,type=0x80,len=4,0x0000007f}),flags(df|csum|key)))",
       "set(tunnel(tun_id=0x1,dst=10.0.0.1,ttl=64,tp_dst=6081,"
       "geneve({class=0x102,type=0x80,len=4,0x0000007f}),flags(df|csum)))"},
      {"set(key99(01 02))"},
      {"set(key99(01 02/ff 0f))"},
      {"ct"},
      {"ct()", "ct"},
      {"ct(commit)"},
      {"ct(force_commit,zone=5,mark=0x1/0xff,label=0x1/0xf,helper=ftp,eventmask=0x4,timeout=abc)"},
      {"ct(mark=1)", "ct(mark=0x1/0xffffffff)"},
      {"ct(mark=0/0)", "ct(mark=0/0)"},
      {"ct(commit,nat)"},
      {"ct(nat())", "ct(nat)"},
      {"ct(nat(src))"},
      {"ct(nat(src=10.0.0.1))"},
      {"ct(nat(dst=10.0.0.1-10.0.0.9:10-20,persistent,random))"},
      {"ct(nat(src=10.0.0.1:80,hash))"},
      {"ct(nat(src=fd00::1-fd00::9))"},
      {"ct(nat(src=[fd00::1]-[fd00::9]:10-20))"},
      {"ct(nat(src=::ffff:10.0.0.1))"},
      {"ct(nat(src= 10.0.0.1 - 10.0.0.2 : 80))", "ct(nat(src=10.0.0.1-10.0.0.2:80))"},
      {"ct(nat(src=:80-90))"},
      {"sample(sample=50.0%,actions(1,2))"},
      {"sample(sample=100%,actions(drop))", "sample(sample=100.0%,actions(drop))"},
      {"sample(sample=0.0001%,actions(1))", "sample(sample=0.0001%,actions(1))"},
      {"clone(1,clone(2),drop(3))"},
      {"check_pkt_len(size=200,gt(1,2),le(drop))"},
      {"check_pkt_len(size=200,le(drop),gt(1))", "check_pkt_len(size=200,gt(1),le(drop))"},
      {"meter(3)"},
      {"psample(group=1,cookie=c0ffee)", "psample(group=1,cookie=0xc0ffee)"},
      {"psample(group=1,cookie=0x0102)"},
      {"psample(group=1)"},
      {"dec_ttl(le_1())", "dec_ttl(le_1(drop))"},
      {"dec_ttl(le_1(userspace(pid=5)))"},
      {"userspace(pid=5,userdata=0a0b)", "userspace(pid=5,userdata(0a0b))"},
      {"userspace(pid=5,userdata(0a0b),tunnel_out_port=3,actions)"},
      {"userspace(pid=5,userdata())"},
      {"userspace(pid=5,sFlow(vid=5,pcp=1,output=7))"},
      {"userspace(pid=5,sFlow(vid=5,pcp=1,cfi=0,output=7,in_port=3))"},
      {"userspace(pid=5,slow_path(cfm,bfd,match))"},
      {"userspace(pid=5,slow_path(cfm|bfd|lacp|stp|lldp|action|match))",
       "userspace(pid=5,slow_path(cfm,bfd,lacp,stp,lldp,action,match))"},
      {"userspace(pid=5,slow_path(0))"},
      {"userspace(pid=5,slow_path())", "userspace(pid=5,slow_path(0))"},
      {"userspace(pid=5,slow_path(match,0x80))"},
      {"userspace(pid=5,slow_path(action,in_port=2,ofproto=00000001-0002-0003-0004-000500060007))"},
      {"userspace(pid=5,flow_sample(probability=1,collector_set_id=2,obs_domain_id=3,"
       "obs_point_id=4,output_port=5))"},
      {"userspace(pid=5,flow_sample(probability=1,collector_set_id=2,obs_domain_id=3,"
       "obs_point_id=4,output_port=5,egress))"},
      {"userspace(pid=5,ipfix(output_port=3))"},
      {"userspace(pid=5,controller(reason=1,dont_send=0,continuation=1,recirc_id=9,"
       "rule_cookie=0xabc,controller_id=3,max_len=65535))"},
      {"userspace(pid=5,userdata(000000000000000000000000000000000000000000000000000000000000000000"
       "000000000000000000000000000000))"},
      {"userspace(actions,pid=4294967295)"},
      {"action77(0a 0b)"},
      {"action77()"},
  };
  for (const Case& c : kCases) {
    CAPTURE(c.text);
    const std::string shown = c.shown != nullptr ? c.shown : c.text;
    CHECK(Actions(c.text) == shown);
    CHECK(Actions(shown) == shown);
  }
}

TEST_CASE("names of ports are written and read where they cannot be mistaken") {
  const TextOptions names{.ports = &kPorts};
  CHECK(Key("in_port(eth0)", names) == "in_port(eth0)");
  CHECK(Key("in_port(eth0)") != "in_port(eth0)");
  CHECK(Key("in_port(4)", names) == "in_port(veth@if5)");
  CHECK(Key("in_port(veth@if5)", names) == "in_port(veth@if5)");
  CHECK(Key("in_port(eth0/0xff)", names) == "in_port(eth0/0xff)");
  CHECK(Key("in_port(3)", names) == "in_port(3)");  // its name is a number
  CHECK(Key("in_port(7)", names) == "in_port(7)");
  CHECK(Actions("1,2,3,4,5,6,9", names) == "eth0,2,3,4,br-ex.100,6,9");
  CHECK(Actions("eth0,br-ex.100", names) == "eth0,br-ex.100");
  CHECK(Actions("clone(eth0)", names) == "clone(eth0)");
  CHECK(Actions("veth@if5", names) == "4");
}

TEST_CASE("strings with odd characters are shown as bytes") {
  for (std::string_view helper : {"a,b", "x)", "", "a b", "\xff", "a=b", "ftp\0x"}) {
    ByteVector bytes;
    attr::Writer writer(&bytes);
    {
      auto ct = writer.Nest(OVS_ACTION_ATTR_CT);
      writer.PutString(OVS_CT_ATTR_HELPER, helper);
    }
    std::string text;
    attr::AppendList(ovs::kActionTable, bytes, {}, &text);
    CAPTURE(text);
    auto read = attr::ParseList(ovs::kActionTable, text, {});
    REQUIRE(read.ok());
    CHECK(*read == bytes);
  }
}

TEST_CASE("bits that no field covers are not lost") {
  std::array<uint8_t, 24> arp{};
  arp[23] = 1;  // padding
  ByteVector bytes;
  attr::Writer(&bytes).Put(OVS_KEY_ATTR_ARP, arp);
  std::string text;
  attr::AppendSet(ovs::kKeyTable, bytes, {}, {}, &text);
  auto read = attr::ParseSet(ovs::kKeyTable, text, {});
  REQUIRE(read.ok());
  CHECK(read->value == bytes);
}

struct Bad {
  const char* text;
  size_t offset;
  const char* expected;
};

TEST_CASE("keys: where an error stands") {
  static constexpr Bad kCases[] = {
      {"in_port", 7, "expected '('"},
      {"in_port(", 8, "expected a port"},
      {"in_port(x)", 8, "expected a port"},
      {"in_port(1", 9, "expected ')'"},
      {"in_port(1))", 10, "expected the end of the text"},
      {"in_port(4294967296)", 8, "expected a number of at most 4294967295"},
      {"in_port(1)eth()", 10, "expected ',' or ')'"},
      {"in_port(1),in_port(2)", 11, "expected each field only once"},
      {"nonsense(1)", 0, "expected one of recirc_id, "},
      {"ipv4(src=10.0.0)", 9, "expected an IPv4 address"},
      {"ipv4(src=10.0.0.0/33)", 18, "expected a prefix of at most 32"},
      {"ipv4(foo=1)", 5, "expected one of src, dst, proto, tos, ttl, frag, or ')'"},
      {"ipv4(proto=6,proto=7)", 13, "expected each field only once"},
      {"ipv4(proto=256)", 11, "expected a number of at most 255"},
      {"ipv4(frag=maybe)", 10, "expected a name or a number"},
      {"ipv6(src=::g)", 9, "expected an IPv6 address"},
      {"ipv6(src=::/129)", 12, "expected a prefix of at most 128"},
      {"eth(src=00:11)", 8, "expected a MAC address"},
      {"ct_label(0x100000000000000000000000000000000)", 9, "expected a hexadecimal number"},
      {"ct_state(+foo)", 10, "expected the name of a flag"},
      {"ct_state(+trk-trk)", 14, "expected each flag only once"},
      {"ct_state(foo)", 9, "expected the name of a flag, or a number"},
      {"vlan(vid=4096)", 9, "expected a number of at most 4095"},
      {"tcp(src=09)", 8, "expected a number"},
      {"tunnel(flags(foo))", 13, "expected the name of a flag"},
      {"tunnel(flags(df),df)", 17, "expected each field only once"},
      {"tunnel(geneve({len=3}))", 15, "expected a length that is a multiple of 4"},
      {"tunnel(geneve({class=1,0x01}))", 23, "expected len before the data, and no more data than"},
      {"nsh(ttl=1,ttl=2)", 10, "expected each field only once"},
      {"nsh(nsh_key1(00),ttl=2)", 17, "expected each field only once"},
      {"key99(0)", 6, "expected pairs of hexadecimal digits"},
      {"key99(00/0000)", 9, "expected a mask of as many bytes as the value"},
      {"key99999(00)", 0, "expected one of recirc_id, "},
  };
  for (const Bad& c : kCases) {
    CAPTURE(c.text);
    const absl::Status status = attr::ParseSet(ovs::kKeyTable, c.text, {}).status();
    const std::string message(status.message());
    CAPTURE(message);
    REQUIRE(attr::TextErrorOffset(status).has_value());
    CHECK(*attr::TextErrorOffset(status) == c.offset);
    CHECK(message.substr(0, std::strlen(c.expected)) == c.expected);
    CHECK(message.substr(message.rfind('\n')) == "\n  " + std::string(c.offset, ' ') + "^");
  }
}

TEST_CASE("actions: where an error stands") {
  static constexpr Bad kCases[] = {
      {"nonsense", 0, "expected a port, or one of output, "},
      {"1,nonsense", 2, "expected a port, or one of output, "},
      {"1,,2", 2, "expected a port, or one of output, "},
      {"drop,1", 4, "expected the end of the text"},
      {"set()", 4, "expected exactly one field to set"},
      {"set(eth(),tcp())", 4, "expected exactly one field to set"},
      {"hash(l5(0))", 5, "expected a number"},
      {"sample(sample=101%,actions(1))", 14, "expected a percentage from 0% to 100%"},
      {"ct(nat(src=10.0.0.1-fd00::1))", 20, "expected two addresses of one family"},
      {"ct(nat(foo))", 7, "expected src, dst, persistent, hash or random"},
      {"ct(nat(src,src))", 11, "expected each word only once"},
      {"ct(nat(src=x))", 11, "expected an address, or ':' and a port"},
      {"ct(commit,force_commit)", 10, "expected either commit or force_commit, not both"},
      {"ct(force_commit,zone=1,commit)", 23, "expected either commit or force_commit, not both"},
      {"ct(commit,commit)", 10, "expected each field only once"},
      {"ct(zone=65536)", 8, "expected a number of at most 65535"},
      {"ct(helper=)", 10, "expected a name"},
      {"userspace(pid=1,userdata(0))", 25, "expected pairs of hexadecimal digits"},
      {"userspace(pid=1,slow_path(cfm,foo))", 30, "expected one of cfm, bfd, lacp, "},
      {"userspace(pid=1,sFlow(vid=1,vid=2))", 28, "expected each field only once"},
      {"userspace(pid=1,ipfix(ofproto=x))", 30, "expected a UUID"},
      {"psample(group=1,cookie=0x000102030405060708090a0b0c0d0e0f10)", 23,
       "expected at most 16 bytes"},
      {"ct(helper=a_name_with_16_b)", 10, "expected a name of at most 15 bytes"},
      {"clone(1", 7, "expected ')'"},
      {"clone(clone(foo))", 12, "expected a port, or one of output, "},
  };
  for (const Bad& c : kCases) {
    CAPTURE(c.text);
    const absl::Status status = attr::ParseList(ovs::kActionTable, c.text, {}).status();
    const std::string message(status.message());
    CAPTURE(message);
    REQUIRE(attr::TextErrorOffset(status).has_value());
    CHECK(*attr::TextErrorOffset(status) == c.offset);
    CHECK(message.substr(0, std::strlen(c.expected)) == c.expected);
  }
}

TEST_CASE("cookies of Open vSwitch have the bytes that its agent gives them") {
  // What ovs-dpctl 3.1 sent to the kernel for these words.
  static constexpr std::pair<const char*, const char*> kCases[] = {
      {"sFlow(vid=5,pcp=1,output=7)",
       "01000000ffff0000000000000000000000000000000000003005000007000000000000000000000000000000000"
       "0"
       "0000"},
      {"slow_path(cfm|match)",
       "02000000ffff0000000000000000000000000000000000000000000041000000000000000000000000000000000"
       "0"
       "0000"},
      {"flow_sample(probability=1,collector_set_id=2,obs_domain_id=3,obs_point_id=4,output_port=5,"
       "ingress)",
       "03000000ffff0000000000000000000000000000000000000100000002000000030000000400000005000000010"
       "0"
       "0000"},
      {"ipfix(output_port=3)",
       "04000000ffff0000000000000000000000000000000000000300000000000000000000000000000000000000000"
       "0"
       "0000"},
      {"controller(reason=1,dont_send=1,continuation=1,recirc_id=9,rule_cookie=0xabc,"
       "controller_id=3,max_len=65535)",
       "05000000ffff00000000000000000000000000000000000001010100090000000000000000000abc0300ffff000"
       "0"
       "0000"},
  };
  for (const auto& [words, hex] : kCases) {
    CAPTURE(words);
    const auto by_words =
        attr::ParseList(ovs::kActionTable, absl::StrCat("userspace(pid=7,", words, ")"), {});
    const auto by_bytes = attr::ParseList(ovs::kActionTable,
                                          absl::StrCat("userspace(pid=7,userdata(", hex, "))"), {});
    REQUIRE(by_words.ok());
    REQUIRE(by_bytes.ok());
    CHECK(base::ToHex(*by_words) == base::ToHex(*by_bytes));
  }
}

TEST_CASE("labels of connections lie in the host's byte order") {
  const auto read = attr::ParseSet(ovs::kKeyTable, "ct_label(0x102)", {});
  REQUIRE(read.ok());
  ovs::FlowKey key{};
  REQUIRE_FALSE(ovs::DecodeFlowKey(read->value, &key, nullptr));
  const bool low_first = std::endian::native == std::endian::little;
  CHECK(key.ct_labels[low_first ? 0 : 15] == 2);
  CHECK(key.ct_labels[low_first ? 1 : 14] == 1);
}

TEST_CASE("the place of an error in a long text fits the columns") {
  const std::string text = std::string(300, 'a') + "X" + std::string(300, 'b');
  for (const size_t width : {size_t{20}, size_t{38}, size_t{78}}) {
    for (const size_t offset : {size_t{0}, size_t{15}, size_t{300}, size_t{590}, text.size()}) {
      CAPTURE(width, offset);
      const std::string place = attr::PlaceInText(text, offset, width);
      const size_t end = place.find('\n');
      const size_t column = place.size() - end - 2;
      CHECK(end <= width);
      CHECK(column < width);
      if (offset < text.size()) CHECK(place[column] == text[offset]);
    }
  }
  CHECK(attr::PlaceInText(text, 300, 20) == "...aaaaaaaaaaXbbb...\n             ^");
  CHECK(attr::PlaceInText("a\tb\n\xff", 2, 40) == "a b ?\n  ^");
  const absl::Status status = attr::TextError(text, 300, "expected less");
  CHECK(attr::TextErrorText(status) == text);
  CHECK(status.message().size() < 250);
}

}  // namespace
}  // namespace sluice
