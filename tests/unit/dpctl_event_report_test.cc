#include "dpctl/event_report.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "tests/support/test.h"

namespace sluice::dpctl {
namespace {

WatchedDatapath Watched(int ifindex, const std::string& name, uint32_t features = 0) {
  WatchedDatapath watched;
  watched.datapath.ifindex = ifindex;
  watched.datapath.name = name;
  watched.datapath.user_features = features;
  return watched;
}

void AddPort(WatchedDatapath* watched, uint32_t number, const std::string& name) {
  ovs::Vport port;
  port.dp_ifindex = watched->datapath.ifindex;
  port.port_no = number;
  port.type = OVS_VPORT_TYPE_NETDEV;
  port.name = name;
  watched->ports.emplace(number, port);
}

constexpr socket::Event kOverrun{.kind = socket::EventKind::kOverrun, .family = {}, .message = {}};

// Before: dp0 with ports 1 and 2, dp1. After: dp0 with 2 (another device) and 3, dp2.
std::string Reconciled(EventReportOptions options) {
  Output out(-1);
  EventReport report(std::move(options), &out);
  WatchedDatapath dp0 = Watched(5, "dp0");
  AddPort(&dp0, 1, "eth1");
  AddPort(&dp0, 2, "eth2");
  report.Begin({{5, dp0}, {6, Watched(6, "dp1")}});
  report.Take(kOverrun);
  CHECK(report.must_look());
  dp0 = Watched(5, "dp0", 2);
  dp0.datapath.stats.n_flows = 9;
  AddPort(&dp0, 2, "eth9");
  AddPort(&dp0, 3, "eth3");
  report.Reconcile({{5, dp0}, {7, Watched(7, "dp2")}}, 12);
  CHECK_FALSE(report.must_look());
  return std::exchange(out.buffer(), "");
}

TEST_CASE("after a loss, what has changed is told, and nothing else") {
  CHECK(Reconciled({}) ==
        "12 events were lost; what has changed meanwhile follows\n"
        "datapath delete: system@dp1 user_features=0x0\n"
        "datapath change: system@dp0 user_features=0x2\n"
        "port delete: system@dp0 port 1: eth1 (netdev)\n"
        "port change: system@dp0 port 2: eth9 (netdev)\n"
        "port add: system@dp0 port 3: eth3 (netdev)\n"
        "flow count: system@dp0 9 flows\n"
        "datapath add: system@dp2 user_features=0x0\n"
        "flow count: system@dp2 0 flows\n");
}

TEST_CASE("only what was asked for is told") {
  CHECK(Reconciled({.datapath = "dp2"}) ==
        "12 events were lost; what has changed meanwhile follows\n"
        "datapath add: system@dp2 user_features=0x0\n"
        "flow count: system@dp2 0 flows\n");
  CHECK(Reconciled({.datapath = "dp0", .datapaths = false, .flows = false}) ==
        "12 events were lost; what has changed meanwhile follows\n"
        "port delete: system@dp0 port 1: eth1 (netdev)\n"
        "port change: system@dp0 port 2: eth9 (netdev)\n"
        "port add: system@dp0 port 3: eth3 (netdev)\n");
}

TEST_CASE("JSON is one document a line") {
  const std::string text = Reconciled({.json = true});
  size_t lines = 0;
  for (size_t begin = 0; begin < text.size(); ++lines) {
    const size_t end = text.find('\n', begin);
    REQUIRE(end != std::string::npos);
    const auto json = nlohmann::json::parse(text.substr(begin, end - begin), nullptr, false);
    REQUIRE(json.is_object());
    CHECK(json["time"].is_number());
    CHECK(json["event"].is_string());
    if (json["kind"] != "monitor") CHECK(json["datapath"].is_string());
    if (json["kind"] == "datapath") CHECK(json["user_features"].is_number());
    if (json["kind"] == "port") CHECK(json["port"]["name"].is_string());
    if (json["event"] == "lost") CHECK(json["count"] == 12);
    begin = end + 1;
  }
  CHECK(lines == 9);
}

TEST_CASE("a message that cannot be read is a reason to look; so is the module's return") {
  Output out(-1);
  EventReport report({}, &out);
  report.Take({.kind = socket::EventKind::kMessage, .family = OVS_VPORT_FAMILY, .message = {}});
  CHECK(report.must_look());
  report.Reconcile({}, 0);
  report.Take({.kind = socket::EventKind::kFamilyGone, .family = OVS_FLOW_FAMILY, .message = {}});
  report.Take(
      {.kind = socket::EventKind::kFamilyGone, .family = OVS_DATAPATH_FAMILY, .message = {}});
  CHECK_FALSE(report.must_look());
  report.Take(
      {.kind = socket::EventKind::kFamilyBack, .family = OVS_DATAPATH_FAMILY, .message = {}});
  CHECK(report.must_look());
  CHECK(std::exchange(out.buffer(), "") ==
        "the module openvswitch was unloaded, with all that it had\n"
        "the module openvswitch was loaded\n");
}

}  // namespace
}  // namespace sluice::dpctl
