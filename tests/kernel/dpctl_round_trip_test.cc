// Whatever dump-flows prints, add-flows takes: the same flows are then in the kernel. Flows of
// every kind that the kernel takes, in both dialects, by ours and by the peer's program.
#include <span>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/support/shell.h"
#include "tests/support/test.h"

namespace sluice {
namespace {

using testing::Has;
using testing::Run;
using testing::Succeed;
using testing::WriteFile;

#define L2 "in_port(1),eth(),"
#define IP L2 "eth_type(0x0800),ipv4(frag=no)"
#define TCP L2 "eth_type(0x0800),ipv4(proto=6,frag=no),tcp()"
#define IP6 L2 "eth_type(0x86dd),ipv6(frag=no)"
#define TUNNEL "tun_id=0x1,src=10.0.0.1,dst=10.0.0.2,ttl=64,tp_dst=6081"

// What the peer's release 3.1 can read of what we print.
enum class Peer { kReads, kNot };

struct Flow {
  const char* key;
  const char* actions;
  Peer peer = Peer::kNot;
};

// Fields. Some kernels refuse some: what they take is what counts.
constexpr Flow kFields[] = {
    {"recirc_id(0x1)," L2 "eth_type(0x0806)", "7", Peer::kReads},
    {"recirc_id(17)," L2 "eth_type(2054)", "7", Peer::kReads},
    {"dp_hash(0x5/0xff)," IP, "7", Peer::kReads},
    {"skb_priority(0x5/0xf)," IP, "7", Peer::kReads},
    {"ct_state(+trk+est-new),ct_mark(0x5/0xff),ct_label(0x1/0xf)," IP, "7", Peer::kReads},
    {"ct_state(0x21/0x23)," IP, "7", Peer::kReads},
    {"ct_state(trk|est)," IP, "7"},
    {"ct_state(+trk),ct_zone(5/0xff)," IP, "7", Peer::kReads},
    {"ct_label(0xffffffffffffffff0000000000000001)," IP, "7", Peer::kReads},
    {"ct_state(+trk),ct_tuple4(src=10.0.0.1,dst=10.0.0.0/24,proto=6,tp_src=1,tp_dst=0x50)," TCP,
     "7", Peer::kReads},
    {"ct_state(+trk),ct_tuple6(src=::1,dst=fd00::/16,proto=6,src_port=1,dst_port=80)," L2
     "eth_type(0x86dd),ipv6(proto=6,frag=no),tcp()",
     "7"},
    {"tunnel(tun_id=1/255,src=10.0.0.1,dst=10.0.0.0/24,tos=4/0xfc,ttl=64,tp_src=1,tp_dst=4789,"
     "flags(df|csum|key))," IP,
     "7", Peer::kReads},
    {"tunnel(tun_id=0x1,src=10.0.0.1,dst=10.0.0.2,ttl=64,flags(+df-csum+key))," IP, "7"},
    {"tunnel(tun_id=0x1,ipv6_src=fd00::1,ipv6_dst=fd00::/64,ttl=64,tp_dst=6081,flags(key))," IP,
     "7", Peer::kReads},
    {"tunnel(" TUNNEL ",geneve({class=0x102,type=0x80,len=4,0x7f/0xff}{class=2,type=1,len=0}),"
     "flags(key))," IP,
     "7", Peer::kReads},
    {"tunnel(" TUNNEL ",vxlan(gbp(id=10,flags=0x8)),flags(key))," IP, "7"},
    {"tunnel(" TUNNEL ",erspan(ver=1,idx=0x7),flags(key))," IP, "7"},
    {"tunnel(" TUNNEL ",erspan(ver=2,dir=1,hwid=0x7),flags(key))," IP, "7"},
    {"in_port(7),eth(src=a:0:0:0:0:1,dst=01:00:00:00:00:00/01:00:00:00:00:00),eth_type(0x88cc)",
     "1", Peer::kReads},
    {"in_port(veth1),eth(),eth_type(0x88cc)", "veth0", Peer::kReads},
    {L2 "eth_type(0x8100),vlan(vid=5/0xfff,pcp=1/7),encap(eth_type(0x0800),ipv4(proto=6,frag=no),"
        "tcp(dst=80))",
     "7", Peer::kReads},
    {L2 "eth_type(0x8100),vlan(vid=0x10/0xf0,pcp=0/0),encap(eth_type(0x0806))", "7"},
    {L2 "eth_type(0x88a8),vlan(vid=1,pcp=0),encap(eth_type(0x8100),vlan(vid=2,pcp=0),"
        "encap(eth_type(0x0806)))",
     "7", Peer::kReads},
    {L2 "eth_type(0x8847),mpls(label=1,tc=2,ttl=3,bos=1)", "7", Peer::kReads},
    {L2 "eth_type(0x8847),mpls(label=0x10/0xf0,tc=0/0,ttl=64,bos=0,label=4,tc=5,ttl=6,bos=1)", "7"},
    {L2 "eth_type(0x0800),ipv4(src=10.0.0.0/8,dst=10.0.1.0/255.0.255.0,proto=17,tos=0x10/0xfc,"
        "ttl=64,frag=no),udp(src=0x35,dst=80/0xfff0)",
     "7", Peer::kReads},
    {L2 "eth_type(0x0800),ipv4(proto=17,frag=first),udp(dst=1)", "7", Peer::kReads},
    {L2 "eth_type(0x0800),ipv4(proto=17,frag=later)", "7", Peer::kReads},
    {L2 "eth_type(0x86dd),ipv6(src=fd00::/16,dst=::1,label=0x5/0xff,proto=132,tclass=0x10/0xfc,"
        "hlimit=255,frag=no),sctp(src=1,dst=2/0xff)",
     "7", Peer::kReads},
    {L2 "eth_type(0x86dd),ipv6(frag=no),ipv6_exthdrs(+hop-frag)", "7"},
    {TCP ",tcp_flags(+syn-ack)", "7", Peer::kReads},
    {TCP ",tcp_flags(0x2/0xfff)", "7"},
    {TCP ",tcp_flags(syn|ack)", "7"},
    {L2 "eth_type(0x0800),ipv4(proto=1,frag=no),icmp(type=8/0xf8,code=0)", "7", Peer::kReads},
    {L2 "eth_type(0x86dd),ipv6(proto=58,frag=no),icmpv6(type=135,code=0),"
        "nd(target=fe80::/10,sll=00:00:00:00:00:01,tll=00:00:00:00:00:00/00:00:00:00:00:00)",
     "7", Peer::kReads},
    {L2 "eth_type(0x0806),arp(sip=10.0.0.0/8,tip=10.0.0.2,op=1,sha=0a:00:00:00:00:01,"
        "tha=00:00:00:00:00:00/ff:00:00:00:00:00)",
     "7", Peer::kReads},
    {L2 "eth_type(0x894f),nsh(flags=0,ttl=63,mdtype=1,np=3,spi=0x10/0xff,si=255,c1=0x1,c2=2/3)",
     "7"},
    {"in_port(1),eth_type(0x0800),ipv4(frag=no)", "7", Peer::kReads},
};

// Actions, and fields where they need some.
constexpr Flow kActions[] = {
    {IP, "", Peer::kReads},
    {IP, "drop", Peer::kReads},
    {IP, "drop(0)"},
    {IP, "drop(5)"},
    {IP, "1,7,3", Peer::kReads},
    {IP, "output(7),veth0", Peer::kReads},
    {IP, "trunc(100),7", Peer::kReads},
    {IP, "recirc(1)"},
    {IP, "hash(l4(0)),recirc(0x2)"},
    {IP, "hash(sym_l4(5)),recirc(0x10)"},
    {IP, "push_vlan(vid=5,pcp=1),7", Peer::kReads},
    {IP, "push_vlan(vid=10,pcp=0,tpid=0x8100),push_vlan(tpid=0x88a8,vid=0x5,pcp=1),7",
     Peer::kReads},
    {L2 "eth_type(0x8100),vlan(vid=5,pcp=0),encap(eth_type(0x0806))", "pop_vlan,7", Peer::kReads},
    {IP, "ct_clear,7", Peer::kReads},
    {IP, "push_mpls(label=1,tc=2,ttl=64,bos=1,eth_type=0x8847),7"},
    {L2 "eth_type(0x8847),mpls(label=1,tc=0,ttl=9,bos=1)", "pop_mpls(eth_type=0x800),7"},
    {L2 "eth_type(0x8847),mpls(label=1,tc=0,ttl=9,bos=1)", "set(mpls(label=2,tc=0,ttl=8,bos=1)),7",
     Peer::kReads},
    {IP, "add_mpls(label=1,tc=2,ttl=64,bos=1,eth_type=0x8847),7", Peer::kReads},
    {IP, "pop_eth,push_eth(src=00:00:00:00:00:01,dst=00:00:00:00:00:02),7"},
    {L2 "eth_type(0x0806)",
     "push_nsh(flags=0,ttl=63,mdtype=1,np=3,spi=0x10,si=255,c1=0x1,c2=0x2,c3=0x3,c4=4),7",
     Peer::kReads},
    {L2 "eth_type(0x0806)",
     "push_nsh(flags=0,ttl=63,mdtype=2,np=3,spi=0x10,si=255,md2=0x00010203),7", Peer::kReads},
    {L2 "eth_type(0x894f),nsh(mdtype=1,np=3,spi=0x123,si=5)", "pop_nsh(),7"},
    {L2 "eth_type(0x894f),nsh(mdtype=1)", "set(nsh(ttl=5)),7"},
    {IP, "set(eth(src=00:00:00:00:00:01,dst=00:00:00:00:00:02)),7", Peer::kReads},
    {IP, "set(eth(dst=00:00:00:00:00:02/00:00:00:00:00:ff)),7", Peer::kReads},
    {IP, "set_masked(eth(dst=00:00:00:00:00:02)),7", Peer::kReads},
    {IP, "set(skb_priority(5)),set(skb_mark(0x5/0xff)),7", Peer::kReads},
    {IP, "set(ipv4(src=10.0.0.9,ttl=63)),7", Peer::kReads},
    {IP, "set(ipv4(dst=10.0.0.0/8,tos=0x1/0x3)),7", Peer::kReads},
    {IP6, "set(ipv6(dst=fd00::/16,hlimit=63)),7", Peer::kReads},
    {TCP, "set(tcp(src=1/0xff,dst=80)),7", Peer::kReads},
    {TCP, "set_masked(tcp(src=1,dst=2)),7"},
    {L2 "eth_type(0x0800),ipv4(proto=17,frag=no),udp()", "set(udp(src=1,dst=2)),7", Peer::kReads},
    {IP,
     "set(tunnel(tun_id=0x1,src=10.0.0.1,dst=10.0.0.2,tos=0x4,ttl=64,tp_src=1,tp_dst=6081,"
     "geneve({class=0x102,type=0x80,len=4,0x0000007f}{class=0x1,type=2,len=0}),"
     "flags(df|csum|key))),7",
     Peer::kReads},
    {IP,
     "set(tunnel(tun_id=0x1,ipv6_dst=fd00::1,ttl=64,tp_dst=4789,vxlan(gbp(id=10,flags=0x8)),"
     "flags(key))),7"},
    {IP, "set(tunnel(tun_id=0x1,dst=10.0.0.2,ttl=64,erspan(ver=1,idx=0x7),flags(key))),7"},
    {IP, "set(tunnel(tun_id=0x1,dst=10.0.0.2,ttl=64,erspan(ver=2,dir=1,hwid=0x7),flags(key))),7"},
    {IP, "ct,recirc(3)"},
    {IP, "ct(commit),7", Peer::kReads},
    {IP, "ct(commit,zone=5,mark=1/0xff,label=0x1/0xf),7", Peer::kReads},
    {IP, "ct(force_commit,mark=0x1/0xff,label=0x10000000000000000/0xf0000000000000000),7",
     Peer::kReads},
    {TCP, "ct(commit,helper=ftp),7", Peer::kReads},
    {IP, "ct(nat),recirc(0x3)"},
    {IP, "ct(commit,nat(src)),7", Peer::kReads},
    {IP, "ct(commit,nat(src=10.0.0.1)),7", Peer::kReads},
    {IP, "ct(commit,nat(dst=10.0.0.1-10.0.0.9:10-20,persistent,random)),7", Peer::kReads},
    {IP, "ct(commit,nat(src=10.0.0.1:80,hash)),7", Peer::kReads},
    {IP6, "ct(commit,nat(src=fd00::1-fd00::9)),7", Peer::kReads},
    {IP6, "ct(commit,nat(src=[fd00::1]-[fd00::9]:10-20)),7", Peer::kReads},
    {IP, "sample(sample=50.0%,actions(1,7))", Peer::kReads},
    {IP, "sample(sample=0.0001%,actions(userspace(pid=1,userdata(0102030405060708))))"},
    {IP, "sample(sample=100%,actions(drop)),7"},
    {IP, "clone(1,clone(7)),7", Peer::kReads},
    {IP, "clone(push_vlan(vid=1,pcp=0),7),check_pkt_len(size=200,gt(1,7),le(drop))", Peer::kReads},
    {IP, "check_pkt_len(size=0x64,le(7),gt(clone(1),7))", Peer::kReads},
    {IP, "psample(group=1,cookie=c0ffee),7"},
    {IP, "psample(group=0x10,cookie=0x0102),psample(group=3)"},
    {IP, "dec_ttl(le_1()),7"},
    {IP6, "dec_ttl(le_1(userspace(pid=5))),7"},
    {IP, "userspace(pid=5,userdata=0a0b0c0d)"},
    {IP, "userspace(pid=5,userdata(0a0b0c0d0e0f1011),actions,tunnel_out_port=3),7"},
    {IP, "userspace(pid=4294967295,sFlow(vid=5,pcp=1,output=7)),7", Peer::kReads},
    {IP, "userspace(pid=5,slow_path(cfm|bfd|match))"},
    {IP, "userspace(pid=5,slow_path(action))", Peer::kReads},
    {IP,
     "userspace(pid=5,flow_sample(probability=1,collector_set_id=2,obs_domain_id=3,"
     "obs_point_id=4,output_port=5,egress)),7",
     Peer::kReads},
    {IP, "userspace(pid=5,ipfix(output_port=3)),7", Peer::kReads},
    {IP,
     "userspace(pid=5,controller(reason=1,dont_send=0,continuation=1,recirc_id=9,"
     "rule_cookie=0xabc,controller_id=3,max_len=65535))",
     Peer::kReads},
};

#undef L2
#undef IP
#undef TCP
#undef IP6
#undef TUNNEL

// Datapath dp0 with two ports, dp1 with none: numbers of ports need no port.
struct Fixture {
  testing::TwoPorts ports;
  Fixture() { Succeed("dpctl add-dp dp1"); }
  ~Fixture() { Run("dpctl del-dp dp1"); }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;
};

// All that is in a datapath, whatever the identifiers of flows.
std::string Contents(const std::string& datapath) {
  return Succeed("dpctl dump-flows -m --no-names " + datapath +
                 " | sed 's/ufid:[-0-9a-f]*, //' | LC_ALL=C sort");
}

// "same", or what one has and the other has not, as diff(1) tells it.
std::string Difference(const std::string& contents, const std::string& datapath) {
  WriteFile("/tmp/before", contents);
  WriteFile("/tmp/after", Contents(datapath));
  return Run("diff -q /tmp/before /tmp/after >/dev/null && echo same || diff /tmp/before "
             "/tmp/after")
      .text;
}

// Puts flows into dp0, each with a mark of its own; those that the kernel refuses are left out.
// Returns how many it took.
size_t Fill(const std::vector<Flow>& flows) {
  std::string file;
  size_t mark = 0x100;
  for (const Flow& flow : flows)
    absl::StrAppend(&file, "skb_mark(", ++mark, "),", flow.key, " ",
                    *flow.actions == '\0' ? "''" : flow.actions, "\n");
  WriteFile("/tmp/flows", file);
  const std::string text = Run("dpctl add-flows dp0 /tmp/flows").text;
  CHECK_FALSE(Has(text, "expected"));  // the kernel may refuse; we may not
  INFO(text);
  return std::stoul(Succeed("dpctl dump-flows dp0 | wc -l"));
}

std::vector<Flow> All(bool for_peer) {
  std::vector<Flow> flows;
  for (const auto& table : {std::span<const Flow>(kFields), std::span<const Flow>(kActions)})
    for (const Flow& flow : table)
      if (!for_peer || flow.peer == Peer::kReads) flows.push_back(flow);
  return flows;
}

}  // namespace

TEST_CASE("whatever dump-flows prints, add-flows takes, and the same flows are there") {
  const Fixture fixture;
  const size_t taken = Fill(All(/*for_peer=*/false));
  CHECK(taken >= 70);  // an old kernel takes fewer
  const std::string contents = Contents("dp0");
  for (const std::string options : {"", "-m", "--names", "-m --no-names", "-m --names -s"}) {
    CAPTURE(options);
    Succeed(absl::StrCat("dpctl dump-flows ", options, " dp0 >/tmp/dump"));
    Succeed("dpctl del-flows dp0; dpctl add-flows dp0 /tmp/dump");
    CHECK(Difference(contents, "dp0") == "same\n");
    CHECK(Succeed("dpctl diff /tmp/dump dp0").empty());
    if (Has(options, "--names") || options == "-m") continue;
    Succeed("dpctl add-flows dp1 /tmp/dump");
    CHECK(Difference(contents, "dp1") == "same\n");
    Succeed("dpctl del-flows dp1");
  }
}

TEST_CASE("what the peer's dump-flows prints of our flows, add-flows takes") {
  if (Run("command -v ovs-dpctl").status != 0) SLUICE_SKIP("needs ovs-dpctl: tools/setup peer");
  const Fixture fixture;
  Fill(All(/*for_peer=*/false));
  // Its release takes the numbers of dec_ttl, psample and drop for other actions, rounds small
  // samples, leaves out leading zeros of bytes, writes a masked set of all bits as one without a
  // mask, and tells four of the six bits of a mask of hwid.
  Succeed(
      "dpctl dump-flows -m --no-names dp0 | grep -e dec_ttl -e psample -e 'drop(' -e 0.0001% "
      "-e md2=0x0 -e set_masked -e hwid= >/tmp/not; dpctl del-flows dp0 /tmp/not");
  const std::string contents = Contents("dp0");
  for (const std::string options : {"", "-m --no-names"}) {
    CAPTURE(options);
    Succeed(absl::StrCat("ovs-dpctl dump-flows ", options, " dp0 >/tmp/dump"));
    Succeed("dpctl add-flows dp1 /tmp/dump");
    CHECK(Difference(contents, "dp1") == "same\n");
    Succeed("dpctl del-flows dp1");
  }
}

TEST_CASE("what our dump-flows prints, the peer's add-flow takes where it has words for it") {
  if (Run("command -v ovs-dpctl").status != 0) SLUICE_SKIP("needs ovs-dpctl: tools/setup peer");
  const Fixture fixture;
  Fill(All(/*for_peer=*/true));
  const std::string contents = Contents("dp0");
  // Flow and actions as two arguments, without what it takes for statistics or does not know. What
  // terse text leaves out it does not send, and the kernel wants it: so this is verbose text.
  const std::string text =
      Run("dpctl dump-flows -m --no-names dp0 | sed 's/ufid:[-0-9a-f]*, //; s/recirc_id(0.0),//; "
          "s/,ipv6_exthdrs([^)]*)//; s/, packets:.*, actions:/ /' | "
          "while read -r flow actions; do [ \"$actions\" != drop ] || actions=''; "
          "ovs-dpctl add-flow dp1 \"$flow\" \"$actions\" 2>/tmp/why || "
          "{ tail -n 1 /tmp/why; echo \"$flow $actions\"; }; done")
          .text;
  INFO(text);
  CHECK(text.empty());
  CHECK(Difference(contents, "dp1") == "same\n");
}

}  // namespace sluice
