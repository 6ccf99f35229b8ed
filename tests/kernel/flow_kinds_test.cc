// Flows of every kind, as text, into the kernel and back: what it gives back reads the same, and is
// decoded and encoded to the same bytes.

#include <sys/utsname.h>

#include <cstdio>
#include <cstring>

#include "netlink/attr/text.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/datapath.h"
#include "netlink/ovs/flow.h"
#include "netlink/ovs/flow_key.h"
#include "netlink/ovs/packet.h"
#include "netlink/ovs/vport.h"
#include "tests/support/test.h"

namespace sluice {
namespace {

using attr::MaskView;
using base::ByteVector;

struct Kind {
  const char* key;
  const char* actions;
  const char* key_shown = nullptr;  // null: as it was given
  const char* actions_shown = nullptr;
  double since = 0;  // Linux M.NN as M + NN/100
};

constexpr char kL2[] = "in_port(1),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),";

double Release() {
  utsname name{};
  uname(&name);
  int major = 0, minor = 0;
  std::sscanf(name.release, "%d.%d", &major, &minor);
  return major + minor / 100.0;
}

constexpr Kind kKinds[] = {
    {"eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.0/255.255.255.0,proto=6,tos=0x4/0xfc,ttl=64,"
     "frag=no),tcp(src=1000/0xfff8,dst=80),tcp_flags(+syn-ack)",
     "2"},
    {"eth_type(0x0800),ipv4(proto=17,frag=first),udp(dst=53)", "drop"},
    {"eth_type(0x0800),ipv4(proto=132,frag=no),sctp(src=7)", "1,2"},
    {"eth_type(0x0800),ipv4(proto=1,frag=no),icmp(type=8,code=0)", "trunc(100),2"},
    {"eth_type(0x86dd),ipv6(src=fd00::/ffff:ffff::,dst=::1,label=0x5,proto=6,tclass=0x10,hlimit=64,"
     "frag=no),tcp(dst=80),tcp_flags(syn)",
     "recirc(0x5)"},
    {"eth_type(0x86dd),ipv6(proto=58,frag=no),icmpv6(type=135,code=0),"
     "nd(target=fe80::1,sll=0a:00:00:00:00:01)",
     "2"},
    {"eth_type(0x0806),arp(sip=10.0.0.1,tip=10.0.0.2,op=1,sha=0a:00:00:00:00:01,"
     "tha=00:00:00:00:00:00)",
     "2", ""},  // the kernel keeps eight bits of op
    {"eth_type(0x8847),mpls(label=100,tc=0,ttl=64,bos=1)", "pop_mpls(eth_type=0x800),2"},
    {"eth_type(0x8100),vlan(vid=5,pcp=1),encap(eth_type(0x0800),ipv4(proto=6,frag=no),tcp(dst=22),"
     "tcp_flags(0/0x2))",
     "pop_vlan,2"},
    {"eth_type(0x88a8),vlan(vid=6,pcp=0),encap(eth_type(0x8100),vlan(vid=7,pcp=0),"
     "encap(eth_type(0x1230)))",
     "pop_vlan,pop_vlan,2"},
    {"eth_type(0x1234)", "push_vlan(vid=5,pcp=1),push_vlan(tpid=0x88a8,vid=6,pcp=0),2"},
    {"eth_type(0x0800),ipv4(tos=0x4,frag=no)",
     "push_mpls(label=1,tc=2,ttl=64,bos=1,eth_type=0x8847),2"},
    {"eth_type(0x1236)", "add_mpls(label=1,tc=2,ttl=64,bos=1,eth_type=0x8847),2", nullptr, nullptr,
     5.06},
    {"eth_type(0x1237)", "hash(l4(3)),recirc(0x7)"},
    {"eth_type(0x1238)", "hash(sym_l4(3)),recirc(0x8)", nullptr, nullptr, 6.05},
    {"eth_type(0x1239)", "pop_eth"},
    {"eth_type(0x123a)", "set(skb_mark(0x5/0xff)),set(skb_priority(0x7)),2"},
    {"eth_type(0x123b)", "set(eth(dst=0a:00:00:00:00:09)),2"},
    {"eth_type(0x0800),ipv4(src=10.1.0.1,proto=6,ttl=64,frag=no),tcp(src=1),tcp_flags(0/0x1)",
     "set(ipv4(src=10.0.0.9,ttl=63)),set(tcp(dst=8080)),2"},
    {"eth_type(0x86dd),ipv6(proto=17,frag=no),udp(dst=9)",
     "set(ipv6(dst=fd00::9,label=0x7)),set(udp(src=1)),2"},
    {"eth_type(0x123c)",
     "set(tunnel(tun_id=0x1,dst=10.0.0.1,ttl=64,tp_dst=6081,"
     "geneve({class=0x102,type=0x80,len=4,0x0000007f}),flags(df|csum))),2"},
    {"eth_type(0x123d)",
     "set(tunnel(tun_id=0x2,dst=10.0.0.1,ttl=64,vxlan(gbp(id=5,flags=0x8)))),2"},
    {"eth_type(0x123e)",
     "set(tunnel(tun_id=0x3,ipv6_src=fd00::1,ipv6_dst=fd00::2,tos=0x4,ttl=64)),2"},
    {"tunnel(tun_id=0x5,src=10.0.0.1,dst=10.0.0.2,tos=0,ttl=64,tp_src=1,tp_dst=4789,"
     "flags(df|csum)),eth_type(0x1250)",
     "2"},
    {"tunnel(tun_id=0x6,dst=10.0.0.2,ttl=64,geneve({class=0x102,type=0x80,len=4,0x0000007f"
     "/0x000000ff}),flags(-df-csum)),eth_type(0x1251)",
     "2", ""},
    {"ct_state(+new+trk),ct_mark(0x1/0xf),ct_label(0x1/0xff),eth_type(0x0800),"
     "ipv4(frag=no)",
     "ct(commit,mark=0x1/0xff,label=0x1/0xf,nat(src=10.0.0.1-10.0.0.9:10-20,random)),2"},
    {"ct_state(+est+trk),ct_tuple4(src=10.0.0.1,dst=10.0.0.2,proto=6,tp_src=1,tp_dst=2),"
     "eth_type(0x0800),ipv4(proto=6,frag=no),tcp(),tcp_flags(0/0x1)",
     "ct(nat),recirc(0x9)"},
    {"ct_state(+est+trk),eth_type(0x86dd),ipv6(proto=17,frag=no),udp()",
     "ct(force_commit,nat(dst=[fd00::1]-[fd00::9]:80)),ct_clear,2"},
    {"eth_type(0x1240)", "sample(sample=50.0%,actions(1,2)),2"},
    {"eth_type(0x1241)", "clone(1,clone(2)),2"},
    {"eth_type(0x1242)", "check_pkt_len(size=200,gt(1),le(2))", nullptr, nullptr, 5.02},
    {"eth_type(0x0800),ipv4(tos=0x8,frag=no)", "dec_ttl(le_1(1)),2", nullptr, nullptr, 5.10},
    {"eth_type(0x1243)", "userspace(pid=7,userdata(0a0b0c),actions),2"},
    {"eth_type(0x1244)", "userspace(pid=7,tunnel_out_port=2)"},
    {"eth_type(0x1245)", "userspace(pid=7,userdata())", nullptr, "*"},
    {"eth_type(0x1246)", "drop(3)", nullptr, nullptr, 6.06},
    {"eth_type(0x1247)", "psample(group=1,cookie=0x0102),2", nullptr, nullptr, 6.11},
    {"eth_type(0x1248)",
     "push_nsh(flags=0,ttl=63,mdtype=1,np=3,spi=0x10,si=255,c1=0x1,c2=0x2,c3=0x3,c4=0x4),2"},
    {"eth_type(0x894f),nsh(flags=0,ttl=63,mdtype=1,np=3,spi=0x10,si=255,c1=0x1)", "pop_nsh()"},
    {"eth_type(0x86dd),ipv6(tclass=0x4,frag=no),ipv6_exthdrs(hop)", "2", nullptr, nullptr, 5.18},
    {"recirc_id(0x5),dp_hash(0x1/0xf),skb_mark(0x7),skb_priority(0x1),eth_type(0x1249)", "2", ""},
};

class Scratch {
 public:
  Scratch() {
    auto client = socket::Client::Open(NETLINK_GENERIC);
    REQUIRE(client.ok());
    client_.emplace(*std::move(client));
    auto dp = ovs::Datapaths(&*client_).Create({.name = "kinds"});
    INFO(std::string(dp.status().message()));
    REQUIRE(dp.ok());
    dp_ = dp->ifindex;
    for (const char* name : {"kind1", "kind2"})
      REQUIRE(
          ovs::Vports(&*client_).Add(dp_, {.name = name, .type = OVS_VPORT_TYPE_INTERNAL}).ok());
  }
  ~Scratch() { (void)ovs::Datapaths(&*client_).Delete(dp_); }

  socket::Client* client() { return &*client_; }
  int dp() const { return dp_; }

 private:
  std::optional<socket::Client> client_;
  int dp_ = 0;
};

std::string KeyText(const ovs::Flow& flow) {
  std::string text;
  attr::AppendSet(ovs::kKeyTable, flow.key, MaskView::Of(*flow.mask), {}, &text);
  return text;
}

// The same words in the table's order: zeros that the kernel left out are shown last.
std::string Ordered(std::string_view text) {
  auto read = attr::ParseSet(ovs::kKeyTable, text, {});
  REQUIRE(read.ok());
  std::string ordered;
  attr::AppendSet(ovs::kKeyTable, read->value, MaskView::Of(read->mask), {}, &ordered);
  return ordered;
}

std::string ActionsText(const ovs::Flow& flow) {
  std::string text;
  attr::AppendList(ovs::kActionTable, *flow.actions, {}, &text);
  return text;
}

// Kernels that have zones tell the default one.
std::string WithoutZoneZero(std::string text) {
  constexpr std::string_view kZone = "zone=0,";
  for (size_t at; (at = text.find(kZone)) != std::string::npos;) text.erase(at, kZone.size());
  return text;
}

void CheckSameBytes(const ByteVector& bytes) {
  ovs::FlowKey key{};
  attr::Unknowns unknowns;
  REQUIRE_FALSE(ovs::DecodeFlowKey(bytes, &key, &unknowns));
  CHECK(unknowns.empty());
  ByteVector again;
  attr::Writer writer(&again);
  ovs::EncodeFlowKey(key, &unknowns, &writer);
  CHECK(base::ToHex(again) == base::ToHex(bytes));
}

TEST_CASE("flows of every kind come back from the kernel as they were given") {
  Scratch scratch;
  ovs::Flows flows(scratch.client());
  for (const Kind& kind : kKinds) {
    if (kind.since > Release()) continue;
    const std::string given = std::strstr(kind.key, "recirc_id") == nullptr
                                  ? std::string("recirc_id(0),") + kL2 + kind.key
                                  : std::string(kL2) + kind.key;
    CAPTURE(given, kind.actions);
    auto key = attr::ParseSet(ovs::kKeyTable, given, {});
    auto actions = attr::ParseList(ovs::kActionTable, kind.actions, {});
    REQUIRE(key.ok());
    REQUIRE(actions.ok());
    const absl::Status put =
        flows.Put(scratch.dp(), {.key = key->value, .mask = key->mask, .actions = *actions});
    INFO(std::string(put.message()));
    CHECK(put.ok());
    if (!put.ok()) continue;
    auto flow = flows.Get(scratch.dp(), {.key = key->value});
    REQUIRE(flow.ok());
    CheckSameBytes(flow->key);
    CheckSameBytes(*flow->mask);
    // The same words, in the kernel's order.
    std::string ordered;
    attr::AppendSet(ovs::kKeyTable, key->value, MaskView::Of(key->mask), {}, &ordered);
    if (kind.key_shown == nullptr) CHECK(Ordered(KeyText(*flow)) == ordered);
    const std::string shown = kind.actions_shown != nullptr ? kind.actions_shown : kind.actions;
    if (shown != "*") CHECK(WithoutZoneZero(ActionsText(*flow)) == shown);
    auto again = attr::ParseList(ovs::kActionTable, ActionsText(*flow), {});
    REQUIRE(again.ok());
    // psample needs a flag that the kernel does not give back.
    if (ActionsText(*flow).find("psample") == std::string::npos)
      CHECK(base::ToHex(*again) == base::ToHex(*flow->actions));
  }
  int seen = 0;
  auto report = flows.Dump(
      scratch.dp(), {},
      [&seen](const ovs::FlowView&) {
        ++seen;
        return absl::OkStatus();
      },
      [&seen] { seen = 0; });
  CHECK(report.ok());
  CHECK(seen > 20);
}

}  // namespace
}  // namespace sluice
