#include "netlink/ovs/flow_text.h"

#include <linux/openvswitch.h>

#include <map>

#include "tests/support/test.h"

namespace sluice::ovs {
namespace {

class FakePorts final : public attr::PortNames {
 public:
  std::string_view NameOf(uint32_t port) const override {
    return port == 1 ? "veth0" : std::string_view();
  }
  std::optional<uint32_t> NumberOf(std::string_view name) const override {
    if (name == "veth0") return 1;
    return std::nullopt;
  }
};

std::string Format(const FlowText& flow, const FlowTextOptions& options, FlowStats stats = {}) {
  FlowView view;
  view.key = flow.key;
  view.mask = flow.mask;
  if (flow.actions) view.actions = *flow.actions;
  base::ByteVector ufid;
  if (flow.ufid) ufid.assign(flow.ufid->bytes.begin(), flow.ufid->bytes.end());
  view.ufid = ufid;
  view.stats = stats;
  std::string text;
  AppendFlow(view, options, &text);
  return text;
}

const char kUfid[] = "1910806e-c447-4f7e-b44c-ee1bb834f1d6";

}  // namespace

TEST_CASE("a line of a dump reads back to the same flow, statistics and all") {
  const std::string lines[] = {
      "recirc_id(0),in_port(1),eth(),eth_type(0x0800),ipv4(proto=6,frag=no),tcp(dst=80), "
      "packets:0, bytes:0, used:never, actions:ct(commit,zone=5),recirc(0x1)",
      "in_port(1),eth(),eth_type(0x0806),arp(op=1/0xff), packets:0, bytes:0, used:never, "
      "actions:drop",
  };
  for (const std::string& line : lines) {
    const auto flow = ParseFlowText(line, nullptr);
    REQUIRE(flow.ok());
    CHECK(Format(*flow, {}) == line);
  }
}

TEST_CASE("a verbose dump, with UFID and wildcarded fields, reads back") {
  const std::string line = std::string("ufid:") + kUfid +
                           ", recirc_id(0/0),in_port(veth0),skb_mark(0/0),eth_type(0x88cc), "
                           "packets:0, bytes:0, used:never, dp:ovs, actions:veth0";
  const FakePorts ports;
  const auto flow = ParseFlowText(line, &ports);
  REQUIRE(flow.ok());
  CHECK(Format(*flow, {.verbose = true, .ports = &ports}) == line);
  REQUIRE(flow->ufid);
  CHECK(ToString(*flow->ufid) == kUfid);
}

TEST_CASE("statistics have the layout of ovs-dpctl") {
  const struct {
    FlowStats stats;
    std::string text;
  } cases[] = {
      {{}, "packets:0, bytes:0, used:never"},
      {{3, 180, 8766, 0}, "packets:3, bytes:180, used:1.234s"},
      {{3, 180, 10000, 0}, "packets:3, bytes:180, used:0.000s"},
      {{3, 180, 10001, 0}, "packets:3, bytes:180, used:0.000s"},  // later than the clock was read
      {{1, 60, 9950, 0x1b}, "packets:1, bytes:60, used:0.050s, flags:SFP."},
  };
  for (const auto& c : cases) {
    std::string text;
    AppendFlowStats(c.stats, 10000, &text);
    CHECK(text == c.text);
  }
}

TEST_CASE("a UFID stands in front of the fields, behind it a comma or a blank, or stands alone") {
  for (const char* after : {",in_port(1)", " in_port(1)", ", in_port(1)", ""}) {
    const auto flow = ParseFlowText(std::string("ufid:") + kUfid + after, nullptr);
    REQUIRE(flow.ok());
    CHECK(flow->ufid);
    CHECK(flow->key.empty() == (*after == '\0'));
  }
}

TEST_CASE("what is wrong is told with its place in the whole text") {
  const struct {
    std::string text;
    size_t offset;
  } cases[] = {
      {"in_port(1),eth_type(0x08zz)", 24},
      {"in_port(nobody)", 8},
      {"in_port(1), packets:many, actions:2", 20},
      {"in_port(1), used:soon", 17},
      {"in_port(1), strange:1", 12},
      {"ufid:123,in_port(1)", 5},
      {"in_port(1), actions:2,nonsense(3)", 22},
      {"", 0},
  };
  for (const auto& c : cases) {
    const auto flow = ParseFlowText(c.text, nullptr);
    INFO(c.text);
    REQUIRE_FALSE(flow.ok());
    CHECK(attr::TextErrorOffset(flow.status()) == c.offset);
  }
}

TEST_CASE("protocols that the key calls for are in the key, and not in the mask") {
  const struct {
    const char* text;
    uint16_t type;
  } cases[] = {
      {"eth_type(0x0806)", OVS_KEY_ATTR_ARP},
      {"eth_type(0x0800)", OVS_KEY_ATTR_IPV4},
      {"eth_type(0x86dd),ipv6(proto=17)", OVS_KEY_ATTR_UDP},
      {"eth_type(0x0800),ipv4(proto=1)", OVS_KEY_ATTR_ICMP},
      {"eth_type(0x0800),ipv4(proto=6),tcp(dst=80)", OVS_KEY_ATTR_TCP_FLAGS},
      {"eth_type(0x86dd),ipv6(proto=58),icmpv6(type=135)", OVS_KEY_ATTR_ND},
  };
  for (const auto& c : cases) {
    const auto flow = ParseFlowText(c.text, nullptr);
    REQUIRE(flow.ok());
    CHECK(attr::Find(flow->key, c.type).data() != nullptr);
    CHECK(attr::Find(flow->mask, c.type).data() == nullptr);
  }
  const auto later = ParseFlowText("eth_type(0x0800),ipv4(proto=6,frag=later)", nullptr);
  REQUIRE(later.ok());
  CHECK(attr::Find(later->key, OVS_KEY_ATTR_TCP).data() == nullptr);
}

TEST_CASE("psample carries the flag without which the kernel refuses it") {
  const auto actions = ParseActionsText("psample(group=1)", nullptr);
  REQUIRE(actions.ok());
  CHECK(attr::AttributeWalk(*actions).begin()->flags == NLA_F_NESTED);
}

TEST_CASE("actions within a flow are seen, those inside of parentheses are not") {
  CHECK(HasActionsText("in_port(1), actions:2"));
  CHECK_FALSE(HasActionsText("in_port(1),eth()"));
  CHECK_FALSE(HasActionsText("sample(sample=50.0%,actions(2))"));
}

}  // namespace sluice::ovs
