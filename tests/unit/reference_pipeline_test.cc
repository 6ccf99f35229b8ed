// What rules mean, case by case: the reference that translation is compared with.

#include "tests/support/reference_pipeline.h"

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/support/test.h"

namespace sluice::testing {
namespace {

using base::Mac;
using pipeline::Be16;
using pipeline::Be32;
using pipeline::PortTable;

// 1 and 2 are trunks of everything, 3 is an access port of VLAN 10, 4 a trunk of 10 and 20 alone.
PortTable Ports() {
  return PortTable({{.port_no = 0},
                    {.port_no = 1},
                    {.port_no = 2},
                    {.port_no = 3, .access_vlan = 10},
                    {.port_no = 4, .trunks = {10, 20}}});
}

// The packet that has these values and no others.
Fields PacketOf(std::string_view text) {
  const auto match = pipeline::ParseMatch(text, nullptr);
  INFO(text);
  REQUIRE_OK(match);
  Fields packet = match->Value();
  for (Fields::Vlan& vlan : packet.vlans)
    if (vlan.tci.host() != 0 && vlan.tpid.host() == 0) vlan.tpid = Be16::FromHost(0x8100);
  return packet;
}

struct Case {
  std::string_view what;
  std::vector<std::string_view> rules;  // `group_id=..` is a group
  std::string_view packet;
  std::string_view deliveries;  // one behind the other: " | "
};

ReferencePipeline::Parts PartsOf(const Case& c) {
  ReferencePipeline::Parts parts{.ports = Ports()};
  for (const std::string_view text : c.rules) {
    INFO(text);
    if (text.substr(0, 9) == "group_id=") {
      const auto group = pipeline::ParseGroup(text, nullptr);
      REQUIRE_OK(group);
      parts.groups.push_back(*group);
    } else {
      const auto rule = pipeline::ParseRule(text, nullptr);
      REQUIRE_OK(rule);
      parts.rules.push_back(*rule);
    }
  }
  return parts;
}

std::string TextOf(const ReferenceResult& result) {
  std::vector<std::string> parts;
  for (const Delivery& delivery : result.deliveries) parts.push_back(ToString(delivery));
  if (result.over_limit) parts.push_back(absl::StrCat("over limit: ", result.why));
  if (result.gave_up) parts.push_back(absl::StrCat("gave up: ", result.why));
  return absl::StrJoin(parts, " | ");
}

template <size_t kSize>
void CheckAll(const Case (&cases)[kSize]) {
  for (const Case& c : cases) {
    INFO(c.what);
    CHECK(TextOf(ReferencePipeline(PartsOf(c)).Run(PacketOf(c.packet))) == c.deliveries);
  }
}

TEST_CASE("reference: tables") {
  const Case cases[] = {
      {"no rule: nothing", {"table=1,actions=2"}, "in_port=1", ""},
      {"the highest priority", {"priority=1,actions=2", "priority=2,actions=4"}, "", "4 "},
      {"the highest that matches", {"priority=1,actions=2", "priority=2,arp,actions=4"}, "", "2 "},
      {"bits of the mask alone",
       {"ip,nw_dst=10.0.0.0/8,actions=2"},
       "ip,nw_dst=10.1.2.3",
       "2 ip,nw_dst=10.1.2.3"},
      {"goto", {"actions=1,goto_table:3", "table=3,actions=2"}, "", "1  | 2 "},
      {"goto where nothing matches", {"actions=1,goto_table:3"}, "", "1 "},
      {"resubmit comes back",
       {"actions=resubmit(,5),2", "table=5,actions=set_field:7->reg0,1"},
       "",
       "1 reg0=0x7 | 2 reg0=0x7"},
      {"resubmit to nothing", {"actions=resubmit(,5),2"}, "", "2 "},
      {"resubmit behind goto comes back, too",
       {"actions=resubmit(,1),1", "table=1,actions=goto_table:2", "table=2,actions=2"},
       "",
       "2  | 1 "},
      {"resubmit with a port is for the lookup alone",
       {"actions=resubmit(4,5),2", "table=5,in_port=4,actions=in_port,4"},
       "in_port=1",
       "1 in_port=1 | 4 in_port=1 | 2 in_port=1"},
      {"resubmit to the table of the rule",
       {"actions=resubmit(,5)", "table=5,in_port=1,actions=resubmit:4",
        "table=5,in_port=4,actions=2"},
       "in_port=1",
       "2 in_port=1"},
      {"registers and metadata begin as zero",
       {"reg0=0,metadata=0,actset_output=1,actions=1", "priority=1,reg0=0,actions=2"},
       "reg0=5,metadata=3,actset_output=1",
       "2 "},
      {"exit ends all lists",
       {"actions=1,resubmit(,5),2", "table=5,actions=resubmit(,6),2", "table=6,actions=4,exit,2"},
       "",
       "1  | 4 "},
      {"exit ends a clone alone", {"actions=clone(1,exit,2),4"}, "", "1  | 4 "},
      {"metadata",
       {"actions=write_metadata:0x12/0xf0,goto_table:1", "table=1,metadata=0x10,actions=2"},
       "",
       "2 metadata=0x10"},
      {"too deep: nothing at all", {"actions=2,resubmit(,0)"}, "", "over limit: too deep"},
      {"too many: nothing at all",
       {"actions=2,resubmit(,1),resubmit(,1),resubmit(,1),resubmit(,1)",
        "table=1,actions=resubmit(,2),resubmit(,2),resubmit(,2),resubmit(,2)",
        "table=2,actions=resubmit(,3),resubmit(,3),resubmit(,3),resubmit(,3)",
        "table=3,actions=resubmit(,4),resubmit(,4),resubmit(,4),resubmit(,4)",
        "table=4,actions=resubmit(,5),resubmit(,5),resubmit(,5),resubmit(,5)",
        "table=5,actions=resubmit(,6),resubmit(,6),resubmit(,6),resubmit(,6)"},
       "",
       "over limit: too many lookups"},
  };
  CheckAll(cases);
}

TEST_CASE("reference: outputs") {
  const Case cases[] = {
      {"to ports that are there", {"actions=2,9,LOCAL"}, "in_port=1", "2 in_port=1 | 0 in_port=1"},
      {"not back", {"actions=1,2"}, "in_port=1", "2 in_port=1"},
      {"back by name", {"actions=in_port"}, "in_port=1", "1 in_port=1"},
      {"what rules take for in_port counts",
       {"actions=set_field:2->in_port,1,2,in_port"},
       "in_port=1",
       "1 in_port=2 | 2 in_port=2"},
      {"cut",
       {"actions=output(port=2,max_len=60),4"},
       "in_port=1",
       "2[60] in_port=1 | 4 in_port=1"},
      {"all",
       {"actions=all"},
       "in_port=1",
       "0 in_port=1 | 2 in_port=1 | 3 in_port=1 | 4 in_port=1"},
      {"flood, cut",
       {"actions=output(port=FLOOD,max_len=60)"},
       "in_port=4",
       "0[60] in_port=4 | 1[60] in_port=4 | 2[60] in_port=4 | 3[60] in_port=4"},
      {"none and table", {"actions=output:NONE,output:TABLE"}, "in_port=1", ""},
      {"a register",
       {"actions=set_field:2->reg1,output:reg1[],output:reg1[0..7],output:reg2"},
       "in_port=1",
       "2 reg1=0x2,in_port=1 | 2 reg1=0x2,in_port=1 | 0 reg1=0x2,in_port=1"},
      {"a register that means the controller",
       {"actions=set_field:0xfffd->reg1,output:reg1[]"},
       "",
       "user(reason=1,id=0,max=65535) reg1=0xfffd"},
      {"a register that means back",
       {"actions=set_field:0xfff8->reg1,output:reg1[]"},
       "in_port=4",
       "4 reg1=0xfff8,in_port=4"},
      {"controller",
       {"actions=controller(max_len=20,id=7,reason=no_match,userdata=01.ff),controller,2"},
       "",
       "user(reason=0,id=7,max=20,data=01ff)  | user(reason=1,id=0,max=65535)  | 2 "},
      {"a pause ends everything",
       {"actions=resubmit(,1),2", "table=1,actions=write_actions(4),goto_table:2",
        "table=2,actions=controller(pause)"},
       "",
       "user(reason=1,id=0,max=65535) actset_output=4"},
      {"queues",
       {"actions=set_queue:1,1,enqueue:2:4,1,pop_queue,1"},
       "skb_priority=5",
       "1 skb_priority=0x10002 | 2 skb_priority=0x10005 | 1 skb_priority=0x10002 | 1 "
       "skb_priority=0x5"},
      {"sample and note", {"actions=sample(probability=65535),note:01,2"}, "", "2 "},
      {"drop", {"actions=drop"}, "", ""},
  };
  CheckAll(cases);
}

TEST_CASE("reference: fields") {
  const Case cases[] = {
      {"some bits", {"actions=set_field:0x50/0xf0->reg1,load:3->reg1[0..3],2"}, "", "2 reg1=0x53"},
      {"a register that is two",
       {"actions=set_field:0x100000002->xreg1,2"},
       "",
       "2 reg2=0x1,reg3=0x2"},
      {"prerequisites hold",
       {"actions=mod_nw_dst:10.0.0.1,mod_tp_dst:80,mod_nw_tos:32,2"},
       "tcp",
       "2 tcp,nw_dst=10.0.0.1,nw_tos=32,tp_dst=80"},
      {"prerequisites do not hold",
       {"actions=mod_nw_dst:10.0.0.1,mod_tp_dst:80,mod_nw_tos:32,2"},
       "arp",
       "2 arp"},
      {"as the packet is now",
       {"ip,actions=push_mpls:0x8847,mod_nw_dst:10.0.0.1,set_field:5->mpls_label,2"},
       "ip,nw_ttl=9",
       "2 mpls,mpls_label=5,mpls_ttl=9,mpls_bos=1"},
      {"rules see the ports of a later fragment as they were set, ports do not",
       {"actions=mod_tp_dst:80,resubmit(,1)", "table=1,tcp,tp_dst=80,actions=2"},
       "tcp,nw_frag=later",
       "2 tcp,nw_frag=later"},
      {"move",
       {"ip,actions=move:nw_src[0..15]->nw_dst[16..31],2"},
       "ip,nw_src=1.2.3.4",
       "2 ip,nw_src=1.2.3.4,nw_dst=3.4.0.0"},
      {"move over itself",
       {"actions=set_field:0x1234->reg0,move:reg0[0..15]->reg0[8..23],2"},
       "",
       "2 reg0=0x123434"},
      {"ARP",
       {"arp,actions=set_field:2->arp_op,set_field:00:00:00:00:00:01->arp_sha,2"},
       "arp,arp_op=1",
       "2 arp,arp_sha=00:00:00:00:00:01,arp_op=2"},
      {"ICMP",
       {"icmp,actions=set_field:3->icmp_type,set_field:4->icmp_code,2"},
       "icmp,icmp_type=8",
       "2 icmp,icmp_type=3,icmp_code=4"},
      {"neighbour discovery",
       {"icmp6,icmp_type=135,actions=set_field:fe80::1->nd_target,2"},
       "icmp6,icmp_type=135,icmp_code=0",
       "2 icmp6,icmp_type=135,nd_target=fe80::1"},
      {"the stack: last in, first out",
       {"actions=set_field:0x12->reg0,push:reg0[0..3],push:reg0[4..7],pop:reg1[],pop:reg2[0..1],"
        "pop:reg3[],2"},
       "",
       "2 reg0=0x12,reg1=0x1,reg2=0x2"},
      {"the stack: clones have their own",
       {"actions=set_field:1->reg0,push:reg0[],clone(pop:reg1[],2),pop:reg2[],2"},
       "",
       "2 reg0=0x1,reg1=0x1 | 2 reg0=0x1,reg2=0x1"},
      {"a clone is a copy",
       {"actions=clone(set_field:1->reg0,push_vlan:0x8100,1),2"},
       "",
       "1 reg0=0x1,dl_vlan=0,dl_vlan_pcp=0,vlan_tpid=0x8100 | 2 "},
      {"TTL", {"actions=dec_ttl,2"}, "ip,nw_ttl=2", "2 ip,nw_ttl=1"},
      {"TTL of no IP", {"actions=dec_ttl,2"}, "arp", "2 arp"},
      {"hop limit", {"actions=dec_ttl,2"}, "ipv6,nw_ttl=9", "2 ipv6,nw_ttl=8"},
      {"TTL that runs out",
       {"actions=1,resubmit(,1),2", "table=1,actions=write_actions(4),goto_table:2",
        "table=2,actions=dec_ttl(3,4),1"},
       "ip,nw_ttl=1",
       "1 ip,nw_ttl=1 | user(reason=2,id=3,max=65535) ip,actset_output=4,nw_ttl=1 | "
       "user(reason=2,id=4,max=65535) ip,actset_output=4,nw_ttl=1"},
      {"TTL that runs out in a clone",
       {"actions=clone(dec_ttl,1),2"},
       "ip",
       "user(reason=2,id=0,max=65535) ip | 2 ip"},
  };
  CheckAll(cases);
}

TEST_CASE("reference: tags") {
  const Case cases[] = {
      {"push and strip",
       {"actions=push_vlan:0x88a8,1,push_vlan:0x8100,2,strip_vlan,strip_vlan,2"},
       "",
       "1 dl_vlan=0,dl_vlan_pcp=0,vlan_tpid=0x88a8 | 2 "
       "dl_vlan=0,dl_vlan_pcp=0,vlan_tpid=0x8100,inner_vlan_tci=0x1000,inner_vlan_tpid=0x88a8 | "
       "2 "},
      {"strip what is not there", {"actions=strip_vlan,2"}, "", "2 "},
      {"a third tag hides one, and it comes back",
       {"actions=push_vlan:0x8100,push_vlan:0x8100,strip_vlan,strip_vlan,2"},
       "dl_vlan=5,inner_vlan_tci=0x1006,inner_vlan_tpid=0x8100",
       "2 dl_vlan=5,dl_vlan_pcp=0,vlan_tpid=0x8100,inner_vlan_tci=0x1006,inner_vlan_tpid=0x8100"},
      {"mod_vlan_* push",
       {"actions=clone(mod_vlan_vid:5,1),mod_vlan_pcp:3,2"},
       "",
       "1 dl_vlan=5,dl_vlan_pcp=0,vlan_tpid=0x8100 | 2 dl_vlan=0,dl_vlan_pcp=3,vlan_tpid=0x8100"},
      {"mod_vlan_* change",
       {"actions=mod_vlan_vid:5,mod_vlan_pcp:1,2"},
       "dl_vlan=7,dl_vlan_pcp=6,vlan_tpid=0x88a8",
       "2 dl_vlan=5,dl_vlan_pcp=1,vlan_tpid=0x88a8"},
      {"vlan_vid and vlan_pcp need a tag",
       {"vlan_tci=0x1000/0x1000,actions=set_field:5->vlan_vid,set_field:2->vlan_pcp,2"},
       "dl_vlan=7,dl_vlan_pcp=6",
       "2 dl_vlan=5,dl_vlan_pcp=2,vlan_tpid=0x8100"},
      {"vlan_vid and vlan_pcp without a tag",
       {"actions=group:1",
        "group_id=1,type=all,bucket=set_field:5->vlan_vid,set_field:2->vlan_pcp,2"},
       "",
       "2 "},
      {"vlan_tci pushes",
       {"actions=set_field:0x3005->vlan_tci,2"},
       "",
       "2 dl_vlan=5,dl_vlan_pcp=1,vlan_tpid=0x8100"},
      {"vlan_tci changes",
       {"actions=set_field:0x3005->vlan_tci,2"},
       "dl_vlan=7,dl_vlan_pcp=6",
       "2 dl_vlan=5,dl_vlan_pcp=1,vlan_tpid=0x8100"},
      {"vlan_tci strips", {"actions=set_field:0->vlan_tci,2"}, "dl_vlan=7,dl_vlan_pcp=6", "2 "},
      {"vlan_tci of some bits pushes nothing", {"actions=set_field:5/0xfff->vlan_tci,2"}, "", "2 "},
      {"vlan_tci of some bits changes",
       {"actions=set_field:5/0xfff->vlan_tci,2"},
       "dl_vlan=7",
       "2 dl_vlan=5,dl_vlan_pcp=0,vlan_tpid=0x8100"},
      {"moved into vlan_tci",
       {"actions=load:0x1005->reg0[],move:reg0[0..15]->vlan_tci[],2"},
       "",
       "2 reg0=0x1005,dl_vlan=5,dl_vlan_pcp=0,vlan_tpid=0x8100"},
      {"no tags without Ethernet",
       {"actions=push_vlan:0x8100,mod_vlan_vid:5,2"},
       "packet_type=(1,0x800)",
       "2 ip,packet_type=(1,0x800)"},
  };
  CheckAll(cases);
}

TEST_CASE("reference: labels") {
  const Case cases[] = {
      {"over IP",
       {"actions=push_mpls:0x8847,2"},
       "ip,nw_ttl=9,nw_tos=32,nw_dst=10.0.0.1",
       "2 mpls,mpls_ttl=9,mpls_bos=1"},
      {"over others", {"actions=push_mpls:0x8848,2"}, "arp,arp_op=1", "2 mplsm,mpls_bos=1"},
      {"behind tags",
       {"actions=push_mpls:0x8847,2"},
       "ip,nw_ttl=9,dl_vlan=5",
       "2 mpls,dl_vlan=5,dl_vlan_pcp=0,vlan_tpid=0x8100,mpls_ttl=9,mpls_bos=1"},
      {"over labels",
       {"actions=push_mpls:0x8848,2"},
       "mpls,mpls_label=5,mpls_tc=3,mpls_ttl=7,mpls_bos=1",
       "2 mplsm,mpls_label=5,mpls_tc=3,mpls_ttl=7,lse1=0x5707"},
      {"pop to labels",
       {"actions=push_mpls:0x8848,pop_mpls:0x8847,2"},
       "mpls,mpls_label=5,mpls_ttl=7,mpls_bos=1",
       "2 mpls,mpls_label=5,mpls_ttl=7,mpls_bos=1"},
      {"pop without labels", {"actions=pop_mpls:0x800,2"}, "arp", "2 arp"},
      {"pop to what nobody has seen: sent, but not looked at",
       {"actions=pop_mpls:0x800,resubmit(,1),2,resubmit(,2),2",
        "table=1,priority=3,arp,nw_src=1.2.3.4,actions=1", "table=1,priority=2,ip,actions=4",
        "table=2,ip,nw_src=1.2.3.4,actions=1"},
       "mpls,mpls_label=5,mpls_ttl=7,mpls_bos=1",
       "4 ip | 2 ip | gave up: a rule looks behind a label that was popped"},
      {"the TTL of what nobody has seen",
       {"actions=pop_mpls:0x800,dec_ttl,2"},
       "mpls,mpls_bos=1",
       "gave up: the TTL is behind a label that was popped"},
      {"a field of what nobody has seen",
       {"actions=pop_mpls:0x800,mod_nw_dst:1.2.3.4,2"},
       "mpls,mpls_bos=1",
       "gave up: ip_dst is behind a label that was popped"},
      {"TTL",
       {"actions=dec_mpls_ttl,2"},
       "mpls,mpls_ttl=7,mpls_bos=1",
       "2 mpls,mpls_ttl=6,mpls_bos=1"},
      {"TTL that runs out",
       {"actions=write_actions(2),goto_table:1", "table=1,actions=1,dec_mpls_ttl,2"},
       "mpls,mpls_ttl=1,mpls_bos=1",
       "1 mpls,actset_output=2,mpls_ttl=1,mpls_bos=1"},
      {"TTL of no label", {"actions=dec_mpls_ttl,2"}, "ip", "2 ip"},
  };
  CheckAll(cases);
}

TEST_CASE("reference: labels as the manual has them") {
  const auto run = [](std::string_view actions, std::string_view packet) {
    auto parts = PartsOf({"", {actions}, "", ""});
    parts.labels_as_manual = true;
    return TextOf(ReferencePipeline(parts).Run(PacketOf(packet)));
  };
  CHECK(run("actions=push_mpls:0x8847,2", "ipv6,nw_ttl=9,nw_tos=184") ==
        "2 mpls,mpls_label=2,mpls_tc=6,mpls_ttl=9,mpls_bos=1");
  CHECK(run("actions=push_mpls:0x8847,2", "arp") == "2 mpls,mpls_ttl=64,mpls_bos=1");
  CHECK(run("actions=push_mpls:0x8848,pop_mpls:0x800,2", "mpls,mpls_label=5,mpls_bos=1") ==
        "2 mplsm,mpls_label=5,mpls_bos=1");
}

TEST_CASE("reference: the action set") {
  const Case cases[] = {
      {"at the end",
       {"actions=write_actions(2),goto_table:1", "table=1,actions=1"},
       "",
       "1 actset_output=2 | 2 actset_output=2"},
      {"after exit, too",
       {"actions=write_actions(2),goto_table:1", "table=1,actions=exit"},
       "",
       "2 actset_output=2"},
      {"the last of a kind",
       {"actions=write_actions(1,set_queue:1),goto_table:1",
        "table=1,actions=write_actions(2,set_queue:2)"},
       "",
       "2 skb_priority=0x10003,actset_output=2"},
      {"cleared",
       {"actions=write_actions(1),goto_table:1", "table=1,actions=clear_actions"},
       "",
       ""},
      {"no output: nothing", {"actions=write_actions(set_field:1->reg0)"}, "", ""},
      {"by kind, whatever the order",
       {"actions=write_actions(2,set_field:5->reg0,dec_ttl,push_vlan:0x8100,strip_vlan)"},
       "ip,nw_ttl=9,dl_vlan=7",
       "2 ip,actset_output=2,reg0=0x5,dl_vlan=0,dl_vlan_pcp=0,vlan_tpid=0x8100,nw_ttl=8"},
      {"pop before push",
       {"actions=write_actions(2,push_mpls:0x8847,pop_mpls:0x88cc)"},
       "mpls,mpls_label=5,mpls_bos=1,mpls_ttl=7",
       "2 mpls,actset_output=2,mpls_bos=1"},
      {"fields in the order of writing",
       {"actions=write_actions(move:reg0[]->reg1[],set_field:1->reg0,2),goto_table:1",
        "table=1,actions=write_actions(move:reg0[]->reg2[],set_field:0x20/0xf0->reg0)"},
       "",
       "2 actset_output=2,reg0=0x21,reg2=0x1"},
      {"a group before an output before a resubmit",
       {"actions=write_actions(resubmit(,5),2,group:1)", "group_id=1,type=all,bucket=4",
        "table=5,actions=1"},
       "",
       "4 "},
      {"an output before a resubmit",
       {"actions=write_actions(2,resubmit(,5))", "table=5,actions=1"},
       "",
       "2 actset_output=2"},
      {"a resubmit; what it writes is never done",
       {"actions=write_actions(resubmit(,5))", "table=5,actions=1,write_actions(2)"},
       "",
       "1 "},
      {"rules see the output",
       {"actions=write_actions(2),goto_table:1", "table=1,actset_output=2,actions=4"},
       "",
       "4 actset_output=2 | 2 actset_output=2"},
      {"but none beside a group",
       {"actions=write_actions(2,group:1),goto_table:1", "table=1,actset_output=2,actions=4"},
       "",
       ""},
      {"a clone has its own",
       {"actions=clone(resubmit(,5)),write_actions(2)",
        "table=5,actions=write_actions(4),goto_table:6", "table=6,actions=1"},
       "",
       "1 actset_output=4 | 2 actset_output=2"},
      {"a resubmit has not",
       {"actions=resubmit(,5),write_actions(set_field:1->reg0)",
        "table=5,actions=write_actions(4)"},
       "",
       "4 actset_output=4,reg0=0x1"},
      {"controller and enqueue are outputs",
       {"actions=write_actions(2,enqueue:2:1,controller)"},
       "",
       "user(reason=1,id=0,max=65535) actset_output=CONTROLLER"},
  };
  CheckAll(cases);
}

TEST_CASE("reference: groups") {
  const Case cases[] = {
      {"all: each on a copy",
       {"actions=group:1,4", "group_id=1,type=all,bucket=set_field:1->reg0,1,bucket=2"},
       "",
       "1 reg0=0x1 | 2  | 4 "},
      {"a bucket without output",
       {"actions=group:1", "group_id=1,type=all,bucket=set_queue:1,bucket=2"},
       "",
       "2 "},
      {"a bucket is a set",
       {"actions=group:1", "group_id=1,type=all,bucket=1,2,push_vlan:0x8100"},
       "",
       "2 dl_vlan=0,dl_vlan_pcp=0,vlan_tpid=0x8100"},
      {"indirect", {"actions=group:1", "group_id=1,type=indirect,bucket=2"}, "", "2 "},
      {"no such group", {"actions=group:7,2"}, "", "2 "},
      {"groups in groups",
       {"actions=group:1", "group_id=1,type=all,bucket=push_vlan:0x8100,group:2,bucket=1",
        "group_id=2,type=all,bucket=2"},
       "",
       "2 dl_vlan=0,dl_vlan_pcp=0,vlan_tpid=0x8100 | 1 "},
      {"a group in itself",
       {"actions=1,group:1", "group_id=1,type=all,bucket=group:1"},
       "",
       "over limit: too deep"},
      {"ff: the first that lives",
       {"actions=group:1",
        "group_id=1,type=ff,bucket=watch_port:9,1,bucket=watch_port:2,2,"
        "bucket=watch_port:4,4"},
       "",
       "2 "},
      {"ff: none", {"actions=group:1,4", "group_id=1,type=ff,bucket=watch_port:9,1"}, "", "4 "},
      {"ff: a group that lives",
       {"actions=group:1",
        "group_id=1,type=ff,bucket=watch_group:2,1,bucket=watch_group:3,2,bucket=watch_group:1,4",
        "group_id=2,type=ff,bucket=watch_port:9,1", "group_id=3,type=ff,bucket=watch_port:1,1"},
       "",
       "2 "},
      {"ff: groups that watch each other alone do not live",
       {"actions=group:1,4",
        "group_id=1,type=ff,bucket=watch_group:1,1,bucket=watch_group:2,1,bucket=watch_group:3,1",
        "group_id=2,type=ff,bucket=watch_group:1,1,bucket=watch_group:2,1,bucket=watch_group:3,1",
        "group_id=3,type=ff,bucket=watch_group:1,1,bucket=watch_group:2,1,bucket=watch_group:3,1"},
       "",
       "4 "},
      {"select: none to choose",
       {"actions=group:1,2", "group_id=1,type=select,bucket=weight:0,1"},
       "",
       "2 "},
      {"select: only one lives",
       {"actions=group:1",
        "group_id=1,type=select,bucket=watch_port:9,1,bucket=2,bucket=weight:0,4"},
       "",
       "2 "},
      {"select: a hash",
       {"actions=group:1", "group_id=1,type=select,bucket=1,bucket=2"},
       "",
       "gave up: a hash chooses a bucket"},
      {"a resubmit in a bucket: the table of the rule",
       {"actions=resubmit(,5)", "table=5,in_port=1,actions=group:1,4",
        "table=5,in_port=2,actions=2,exit", "group_id=1,type=all,bucket=resubmit:2"},
       "in_port=1",
       "2 in_port=1 | 4 in_port=1"},
  };
  CheckAll(cases);
}

TEST_CASE("reference: who asks for a bucket gets it") {
  auto parts =
      PartsOf({"",
               {"actions=group:1",
                "group_id=1,type=select,selection_method=symmetric_l4,bucket=1,bucket=weight:0,2,"
                "bucket=4"},
               "",
               ""});
  parts.select = [](const pipeline::Group& group, const Fields& packet,
                    const std::vector<size_t>& live) {
    CHECK(group.id == 1);
    CHECK(live == std::vector<size_t>{0, 2});
    return live[packet.in_port.host() % live.size()];
  };
  const ReferencePipeline pipeline(parts);
  CHECK(TextOf(pipeline.Run(PacketOf("in_port=2"))) == "1 in_port=2");
  CHECK(TextOf(pipeline.Run(PacketOf("in_port=3"))) == "4 in_port=3");
}

TEST_CASE("reference: normal") {
  constexpr std::string_view kSeen = "dl_dst=00:00:00:00:00:02", kNew = "dl_dst=00:00:00:00:00:09";
  auto parts = PartsOf({"", {"actions=normal"}, "", ""});
  const Mac seen = {{0, 0, 0, 0, 0, 2}};
  parts.macs = {{{0, seen}, 2}, {{10, seen}, 3}, {{20, seen}, 3}};
  const ReferencePipeline pipeline(parts);
  struct NormalCase {
    std::string packet;
    std::vector<std::string_view> to;  // port, and its tag
    int learned;                       // the VLAN; -1: nothing
  };
  const NormalCase cases[] = {
      {absl::StrCat("in_port=1,", kSeen.data()), {"2"}, 0},
      {absl::StrCat("in_port=2,", kSeen.data()), {}, 0},
      {absl::StrCat("in_port=1,", kNew.data()), {"0", "2"}, 0},
      {absl::StrCat("in_port=1,dl_vlan=10,", kSeen.data()), {"3"}, 10},
      {absl::StrCat("in_port=1,dl_vlan=10,", kNew.data()), {"0:10", "2:10", "4:10", "3"}, 10},
      // Port 3 does not carry the VLAN in which it was seen.
      {absl::StrCat("in_port=1,dl_vlan=20,", kSeen.data()), {"0:20", "2:20", "4:20"}, 20},
      {absl::StrCat("in_port=3,", kNew.data()), {"0:10", "1:10", "2:10", "4:10"}, 10},
      {absl::StrCat("in_port=3,", kSeen.data()), {}, 10},
      {absl::StrCat("in_port=3,dl_vlan=10,", kNew.data()), {}, -1},
      {absl::StrCat("in_port=4,", kNew.data()), {}, -1},
      {absl::StrCat("in_port=4,dl_vlan=30,", kNew.data()), {}, -1},
      {absl::StrCat("in_port=9,", kNew.data()), {}, -1},
      {"in_port=1,dl_dst=01:80:c2:00:00:0e", {}, -1},
      {"in_port=1,dl_dst=ff:ff:ff:ff:ff:ff", {"0", "2"}, 0},
      {"in_port=1,dl_dst=ff:ff:ff:ff:ff:ff,dl_src=01:00:00:00:00:01", {"0", "2"}, -1},
      // A priority without a VLAN.
      {absl::StrCat("in_port=1,dl_vlan=0,dl_vlan_pcp=5,", kNew.data()), {"0", "2"}, 0},
      {absl::StrCat("in_port=3,dl_vlan=0,dl_vlan_pcp=5,", kNew.data()),
       {"0:10.5", "1:10.5", "2:10.5", "4:10.5"},
       10},
      {"in_port=1,packet_type=(1,0x800)", {}, -1},
  };
  for (const NormalCase& c : cases) {
    INFO(c.packet);
    const ReferenceResult result = pipeline.Run(PacketOf(c.packet));
    std::vector<std::string> to;
    for (const Delivery& delivery : result.deliveries) {
      to.push_back(absl::StrCat(delivery.port));
      const uint16_t tci = delivery.packet.vlans[0].tci.host();
      if (tci != 0) absl::StrAppend(&to.back(), ":", tci & 0xfff);
      if ((tci >> 13) != 0) absl::StrAppend(&to.back(), ".", tci >> 13);
    }
    CHECK(to == std::vector<std::string>(c.to.begin(), c.to.end()));
    CHECK((result.learned ? result.learned->vlan : -1) == c.learned);
  }
  const ReferenceResult result = pipeline.Run(PacketOf("in_port=1,dl_src=00:00:00:00:00:07"));
  CHECK(result.learned ==
        ReferenceResult::Learned{.mac = {{0, 0, 0, 0, 0, 7}}, .vlan = 0, .port = 1});
}

}  // namespace
}  // namespace sluice::testing
