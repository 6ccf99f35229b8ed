#include "dpctl/flow_filter.h"

#include <string>

#include "netlink/attr/scanner.h"
#include "netlink/ovs/flow_text.h"
#include "tests/support/test.h"

namespace sluice::dpctl {
namespace {

bool Shows(const char* filter_text, const char* flow_text) {
  const auto filter = FlowFilter::Parse(filter_text, nullptr);
  REQUIRE_OK(filter);
  const auto flow = ovs::ParseFlowText(flow_text, nullptr);
  REQUIRE_OK(flow);
  ovs::FlowView view;
  view.key = flow->key;
  view.mask = flow->mask;
  return filter->Matches(view);
}

constexpr char kTcp[] = "in_port(1),eth(),eth_type(0x0800),ipv4(proto=6,frag=no),tcp(src=100)";
constexpr char kUdp[] = "in_port(1),eth(),eth_type(0x0800),ipv4(proto=17,frag=no),udp(src=100)";
constexpr char kIp[] = "in_port(7),eth(),eth_type(0x0800),ipv4(frag=no)";
constexpr char kArp[] = "in_port(7),eth(),eth_type(0x0806),arp()";
constexpr char kVlan[] =
    "in_port(7),eth(),eth_type(0x8100),vlan(vid=5,pcp=0),encap(eth_type(0x0800),"
    "ipv4(dst=10.0.0.0/8,frag=no))";
constexpr char kTcp6[] = "in_port(7),eth(),eth_type(0x86dd),ipv6(proto=6,frag=no),tcp(src=100)";

}  // namespace

TEST_CASE("a filter shows the flows that a packet like it may match") {
  // What ovs-dpctl 3.1 shows of these flows.
  static constexpr struct {
    const char* filter;
    bool tcp, udp, ip, arp, vlan, tcp6;
  } kCases[] = {
      {"", true, true, true, true, true, true},
      {"tcp,tp_src=100", true, false, true, false, true, false},
      {"ip", true, true, true, false, true, false},
      {"dl_vlan=5", false, false, false, false, true, false},
      {"vlan_tci=0", true, true, true, true, false, true},
      {"arp", false, false, false, true, false, false},
      {"tcp6", false, false, false, false, false, true},
      {"in_port=1", true, true, false, false, false, false},
      {"ip,nw_dst=10.1.1.1", true, true, true, false, true, false},
      {"dl_type=0x0806", false, false, false, true, false, false},
      // More than it takes.
      {"ip,nw_dst=11.0.0.0/8", true, true, true, false, false, false},
      {"dl_vlan=0xffff", true, true, true, true, false, true},
      {"udp tp_src=101", false, false, true, false, true, false},
      {"eth_type(0x0800),ipv4(proto=6)", true, false, true, false, false, false},
      {"in_port(7)", false, false, true, true, true, true},
  };
  for (const auto& c : kCases) {
    CAPTURE(c.filter);
    CHECK(Shows(c.filter, kTcp) == c.tcp);
    CHECK(Shows(c.filter, kUdp) == c.udp);
    CHECK(Shows(c.filter, kIp) == c.ip);
    CHECK(Shows(c.filter, kArp) == c.arp);
    CHECK(Shows(c.filter, kVlan) == c.vlan);
    CHECK(Shows(c.filter, kTcp6) == c.tcp6);
  }
}

TEST_CASE("a filter that is wrong is told with its place") {
  static constexpr struct {
    const char* text;
    size_t offset;
    const char* part;
  } kCases[] = {
      {"tp_dst=1", 0, "prerequisites not met for setting tp_dst"},
      {"tcp,udp_src=1", 4, "prerequisites not met for setting udp_src"},
      {"nw_proto=6", 0, "prerequisites not met for setting nw_proto"},
      {"foo=1", 0, "expected a protocol such as tcp"},
      {"tcp,tp_src=x", 11, "expected a number"},
      {"tcp,tp_src", 10, "expected '='"},
      {"ip,ip", 3, "one Ethernet type only"},
      {"in_port=1,in_port=2", 10, "each field only once"},
      {"in_port=nobody", 8, "expected a port"},
      {"in_port(x)", 8, "expected a port"},
      {"dl_vlan=5000", 12, "a VLAN id"},
      {"in_port(1),key99(00)", 0, "without attributes given as bytes"},
  };
  for (const auto& c : kCases) {
    CAPTURE(c.text);
    const auto filter = FlowFilter::Parse(c.text, nullptr);
    REQUIRE_FALSE(filter.ok());
    const std::string message(filter.status().message());
    CAPTURE(message);
    CHECK(attr::TextErrorOffset(filter.status()) == c.offset);
    CHECK(message.find(c.part) != std::string::npos);
  }
}

TEST_CASE("every word of a filter is read") {
  for (const std::string_view word : FilterWords()) {
    CAPTURE(word);
    const auto filter = FlowFilter::Parse(word, nullptr);
    if (!filter.ok())
      CHECK(std::string(filter.status().message()).find("such as tcp") == std::string::npos);
  }
}

}  // namespace sluice::dpctl
