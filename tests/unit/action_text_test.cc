#include "agent/pipeline/action_text.h"

#include <string>
#include <vector>

#include "agent/pipeline/action_table.h"
#include "tests/support/test.h"
#include "tests/unit/rule_ports.h"

namespace sluice::pipeline {
namespace {

const FakePorts kPorts;

std::string Rewritten(std::string_view text) {
  const auto list = ParseActions(text, {.ports = &kPorts});
  if (!list.ok()) return std::string(list.status().message());
  return ToString(list->span(), &kPorts);
}

TEST_CASE("action text: every action, and how it is written") {
  struct Case {
    std::string_view in, out;
  };
  const Case cases[] = {
      {"", "drop"},
      {"drop", "drop"},
      {"output:1", "output:1"},
      {"1,2", "output:1,output:2"},
      {"output:3 , output:4", "output:3,output:4"},
      {"web", "output:web"},
      {"output:\"a b,c\"", "output:\"a b,c\""},
      {"output:8", "output:db"},
      {"output:LOCAL,output:65534", "LOCAL,LOCAL"},
      {"IN_PORT,ALL,FLOOD,NORMAL,LOCAL", "IN_PORT,ALL,FLOOD,NORMAL,LOCAL"},
      {"in_port,all,flood,normal,local", "IN_PORT,ALL,FLOOD,NORMAL,LOCAL"},
      {"output:reg0", "output:reg0[]"},
      {"output:NXM_NX_REG0[16..31]", "output:reg0[16..31]"},
      {"output(port=1,max_len=100)", "output(port=1,max_len=100)"},
      {"output(port=web,max_len=64),output(max_len=64,port=reg0[0..15])",
       "output(port=web,max_len=64),output(port=reg0[0..15],max_len=64)"},
      {"CONTROLLER:65535", "CONTROLLER:65535"},
      {"controller,controller:5,output:CONTROLLER",
       "CONTROLLER:65535,CONTROLLER:5,CONTROLLER:65535"},
      {"controller(max_len=100,reason=no_match,userdata=01.02,pause)",
       "controller(reason=no_match,max_len=100,userdata=01.02,pause)"},
      {"userspace(id=5,userdata=0102)", "controller(id=5,userdata=01.02)"},
      {"enqueue:3:4,enqueue(web,2)", "enqueue:3:4,enqueue:web:2"},
      {"set_queue:4,pop_queue", "set_queue:4,pop_queue"},
      {"group:5", "group:5"},
      {"set_field:1->reg0", "set_field:0x1->reg0"},
      {"set_field:5/7->reg0", "set_field:0x5/0x7->reg0"},
      {"set_field:00:00:00:00:00:05->eth_dst", "set_field:00:00:00:00:00:05->dl_dst"},
      {"set_field:1.2.3.4/255.0.0.0->ip_src", "set_field:1.0.0.0/8->ip_src"},
      {"set_field:fe80::1->ipv6_src", "set_field:fe80::1->ipv6_src"},
      {"set_field:4196->vlan_vid,set_field:100->vlan_vid",
       "set_field:4196->vlan_vid,set_field:4196->vlan_vid"},
      {"set_field:3->vlan_pcp", "set_field:3->dl_vlan_pcp"},
      {"set_field:5->tcp_dst,set_field:32->nw_tos,set_field:8->ip_dscp",
       "set_field:5->tcp_dst,set_field:32->nw_tos,set_field:8->ip_dscp"},
      {"set_field:web->in_port", "set_field:web->in_port"},
      {"set_field:+oam->tun_flags", "set_field:+oam->tun_flags"},
      {"set_field:0x123456789abcdef0123456789abcdef->xxreg1",
       "set_field:0x123456789abcdef0123456789abcdef->xxreg1"},
      {"load:5->NXM_NX_REG0[0..3]", "set_field:0x5/0xf->reg0"},
      {"load:0->NXM_OF_IN_PORT[]", "set_field:LOCAL->in_port"},
      {"load:1->NXM_OF_IN_PORT[0..3]", "set_field:0x1/0xf->in_port"},
      {"load:0xff->NXM_OF_IP_TOS[]", "set_field:252->nw_tos"},
      {"load:0x1->eth_src[0..31]", "set_field:00:00:00:00:00:01/00:00:ff:ff:ff:ff->dl_src"},
      {"load:1->vlan_pcp[0]", "set_field:0x1/0x1->dl_vlan_pcp"},
      {"load:5->OXM_OF_METADATA[]", "set_field:0x5->metadata"},
      {"mod_dl_src:00:00:00:00:00:01,mod_nw_src:1.2.3.4,mod_tp_dst:5",
       "mod_dl_src:00:00:00:00:00:01,mod_nw_src:1.2.3.4,mod_tp_dst:5"},
      {"mod_nw_tos:32,mod_nw_ecn:2,mod_nw_ttl:3", "mod_nw_tos:32,mod_nw_ecn:2,mod_nw_ttl:3"},
      {"mod_vlan_vid:5,mod_vlan_pcp:2,strip_vlan,pop_vlan",
       "mod_vlan_vid:5,mod_vlan_pcp:2,strip_vlan,strip_vlan"},
      {"push_vlan:0x8100,push_vlan:0x88a8", "push_vlan:0x8100,push_vlan:0x88a8"},
      {"set_tunnel:5,set_tunnel64:0x100000000", "set_tunnel:0x5,set_tunnel:0x100000000"},
      {"pop_mpls:0x800,push_mpls:0x8847,set_mpls_label:5,set_mpls_tc(2),set_mpls_ttl:2",
       "pop_mpls:0x0800,push_mpls:0x8847,set_mpls_label:5,set_mpls_tc:2,set_mpls_ttl:2"},
      {"dec_mpls_ttl,dec_ttl,dec_ttl(1,2)", "dec_mpls_ttl,dec_ttl,dec_ttl(1,2)"},
      {"move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]", "move:dl_src[]->dl_dst[]"},
      {"move:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15]", "move:in_port[]->reg0[0..15]"},
      {"push:NXM_NX_REG0[],pop:NXM_NX_REG1[0..3]", "push:reg0[],pop:reg1[0..3]"},
      {"resubmit(,5),resubmit:3,resubmit(3,4),resubmit(in_port,4),resubmit(web,)",
       "resubmit(,5),resubmit:3,resubmit(3,4),resubmit(,4),resubmit:web"},
      {"resubmit:IN_PORT", "resubmit:IN_PORT"},
      {"clone(output:2,clone(mod_vlan_vid:3,output:4)),output:1",
       "clone(output:2,clone(mod_vlan_vid:3,output:4)),output:1"},
      {"clone(drop),clone()", "clone(drop),clone(drop)"},
      {"ct", "ct()"},
      {"ct(table=3)", "ct(table=3)"},
      {"ct(zone=5,commit,force,table=0)", "ct(commit,force,table=0,zone=5)"},
      {"ct(zone=NXM_NX_REG1[4..19])", "ct(zone=reg1[4..19])"},
      {"ct(nat,table=1)", "ct(table=1,nat)"},
      {"ct(commit,nat(src))", "ct(commit,nat(src))"},
      {"ct(commit,nat(src=10.0.0.1-10.0.0.9:1000-2000,random,persistent))",
       "ct(commit,nat(src=10.0.0.1-10.0.0.9:1000-2000,random,persistent))"},
      {"ct(commit,nat(dst=10.0.0.1:80,hash))", "ct(commit,nat(dst=10.0.0.1:80,hash))"},
      {"ct(commit,nat(dst=fe80::1-fe80::9))", "ct(commit,nat(dst=fe80::1-fe80::9))"},
      {"ct(commit,nat(dst=[fe80::1]-[fe80::9]:5-6))",
       "ct(commit,nat(dst=[fe80::1]-[fe80::9]:5-6))"},
      {"ct(commit,exec(load:1->ct_mark[0],move:reg0->NXM_NX_CT_LABEL[32..63]),alg=ftp,timeout=a-b)",
       "ct(commit,timeout=a-b,exec(set_field:0x1/"
       "0x1->ct_mark,move:reg0[]->ct_label[32..63]),alg=ftp)"},
      {"ct_clear", "ct_clear"},
      {"sample(probability=10,collector_set_id=1)",
       "sample(probability=10,collector_set_id=1,obs_domain_id=0,obs_point_id=0)"},
      {"sample(probability=65535,obs_point_id=3,sampling_port=web,egress)",
       "sample(probability=65535,collector_set_id=0,obs_domain_id=0,obs_point_id=3,"
       "sampling_port=web,egress)"},
      {"note:aa.bb,note:0102,exit", "note:aa.bb,note:01.02,exit"},
      {"apply_actions(output:1,output:2)", "output:1,output:2"},
      {"output:1,clear_actions,write_actions(group:3,output:2),write_metadata:0x5/0xff,"
       "goto_table:5",
       "output:1,clear_actions,write_actions(group:3,output:2),write_metadata:0x5/0xff,"
       "goto_table:5"},
      {"write_metadata:7", "write_metadata:0x7"},
      {"check_pkt_larger(1500)->NXM_NX_REG0[0],check_pkt_larger:0x100->reg3[31],output:1",
       "check_pkt_larger(1500)->reg0[0],check_pkt_larger(256)->reg3[31],output:1"},
      {"clone(check_pkt_larger( 65535 )->metadata[63],output:1)",
       "clone(check_pkt_larger(65535)->metadata[63],output:1)"},
      {"write_actions(drop)", "write_actions(drop)"},
  };
  for (const Case& c : cases) {
    INFO(c.in);
    CHECK(Rewritten(c.in) == c.out);
    CHECK(Rewritten(c.out) == c.out);
  }
}

TEST_CASE("action text: what is wrong, and where") {
  struct Case {
    std::string_view in, message;
    size_t caret;
  };
  const Case cases[] = {
      {"foo", "unknown action foo, and no port of that name", 0},
      {"output:1,foo:3", "unknown action foo", 9},
      {"output:nope", "there is no port nope", 7},
      {"output:", "expected output:PORT", 0},
      {"output(max_len=100)", "output(..) needs port=PORT", 0},
      {"output(port=1,max_len=3)", "max_len must be at least 14", 22},
      {"output(port=1,x=3)", "output has no argument x: expected output(PORT)", 14},
      {"output:ipv6_src[]", "a port has at most 32 bits", 7},
      {"output:1,drop", "drop stands alone: actions that send nowhere drop", 9},
      {"normal:1", "normal has no arguments", 7},
      {"controller(reason=why)", "unknown reason why", 18},
      {"controller(userdata=abc)", "userdata must be pairs of hexadecimal digits", 20},
      {"set_field:5", "expected set_field:VALUE[/MASK]->FIELD", 0},
      {"set_field:5->reg3[0..3]", "set_field takes a whole field: use a mask, or load", 13},
      {"set_field:5->rgg3", "unknown field rgg3", 13},
      {"set_field:5->nw_proto", "nw_proto cannot be changed", 13},
      {"set_field:5/0->reg0", "the mask has no bit to set", 10},
      {"load:5->reg0[3]", "5 is no number of 1 bit", 5},
      {"load:0x10->reg0[0..3]", "0x10 is no number of 4 bits", 5},
      {"load:x->reg0[]", "x is no number of 32 bits", 5},
      {"move:in_port[]->reg0[]", "the source has 16 bits, the destination 32", 5},
      {"mod_nw_tos:33", "nw_tos must be a multiple of 4", 11},
      {"mod_nw_src:1.2.3.4/8", "mod_nw_src takes no mask", 11},
      {"mod_vlan_vid:4096", "mod_vlan_vid must be a number of 0 to 4095", 13},
      {"push_vlan:0x800", "push_vlan takes 0x8100 or 0x88a8", 10},
      {"resubmit(,255)", "resubmit must be a number of 0 to 254", 10},
      {"resubmit(,5,ct)", "expected resubmit([PORT],[TABLE])", 10},
      {"resubmit()", "expected resubmit:[PORT],[TABLE]", 0},
      {"clone(output:1", "the parenthesis is not closed", 5},
      {"clone(goto_table:5)", "goto_table cannot be inside of anything", 6},
      {"write_actions(exit)", "exit cannot be in the action set", 14},
      {"goto_table:5,output:1",
       "output: the order is actions, clear_actions, write_actions, write_metadata, goto_table",
       13},
      {"goto_table:5,goto_table:6",
       "a second goto_table: the order is actions, clear_actions, write_actions, write_metadata, "
       "goto_table",
       13},
      {"goto_table:255", "goto_table must be a number of 0 to 254", 11},
      {"sample(collector_set_id=1)", "sample needs a probability of 1 to 65535", 0},
      {"note:abc", "a note is pairs of hexadecimal digits", 5},
      {"learn(table=1)",
       "learn is not supported: normal learns addresses, and rules are changed "
       "by programs",
       0},
      {"multipath(eth_src,50,modulo_n,1,0,reg0[])",
       "multipath is not supported: use a group of type select", 0},
      {"ct(table=255)", "ct must be a number of 0 to 254", 9},
      {"ct(what=5)", "ct has no argument what: expected ct(commit,force,table=TABLE", 3},
      {"ct(force)", "force needs commit", 0},
      {"ct(nat(src=10.0.0.1))", "nat(src) and nat(dst) need commit", 0},
      {"ct(exec(set_field:1->ct_mark))", "exec needs commit", 0},
      {"ct(alg=ftp)", "alg needs commit", 0},
      {"ct(timeout=x)", "timeout needs commit", 0},
      {"ct(commit,alg=sip)", "alg is ftp or tftp", 14},
      {"ct(commit,timeout=a/b)", "the name of a timeout policy has 1 to 31 letters, digits", 10},
      {"ct(zone=65536)", "a zone is a number of 0 to 65535", 8},
      {"ct(zone=reg0)", "a zone has 16 bits", 8},
      {"ct(commit,nat(src=10.0.0.9-10.0.0.1))", "expected IP[-IP][:PORT[-PORT]]", 18},
      {"ct(commit,nat(src=10.0.0.1-fe80::1))", "expected IP[-IP][:PORT[-PORT]]", 18},
      {"ct(commit,nat(src=10.0.0.1:9-5))", "ports are FIRST-LAST", 27},
      {"ct(commit,nat(src=10.0.0.1,dst=10.0.0.2))", "nat takes one of src and dst", 27},
      {"ct(nat(random))", "random, hash and persistent need src or dst", 3},
      {"ct(commit,nat(src,random,hash))", "nat takes one of random and hash", 10},
      {"ct(commit,nat(to=10.0.0.1))", "nat takes src=RANGE or dst=RANGE", 14},
      {"ct(commit,exec(output:1))", "exec() takes set_field, load and move", 15},
      {"ct(commit,exec(5))", "unknown action 5", 15},
      {"ct(commit,exec(mod_dl_src:0a:00:00:00:00:01))", "exec() takes set_field, load", 15},
      {"ct(commit,exec(set_field:1->reg0))", "exec() changes ct_mark and ct_label alone", 28},
      {"set_field:1->ct_mark", "ct_mark cannot be changed but by ct(commit,exec(..))", 13},
      {"write_actions(ct_clear)", "ct_clear cannot be in the action set", 14},
      {"check_pkt_larger(1500)", "expected check_pkt_larger:BYTES->FIELD[BIT]", 0},
      {"check_pkt_larger(65536)->reg0[0]", "check_pkt_larger must be a number of 0 to 65535", 17},
      {"check_pkt_larger(1500)->reg0[0..1]", "check_pkt_larger tells one bit, and that are 2", 24},
      {"check_pkt_larger(1500)->eth_type[0]", "dl_type cannot be changed", 24},
      {"check_pkt_larger(1500)->regx[0]", "unknown field regx", 24},
      {"write_actions(check_pkt_larger(1)->reg0[0])", "check_pkt_larger cannot be in the action",
       14},
      {"clone(1)->reg0[0]", "clone has no destination", 10},
      {"enqueue:3", "expected enqueue:PORT:QUEUE", 8},
      {"clone(clone(clone(clone(clone(clone(clone(clone(clone(1)))))))))",
       "more than 8 actions in one another", 48},
  };
  for (const Case& c : cases) {
    INFO(c.in);
    const auto list = ParseActions(c.in, {.ports = &kPorts});
    REQUIRE_FALSE(list.ok());
    const std::string message(list.status().message());
    CHECK(message.substr(0, message.find('\n')).substr(0, c.message.size()) == c.message);
    CHECK(attr::TextErrorOffset(list.status()).value_or(9999) == c.caret);
  }
}

TEST_CASE("action text: fields must mean something in what the rule matches") {
  const auto why = [](std::string_view match, std::string_view actions) -> std::string {
    const auto parsed = ParseMatch(match, nullptr).value();
    const MatchBuilder known{parsed.Value(), parsed.Mask()};
    const auto list = ParseActions(actions, {.match = &known, .table = 3});
    if (list.ok()) return "";
    const std::string message(list.status().message());
    return message.substr(0, message.find('\n'));
  };
  struct Case {
    std::string_view match, actions, why;
  };
  const Case cases[] = {
      {"", "load:5->NXM_OF_TCP_DST[]", "tcp_dst needs tcp or tcp6 in the match"},
      {"ip", "set_field:5->tcp_dst", "tcp_dst needs tcp or tcp6 in the match"},
      {"tcp", "set_field:5->tcp_dst", ""},
      {"", "mod_tp_dst:5,dec_ttl", ""},
      {"", "move:nw_src[]->reg0[]", "nw_src needs ip, arp or rarp in the match"},
      {"ip", "move:nw_src[]->reg0[]", ""},
      {"tcp", "set_field:5->vlan_vid",
       "vlan_vid needs a VLAN tag (vlan_tci=0x1000/0x1000) in the match"},
      {"vlan_tci=0x1000/0x1000", "set_field:5->vlan_vid", ""},
      {"tcp", "push_vlan:0x8100,set_field:5->vlan_vid", ""},
      {"dl_vlan=5", "strip_vlan,set_field:5->vlan_vid",
       "vlan_vid needs a VLAN tag (vlan_tci=0x1000/0x1000) in the match"},
      {"ip", "push_mpls:0x8847,set_field:5->mpls_label", ""},
      {"ip", "push_mpls:0x8847,set_field:1.2.3.4->ip_src", "ip_src needs ip in the match"},
      {"mpls", "pop_mpls:0x800,set_field:1.2.3.4->ip_src", ""},
      {"ip", "clone(push_mpls:0x8847),set_field:1.2.3.4->ip_src", ""},
      {"", "goto_table:4", ""},
      {"", "goto_table:3", "goto_table leads only to higher tables than 3; resubmit leads to any"},
  };
  for (const Case& c : cases) {
    INFO(c.match << " | " << c.actions);
    CHECK(why(c.match, c.actions) == c.why);
  }
}

TEST_CASE("actions: a set changes its bits, and nothing else") {
  const auto list =
      ParseActions("set_field:0x50/0xf0->reg1,load:3->vlan_pcp[],load:0xff->nw_tos[]", {}).value();
  Fields fields, zeros;
  for (size_t i = 0; i < kFieldWords; ++i) SetWord(&fields, i, ~uint64_t{0});
  for (const Action action : list.span()) {
    ApplySetField(action, &fields);
    ApplySetField(action, &zeros);
  }
  CHECK(fields.regs[1].host() == 0xffffff5f);
  CHECK(fields.regs[0].host() == 0xffffffff);
  CHECK(fields.vlans[0].tci.host() == 0x7fff);
  CHECK(fields.nw_tos == 0xff);
  CHECK(zeros.regs[1].host() == 0x50);
  CHECK(zeros.vlans[0].tci.host() == 0x6000);
  CHECK(zeros.nw_tos == 0xfc);
}

TEST_CASE("actions: nested ones are walked like the others") {
  const auto list =
      ParseActions("clone(output:2,clone(output:3),note:01.02.03),output:1", {}).value();
  std::vector<uint32_t> ports;
  const auto walk = [&ports](const auto& self, ActionSpan span) -> void {
    for (const Action action : span) {
      if (action.kind() == ActionKind::kOutput) ports.push_back(action.Get<OutputAction>().port);
      self(self, action.nested());
    }
  };
  walk(walk, list.span());
  CHECK(ports == std::vector<uint32_t>{2, 3, 1});
  ActionList copy;
  copy.AppendCopy(list.span());
  CHECK(copy == list);
}

TEST_CASE("action table: every kind has one row that writes it, every row a reader or a reason") {
  std::vector<int> writers(kActionKinds);
  for (const ActionRow& row : ActionTable()) {
    INFO(row.name);
    CHECK(FindAction(row.name) == &row);
    CHECK((row.parse == nullptr) != row.refused.empty());
    if (row.format != nullptr) ++writers[static_cast<size_t>(row.kind)];
    if (!row.field.empty()) CHECK(FindField(row.field) != nullptr);
    if (row.parse != nullptr) CHECK_FALSE(row.doc.empty());
  }
  CHECK(writers == std::vector<int>(kActionKinds, 1));
}

}  // namespace
}  // namespace sluice::pipeline
