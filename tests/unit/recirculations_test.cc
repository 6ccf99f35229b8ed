// States of recirculation: who shares an id, how long one means what it means; what ct() becomes,
// and what is left of actions when a popped label has to be looked behind.
#include "agent/translate/recirculations.h"

#include <optional>
#include <set>
#include <thread>
#include <unordered_map>

#include "agent/bridge/bridge.h"
#include "agent/flowcache/flow_cache.h"
#include "agent/translate/key_fields.h"
#include "netlink/attr/text.h"
#include "tests/support/test.h"

namespace sluice::translate {
namespace {

FrozenState State(uint32_t reg, uint8_t table = 1) {
  FrozenState state;
  state.table = table;
  state.values.regs[0] = base::Be32::FromHost(reg);
  state.bits.regs[0] = base::Be32::FromHost(~0U);
  return state;
}

constexpr base::MonotonicMs kLater = Recirculations::kGraceMs + 1;

TEST_CASE("recirculations: equal states share an id, others have others") {
  Recirculations table(1);
  const auto one = table.Intern(State(5));
  REQUIRE(one);
  CHECK(table.Intern(State(5)) == one);
  CHECK(table.Find(one->id) == one);
  CHECK(one->values.regs[0].host() == 5);
  FrozenState other = State(5);
  other.stack.emplace_back(1);
  CHECK(table.Intern(other)->id != one->id);
  other = State(5);
  other.set.Append(pipeline::OutputAction{.port = 2});
  CHECK(table.Intern(other)->id != one->id);
  other = State(5);
  other.shows_conntrack = false;
  CHECK(table.Intern(other)->id != one->id);
  CHECK(table.Intern(State(5, 2))->id != one->id);
  other = State(5);
  other.search_port = 2;
  CHECK(table.Intern(other)->id != one->id);
  other = State(5);
  other.carries_out_set = false;
  CHECK(table.Intern(other)->id != one->id);
  CHECK(table.size() == 7);
  CHECK(table.Find(one->id + 1) == nullptr);
}

TEST_CASE("recirculations: what is left of actions is part of a state, by its content") {
  const auto with = [](std::initializer_list<std::pair<uint8_t, uint32_t>> rests) {
    FrozenState state = State(5);
    for (const auto& [table, port] : rests) {
      Rest rest{.origin = {.table = table, .cookie = 7}, .actions = {}};
      rest.actions.Append(pipeline::OutputAction{.port = port});
      state.rest.push_back(std::move(rest));
    }
    return state;
  };
  Recirculations table(1), of_another_run(2);
  const uint32_t id = table.Intern(with({{1, 2}}))->id;
  CHECK(of_another_run.Intern(with({{1, 2}}))->id == id);
  CHECK(table.Intern(with({{1, 2}}))->id == id);
  CHECK(table.Intern(with({{2, 2}}))->id != id);
  CHECK(table.Intern(with({{1, 3}}))->id != id);
  CHECK(table.Intern(with({{1, 2}, {1, 2}}))->id != id);
  FrozenState other = with({{1, 2}});
  other.rest[0].origin.cookie = 8;
  CHECK(table.Intern(other)->id != id);
  // An action in the set is none that is left.
  FrozenState in_set = State(5), left = State(5);
  in_set.set.Append(pipeline::ExitAction{});
  left.rest.resize(1);
  left.rest[0].actions.Append(pipeline::ExitAction{});
  CHECK(table.Intern(in_set)->id != table.Intern(left)->id);
}

TEST_CASE("recirculations: an id is the same in another run") {
  Recirculations one(1), other(99);
  for (uint32_t reg : {7U, 8U, 9U}) (void)one.Intern(State(reg));
  for (uint32_t reg : {9U, 7U}) CHECK(other.Intern(State(reg))->id == one.Intern(State(reg))->id);
  // It is a promise to flows of an earlier release too.
  CHECK(one.Intern(State(7))->id == HashOf(BytesOf(State(7))));
}

TEST_CASE("recirculations: two states never have one id, also where their hashes are the same") {
  std::unordered_map<uint32_t, uint32_t> seen;
  std::optional<std::pair<uint32_t, uint32_t>> pair;
  for (uint32_t reg = 0; !pair && reg < 1'000'000; ++reg) {
    const auto [at, fresh] = seen.emplace(HashOf(BytesOf(State(reg))), reg);
    if (!fresh) pair = {at->second, reg};
  }
  REQUIRE(pair);
  Recirculations table(77);
  const auto first = table.Intern(State(pair->first)), second = table.Intern(State(pair->second));
  CHECK(first->id != second->id);
  CHECK(second->id >= Recirculations::kFirstOfRun);
  CHECK(table.Intern(State(pair->second)) == second);
  CHECK(table.Find(second->id) == second);
  CHECK(table.Find(first->id) == first);
  CHECK(table.size() == 2);
}

TEST_CASE("recirculations: a state stays as long as somebody holds it, and a while longer") {
  Recirculations table(1);
  auto held = table.Intern(State(1));
  const uint32_t id = held->id, other = table.Intern(State(2))->id;
  CHECK(table.Expire(1000) == 0);
  CHECK(table.Expire(1000 + kLater) == 1);
  CHECK(table.Find(other) == nullptr);
  CHECK(table.Find(id) == held);
  held.reset();
  CHECK(table.Expire(2000 + kLater) == 0);  // asked for just now
  CHECK(table.Expire(2000 + 2 * kLater) == 1);
  CHECK(table.size() == 0);
}

TEST_CASE("recirculations: there are no more than the limit") {
  Recirculations table(1, 3);
  for (uint32_t reg : {1U, 2U, 3U}) CHECK(table.Intern(State(reg)));
  CHECK(table.Intern(State(4)) == nullptr);
  CHECK(table.Intern(State(3)));
  (void)table.Expire(0);
  (void)table.Expire(kLater);
  CHECK(table.Intern(State(4)));
}

TEST_CASE("recirculations: handlers and the revalidator at once", "[threads]") {
  Recirculations table(1);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; ++t) {
    threads.emplace_back([&table] {
      for (uint32_t i = 0; i < 2000; ++i) {
        const auto state = table.Intern(State(i % 50));
        if (state == nullptr || table.Find(state->id) != state) std::abort();
      }
    });
  }
  for (base::MonotonicMs now = 0; now < 20; ++now) (void)table.Expire(now * kLater);
  for (std::thread& thread : threads) thread.join();
  (void)table.Expire(30 * kLater);
  (void)table.Expire(32 * kLater);
  CHECK(table.size() == 0);
}

// A bridge of rules, and what its translations say.
class Lab {
 public:
  explicit Lab(const std::vector<const char*>& texts, const std::vector<const char*>& groups = {})
      : bridge_({.name = "br0"}, &clock_) {
    std::vector<pipeline::Rule> rules;
    for (const char* text : texts) {
      const auto rule = pipeline::ParseRule(text, nullptr);
      REQUIRE_OK(rule);
      rules.push_back(*rule);
    }
    bridge_.SetPorts({{.port_no = 1, .name = "p1"}, {.port_no = 2, .name = "p2"}});
    auto timeouts = std::make_shared<pipeline::TimeoutPolicies>();
    timeouts->declared["long"][{.version = 4, .protocol = 6}] = "sluice_long_tcp4";
    timeouts->declared["never"];
    bridge_.SetTimeouts(timeouts);
    std::vector<pipeline::Group> parsed;
    for (const char* text : groups) {
      const auto group = pipeline::ParseGroup(text, nullptr);
      REQUIRE_OK(group);
      parsed.push_back(*group);
    }
    REQUIRE_OK(bridge_.ReplaceRules(rules, parsed));
  }

  std::string Actions(std::string_view key_text) {
    key = {};
    auto parsed = attr::ParseSet(ovs::kKeyTable, key_text, {});
    REQUIRE_OK(parsed);
    attr::Unknowns unknowns;
    INFO(key_text);
    REQUIRE_FALSE(ovs::DecodeFlowKey(parsed->value, &key, &unknowns));
    const bridge::Sight sight(&bridge_);
    Translator().Translate(key, sight.view(), &translation);
    std::string text;
    attr::AppendList(ovs::kActionTable, translation.actions.bytes(), {}, &text);
    return text;
  }
  std::string Read() {
    std::string text;
    pipeline::AppendMatch(FieldsOfKey(key), translation.read, nullptr, &text);
    return text;
  }
  uint32_t LastId() const { return translation.recirculations.back()->id; }
  bridge::Bridge& bridge() { return bridge_; }
  bridge::Sight Look() { return bridge::Sight(&bridge_); }

  ovs::FlowKey key;
  Translation translation;

 private:
  base::FakeClock clock_{1000};
  bridge::Bridge bridge_;
};

#define TCP(recirc, more)                             \
  "recirc_id(" recirc "),in_port(1)" more             \
  ",eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02)" \
  ",eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=6,ttl=64),tcp(src=1,dst=80)"

std::string Id(uint32_t id) {
  std::string text = "0x";
  absl::StrAppend(&text, absl::Hex(id));
  return text;
}

TEST_CASE("ct: what a rule says is what the datapath is told, in the order in which it tells") {
  struct Case {
    const char *rule, *actions;
  };
  const Case cases[] = {
      {"ct()", "ct(zone=0)"},
      {"ct(commit,zone=5),2", "ct(commit,zone=5),2"},
      {"ct(commit,force)", "ct(force_commit,zone=0)"},
      {"load:7->reg1,ct(zone=reg1[0..15])", "ct(zone=7)"},
      {"ct(commit,exec(load:1->ct_mark[0],load:1->ct_mark[4]))",
       "ct(commit,zone=0,mark=0x11/0x11)"},
      {"ct(commit,exec(set_field:0x10->ct_label))",
       "ct(commit,zone=0,label=0x10/0xffffffffffffffffffffffffffffffff)"},
      {"load:5->reg0,ct(commit,exec(move:reg0->ct_label[96..127]))",
       "ct(commit,zone=0,label=0x5000000000000000000000000/0xffffffff000000000000000000000000)"},
      {"ct(commit,alg=ftp)", "ct(commit,zone=0,helper=ftp)"},
      {"ct(commit,alg=tftp)", "ct(commit,zone=0)"},  // of UDP
      {"ct(commit,timeout=long)", "ct(commit,zone=0,timeout=sluice_long_tcp4)"},
      {"ct(commit,timeout=never)", "ct(commit,zone=0)"},  // the kernel has it not
      {"ct(nat)", "ct(zone=0,nat)"},
      {"ct(commit,nat(src=10.0.0.7))", "ct(commit,zone=0,nat(src=10.0.0.7))"},
      {"ct(commit,nat(src=10.0.0.7-10.0.0.9:5-6,random))",
       "ct(commit,zone=0,nat(src=10.0.0.7-10.0.0.9:5-6,random))"},
      {"ct(commit,nat(dst=10.0.0.7:80,hash,persistent))",
       "ct(commit,zone=0,nat(dst=10.0.0.7:80,persistent,hash))"},
      {"ct_clear,2", "ct_clear,2"},
      {"mod_nw_dst:10.0.0.9,ct(),2", "set(ipv4(dst=10.0.0.9)),ct(zone=0),2"},
      // Conntrack may have translated: what is set behind is set again.
      {"mod_nw_dst:10.0.0.9,ct(nat),mod_nw_dst:10.0.0.9,2",
       "set(ipv4(dst=10.0.0.9)),ct(zone=0,nat),set(ipv4(dst=10.0.0.9)),2"},
      {"clone(ct(commit),2),2", "clone(ct(commit,zone=0),2),2"},
  };
  for (const Case& c : cases) {
    INFO(c.rule);
    Lab lab({(std::string("ip,actions=") + c.rule).c_str()});
    CHECK(lab.Actions(TCP("0", "")) == c.actions);
    CHECK(lab.translation.install);
  }
}

TEST_CASE("ct: nothing that is not IP is tracked, and the mask says why") {
  Lab lab({"actions=resubmit(,1),2", "table=1,ip,actions=ct(commit),2"});
  CHECK(lab.Actions("recirc_id(0),in_port(1),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),"
                    "eth_type(0x88cc)") == "2");
  CHECK(lab.Read().find("dl_type=0x88cc") != std::string::npos);
}

TEST_CASE("ct: the second half goes on with all that the first one knew") {
  Lab lab({"ip,actions=load:5->reg0,set_field:0x77->metadata,load:9->reg3,push:reg3,ct(table=1),1",
           "table=1,reg0=5,metadata=0x77,ct_state=+trk+new,actions=pop:reg4,output:reg4",
           "table=1,reg0=5,ct_state=+trk+est,ct_mark=0/1,actions=pop:reg4,resubmit(,2)",
           "table=2,reg4=9,reg3=9,actions=2"});
  const std::string first = lab.Actions(TCP("0", ""));
  const uint32_t id = lab.LastId();
  CHECK(first == "ct(zone=0),recirc(" + Id(id) + ")");  // in_port is not sent to
  CHECK(lab.translation.recirculations.size() == 1);
  const std::string key = TCP("ID", ",ct_state(0x22),ct_mark(0x2)");
  const auto with_id = [&](std::string text) {
    text.replace(text.find("ID"), 2, Id(id));
    return text;
  };
  CHECK(lab.Actions(with_id(key)) == "2");
  CHECK(lab.translation.verdict == Verdict::kForward);
  CHECK(lab.LastId() == id);  // held by the second half too
  // Registers are known, the mark is asked for.
  CHECK(lab.Read().find("reg") == std::string::npos);
  CHECK(lab.Read().find("ct_mark=0x0/0x1") != std::string::npos);
  CHECK(lab.translation.mask.recirc_id == ~0U);
}

TEST_CASE("ct: a port that rules say the packet came by is kept too") {
  Lab lab({"ip,actions=set_field:2->in_port,ct(table=1)", "table=1,actions=1,2,in_port"});
  (void)lab.Actions(TCP("0", ""));
  std::string key = TCP("ID", ",ct_state(0x21)");
  key.replace(key.find("ID"), 2, Id(lab.LastId()));
  CHECK(lab.Actions(key) == "1,2");
}

TEST_CASE("ct: a packet of a recirculation that nobody knows goes nowhere") {
  Lab lab({"actions=2"});
  CHECK(lab.Actions(TCP("0x1234", "")) == "drop");
  CHECK(lab.translation.verdict == Verdict::kDropUnknownRecirc);
  CHECK_FALSE(lab.translation.install);
}

TEST_CASE("ct: a loop ends") {
  Lab lab({"ip,actions=ct(table=0)"});
  (void)lab.Actions(TCP("0", ""));
  int halves = 0;
  while (lab.translation.verdict == Verdict::kForward && halves < 100) {
    std::string key = TCP("ID", ",ct_state(0x21)");
    key.replace(key.find("ID"), 2, Id(lab.LastId()));
    (void)lab.Actions(key);
    ++halves;
  }
  CHECK(halves == 16);
  CHECK(lab.translation.verdict == Verdict::kDropRecircLoop);
  CHECK(lab.translation.actions.empty());
}

// What came with a label, and what it is when the label is gone.
constexpr const char* kLabelled =
    "recirc_id(0),in_port(1),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),eth_type(0x8847),"
    "mpls(label=16,tc=0,ttl=9,bos=1)";

TEST_CASE("pop_mpls: what nobody looks behind is not looked at again") {
  Lab lab({"mpls,actions=pop_mpls:0x800,mod_dl_dst:0a:00:00:00:00:09,push_vlan:0x8100,2,in_port"});
  CHECK(lab.Actions(kLabelled) ==
        "pop_mpls(eth_type=0x800),set(eth(dst=0a:00:00:00:00:09)),push_vlan(vid=0,pcp=0),2,1");
  CHECK(lab.translation.recirculations.empty());
}

TEST_CASE(
    "pop_mpls: what looks behind goes on when the packet comes back, and what follows it too") {
  struct Case {
    std::vector<const char*> rules;
    const char *first, *second;  // ID stands for the state's
  };
  const Case cases[] = {
      // The search, then the rest of the list.
      {{"mpls,actions=load:5->reg0,pop_mpls:0x800,resubmit(,1),2",
        "table=1,tcp,reg0=5,actions=in_port"},
       "pop_mpls(eth_type=0x800),recirc(ID)",
       "1,2"},
      // A search as if from another port.
      {{"mpls,actions=pop_mpls:0x800,resubmit(2,1)", "table=1,tcp,in_port=2,actions=in_port"},
       "pop_mpls(eth_type=0x800),recirc(ID)",
       "1"},
      {{"mpls,actions=pop_mpls:0x800,goto_table:1", "table=1,tcp,actions=2"},
       "pop_mpls(eth_type=0x800),recirc(ID)",
       "2"},
      // The action itself, then the rest.
      {{"mpls,actions=pop_mpls:0x800,in_port,dec_ttl,2"},
       "pop_mpls(eth_type=0x800),1,recirc(ID)",
       "dec_ttl(le_1(drop)),2"},
      {{"mpls,actions=pop_mpls:0x800,mod_nw_tos:32,2"},
       "pop_mpls(eth_type=0x800),recirc(ID)",
       "set(ipv4(tos=0x20/0xfc)),2"},
      {{"mpls,actions=pop_mpls:0x800,push:nw_ttl,pop:reg0[0..7],output:reg0[5..7]"},
       "pop_mpls(eth_type=0x800),recirc(ID)",
       "2"},
      {{"mpls,actions=pop_mpls:0x800,ct(commit),2"},
       "pop_mpls(eth_type=0x800),recirc(ID)",
       "ct(commit,zone=0),2"},
      // From the inside out.
      {{"mpls,actions=resubmit(,1),set_field:9->pkt_mark,2", "table=1,actions=resubmit(,2),in_port",
        "table=2,actions=pop_mpls:0x800,dec_ttl"},
       "pop_mpls(eth_type=0x800),recirc(ID)",
       "dec_ttl(le_1(drop)),1,set_masked(skb_mark(0x9)),2"},
      {{"mpls,actions=resubmit(,1),2", "table=1,actions=pop_mpls:0x800,mod_nw_tos:32,exit,in_port"},
       "pop_mpls(eth_type=0x800),recirc(ID)",
       "drop"},
      // A resubmit without a table means that of its rule, also behind it.
      {{"mpls,actions=resubmit(,1)", "table=1,mpls,actions=pop_mpls:0x800,mod_nw_tos:32,resubmit:2",
        "table=1,tcp,in_port=2,actions=in_port"},
       "pop_mpls(eth_type=0x800),recirc(ID)",
       "set(ipv4(tos=0x20/0xfc)),1"},
      // A copy is broken off by itself.
      {{"mpls,actions=clone(pop_mpls:0x800,resubmit(,1),in_port),2", "table=1,tcp,actions=dec_ttl"},
       "clone(pop_mpls(eth_type=0x800),recirc(ID)),2",
       "dec_ttl(le_1(drop)),1"},
      // The set is carried out at the end, and once.
      {{"mpls,actions=pop_mpls:0x800,resubmit(,1),write_actions(mod_nw_tos:32,output:2)",
        "table=1,actions=in_port"},
       "pop_mpls(eth_type=0x800),recirc(ID)",
       "1,set(ipv4(tos=0x20/0xfc)),2"},
      {{"mpls,actions=write_actions(pop_mpls:0x800,dec_ttl,set_field:0x20->nw_tos,output:2)"},
       "pop_mpls(eth_type=0x800),recirc(ID)",
       "dec_ttl(le_1(drop)),set(ipv4(tos=0x20/0xfc)),2"},
      {{"mpls,actions=clone(pop_mpls:0x800,dec_ttl,in_port),write_actions(output:2)"},
       "clone(pop_mpls(eth_type=0x800),recirc(ID)),2",
       "dec_ttl(le_1(drop)),1"},
  };
  for (const Case& c : cases) {
    INFO(c.rules[0]);
    Lab lab(c.rules);
    const auto with_id = [&lab](std::string text) {
      text.replace(text.find("ID"), 2, Id(lab.LastId()));
      return text;
    };
    const std::string first = lab.Actions(kLabelled);
    REQUIRE(lab.translation.recirculations.size() == 1);
    CHECK(first == with_id(c.first));
    CHECK(lab.translation.install);
    // The packet that came has no such headers to be read.
    CHECK(lab.Read().find("nw_") == std::string::npos);
    CHECK(lab.Actions(with_id(TCP("ID", ""))) == c.second);
  }
}

TEST_CASE("select: the datapath hashes, once, and few bits of it choose") {
  Lab lab({"ip,actions=group:1,group:2,2", "arp,actions=group:3"},
          {"group_id=1,type=select,bucket=in_port,bucket=2",
           "group_id=2,type=select,bucket=in_port,bucket=2",
           "group_id=3,type=select,bucket=2,bucket=weight:0,in_port"});
  const std::string first = lab.Actions(TCP("0", ""));
  const uint32_t id = lab.LastId();
  CHECK(first == "hash(l4(0)),recirc(" + Id(id) + ")");
  CHECK(lab.Read().find("nw_") == std::string::npos);
  std::set<std::string> seen;
  for (const char* hash :
       {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b", "c", "d", "e", "f"}) {
    std::string key = TCP("ID", ",dp_hash(0xabcHASH)");
    key.replace(key.find("HASH"), 4, hash).replace(key.find("ID"), 2, Id(id));
    const std::string actions = lab.Actions(key);
    CHECK(lab.Read().find("dp_hash=0x" + std::string(hash) + "/0xf") != std::string::npos);
    CHECK(lab.translation.recirculations.size() == 1);  // the second group needs no other hash
    seen.insert(actions);
  }
  CHECK(seen == std::set<std::string>{"1,1,2", "1,2,2", "2,1,2", "2,2,2"});
  // One bucket alone is chosen without.
  CHECK(lab.Actions("recirc_id(0),in_port(1),eth(src=0a:00:00:00:00:01,dst=0a:00:00:00:00:02),"
                    "eth_type(0x0806),arp(op=1)") == "2");
}

TEST_CASE("select: without the kernel's symmetric hash the agent hashes both ends") {
  Lab lab({"ip,actions=group:1"},
          {"group_id=1,type=select,selection_method=symmetric_l4,bucket=2,bucket=2"});
  const std::string hashes = lab.Actions(TCP("0", ""));
  CHECK(hashes == "hash(sym_l4(0)),recirc(" + Id(lab.LastId()) + ")");
  lab.bridge().SetAbilities({.symmetric_hashes = false});
  CHECK(lab.Actions(TCP("0", "")) == "2");
  CHECK(lab.Read().find("nw_src=10.0.0.1,nw_dst=10.0.0.2") != std::string::npos);
}

TEST_CASE("pop_mpls: a loop of pops ends, and so does what is to be kept") {
  Lab lab({"mpls,actions=pop_mpls:0x800,resubmit(,1)",
           "table=1,ip,actions=push_mpls:0x8847,pop_mpls:0x800,resubmit(,1)"});
  (void)lab.Actions(kLabelled);
  int halves = 0;
  while (lab.translation.verdict == Verdict::kForward && halves < 100) {
    std::string key = TCP("ID", "");
    key.replace(key.find("ID"), 2, Id(lab.LastId()));
    (void)lab.Actions(key);
    ++halves;
  }
  CHECK(halves == 16);
  CHECK(lab.translation.verdict == Verdict::kDropRecircLoop);
  std::string rule = "mpls,actions=pop_mpls:0x800,dec_ttl";
  for (int i = 0; i < 5000; ++i) rule += ",output:2";
  Lab longer({rule.c_str()});
  CHECK(longer.Actions(kLabelled) == "drop");
  CHECK(longer.translation.verdict == Verdict::kDropTooLong);
}

TEST_CASE("pop_mpls: behind more than two tags the datapath sees nothing: refused") {
  Lab lab({"mpls,actions=pop_mpls:0x800,push_vlan:0x88a8,push_vlan:0x8100,resubmit(,1),2",
           "table=1,actions=push_vlan:0x8100,2,dec_ttl,2"});
  (void)lab.Actions(kLabelled);
  CHECK(lab.translation.verdict == Verdict::kForward);
  Lab deeper(
      {"mpls,actions=pop_mpls:0x800,push_vlan:0x88a8,push_vlan:0x8100,push_vlan:0x8100,"
       "dec_ttl,2"});
  CHECK(deeper.Actions(kLabelled) == "drop");
  CHECK(deeper.translation.verdict == Verdict::kDropUnsupported);
}

TEST_CASE("ct: without zones in the kernel a zone is refused, by its name") {
  Lab lab({"ip,actions=ct(zone=5),2", "priority=1,ip,in_port=9,actions=ct(),2"});
  lab.bridge().SetAbilities({.ct_zones = false});
  CHECK(lab.Actions(TCP("0", "")) == "drop");
  CHECK(lab.translation.verdict == Verdict::kDropUnsupported);
}

TEST_CASE("flow cache: flows hold the states that they lead to, or begin with") {
  Lab lab({"ip,actions=ct(table=1)", "table=1,actions=2"});
  (void)lab.Actions(TCP("0", ""));
  const uint32_t id = lab.LastId();
  flowcache::FlowCache cache(10);
  const auto sight = lab.Look();
  const ovs::Ufid ufid{.bytes = {1}};
  CHECK(
      cache.Add(
          ufid,
          {.key = lab.key, .mask = {}, .translation = lab.translation, .sight = sight, .now = 1}) ==
      flowcache::AddResult::kPut);
  lab.translation.recirculations.clear();
  Recirculations& states = lab.bridge().recirculations();
  (void)states.Expire(0);
  CHECK(states.Expire(kLater) == 0);
  cache.Remove(ufid);
  (void)states.Expire(kLater);
  CHECK(states.Expire(3 * kLater) == 1);
  CHECK(states.Find(id) == nullptr);
}

}  // namespace
}  // namespace sluice::translate
