// What the learning switch decides, and which bits it read for that.
#include "agent/translate/translate.h"

#include "agent/bridge/bridge.h"
#include "agent/bridge/mac_table.h"
#include "netlink/attr/text.h"
#include "tests/support/test.h"

namespace sluice {
namespace {

using pipeline::BridgePort;
using pipeline::PortTable;
using translate::Translation;
using translate::Verdict;

ovs::FlowKey Key(std::string_view text) {
  auto parsed = attr::ParseSet(ovs::kKeyTable, text, {});
  REQUIRE_OK(parsed);
  ovs::FlowKey key;
  attr::Unknowns unknowns;
  REQUIRE_FALSE(ovs::DecodeFlowKey(parsed->value, &key, &unknowns));
  return key;
}

std::string MaskText(const ovs::FlowKey& key, const ovs::FlowKey& mask) {
  base::ByteVector value, mask_bytes;
  attr::Writer values(&value), masks(&mask_bytes);
  ovs::EncodeFlowKey(key, nullptr, &values);
  ovs::EncodeFlowMask(key, mask, &masks);
  std::string text;
  attr::AppendSet(ovs::kKeyTable, value, attr::MaskView::Of(mask_bytes), {}, &text);
  return text;
}

std::string ActionsText(const Translation& translation) {
  std::string text;
  attr::AppendList(ovs::kActionTable, translation.actions.bytes(), {}, &text);
  return text;
}

// Address 0a:..:0N was seen on port N, in VLAN 0 and in VLAN 10. That of port 4 is static.
class KnownMacs final : public translate::MacLookup {
 public:
  std::optional<uint32_t> FindPort(uint16_t vlan, const base::Mac& mac) const override {
    if ((vlan != 0 && vlan != 10) || mac.bytes[0] != 0x0a || mac.bytes[5] > 5) return std::nullopt;
    return mac.bytes[5];
  }
  bool IsStatic(uint16_t vlan, const base::Mac& mac) const override {
    return FindPort(vlan, mac) == 4u;
  }
};

// By a pipeline of one rule: normal.
void Translate(const ovs::FlowKey& key, const PortTable& ports, const translate::MacLookup& macs,
               Translation* out) {
  static pipeline::Pipeline pipeline;
  if (pipeline.rules() == 0) {
    const auto rule = pipeline::ParseRule("priority=0,actions=normal", nullptr);
    REQUIRE_OK(rule);
    REQUIRE_OK(pipeline.Replace({&*rule, 1}, {}, 0));
  }
  pipeline::Versions::Reader reader(&pipeline.versions());
  const pipeline::Versions::Snapshot snapshot(&reader);
  const translate::Abilities abilities;
  static translate::Translator translator;
  translator.Translate(key, {pipeline, snapshot.version(), ports, macs, abilities}, out);
}

struct Case {
  const char* what;
  const char* key;
  Verdict verdict;
  const char* actions;
  const char* flow;  // key under the mask; null: nothing is installed
};

// Port 0 is local; 1 and 2 are trunks of everything, 3 and 4 access ports of VLAN 10, 5 a trunk of
// 10 and 20 only.
const std::vector<BridgePort> kPorts = {
    {.port_no = 0, .name = "br0"},
    {.port_no = 1, .name = "p1"},
    {.port_no = 2, .name = "p2"},
    {.port_no = 3, .name = "p3", .access_vlan = 10},
    {.port_no = 4, .name = "p4", .access_vlan = 10},
    {.port_no = 5, .name = "p5", .trunks = {10, 20}},
};

#define MAC(n) "0a:00:00:00:00:0" #n
#define UNTAGGED(in, src, dst)                            \
  "recirc_id(0),in_port(" in "),eth(src=" src ",dst=" dst \
  "),eth_type(0x0800),ipv4(proto=6),tcp(dst=80)"
#define TAGGED(in, vid, src, dst)                                                            \
  "recirc_id(0),in_port(" in "),eth(src=" src ",dst=" dst "),eth_type(0x8100),vlan(vid=" vid \
  ",pcp=3),encap(eth_type(0x88b5))"

const Case kCases[] = {
    {"a known destination gets one output", UNTAGGED("1", MAC(1), MAC(2)), Verdict::kForward, "2",
     "recirc_id(0),in_port(1),eth(src=" MAC(1) ",dst=" MAC(2) ")"},
    {"a broadcast goes to all ports of its VLAN but the one it came from",
     UNTAGGED("1", MAC(1), "ff:ff:ff:ff:ff:ff"), Verdict::kFlood, "0,2",
     "recirc_id(0),in_port(1),eth(src=" MAC(1) ",dst=ff:ff:ff:ff:ff:ff)"},
    {"an unknown destination is flooded, but no flow is pinned",
     UNTAGGED("1", MAC(1), "0a:00:00:00:00:99"), Verdict::kFloodUnknown, "0,2", nullptr},
    {"a packet back to its own port is dropped", UNTAGGED("2", MAC(7), MAC(2)),
     Verdict::kDropSamePort, "drop", "recirc_id(0),in_port(2),eth(src=" MAC(7) ",dst=" MAC(2) ")"},
    {"an address that comes by another port than before pins no flow until it has moved",
     UNTAGGED("1", MAC(2), "ff:ff:ff:ff:ff:ff"), Verdict::kFlood, "0,2", nullptr},
    {"a static one that comes by another port stays", UNTAGGED("1", MAC(4), "ff:ff:ff:ff:ff:ff"),
     Verdict::kFlood, "0,2", "recirc_id(0),in_port(1),eth(src=" MAC(4) ",dst=ff:ff:ff:ff:ff:ff)"},
    {"link-local protocols are not forwarded, whoever sends them",
     UNTAGGED("1", MAC(1), "01:80:c2:00:00:0e"), Verdict::kDropReserved, "drop",
     "recirc_id(0),in_port(1),eth(dst=01:80:c2:00:00:0e)"},
    {"their neighbours in the address space are", UNTAGGED("1", MAC(1), "01:80:c2:00:00:10"),
     Verdict::kFlood, "0,2", "recirc_id(0),in_port(1),eth(src=" MAC(1) ",dst=01:80:c2:00:00:10)"},
    {"an unknown port is dropped as a whole", UNTAGGED("9", MAC(1), MAC(2)),
     Verdict::kDropUnknownPort, "drop", "recirc_id(0),in_port(9),eth()"},
    {"a tag that nobody read is matched as far as the kernel insists",
     TAGGED("1", "10", MAC(1), "01:80:c2:00:00:0e"), Verdict::kDropReserved, "drop",
     "recirc_id(0),in_port(1),eth(dst=01:80:c2:00:00:0e),eth_type(0x8100),vlan(),"
     "encap(eth_type(0x88b5/0))"},
    {"of two tags the outer one decides",
     "recirc_id(0),in_port(1),eth(src=" MAC(1) ",dst=" MAC(
         2) "),eth_type(0x88a8),vlan(vid=10,pcp=1),encap(eth_type(0x8100),vlan(vid=77,pcp=2),"
            "encap(eth_type(0x88b5)))",
     Verdict::kForward, "2",
     "recirc_id(0),in_port(1),eth(src=" MAC(1) ",dst=" MAC(
         2) "),eth_type(0x88a8),vlan(vid=10),encap(eth_type(0x8100),vlan(),encap(eth_type(0x88b5/"
            "0)))"},
    {"from access port to access port: no tag", UNTAGGED("3", MAC(3), MAC(4)), Verdict::kForward,
     "4", "recirc_id(0),in_port(3),eth(src=" MAC(3) ",dst=" MAC(4) ")"},
    {"from access port to trunk: a tag is put on", UNTAGGED("3", MAC(3), MAC(1)), Verdict::kForward,
     "push_vlan(vid=10,pcp=0),1", "recirc_id(0),in_port(3),eth(src=" MAC(3) ",dst=" MAC(1) ")"},
    {"from trunk to access port: the tag is taken off", TAGGED("1", "10", MAC(1), MAC(3)),
     Verdict::kForward, "pop_vlan,3",
     "recirc_id(0),in_port(1),eth(src=" MAC(1) ",dst=" MAC(
         3) "),eth_type(0x8100),vlan(vid=10),encap(eth_type(0x88b5/0))"},
    {"from trunk to trunk: the tag stays", TAGGED("1", "10", MAC(1), MAC(2)), Verdict::kForward,
     "2",
     "recirc_id(0),in_port(1),eth(src=" MAC(1) ",dst=" MAC(
         2) "),eth_type(0x8100),vlan(vid=10),encap(eth_type(0x88b5/0))"},
    {"a flood changes the packet once: untagged ports of its VLAN first",
     UNTAGGED("3", MAC(3), "ff:ff:ff:ff:ff:ff"), Verdict::kFlood,
     "4,push_vlan(vid=10,pcp=0),0,1,2,5",
     "recirc_id(0),in_port(3),eth(src=" MAC(3) ",dst=ff:ff:ff:ff:ff:ff)"},
    {"a tagged packet is no access port's", TAGGED("3", "10", MAC(3), MAC(4)), Verdict::kDropVlan,
     "drop",
     "recirc_id(0),in_port(3),eth(dst=" MAC(
         4) "),eth_type(0x8100),vlan(vid=10),encap(eth_type(0x88b5/0))"},
    {"a priority tag is no VLAN", TAGGED("3", "0", MAC(3), MAC(4)), Verdict::kForward, "pop_vlan,4",
     "recirc_id(0),in_port(3),eth(src=" MAC(3) ",dst=" MAC(
         4) "),eth_type(0x8100),vlan(vid=0),encap(eth_type(0x88b5/0))"},
    {"a trunk takes its VLANs only", UNTAGGED("5", MAC(5), MAC(1)), Verdict::kDropVlan, "drop",
     "recirc_id(0),in_port(5),eth(dst=" MAC(1) ")"},
    {"an address seen on a port that does not carry the VLAN is unknown",
     UNTAGGED("1", MAC(1), MAC(5)), Verdict::kFloodUnknown, "0,2", nullptr},
};

TEST_CASE("translate: decisions of the learning switch, and their masks") {
  const PortTable ports(kPorts);
  const KnownMacs macs;
  Translation translation;
  for (const Case& test : kCases) {
    INFO(test.what);
    const ovs::FlowKey key = Key(test.key);
    Translate(key, ports, macs, &translation);
    CHECK(translate::ToString(translation.verdict) == translate::ToString(test.verdict));
    CHECK(ActionsText(translation) == test.actions);
    CHECK(translation.install == (test.flow != nullptr));
    if (test.flow != nullptr) CHECK(MaskText(key, translation.mask) == test.flow);
  }
}

// Port 1 is a plain trunk; what the others are, their names say.
const std::vector<BridgePort> kModePorts = {
    {.port_no = 1, .name = "trunk"},
    {.port_no = 2, .name = "native", .native_vlan = 10},
    {.port_no = 3, .name = "native-tagged", .native_vlan = 10, .native_tagged = true},
    {.port_no = 4, .name = "tunnel", .access_vlan = 10, .is_tunnel = true},
    {.port_no = 5, .name = "mapped", .vlan_map = {{.wire = 30, .vlan = 10}}},
    {.port_no = 6, .name = "down", .up = false},
    {.port_no = 7,
     .name = "priority",
     .access_vlan = 10,
     .priority_tags = pipeline::PriorityTags::kIfNonzero},
};

const Case kModeCases[] = {
    {"a native VLAN takes untagged packets, and floods with the tag that each port wants",
     UNTAGGED("2", MAC(7), "ff:ff:ff:ff:ff:ff"), Verdict::kFlood,
     "4,7,clone(push_vlan(vid=10,pcp=0),1,3),push_vlan(vid=30,pcp=0),5",
     "recirc_id(0),in_port(2),eth(src=" MAC(7) ",dst=ff:ff:ff:ff:ff:ff)"},
    {"out of a native-untagged port without its tag", TAGGED("1", "10", MAC(7), MAC(2)),
     Verdict::kForward, "pop_vlan,2",
     "recirc_id(0),in_port(1),eth(src=" MAC(7) ",dst=" MAC(
         2) "),eth_type(0x8100),vlan(vid=10),encap(eth_type(0x88b5/0))"},
    {"out of a native-tagged one with it", TAGGED("1", "10", MAC(7), MAC(3)), Verdict::kForward,
     "3",
     "recirc_id(0),in_port(1),eth(src=" MAC(7) ",dst=" MAC(
         3) "),eth_type(0x8100),vlan(vid=10),encap(eth_type(0x88b5/0))"},
    {"a tunnel reads no tag, and puts a service tag on top", TAGGED("4", "77", MAC(7), MAC(1)),
     Verdict::kForward, "push_vlan(tpid=0x88a8,vid=10,pcp=0),1",
     "recirc_id(0),in_port(4),eth(src=" MAC(7) ",dst=" MAC(
         1) "),eth_type(0x8100),vlan(),encap(eth_type(0x88b5/0))"},
    {"an id on the wire is another VLAN inside", TAGGED("5", "30", MAC(7), MAC(2)),
     Verdict::kForward, "pop_vlan,2",
     "recirc_id(0),in_port(5),eth(src=" MAC(7) ",dst=" MAC(
         2) "),eth_type(0x8100),vlan(vid=30),encap(eth_type(0x88b5/0))"},
    {"and the other way, with the priority as it is", TAGGED("1", "10", MAC(7), MAC(5)),
     Verdict::kForward, "pop_vlan,push_vlan(vid=30,pcp=3),5", nullptr},
    {"the id that the VLAN has inside is none there", TAGGED("5", "10", MAC(7), MAC(2)),
     Verdict::kDropVlan, "drop",
     "recirc_id(0),in_port(5),eth(dst=" MAC(
         2) "),eth_type(0x8100),vlan(vid=10),encap(eth_type(0x88b5/0))"},
};

TEST_CASE("translate: modes of ports, and their masks") {
  const PortTable ports(kModePorts);
  const KnownMacs macs;
  Translation translation;
  for (const Case& test : kModeCases) {
    INFO(test.what);
    const ovs::FlowKey key = Key(test.key);
    Translate(key, ports, macs, &translation);
    CHECK(translate::ToString(translation.verdict) == translate::ToString(test.verdict));
    CHECK(ActionsText(translation) == test.actions);
    if (test.flow != nullptr) CHECK(MaskText(key, translation.mask) == test.flow);
  }
}

TEST_CASE("translate: protected ports, and link-local protocols that are forwarded") {
  const PortTable ports({{.port_no = 1, .name = "a", .is_protected = true},
                         {.port_no = 2, .name = "b", .is_protected = true},
                         {.port_no = 3, .name = "c"}},
                        {.forward_bpdu = true});
  const KnownMacs macs;
  Translation translation;
  Translate(Key(UNTAGGED("1", MAC(7), MAC(2))), ports, macs, &translation);
  CHECK(translation.verdict == Verdict::kDropProtected);
  CHECK(translation.actions.empty());
  Translate(Key(UNTAGGED("1", MAC(7), "ff:ff:ff:ff:ff:ff")), ports, macs, &translation);
  CHECK(ActionsText(translation) == "3");
  Translate(Key(UNTAGGED("1", MAC(7), MAC(3))), ports, macs, &translation);
  CHECK(ActionsText(translation) == "3");
  Translate(Key(UNTAGGED("3", MAC(7), "01:80:c2:00:00:0e")), ports, macs, &translation);
  CHECK(ActionsText(translation) == "1,2");
}

TEST_CASE("translate: a silent port is left out of floods, and gets what is known to be there") {
  const PortTable ports({{.port_no = 1, .name = "a"},
                         {.port_no = 2, .name = "silent", .up = false, .is_silent = true},
                         {.port_no = 3, .name = "down", .up = false}});
  const KnownMacs macs;
  Translation translation;
  Translate(Key(UNTAGGED("1", MAC(7), "ff:ff:ff:ff:ff:ff")), ports, macs, &translation);
  CHECK(translation.actions.empty());
  Translate(Key(UNTAGGED("1", MAC(7), MAC(2))), ports, macs, &translation);
  CHECK(ActionsText(translation) == "2");
  Translate(Key(UNTAGGED("1", MAC(7), MAC(3))), ports, macs, &translation);
  CHECK(translation.actions.empty());
}

// kPorts with mirrors: to port 2, or into VLAN 20.
PortTable Mirrored(std::vector<pipeline::Mirror> mirrors) {
  return PortTable(kPorts, {.mirrors = std::move(mirrors)});
}

TEST_CASE("translate: a mirror takes packets as they come, and as they leave, once") {
  const KnownMacs macs;
  Translation translation;
  const auto check = [&](const PortTable& ports, std::string_view key_text, const char* actions,
                         const char* flow) {
    const ovs::FlowKey key = Key(key_text);
    Translate(key, ports, macs, &translation);
    CAPTURE(key_text);
    CHECK(ActionsText(translation) == actions);
    CHECK(MaskText(key, translation.mask) == flow);
  };
  const PortTable all = Mirrored({{.name = "m", .all_ports = true, .output_port = "p2"}});
  // On its way in, with the VLAN's tag where the mirror's port is a trunk; nothing else goes there.
  check(all, UNTAGGED("3", MAC(3), MAC(4)), "clone(push_vlan(vid=10,pcp=0),2),4",
        "recirc_id(0),in_port(3),eth(src=" MAC(3) ",dst=" MAC(4) ")");
  check(all, UNTAGGED("1", MAC(1), "ff:ff:ff:ff:ff:ff"), "2,0",
        "recirc_id(0),in_port(1),eth(src=" MAC(1) ",dst=ff:ff:ff:ff:ff:ff)");
  CHECK(translation.verdict == Verdict::kFlood);
  // What comes in by the mirror's port goes nowhere.
  check(all, UNTAGGED("2", MAC(1), MAC(3)), "drop", "recirc_id(0),in_port(2),eth()");
  CHECK(translation.verdict == Verdict::kDropMirrorPort);
  CHECK(translation.learned.empty());
  // A packet that is dropped is seen too, and the reason told.
  check(all, UNTAGGED("1", MAC(7), MAC(1)), "2",
        "recirc_id(0),in_port(1),eth(src=" MAC(7) ",dst=" MAC(1) ")");
  CHECK(translation.verdict == Verdict::kDropSamePort);

  const PortTable out =
      Mirrored({{.name = "m", .destination_ports = {"p4"}, .output_port = "p2", .snaplen = 60}});
  check(out, TAGGED("1", "10", MAC(1), MAC(4)), "pop_vlan,4,push_vlan(vid=10,pcp=0),trunc(60),2",
        "recirc_id(0),in_port(1),eth(src=" MAC(1) ",dst=" MAC(
            4) "),eth_type(0x8100),vlan(vid=10),encap(eth_type(0x88b5/0))");
}

TEST_CASE("translate: a mirror's selection of VLANs is in the mask, and its VLAN floods") {
  const KnownMacs macs;
  Translation translation;
  const PortTable ports =
      Mirrored({{.name = "m", .source_ports = {"p1"}, .vlans = {10}, .output_vlan = 20}});
  const ovs::FlowKey selected = Key(TAGGED("1", "10", MAC(1), MAC(2)));
  Translate(selected, ports, macs, &translation);
  // Into VLAN 20 at every port that carries it, also the one that it came from.
  CHECK(ActionsText(translation) == "clone(pop_vlan,push_vlan(vid=20,pcp=3),0,1,2,5),2");
  CHECK(MaskText(selected, translation.mask).find("vlan(vid=10") != std::string::npos);
  const ovs::FlowKey other = Key(TAGGED("1", "11", MAC(1), MAC(2)));
  Translate(other, ports, macs, &translation);
  CHECK(ActionsText(translation).find("20") == std::string::npos);
  CHECK(MaskText(other, translation.mask).find("vlan(vid=11") != std::string::npos);
  Translate(Key(TAGGED("1", "20", MAC(1), MAC(2))), ports, macs, &translation);
  CHECK(ActionsText(translation) == "0,2,5");
  CHECK(translation.verdict == Verdict::kFlood);
  CHECK(translation.install);
  CHECK(translation.learned.empty());
  // Two mirrors that lead to one place send one copy, and both have taken it.
  const auto a = std::make_shared<pipeline::UseStats>(), b = std::make_shared<pipeline::UseStats>();
  const PortTable twice =
      Mirrored({{.name = "a", .source_ports = {"p1"}, .output_port = "p2", .stats = a},
                {.name = "b", .destination_ports = {"p3"}, .output_port = "p2", .stats = b}});
  Translate(Key(TAGGED("1", "10", MAC(1), MAC(3))), twice, macs, &translation);
  CHECK(ActionsText(translation) == "2,pop_vlan,3");
  CHECK(translation.credits.size() == 3);
}

// A small generator: the same packets in every run.
class Random {
 public:
  uint32_t Next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<uint32_t>(state_ >> 16);
  }
  uint32_t Below(uint32_t n) { return Next() % n; }

 private:
  uint64_t state_ = 0x9e3779b97f4a7c15;
};

ovs::FlowKey RandomKey(Random* random) {
  static constexpr const char* kVlans[] = {"0", "10", "20", "30"};
  static constexpr const char* kMacs[] = {MAC(1),
                                          MAC(2),
                                          MAC(3),
                                          MAC(5),
                                          "0a:00:00:00:00:99",
                                          "ff:ff:ff:ff:ff:ff",
                                          "01:80:c2:00:00:02"};
  const std::string in = std::to_string(random->Below(8));
  const std::string eth =
      std::string("eth(src=") + kMacs[random->Below(5)] + ",dst=" + kMacs[random->Below(7)] + "),";
  const std::string ip = "eth_type(0x0800),ipv4(ttl=" + std::to_string(random->Below(256)) +
                         ",proto=17),udp(src=" + std::to_string(random->Below(65536)) + ")";
  const std::string head = "recirc_id(0),in_port(" + in + ")," + eth;
  if (random->Below(2) == 0) return Key(head + ip);
  return Key(head + "eth_type(0x8100),vlan(vid=" + kVlans[random->Below(4)] +
             ",pcp=" + std::to_string(random->Below(8)) + "),encap(" + ip + ")");
}

TEST_CASE("translate: packets that are equal under the mask get the same decision") {
  const PortTable ports(kPorts);
  const KnownMacs macs;
  Random random;
  std::vector<ovs::FlowKey> keys;
  keys.reserve(300);
  for (int i = 0; i < 300; ++i) keys.push_back(RandomKey(&random));
  Translation of_a, of_b;
  int compared = 0;
  for (const ovs::FlowKey& a : keys) {
    Translate(a, ports, macs, &of_a);
    for (const ovs::FlowKey& b : keys) {
      // The kernel always matches whether there is a tag.
      if (a.vlans() != b.vlans() || !ovs::MatchesUnder(a, b, of_a.mask)) continue;
      Translate(b, ports, macs, &of_b);
      CHECK(of_a.actions == of_b.actions);
      CHECK(of_a.verdict == of_b.verdict);
      CHECK(of_a.install == of_b.install);
      ++compared;
    }
  }
  CHECK(compared > 1000);
}

TEST_CASE("MAC table: learning, moves, aging, room") {
  using Outcome = bridge::MacTable::Outcome;
  bridge::MacTable table(/*aging_ms=*/1000, /*limit=*/64);
  const base::Mac a{{0x0a, 0, 0, 0, 0, 1}};
  CHECK_FALSE(table.Find(0, a));
  CHECK(table.Learn(0, a, 1, 100) == Outcome::kNew);
  CHECK(table.Find(0, a) == 1u);
  CHECK_FALSE(table.Find(10, a));  // another VLAN is another address
  CHECK(table.Learn(0, a, 2, 200) == Outcome::kMoved);
  CHECK(table.Learn(0, a, 1, 150) == Outcome::kKnown);  // an old sighting changes nothing
  CHECK(table.Find(0, a) == 2u);
  CHECK(table.Expire(1199) == 0);
  CHECK(table.Learn(0, a, 2, 1000) == Outcome::kKnown);
  CHECK(table.Expire(1999) == 0);
  CHECK(table.Expire(2001) == 1);
  CHECK(table.size() == 0);
}

TEST_CASE("MAC table: a port that makes addresses up loses its own first") {
  bridge::MacTable table(/*aging_ms=*/100'000, /*limit=*/640);
  const base::Mac honest{{0x0a, 0, 0, 0, 0, 1}};
  table.Learn(0, honest, 1, 1);
  for (uint32_t i = 0; i < 20'000; ++i)
    table.Learn(0, {{0x0b, 0, 0, 0, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)}}, 3,
                2 + i);
  CHECK(table.size() <= 640);
  CHECK(table.Find(0, honest) == 1u);
  CHECK(table.ForgetPort(3) > 0);
  CHECK(table.size() == 1);
}

TEST_CASE("bridge: what can make a flow wrong raises the generation") {
  base::FakeClock clock(1000);
  bridge::Bridge bridge({.name = "br0", .mac_aging_ms = 100}, &clock);
  int told = 0;
  bridge.SetChangeListener([&] { ++told; });
  uint64_t generation = bridge.generation();
  auto raised = [&] {
    return bridge.generation() > std::exchange(generation, bridge.generation());
  };
  bridge.SetPorts(kPorts);
  CHECK(raised());
  bridge.Learn({{{0x0a, 0, 0, 0, 0, 1}}, 0, 1}, 1000);
  CHECK_FALSE(raised());  // unknown destinations have no flows
  bridge.Learn({{{0x0a, 0, 0, 0, 0, 1}}, 0, 2}, 1001);
  CHECK(raised());  // moved
  clock.Advance(500);
  bridge.ExpireMacs();
  CHECK(raised());
  bridge.ExpireMacs();
  CHECK_FALSE(raised());
  CHECK(told == 3);
}

TEST_CASE("bridge: addresses go with their port, also when its number is given again") {
  base::FakeClock clock(1000);
  bridge::Bridge bridge({.name = "br0"}, &clock);
  bridge.SetPorts({{.port_no = 1, .name = "v1"}, {.port_no = 2, .name = "v2"}});
  const base::Mac a{{0x0a, 0, 0, 0, 0, 1}}, b{{0x0a, 0, 0, 0, 0, 2}};
  bridge.Learn({a, 0, 1}, 1000);
  bridge.Learn({b, 0, 2}, 1000);
  bridge.SetPorts({{.port_no = 1, .name = "v1"}, {.port_no = 2, .name = "other"}});
  CHECK(bridge.FindPort(0, a) == 1u);
  CHECK_FALSE(bridge.FindPort(0, b));
}

}  // namespace
}  // namespace sluice
