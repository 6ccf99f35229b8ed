// Traces: a packet is followed wherever the datapath looks at it again, what is assumed is said,
// and nothing is left behind.
#include "agent/translate/trace.h"

#include "agent/bridge/bridge.h"
#include "agent/translate/explain.h"
#include "agent/translate/hash_slots.h"
#include "agent/translate/key_fields.h"
#include "agent/translate/packet_fields.h"
#include "agent/translate/recirculated_packets.h"
#include "netlink/attr/text.h"
#include "netlink/base/counters.h"
#include "tests/support/test.h"

namespace sluice::translate {
namespace {

using Why = RecirculationStep::Why;

constexpr const char* kTcp =
    "in_port=1,dl_src=0a:00:00:00:00:01,dl_dst=0a:00:00:00:00:02,tcp,nw_src=10.0.0.1,"
    "nw_dst=10.0.0.2,nw_ttl=64,tp_src=1,tp_dst=80";
constexpr const char* kLabelled =
    "in_port=1,dl_src=0a:00:00:00:00:01,dl_dst=0a:00:00:00:00:02,mpls,mpls_label=16,mpls_ttl=9,"
    "mpls_bos=1";

class Lab {
 public:
  explicit Lab(const std::vector<std::string>& texts, const std::vector<std::string>& groups = {}) {
    std::vector<pipeline::Rule> rules;
    for (const std::string& text : texts) {
      INFO(text);
      const auto rule = pipeline::ParseRule(text, nullptr);
      REQUIRE_OK(rule);
      rules.push_back(*rule);
    }
    std::vector<pipeline::Group> parsed;
    for (const std::string& text : groups) {
      const auto group = pipeline::ParseGroup(text, nullptr);
      REQUIRE_OK(group);
      parsed.push_back(*group);
    }
    bridge_.SetPorts(
        {{.port_no = 1, .name = "p1"}, {.port_no = 2, .name = "p2"}, {.port_no = 3, .name = "p3"}});
    REQUIRE_OK(bridge_.ReplaceRules(rules, parsed));
  }

  static ovs::FlowKey Key(const std::string& text) {
    INFO(text);
    const auto match = pipeline::ParseMatch(text, nullptr);
    REQUIRE_OK(match);
    return KeyOfFields(match->Value());
  }
  TraceReport Trace(const std::string& packet, const TraceAssumptions& assumptions = {}) {
    const bridge::Sight sight(&bridge_);
    return translate::Trace(Key(packet), sight.view(), nullptr, assumptions);
  }
  bridge::Bridge& bridge() { return bridge_; }

 private:
  base::FakeClock clock_{1000};
  bridge::Bridge bridge_{{.name = "br0"}, &clock_};
};

bool Has(std::string_view text, std::string_view what) {
  return text.find(what) != std::string_view::npos;
}

uint32_t State(std::string_view text) {
  const auto state = ParseCtState(text);
  REQUIRE_OK(state);
  return *state;
}

const std::vector<std::string> kFirewall = {
    "table=0,ip,actions=load:5->reg0,ct(table=1,zone=7)",
    "table=1,reg0=5,ct_state=+trk+new,ip,actions=ct(commit,table=2,exec(load:9->ct_mark)),3",
    "table=1,reg0=5,ct_state=+trk+est,ip,actions=2", "table=2,ct_mark=9,ct_zone=0,actions=2"};

TEST_CASE("trace: each packet that comes back is followed, with what ct() is assumed to find") {
  Lab lab(kFirewall);
  const TraceReport report = lab.Trace(kTcp);
  REQUIRE(report.rounds.size() == 3);
  CHECK_FALSE(report.rounds[0].cause);
  const TraceRound& second = report.rounds[1];
  REQUIRE(second.cause);
  CHECK(second.cause->round == 0);
  CHECK(second.cause->why == Why::kConntrack);
  CHECK(second.cause->zone == 7);
  CHECK(Has(second.cause->where, "rule table=0,"));
  CHECK(Has(second.cause->where, "ct(table=1,zone=7)"));
  CHECK(second.assumed == std::vector<std::string>{"ct_state=+new+trk"});
  CHECK(Has(second.packet, "tp_dst=80"));
  CHECK(Has(second.packet, "ct_zone=7"));
  CHECK(Has(second.packet, "ct_nw_src=10.0.0.1"));
  CHECK_FALSE(Has(second.packet, "reg0"));  // the datapath does not carry it
  CHECK(Has(report.rounds[0].actions, absl::StrCat("recirc(0x", absl::Hex(second.recirc_id))));
  CHECK(Has(second.flow, absl::StrCat("recirc_id(0x", absl::Hex(second.recirc_id))));
  const TraceRound& third = report.rounds[2];
  REQUIRE(third.cause);
  CHECK(third.cause->round == 1);
  CHECK(Has(third.packet, "ct_mark=0x9"));  // that was set on the way
  CHECK(third.actions == "2");
  CHECK(third.verdict == Verdict::kForward);
  CHECK(report.loop.empty());
}

TEST_CASE("trace: what ct() finds is what the user says, one after the other") {
  Lab lab(kFirewall);
  TraceReport report = lab.Trace(
      kTcp,
      {.ct_states = {State("trk,est,rpl"), State("new")}, .hashes = {}, .inner = {}, .packet = {}});
  REQUIRE(report.rounds.size() == 2);
  CHECK(report.rounds[1].assumed == std::vector<std::string>{"ct_state=+est+rpl+trk"});
  CHECK(Has(report.rounds[1].packet, "ct_nw_src=10.0.0.2"));  // the other end began it
  CHECK(report.rounds[1].actions == "2");
  CHECK(report.unused_ct_states == 1);
  CHECK(Has(ToString(report), "not used: 1 more"));
}

TEST_CASE("trace: nothing is left behind, and ids are those that the packet would meet") {
  Lab lab(kFirewall);
  base::Counter& made = base::Counters::Get("recirculation_states", "");
  const uint64_t before = made.value();
  const TraceReport first = lab.Trace(kTcp);
  CHECK(lab.bridge().recirculations().size() == 0);
  CHECK(made.value() == before);
  {
    const bridge::Sight sight(&lab.bridge());
    (void)Explain(Lab::Key(kTcp), sight.view(), nullptr);
  }
  CHECK(lab.bridge().recirculations().size() == 0);
  CHECK(made.value() == before);
  // Of a packet that did come.
  Translation translation;
  const bridge::Sight sight(&lab.bridge());
  Translator().Translate(Lab::Key(kTcp), sight.view(), &translation);
  REQUIRE(translation.recirculations.size() == 1);
  CHECK(translation.recirculations[0]->id == first.rounds[1].recirc_id);
  CHECK(made.value() == before + 1);
  // Now that there is such a state, a trace uses it, and may begin there.
  CHECK(lab.Trace(kTcp).rounds[1].recirc_id == first.rounds[1].recirc_id);
  const TraceReport from = lab.Trace(first.rounds[1].packet);
  REQUIRE(from.rounds.size() == 2);
  CHECK(from.rounds[0].actions == first.rounds[1].actions);
  CHECK(lab.bridge().recirculations().size() == 1);
}

TEST_CASE("recirculations: a table on top of another sees it, and leaves it as it is") {
  FrozenState state;
  state.table = 3;
  Recirculations under(1, 2);
  const uint32_t id = under.Intern(state)->id;
  Recirculations on_top(static_cast<const Recirculations*>(&under));
  CHECK(on_top.Intern(state)->id == id);
  CHECK(on_top.Find(id) != nullptr);
  CHECK(on_top.size() == 0);
  state.table = 4;
  const auto other = on_top.Intern(state);
  REQUIRE(other);
  CHECK(on_top.Find(other->id) == other);
  CHECK(under.Find(other->id) == nullptr);
  state.table = 5;
  CHECK(on_top.Intern(state) == nullptr);  // both are as many as there may be
  CHECK(under.size() == 1);
  // Nobody has asked for it, as far as the table below knows.
  (void)under.Expire(0);
  (void)under.Expire(1);
  (void)on_top.Find(id);
  CHECK(under.Expire(Recirculations::kGraceMs + 1) == 1);
}

TEST_CASE("trace: the copy and the packet itself both come back") {
  Lab lab({"table=0,ip,actions=clone(mod_nw_tos:32,ct(table=1)),ct(table=1,zone=2),3",
           "table=1,nw_tos=32,ip,actions=2", "table=1,nw_tos=0,ip,actions=3"});
  const TraceReport report = lab.Trace(
      kTcp, {.ct_states = {State("est"), State("new")}, .hashes = {}, .inner = {}, .packet = {}});
  REQUIRE(report.rounds.size() == 3);
  CHECK(report.rounds[1].actions == "2");
  CHECK(Has(report.rounds[1].packet, "nw_tos=32"));
  CHECK(Has(report.rounds[1].packet, "ct_state=+est+trk"));
  CHECK(report.rounds[2].actions == "3");
  CHECK(Has(report.rounds[2].packet, "ct_zone=2"));
  CHECK(report.rounds[2].cause->round == 0);
}

TEST_CASE("trace: behind a label is what the bytes say, or the user, or nothing") {
  Lab lab({"table=0,mpls,actions=pop_mpls:0x800,resubmit(,1)",
           "table=1,ip,nw_dst=10.0.0.2,actions=dec_ttl,2", "table=1,priority=1,actions=3"});
  TraceReport report = lab.Trace(kLabelled);
  REQUIRE(report.rounds.size() == 2);
  CHECK(report.rounds[1].cause->why == Why::kHeaders);
  CHECK(report.rounds[1].assumed == std::vector<std::string>{"behind the label there are zeros"});
  CHECK(report.rounds[1].actions == "3");
  const auto inner = pipeline::ParseMatch("tcp,nw_dst=10.0.0.2,nw_ttl=5", nullptr);
  report =
      lab.Trace(kLabelled, {.ct_states = {}, .hashes = {}, .inner = inner->Value(), .packet = {}});
  REQUIRE(report.rounds.size() == 2);
  CHECK(Has(report.rounds[1].packet, "nw_ttl=5"));
  CHECK(Has(report.rounds[1].actions, "dec_ttl"));
  const auto other = pipeline::ParseMatch("tcp6,nw_ttl=5", nullptr);
  report =
      lab.Trace(kLabelled, {.ct_states = {}, .hashes = {}, .inner = other->Value(), .packet = {}});
  CHECK(Has(report.rounds[1].assumed[0], "another type"));

  base::ByteVector packet = {0x0a, 0, 0, 0, 0, 2, 0x0a, 0, 0, 0, 0, 1, 0x88, 0x47, 0, 1, 1, 9};
  const base::ByteVector ip = {0x45, 0, 0, 20, 0, 0, 0, 0, 33, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
  packet.insert(packet.end(), ip.begin(), ip.end());
  report = lab.Trace(kLabelled, {.ct_states = {}, .hashes = {}, .inner = {}, .packet = packet});
  REQUIRE(report.rounds.size() == 2);
  CHECK(report.rounds[1].assumed.empty());
  CHECK(Has(report.rounds[1].packet, "nw_ttl=33"));
  CHECK(Has(report.rounds[1].actions, "dec_ttl"));
}

TEST_CASE("trace: the hash of the datapath is one, or what the user says") {
  const std::string text =
      "group_id=7,type=select,selection_method=dp_hash,bucket=output:2,bucket=output:3";
  Lab lab({"table=0,ip,actions=group:7"}, {text});
  TraceReport report = lab.Trace(kTcp);
  REQUIRE(report.rounds.size() == 2);
  CHECK(report.rounds[1].cause->why == Why::kHash);
  CHECK(report.rounds[1].assumed == std::vector<std::string>{"dp_hash=0x1"});
  const auto group = pipeline::ParseGroup(text, nullptr);
  REQUIRE_OK(group);
  for (uint32_t hash = 0; hash < 16; ++hash) {
    CAPTURE(hash);
    const auto bucket = BucketOfSlot(*group, hash, [](const auto&) { return true; });
    report = lab.Trace(kTcp, {.ct_states = {}, .hashes = {hash}, .inner = {}, .packet = {}});
    REQUIRE(report.rounds.size() == 2);
    CHECK(report.rounds[1].actions == std::to_string(2 + *bucket));
    CHECK(report.unused_hashes == 0);
  }
}

TEST_CASE("trace: a fragment is put together before it comes back") {
  Lab lab({"table=0,ip,actions=ct(table=1)", "table=1,ip_frag=no,ip,actions=2"});
  const TraceReport report = lab.Trace("in_port=1,ip,nw_proto=17,ip_frag=first");
  REQUIRE(report.rounds.size() == 2);
  CHECK(report.rounds[1].actions == "2");
  CHECK(report.rounds[1].assumed.back() == "the fragments are put together");
}

TEST_CASE("trace: a loop is told, with whose doing it is") {
  Lab lab({"table=0,ip,actions=ct(table=1)", "table=1,ip,actions=resubmit(,2)",
           "table=2,ip,actions=ct(table=1,zone=3)"});
  const TraceReport report = lab.Trace(kTcp);
  CHECK(report.rounds.size() == 17);
  CHECK(report.rounds.back().verdict == Verdict::kDropRecircLoop);
  REQUIRE(report.loop.size() == 2);
  CHECK(Has(report.loop[0].where, "rule table=0,"));
  CHECK(report.loop[0].times == 1);
  CHECK(Has(report.loop[1].where, "rule table=2,"));
  CHECK(report.loop[1].times == 16);
  CHECK(Has(ToString(report), "loop: "));
  CHECK(Has(ToString(report), "(16 times)"));
  CHECK(lab.bridge().recirculations().size() == 0);
}

TEST_CASE("trace: packets that become many are followed so far, and that is said") {
  Lab lab({"table=0,ip,actions=ct(table=0),ct(table=0,zone=1)"});
  const TraceReport report = lab.Trace(kTcp);
  CHECK(report.rounds.size() == TraceReport::kMaxRounds);
  CHECK(report.left_out > 0);
  CHECK(Has(ToString(report), "were not followed"));
}

TEST_CASE("trace: where it comes from also when that is no rule's list") {
  Lab lab({"table=0,ip,actions=write_actions(pop_mpls:0x800,dec_ttl,output:2)",
           "table=0,mpls,actions=write_actions(pop_mpls:0x800,dec_ttl,output:2)",
           "table=0,arp,actions=resubmit(,5),clone(resubmit(,6)),group:7",
           "table=5,arp,actions=note:00", "table=6,arp,actions=note:00"},
          {"group_id=7,type=select,selection_method=dp_hash,bucket=output:2,bucket=output:3"});
  TraceReport report = lab.Trace(kLabelled);
  REQUIRE(report.rounds.size() == 2);
  CHECK(report.rounds[1].cause->where == "the action set");
  report = lab.Trace("in_port=1,arp");
  REQUIRE(report.rounds.size() == 2);
  CHECK(Has(report.rounds[1].cause->where, "rule table=0,"));
}

TEST_CASE("trace: states of connections are read") {
  CHECK(State("trk,est") == (OVS_CS_F_TRACKED | OVS_CS_F_ESTABLISHED));
  CHECK(State("est|rpl") == (OVS_CS_F_TRACKED | OVS_CS_F_ESTABLISHED | OVS_CS_F_REPLY_DIR));
  CHECK(State("+trk+new") == (OVS_CS_F_TRACKED | OVS_CS_F_NEW));
  CHECK(State("trk new") == (OVS_CS_F_TRACKED | OVS_CS_F_NEW));
  CHECK(State("inv") == (OVS_CS_F_TRACKED | OVS_CS_F_INVALID));
  CHECK(Has(testing::StatusText(ParseCtState("trk,foo")), "expected a flag of ct_state (new, est"));
  CHECK(Has(testing::StatusText(ParseCtState("new,est")), "not both"));
  CHECK(Has(testing::StatusText(ParseCtState("inv,est")), "of no connection"));
}

TEST_CASE("trace: bytes of packets follow the actions, to each time round") {
  base::ByteVector packet = {0x0a, 0, 0, 0, 0, 2, 0x0a, 0, 0, 0, 0, 1, 0x08, 0};
  const base::ByteVector ip = {0x45, 0, 0, 20, 0, 0, 0, 0, 2, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2};
  packet.insert(packet.end(), ip.begin(), ip.end());
  const Fields came = FieldsOfPacket(packet, {});
  const auto follow = [&](std::string_view text) {
    auto actions = attr::ParseList(ovs::kActionTable, text, {});
    REQUIRE_OK(actions);
    return RecirculatedPackets(packet, KeyOfFields(came), *actions);
  };
  const auto packets = follow(
      "set(skb_mark(5)),recirc(0x1),clone(set(ipv4(src=1.2.3.4)),recirc(0x2)),"
      "push_vlan(vid=7,pcp=0),dec_ttl(le_1()),ct(zone=5),recirc(0x3)");
  REQUIRE(packets.size() == 3);
  CHECK(packets[0] == packet);
  CHECK(FieldsOfPacket(packets[1], {}).nw_src == base::Ipv4{{1, 2, 3, 4}});
  const Fields last = FieldsOfPacket(packets[2], {});
  CHECK(last.nw_src == came.nw_src);
  CHECK(last.nw_ttl == 1);
  CHECK(last.vlans[0].tci.host() == (7 | pipeline::kVlanPresent));
  // Of two branches, this packet of 34 bytes takes one.
  const auto lengths = follow(
      "check_pkt_len(size=33,gt(recirc(0x1)),le(recirc(0x2),clone(recirc(0x3)))),recirc(0x4)");
  REQUIRE(lengths.size() == 4);
  size_t taken = 0;
  for (const base::ByteVector& one : lengths) taken += one.empty() ? 0 : 1;
  CHECK(taken == 2);
  CHECK(lengths[3] == packet);
  // The TTL runs out there.
  CHECK(follow("recirc(0x1),dec_ttl(le_1()),dec_ttl(le_1()),recirc(0x2)").size() == 1);
}

}  // namespace
}  // namespace sluice::translate
