#include <random>
#include <string>
#include <vector>

#include "agent/pipeline/action_table.h"
#include "agent/pipeline/field_text.h"
#include "agent/pipeline/group.h"
#include "agent/pipeline/rule.h"
#include "tests/support/test.h"
#include "tests/unit/rule_ports.h"

namespace sluice::pipeline {
namespace {

const FakePorts kPorts;

std::string FirstLine(const absl::Status& status) {
  const std::string message(status.message());
  return message.substr(0, message.find('\n'));
}

TEST_CASE("rule text: lines as ovs-ofctl takes them") {
  struct Case {
    std::string_view in, out;
  };
  const Case cases[] = {
      {"actions=drop", "table=0,priority=32768,actions=drop"},
      {"actions=", "table=0,priority=32768,actions=drop"},
      {"table=0,priority=100,ip,nw_dst=10.0.0.0/24,actions=output:1,mod_nw_tos:32",
       "table=0,priority=100,ip,nw_dst=10.0.0.0/24,actions=output:1,mod_nw_tos:32"},
      {"ip nw_src=1.2.3.4, actions = output:3 , output:4",
       "table=0,priority=32768,ip,nw_src=1.2.3.4,actions=output:3,output:4"},
      {"cookie=0x55,idle_timeout=5,hard_timeout=6,importance=3,send_flow_rem,priority=1,actions="
       "web",
       "cookie=0x55,table=0,idle_timeout=5,hard_timeout=6,importance=3,send_flow_rem,priority=1,"
       "actions=output:web"},
      {" cookie=0x0, duration=5.2s, table=7, n_packets=0, n_bytes=0, idle_age=5, priority=9,tcp "
       "actions=resubmit(,8)",
       "table=7,priority=9,tcp,actions=resubmit(,8)"},
      {"table=5,reg0=0x1/0x1,actions=clone(set_field:5->reg1,output:1),goto_table:6",
       "table=5,priority=32768,reg0=0x1/0x1,actions=clone(set_field:0x5->reg1,output:1),"
       "goto_table:6"},
      {"in_port=web,dl_vlan=10,actions=strip_vlan,db",
       "table=0,priority=32768,in_port=web,dl_vlan=10,actions=strip_vlan,output:db"},
  };
  for (const Case& c : cases) {
    INFO(c.in);
    const auto rule = ParseRule(c.in, &kPorts);
    REQUIRE_OK(rule);
    CHECK(ToString(*rule, &kPorts) == c.out);
    CHECK(ParseRule(c.out, &kPorts).value() == *rule);
  }
}

TEST_CASE("rule text: what is wrong, and where") {
  struct Case {
    std::string_view in, message;
    size_t caret;
  };
  const Case cases[] = {
      {"tcp", "expected actions=..", 3},
      {"", "expected actions=..", 0},
      {"ip,tp_dst=5,actions=drop", "tp_dst needs tcp, udp or sctp", 3},
      {"table=255,actions=drop", "table must be a number of 0 to 254", 6},
      {"priority=65536,actions=drop", "priority must be a number of 0 to 65535", 9},
      {"cookie=0x5/-1,actions=drop", "the cookie of a new rule has no mask", 7},
      {"cookie=x,actions=drop", "cookie must be a number of 64 bits, or VALUE/MASK", 7},
      {"out_port=1,actions=drop", "out_port selects rules; a new one has none", 0},
      {"table=5,actions=goto_table:5",
       "goto_table leads only to higher tables than 5; resubmit leads to any", 27},
      {"actions=load:5->tcp_dst[]", "tcp_dst needs tcp or tcp6 in the match", 16},
      {"actions=clone(output:1", "the parenthesis is not closed", 13},
      {"tcp,actions=output:nope", "there is no port nope", 19},
      {"foo,actions=drop", "unknown field foo", 0},
  };
  for (const Case& c : cases) {
    INFO(c.in);
    const auto rule = ParseRule(c.in, &kPorts);
    REQUIRE_FALSE(rule.ok());
    CHECK(FirstLine(rule.status()) == c.message);
    CHECK(attr::TextErrorOffset(rule.status()).value_or(9999) == c.caret);
  }
}

TEST_CASE("rule change: which rules it selects") {
  const Rule rule =
      ParseRule("cookie=0x51,table=3,priority=7,tcp,tp_dst=80,actions=clone(output:2),group:5",
                &kPorts)
          .value();
  struct Case {
    RuleCommand command;
    std::string_view text;
    bool selects;
  };
  using enum RuleCommand;
  const Case cases[] = {
      {kDelete, "", true},
      {kDelete, "table=3", true},
      {kDelete, "table=4", false},
      {kDelete, "table=all", true},
      {kDelete, "tcp", true},
      {kDelete, "udp", false},
      {kDelete, "tcp,tp_dst=80,nw_src=1.2.3.4", false},
      {kDelete, "cookie=0x50/0xf0", true},
      {kDelete, "cookie=0x50/-1", false},
      {kDelete, "cookie=0x51", true},
      {kDelete, "out_port=2", true},
      {kDelete, "out_port=3", false},
      {kDelete, "out_group=5", true},
      {kDelete, "out_group=6", false},
      {kDeleteStrict, "priority=7,tcp,tp_dst=80", true},
      {kDeleteStrict, "priority=8,tcp,tp_dst=80", false},
      {kDeleteStrict, "priority=7,tcp", false},
      {kModify, "tcp,actions=drop", true},
      {kModify, "cookie=9,cookie=0x51/-1,tcp,actions=drop", true},
      {kModifyStrict, "priority=7,tcp,tp_dst=80,actions=drop", true},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    const auto change = ParseRuleChange(c.text, c.command, &kPorts);
    REQUIRE_OK(change);
    CHECK(change->Selects(rule) == c.selects);
  }
  CHECK(FirstLine(ParseRuleChange("actions=drop", kDelete, &kPorts).status()) ==
        "a delete has no actions");
  CHECK(FirstLine(ParseRuleChange("priority=5", kDelete, &kPorts).status()) ==
        "priority selects only with strict");
}

TEST_CASE("rule lines: comments, commands, and errors by line") {
  const auto changes = ParseRuleLines(
      "# a file\n\n  tcp,actions=1   # web\r\ndelete table=3\nmodify_strict priority=5,actions=2\n"
      "add actions=3",
      "f", RuleCommand::kAdd, &kPorts);
  REQUIRE_OK(changes);
  REQUIRE(changes->size() == 4);
  CHECK((*changes)[1].command == RuleCommand::kDelete);
  CHECK((*changes)[2].command == RuleCommand::kModifyStrict);
  CHECK(ToString((*changes)[0].rule) == "table=0,priority=32768,tcp,actions=output:1");

  const auto wrong =
      ParseRuleLines("tcp,actions=1\nfoo\ntp_dst=5,actions=1", "f", RuleCommand::kAdd, &kPorts);
  CHECK(std::string(wrong.status().message()) ==
        "f:2: unknown field foo\n  foo\n  ^\n"
        "f:3: tp_dst needs tcp, udp or sctp\n  tp_dst=5,actions=1\n  ^");
  CHECK(ReadRuleFile("/nonexistent/rules", RuleCommand::kAdd, nullptr).status().code() ==
        absl::StatusCode::kNotFound);
}

// --- Random rules --------------------------------------------------------------------------------

using Random = std::mt19937_64;

absl::uint128 RandomBits(Random& random) {
  return random() % 4 == 0 ? absl::uint128(0) : absl::MakeUint128(random(), random());
}

// Matches of random fields whose prerequisites hold.
MatchBuilder RandomMatch(Random& random) {
  MatchBuilder match;
  const auto shorthands = Shorthands();
  Blame blame;
  if (random() % 4 != 0)
    AddToMatch(shorthands[random() % shorthands.size()].name, {}, nullptr, &match, &blame);
  if (random() % 3 == 0) AddToMatch("dl_vlan", "5", nullptr, &match, &blame);
  if (random() % 6 == 0) AddToMatch("ct_state", "+trk+est", nullptr, &match, &blame);
  if (random() % 2 == 0) AddToMatch("icmp_type", "135", nullptr, &match, &blame);
  if (!Holds(Needs::kIcmp, match.value, match.mask)) {
    match.value.tp_src = {};
    match.mask.tp_src = {};
  }
  for (int i = static_cast<int>(random() % 12); i > 0; --i) {
    const auto table = FieldTable();
    const FieldRow& row = table[random() % table.size()];
    if (row.hidden || !Holds(row.needs, match.value, match.mask)) continue;
    FieldBits bits = {.mask = FullMask(row)};
    if (row.masking == Masking::kArbitrary) bits.mask &= RandomBits(random) | 1;
    bits.value = RandomBits(random) & bits.mask;
    if (row.format == FieldFormat::kPort) bits.value %= 100;
    if (row.format == FieldFormat::kPacketType) bits.value = 0;
    if (row.format == FieldFormat::kTos) bits.value &= ~absl::uint128(3);
    std::string text;
    AppendFieldBits(row, bits, nullptr, &text);
    AddToMatch(row.name, text, nullptr, &match, &blame);
  }
  return match;
}

void AppendRandomSet(Random& random, const MatchBuilder& match, ActionList* list) {
  const auto table = FieldTable();
  const FieldRow& row = table[random() % table.size()];
  if (!row.writable || !Holds(SetNeeds(row), match.value, match.mask)) return;
  const absl::uint128 mask = RandomBits(random) & FullMask(row);
  const bool tos_only_low = row.format == FieldFormat::kTos && (mask & ~absl::uint128(3)) == 0;
  if (mask == 0 || tos_only_low) return;
  AppendSetField(row, RandomBits(random), mask, false, list);
}

TEST_CASE("rule text: random rules of all fields and actions read back to themselves") {
  Random random(4);
  const std::vector<std::string_view> actions = {"output:1",
                                                 "output:web",
                                                 "NORMAL",
                                                 "LOCAL",
                                                 "output:reg3[0..15]",
                                                 "controller(id=3,pause)",
                                                 "CONTROLLER:100",
                                                 "enqueue:1:2",
                                                 "set_queue:9",
                                                 "pop_queue",
                                                 "mod_vlan_vid:7",
                                                 "mod_vlan_pcp:1",
                                                 "mod_nw_src:1.2.3.4",
                                                 "mod_tp_dst:80",
                                                 "set_tunnel:9",
                                                 "dec_ttl(1,2)",
                                                 "dec_ttl",
                                                 "dec_mpls_ttl",
                                                 "move:reg0[]->reg1[]",
                                                 "push:reg2[3]",
                                                 "pop:reg2[4]",
                                                 "resubmit(,3)",
                                                 "resubmit:4",
                                                 "resubmit(web,4)",
                                                 "group:7",
                                                 "note:01.02",
                                                 "exit",
                                                 "sample(probability=9)",
                                                 "clone(output:1,clone(2))",
                                                 "output(port=2,max_len=64)"};
  int with_match = 0;
  for (int i = 0; i < 20000; ++i) {
    const MatchBuilder match = RandomMatch(random);
    Rule rule{.cookie = random() % 2 == 0 ? 0 : random(),
              .priority = static_cast<uint16_t>(random()),
              .idle_timeout = static_cast<uint16_t>(random() % 3),
              .table = static_cast<uint8_t>(random() % 250),
              .flags = static_cast<uint8_t>(random() % 32),
              .match = match.Build()};
    with_match += rule.match.IsCatchAll() ? 0 : 1;
    for (int n = static_cast<int>(random() % 6); n > 0; --n) {
      if (random() % 2 == 0) {
        AppendRandomSet(random, match, &rule.actions);
      } else {
        rule.actions.AppendCopy(
            ParseActions(actions[random() % actions.size()], {.ports = &kPorts}).value().span());
      }
    }
    if (random() % 4 == 0)
      rule.actions.Append(GotoTableAction{.table = static_cast<uint8_t>(rule.table + 1)});
    const std::string text = ToString(rule, &kPorts);
    INFO(text);
    const auto again = ParseRule(text, &kPorts);
    REQUIRE_OK(again);
    REQUIRE(ToString(*again, &kPorts) == text);
    REQUIRE(*again == rule);
  }
  CHECK(with_match > 15000);
}

// --- Groups --------------------------------------------------------------------------------------

TEST_CASE("group text: lines as ovs-ofctl takes them") {
  struct Case {
    std::string_view in, out;
  };
  const Case cases[] = {
      {"group_id=1,type=all", "group_id=1,type=all"},
      {"group_id=1,type=all,bucket=output:1,bucket=output:2,output:web",
       "group_id=1,type=all,bucket=bucket_id:0,actions=output:1,"
       "bucket=bucket_id:1,actions=output:2,output:web"},
      {"group_id=2,type=select,bucket=weight:50,actions=output:1,bucket=weight:150,set_field:1->"
       "reg0"
       ",output:2",
       "group_id=2,type=select,selection_method=dp_hash,bucket=bucket_id:0,weight:50,"
       "actions=output:1,bucket=bucket_id:1,weight:150,actions=set_field:0x1->reg0,output:2"},
      {"group_id=2,type=select,selection_method=symmetric_l4,bucket=1,bucket=2",
       "group_id=2,type=select,selection_method=symmetric_l4,bucket=bucket_id:0,weight:1,"
       "actions=output:1,bucket=bucket_id:1,weight:1,actions=output:2"},
      {"group_id=3,type=select,selection_method=hash,selection_method_param=7,fields(ip_src,tcp_"
       "dst)"
       ",bucket=1",
       "group_id=3,type=select,selection_method=hash,selection_method_param=7,"
       "fields(ip_src,tcp_dst),bucket=bucket_id:0,weight:1,actions=output:1"},
      {"group_id=4,type=indirect,bucket=actions=group:1",
       "group_id=4,type=indirect,bucket=bucket_id:0,actions=group:1"},
      {"group_id=5,type=fast_failover,bucket=bucket_id:9,watch_port:web,output:web,"
       "bucket=watch_group:3,actions=drop",
       "group_id=5,type=ff,bucket=bucket_id:9,watch_port:web,actions=output:web,"
       "bucket=bucket_id:10,watch_group:3,actions=drop"},
      {"group_id=6 type=all bucket=clone(output:1,output:2)",
       "group_id=6,type=all,bucket=bucket_id:0,actions=clone(output:1,output:2)"},
  };
  for (const Case& c : cases) {
    INFO(c.in);
    const auto group = ParseGroup(c.in, &kPorts);
    REQUIRE_OK(group);
    CHECK(ToString(*group, &kPorts) == c.out);
    CHECK(ParseGroup(c.out, &kPorts).value() == *group);
  }
}

TEST_CASE("group text: what is wrong") {
  struct Case {
    std::string_view in, message;
  };
  const Case cases[] = {
      {"", "expected group_id=ID"},
      {"group_id=1", "expected type=all, select, indirect or ff"},
      {"group_id=1,type=best", "expected one of all, select, indirect, ff"},
      {"group_id=4294967295,type=all", "group_id must be a number of 0 to 4294967040"},
      {"group_id=1,type=indirect", "a group of type indirect has one bucket"},
      {"group_id=1,type=ff,bucket=output:1", "a bucket of type ff needs watch_port or watch_group"},
      {"group_id=1,type=all,bucket=weight:5,output:1", "only groups of type select have weights"},
      {"group_id=1,type=all,bucket=bucket_id:1,1,bucket=bucket_id:1,2",
       "there is a bucket_id 1 already"},
      {"group_id=1,type=all,selection_method=dp_hash",
       "only groups of type select have a selection_method"},
      {"group_id=1,type=select,selection_method=hash", "selection_method=hash needs fields(..)"},
      {"group_id=1,type=select,fields(ip_src)", "fields are for selection_method=hash"},
      {"group_id=1,type=select,selection_method=hash,fields(ip_src,ip_src)",
       "ip_src is given twice"},
      {"group_id=1,type=all,bucket=goto_table:5", "goto_table cannot be inside of anything"},
      {"group_id=1,type=all,bucket=clone(1", "the parenthesis is not closed"},
      {"group_id=1,type=all,color=red", "a group has no color"},
  };
  for (const Case& c : cases) {
    INFO(c.in);
    const auto group = ParseGroup(c.in, &kPorts);
    REQUIRE_FALSE(group.ok());
    CHECK(FirstLine(group.status()) == c.message);
  }
}

}  // namespace
}  // namespace sluice::pipeline
