// What dpctl top reckons and shows, without kernel and terminal.
#include <nlohmann/json.hpp>

#include "dpctl/top_rates.h"
#include "dpctl/top_view.h"
#include "netlink/ovs/flow_text.h"
#include "tests/support/test.h"

namespace sluice::dpctl {
namespace {

ovs::Flow FlowOf(const std::string& text, uint64_t packets, uint64_t bytes, uint64_t used = 0) {
  auto read = ovs::ParseFlowText(text, nullptr);
  REQUIRE(read.ok());
  ovs::Flow flow;
  flow.key = read->key;
  flow.mask = read->mask;
  flow.actions = read->actions;
  flow.ufid = read->ufid;
  flow.stats = {.packets = packets, .bytes = bytes, .used = used};
  return flow;
}

constexpr char kWeb[] = "in_port(1),eth(),eth_type(0x0800),ipv4(dst=10.0.0.0/24), actions:2";
constexpr char kDns[] = "in_port(1),eth(),eth_type(0x0800),ipv4(dst=10.0.1.0/24), actions:2";
constexpr char kArp[] = "in_port(2),eth(),eth_type(0x0806),arp(), actions:1";

ovs::Vport PortOf(uint32_t number, const std::string& name, uint64_t received) {
  ovs::Vport port;
  port.port_no = number;
  port.name = name;
  port.type = OVS_VPORT_TYPE_NETDEV;
  port.stats.rx_packets = received;
  port.stats.rx_bytes = 100 * received;
  port.upcalls = ovs::Vport::Upcalls{.success = received, .fail = received / 10};
  return port;
}

std::shared_ptr<TopSample> SampleAt(base::MonotonicMs time) {
  auto sample = std::make_shared<TopSample>();
  sample->time = time;
  sample->datapath.ifindex = 5;
  sample->datapath.name = "dp0";
  return sample;
}

// Two seconds: 20 packets a second of web, 5 of dns, none of arp.
struct TwoSamples {
  std::shared_ptr<TopSample> before = SampleAt(1000), now = SampleAt(3000);
  TwoSamples() {
    before->flows = {FlowOf(kArp, 7, 420, 500), FlowOf(kDns, 10, 1000, 900),
                     FlowOf(kWeb, 100, 10000, 900)};
    now->flows = {FlowOf(kArp, 7, 420, 500), FlowOf(kDns, 20, 21000, 2990),
                  FlowOf(kWeb, 140, 14000, 2900)};
    before->ports.emplace(1, PortOf(1, "eth1", 100));
    now->ports = {{1, PortOf(1, "eth1", 150)}, {2, PortOf(2, "eth2", 4)}};
    before->datapath.stats.n_hit = 100;
    now->datapath.stats = {.n_hit = 140, .n_missed = 10, .n_lost = 2, .n_flows = 3};
    before->datapath.megaflow_stats.n_mask_hit = 100;
    now->datapath.megaflow_stats.n_mask_hit = 200;
    now->datapath.megaflow_stats.n_cache_hit = 25;
    now->datapath.megaflow_stats.n_masks = 2;
  }
  TopReport report() const { return Compare(before.get(), now); }
};

TopView ViewOf(const TwoSamples& samples, TopSettings settings = {}) {
  TopView view(std::move(settings));
  view.Show(samples.report());
  return view;
}

void Type(TopView* view, std::string_view keys) {
  for (const char key : keys) CHECK(view->Key(key) == TopKey::kNone);
}

}  // namespace

TEST_CASE("rates are what was counted between two samples, by their time") {
  const TwoSamples samples;
  const TopReport report = samples.report();
  CHECK(report.seconds == 2);
  CHECK(report.hit == 20);
  CHECK(report.missed == 5);
  CHECK(report.lost == 1);
  CHECK(report.masks_per_packet == 2);
  CHECK(report.cached == 0.5);
  REQUIRE(report.flows.size() == 3);
  CHECK(report.flows[0].rate.packets == 0);
  CHECK(report.flows[1].rate.packets == 5);
  CHECK(report.flows[1].rate.bytes == 10000);
  CHECK(report.flows[2].rate.packets == 20);
  REQUIRE(report.masks.size() == 2);
  CHECK(report.masks[1].flows == 2);
  CHECK(report.masks[1].rate.packets == 25);
  CHECK(report.masks[1].used == 2990);
  REQUIRE(report.ports.size() == 2);
  CHECK(report.ports[0].rx.packets == 25);
  CHECK(report.ports[0].rx.bytes == 2500);
  CHECK(report.ports[0].upcalls_lost == 2.5);
  CHECK(report.ports[1].rx.packets == 2);  // a new port: all of it
}

TEST_CASE("of one sample nothing is known but totals") {
  const TwoSamples samples;
  const TopReport report = Compare(nullptr, samples.now);
  CHECK(report.seconds == 0);
  CHECK(report.hit == 0);
  CHECK_FALSE(report.masks_per_packet);
  CHECK(report.flows[2].rate.packets == 0);
  CHECK(report.ports[0].rx.bytes == 0);
}

TEST_CASE("counters that went back began anew; flows come and go") {
  TwoSamples samples;
  samples.now->flows = {FlowOf(kWeb, 6, 20000), FlowOf("in_port(9),eth(), actions:drop", 8, 800)};
  const TopReport report = samples.report();
  REQUIRE(report.flows.size() == 2);
  CHECK(report.flows[0].rate.packets == 3);
  CHECK(report.flows[0].rate.bytes == 10000);  // as the packets do
  CHECK(report.flows[1].rate.packets == 4);
  // Two samples at the same time divide by no zero; nor does a clock that went back.
  samples.now->time = samples.before->time;
  CHECK(samples.report().flows[1].rate.packets == 8000);
  samples.now->time = 0;
  CHECK(samples.report().flows[1].rate.packets == 8000);
}

TEST_CASE("a flow is known again by its UFID") {
  TwoSamples samples;
  const std::string one = "ufid:00000000-0000-0000-0000-000000000001,";
  const std::string two = "ufid:00000000-0000-0000-0000-000000000002,";
  samples.before->flows = {FlowOf(one + kWeb, 100, 0), FlowOf(two + kDns, 10, 0)};
  samples.now->flows = {FlowOf(two + kWeb, 100, 0)};
  CHECK(samples.report().flows[0].rate.packets == 45);
}

TEST_CASE("masks in words") {
  const auto mask_of = [](const std::string& text) {
    auto read = ovs::ParseFlowText(text, nullptr);
    REQUIRE(read.ok());
    return MaskText(read->mask);
  };
  CHECK(mask_of(
            "in_port(1),eth(),eth_type(0x0800),ipv4(dst=10.0.0.0/8,proto=6),tcp(dst=80/0xfff0)") ==
        "in_port,eth_type,ipv4.dst/255.0.0.0,ipv4.proto,tcp.dst/0xfff0");
  CHECK(mask_of("in_port(1/0xffff0000),eth(src=02:00:00:00:00:01)") == "eth.src");
  CHECK(mask_of("tunnel(tun_id=0x5,src=10.0.0.1,ttl=0/0),in_port(1)") ==
        "tunnel.tun_id,tunnel.src,in_port");
  CHECK(MaskText({}) == "no field");
}

TEST_CASE("the screen: busiest first, within its columns") {
  const TwoSamples samples;
  TopView view = ViewOf(samples);
  const std::vector<std::string> lines = view.Screen(100, 9);
  REQUIRE(lines.size() == 9);
  CHECK(lines[0] == "system@dp0 hit 20/s miss 5/s lost 1/s (2 in all)");
  CHECK(lines[1] == "3 flows, 2 masks, 2.00 masks/packet, 50% cached");
  CHECK(lines[2] == "flows by packets");
  CHECK(lines[TopView::kHeading] == "pkt/s byte/s  used flow");
  CHECK(lines[4] ==
        "   20   2.0k  0.1s in_port(1),eth(),eth_type(0x0800),ipv4(dst=10.0.0.0/255.255.255.0) "
        "actions:2");
  CHECK(lines[6] == "    0      0  2.5s in_port(2),eth(),eth_type(0x0806) actions:1");
  CHECK(lines[8] == "q quit  h help  / filter");
  for (const size_t width : {size_t{40}, size_t{20}, size_t{1}})
    for (size_t height = 1; height < 12; ++height) {
      CAPTURE(width, height);
      const auto small = view.Screen(width, height);
      CHECK(small.size() == height);
      for (const std::string& line : small) CHECK(line.size() <= width);
    }
  CHECK(view.Screen(40, 9)[4] == "   20   2.0k in_port(1),eth(),eth_type(0");
}

TEST_CASE("keys sort, filter, switch, scroll, pause and end") {
  const TwoSamples samples;
  TopView view = ViewOf(samples);
  const auto row = [&view](size_t n) { return view.Screen(100, 20)[4 + n]; };
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  Type(&view, "b");
  CHECK(has(row(0), "10.0.1.0"));
  Type(&view, "u");
  CHECK(has(row(0), "10.0.1.0"));
  CHECK(has(row(2), "0x0806"));
  Type(&view, "p");
  CHECK(has(row(0), "10.0.0.0"));
  Type(&view, "/0806x");
  view.Key(TopView::kErase);
  CHECK(has(view.Screen(100, 20)[2], "only: 0806_"));
  CHECK(has(row(0), "10.0.0.0"));  // not before Enter
  view.Key(TopView::kEnter);
  CHECK(has(row(0), "0x0806"));
  CHECK(row(1).empty());
  Type(&view, "/q");  // a letter of the filter, no end
  view.Key(TopView::kEscape);
  CHECK(has(view.Screen(100, 20)[2], "only: 0806"));
  view = ViewOf(samples);
  view.Key(TopView::kDown);
  CHECK(has(row(0), "10.0.1.0"));
  view.Key(TopView::kPageDown);
  CHECK(has(row(0), "0x0806"));
  view.Key(TopView::kHome);
  CHECK(has(row(0), "10.0.0.0"));
  Type(&view, "n");
  CHECK(has(row(0), "in_port(eth1)"));
  Type(&view, "m");
  CHECK(has(row(0), "   25    12k  0.0s     2 in_port,eth_type,ipv4.dst/255.255.255.0"));
  Type(&view, "\t");
  CHECK(has(row(0), "   25    2.5k     0       0      0    2.5 1 eth1 (netdev)"));
  Type(&view, "\tf ");
  CHECK(view.paused());
  CHECK(has(view.Screen(100, 20)[2], "paused"));
  Type(&view, " h");
  CHECK_FALSE(view.paused());
  CHECK(has(view.Screen(40, 20)[4], "flows, masks, ports"));
  Type(&view, "x");
  CHECK(has(row(0), "10.0.0.0"));
  CHECK(view.Key('q') == TopKey::kQuit);
}

TEST_CASE("keys before the first sample do no harm") {
  TopView view({});
  CHECK(view.Screen(80, 24).empty());
  for (int key = -1; key < 300; ++key) view.Key(key);
  for (int key = TopView::kUp; key <= TopView::kErase; ++key) view.Key(key);
}

TEST_CASE("lines and JSON have so many rows") {
  const TwoSamples samples;
  std::string text;
  ViewOf(samples, {.filter = "ipv4"}).AppendLines(1, &text);
  CHECK(text ==
        "system@dp0 hit 20/s miss 5/s lost 1/s (2 in all), 3 flows, 2 masks, 2.00 masks/packet, "
        "50% cached\n"
        "pkt/s byte/s  used flow\n"
        "   20   2.0k  0.1s in_port(1),eth(),eth_type(0x0800),ipv4(dst=10.0.0.0/255.255.255.0) "
        "actions:2\n");
  const Json flows = ViewOf(samples).ToJson(2);
  CHECK(flows["hit_per_second"] == 20);
  CHECK(flows["lost"] == 2);
  REQUIRE(flows["flows"].size() == 2);
  CHECK(flows["flows"][0]["packets_per_second"] == 20);
  CHECK(flows["flows"][0]["flow"]["statistics"]["packets"] == 140);
  const Json masks = ViewOf(samples, {.panel = TopPanel::kMasks}).ToJson(9);
  CHECK(masks["masks"].size() == 2);
  CHECK(masks["masks"][0]["flows"] == 2);
  const Json ports = ViewOf(samples, {.panel = TopPanel::kPorts}).ToJson(9);
  CHECK(ports["ports"][0]["rx"]["bytes_per_second"] == 2500);
}

TEST_CASE("short numbers have at most four places") {
  const std::pair<double, const char*> cases[] = {
      {0, "0"},         {0.04, "0.0"},    {0.5, "0.5"},    {7, "7"},       {9.94, "9.9"},
      {12.3, "12"},     {999.4, "999"},   {999.5, "1.0k"}, {1234, "1.2k"}, {9950, "10k"},
      {123456, "123k"}, {999500, "1.0M"}, {2.5e9, "2.5G"}, {1e15, "1000T"}};
  for (const auto& [number, text] : cases) CHECK(ShortNumber(number) == text);
}

}  // namespace sluice::dpctl
