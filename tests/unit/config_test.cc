#include "agent/daemon/config.h"

#include <fstream>
#include <sstream>

#include "tests/support/test.h"

namespace sluice::daemon {
namespace {

using namespace std::chrono_literals;

std::string ErrorsOf(std::string_view text) {
  const absl::StatusOr<Config> config = ParseConfig(text, "f");
  return config.ok() ? "" : std::string(config.status().message());
}

TEST_CASE("limits of zones and timeout policies are read") {
  const absl::StatusOr<Config> config = ParseConfig(R"(
conntrack:
  limits: {default: 9, zones: [{zone: 5, limit: 3}, {zone: 0, limit: 0}]}
  timeouts:
    - {name: web, tcp: {established: 5m, close: 7s}, icmp: {}}
    - {name: six, family: inet6, udp: {unreplied: 3s}}
bridges: []
)",
                                                    "f");
  REQUIRE(config.status() == absl::OkStatus());
  const port::ConntrackSpec& spec = config->conntrack;
  CHECK(spec.limits == std::map<int, uint32_t>{{ovs::kDefaultZone, 9}, {0, 0}, {5, 3}});
  std::string names;
  for (const port::TimeoutSpec& timeout : spec.timeouts) names += KernelNameOf(timeout) + " ";
  CHECK(names == "sluice_web_tcp4 sluice_web_tcp6 sluice_web_icmp4 sluice_six_udp6 ");
  CHECK(spec.timeouts[0].timeouts.size() == 16);
}

TEST_CASE("errors of conntrack name the place") {
  struct Case {
    std::string_view text, error;
  };
  const Case cases[] = {
      {"limits: {zones: [{zone: 5, limit: 3}, {zone: 5, limit: 4}]}",
       "conntrack.limits.zones[1]: is another limit of zone 5"},
      {"limits: {zones: [{zone: 65536, limit: 3}]}", "conntrack.limits.zones[0].zone: "},
      {"limits: {zones: [{zone: 5}]}", "conntrack.limits.zones[0]: the key \"limit\" is missing"},
      {"timeouts: [{name: w, tcp: {closed: 5s}}]", "conntrack.timeouts[0].tcp: unknown key"},
      {"timeouts: [{name: w, tcp: {close: 1500ms}}]",
       "conntrack.timeouts[0].tcp.close: must be whole seconds"},
      {"timeouts: [{name: w, family: inet6, icmp: {timeout: 5s}}]",
       "conntrack.timeouts[0]: has no protocol of its family"},
      {"timeouts: [{name: a-name-that-is-too-long, tcp: {}}]",
       "conntrack.timeouts[0]: must have a name of 1 to 15 letters"},
      {"timeouts: [{name: w, tcp: {}}, {name: w, udp: {}}]",
       "conntrack.timeouts[1]: has the name \"w\" of another policy"},
  };
  for (const Case& c : cases) {
    INFO(c.text);
    const std::string text = "bridges: []\nconntrack: {" + std::string(c.text) + "}\n";
    const std::string errors = ErrorsOf(text);
    CHECK(errors.find(c.error) != std::string::npos);
    CHECK(errors.starts_with("f:2:"));
  }
}

TEST_CASE("a configuration is read") {
  const absl::StatusOr<Config> config = ParseConfig(R"(
handlers: 3
dispatch: per-port
flows: {limit: 1000, idle_timeout: 1m, revalidate_interval: 250ms}
upcalls: {port_rate: 10, port_burst: 20, port_queue: 30, cut_off: 0s}
log: {level: debug}
control: {socket: /tmp/s}
bridges:
  - name: br0
    mac_aging: 1h
    mac_limit: 16
    forward_bpdu: true
    fdb:
      - {mac: 0a:00:00:00:00:01, vlan: 10, port: b}
      - {mac: 0a:00:00:00:00:01, port: br0}
    mirrors:
      - {name: m, select_all: true, select_vlan: [20, 10], output_vlan: 99, snaplen: 64}
      - {name: n, select_src_port: [a, br0], select_dst_port: [b], output_port: f}
    meters: [meter=1 pktps burst bands=type=drop rate=10 burst_size=5, "meter=2,kbps"]
    masks: {budget: 128, reuse_bits: 8, megaflows: off, without: [prefix_tracking]}
    ports:
      - a
      - {name: b, vlan: 10, mac_limit: 3}
      - {name: c, trunks: [20, 10]}
      - {name: d, type: internal}
      - {name: e, vlan: 10, vlan_mode: native-tagged, trunks: [20], vlan_map: [{wire: 30, vlan: 20}]}
      - {name: f, vlan: 10, vlan_mode: dot1q-tunnel, protected: true, priority_tags: always,
         storm: {broadcast: 100pps, unknown: 5kbps}}
  - {name: br1}
)",
                                                    "f");
  REQUIRE(config.status() == absl::OkStatus());
  CHECK(config->handlers == 3u);
  CHECK(config->dispatch == DispatchChoice::kPerPort);
  CHECK(config->flows ==
        FlowsConfig{.limit = 1000, .idle_timeout = 60s, .revalidate_interval = 250ms});
  CHECK(config->upcalls ==
        UpcallsConfig{.port_rate = 10, .port_burst = 20, .port_queue = 30, .cut_off = 0s});
  CHECK(config->log_level == LogLevel::kDebug);
  CHECK(config->control_socket == "/tmp/s");
  REQUIRE(config->bridges.size() == 2);
  const BridgeConfig& bridge = config->bridges[0];
  CHECK(bridge.name == "br0");
  CHECK(bridge.mac_aging == 1h);
  CHECK(bridge.mac_limit == 16);
  CHECK(bridge.masks == pipeline::MaskOptions{
                            .classifier = {.prefix_tracking = false},
                            .budget = {.masks = 128, .reuse_bits = 8, .exact = true},
                        });
  CHECK(bridge.ports == std::vector<port::PortSpec>{
                            {.name = "a"},
                            {.name = "b", .vlan = uint16_t{10}, .mac_limit = 3},
                            {.name = "c", .trunks = {10, 20}},
                            {.name = "d", .internal = true},
                            {.name = "e",
                             .vlan = uint16_t{10},
                             .trunks = {20},
                             .vlan_mode = port::VlanMode::kNativeTagged,
                             .vlan_map = {{.wire = 30, .vlan = 20}}},
                            {.name = "f",
                             .vlan = uint16_t{10},
                             .vlan_mode = port::VlanMode::kTunnel,
                             .priority_tags = pipeline::PriorityTags::kAlways,
                             .is_protected = true,
                             .storm = {{{.rate = 100}, {}, {.rate = 5, .kbps = true}}}},
                        });
  CHECK(bridge.options.forward_bpdu);
  CHECK(bridge.meters == std::vector<ovs::MeterConfig>{
                             {.id = 1, .bands = {{.rate = 10, .burst = 5}}},
                             {.id = 2, .kbps = true},
                         });
  CHECK(bridge.options.mirrors ==
        std::vector<pipeline::Mirror>{
            {.name = "m", .all_ports = true, .vlans = {10, 20}, .output_vlan = 99, .snaplen = 64},
            {.name = "n",
             .source_ports = {"a", "br0"},
             .destination_ports = {"b"},
             .output_port = "f"},
        });
  CHECK(bridge.fdb == std::vector<bridge::StaticMac>{
                          {{{0x0a, 0, 0, 0, 0, 1}}, 10, "b"},
                          {{{0x0a, 0, 0, 0, 0, 1}}, 0, "br0"},
                      });
  CHECK(config->bridges[1] == BridgeConfig{.name = "br1"});
}

TEST_CASE("what a configuration leaves out has a default") {
  const absl::StatusOr<Config> config = ParseConfig("bridges:\n", "f");
  REQUIRE(config.status() == absl::OkStatus());
  CHECK(*config == Config{});
}

TEST_CASE("errors of a configuration name file, line, column and key") {
  struct Case {
    const char* text;
    const char* errors;
  };
  const Case cases[] = {
      {"", "f: the key \"bridges\" is missing"},
      {"[]", "f:1:1: needs keys and values, each as \"key: value\""},
      {"bridges: [", "f:1:1: end of sequence flow not found"},
      {"bridges: []\n---\nbridges: []", "f:2:1: something follows after the end of the document"},
      {"bridges: []\n]", "f:2:1: illegal flow end"},
      {"]", "f:1:1: illegal flow end"},
      {"brigdes: []\nbridges: []", "f:1:1: unknown key \"brigdes\"; did you mean \"bridges\"?"},
      {"bridges: []\nflows: {x: 1}",
       "f:2:9: flows: unknown key \"x\"; known here: limit, idle_timeout, revalidate_interval"},
      {"bridges: []\nbridges: []", "f:2:1: bridges: is given twice"},
      {"bridges: 7", "f:1:10: bridges: needs a list"},
      {"bridges: [{name: b, meters: [meter=1 pktps, meter=1 kbps, meter=0 kbps]}]",
       "f:1:45: bridges[0].meters[1]: is another meter 1\n"
       "f:1:59: bridges[0].meters[2]: must have a number of 1 to 4294901760"},
      {"bridges: [{name: b, ports: [{name: p, storm: {broadcast: 5, unknown: 0pps}}]}]",
       "f:1:58: bridges[0].ports[0].storm.broadcast: must be a rate above 0 with its unit, as "
       "100pps "
       "or 500kbps, not \"5\"\n"
       "f:1:70: bridges[0].ports[0].storm.unknown: must be a rate above 0 with its unit, as 100pps "
       "or "
       "500kbps, not \"0pps\""},
      {"bridges: [{name: b, ports: [p], mirrors: [{name: m, select_vlan: [1], output_vlan: 1}]}]",
       "f:1:43: bridges[0].mirrors[0]: selects nothing: give select_src_port, select_dst_port or "
       "select_all: true\n"
       "f:1:43: bridges[0].mirrors[0]: selects the VLAN that is its output_vlan"},
      {"bridges: [{name: b, mirrors: [{name: m, select_src_port: [q], output_port: q}]}]",
       "f:1:31: bridges[0].mirrors[0]: selects \"q\", which is no port of the bridge\n"
       "f:1:31: bridges[0].mirrors[0]: selects \"q\", which is its output_port\n"
       "f:1:31: bridges[0].mirrors[0]: has the output_port \"q\", which is no port of the bridge"},
      {"bridges: [{name: b, ports: [p], mirrors: [{name: m, select_all: true, snaplen: 3}]}]",
       "f:1:43: bridges[0].mirrors[0]: must have either an output_port or an output_vlan\n"
       "f:1:80: bridges[0].mirrors[0].snaplen: must be a number from 14 to 65535, not \"3\""},
      {"bridges: []\n[a]: 1", "f:2:1: a key must be a word"},
      {"handlers: many\nbridges: []",
       "f:1:11: handlers: must be a number from 1 to 256, not \"many\""},
      {"handlers: 0\nbridges: []", "f:1:11: handlers: must be a number from 1 to 256, not \"0\""},
      {"handlers:\nbridges: []", "f:1:1: handlers: has no value"},
      {"dispatch: cpu\nbridges: []",
       "f:1:11: dispatch: must be one of auto, per-cpu, per-port, not \"cpu\""},
      {"flows: {idle_timeout: 10}\nbridges: []",
       "f:1:23: flows.idle_timeout: must be a time from 100ms to 24h with its unit (ms, s, m, h), "
       "not \"10\""},
      {"flows: {idle_timeout: 99999999999999h}\nbridges: []",
       "f:1:23: flows.idle_timeout: must be a time from 100ms to 24h with its unit (ms, s, m, h), "
       "not \"99999999999999h\""},
      {"upcalls: {port_rate: 0, cut_off: 2m}\nbridges: []",
       "f:1:22: upcalls.port_rate: must be a number from 1 to 10000000, not \"0\"\n"
       "f:1:34: upcalls.cut_off: must be a time from 0ms to 1m with its unit (ms, s, m, h), not "
       "\"2m\""},
      {"control: {socket: a/b}\nbridges: []",
       "f:1:19: control.socket: must be an absolute path of at most 107 bytes"},
      {"bridges: [{}]", "f:1:11: bridges[0]: the key \"name\" is missing"},
      {"bridges: [{name: abcdefghijklmnop}]",
       "f:1:18: bridges[0].name: must be the name of a device: 1 to 15 bytes, no '/', ':' or "
       "blanks"},
      {"bridges: [{name: a, ports: [b, {name: c, vlan: 4095}]}]",
       "f:1:48: bridges[0].ports[1].vlan: must be a number from 1 to 4094, not \"4095\""},
      {"bridges: [{name: a, ports: [{name: c, vlan: 1, trunks: [2]}]}]",
       "f:1:29: bridges[0].ports[0]: has both vlan (an access port) and trunks (a trunk port): "
       "leave one out, or give a vlan_mode of native-tagged or native-untagged"},
      {"bridges: [{name: a, ports: [{name: c, vlan: 1, vlan_mode: trunk}]}]",
       "f:1:29: bridges[0].ports[0]: has a vlan, which a trunk port has not: leave it out"},
      {"bridges: [{name: a, ports: [{name: c, vlan_mode: native-tagged}]}]",
       "f:1:29: bridges[0].ports[0]: has a vlan_mode that needs a vlan"},
      {"bridges: [{name: a, ports: [{name: c, vlan: 1, vlan_map: [{wire: 2, vlan: 3}]}]}]",
       "f:1:29: bridges[0].ports[0]: has a vlan_map, which only trunk ports have"},
      {"bridges: [{name: a, ports: [{name: c, trunks: [1], vlan_map: [{wire: 2, vlan: 3}]}]}]",
       "f:1:29: bridges[0].ports[0]: has VLAN 3 in vlan_map, but not in trunks"},
      {"bridges: [{name: a, ports: [{name: c, vlan_map: [{wire: 2, vlan: 3}, {wire: 2, vlan: "
       "4}]}]}]",
       "f:1:70: bridges[0].ports[0].vlan_map[1]: gives 2 on the wire two meanings"},
      {"bridges: [{name: a, ports: [{name: c, vlan_map: [{wire: 2, vlan: 3}, {wire: 4, vlan: "
       "3}]}]}]",
       "f:1:70: bridges[0].ports[0].vlan_map[1]: gives VLAN 3 two ids on the wire"},
      {"bridges: [{name: a, ports: [{name: c, trunks: []}]}]",
       "f:1:47: bridges[0].ports[0].trunks: names no VLAN; leave it out for all of them"},
      {"bridges: [{name: a, ports: [{name: c, trunks: [1, 1]}]}]",
       "f:1:47: bridges[0].ports[0].trunks: names a VLAN twice"},
      {"bridges: [{name: a, fdb: [{mac: 01:00:5e:00:00:01, port: a}]}]",
       "f:1:33: bridges[0].fdb[0].mac: must be the address of one host, as 0a:1b:2c:3d:4e:5f"},
      {"bridges: [{name: a, fdb: [{mac: 0a:0:0:0:0:1, port: b}]}]",
       "f:1:27: bridges[0].fdb[0]: names \"b\", which is no port of the bridge"},
      {"bridges:\n- name: a\n  fdb:\n  - {mac: 0a:0:0:0:0:1, port: a}\n  - {mac: 0a:0:0:0:0:1, "
       "port: p}\n  ports: [p]",
       "f:5:5: bridges[0].fdb[1]: names an address of a VLAN twice"},
      {"bridges:\n- name: a\n  ports: [p]\n- name: b\n  ports: [p]",
       "f:5:11: bridges[1].ports[0]: \"p\" is taken by bridges[0].ports[0]: a device is one "
       "bridge or one port"},
      {"bridges: [{name: a, ports: [&x {name: b}, *x]}]",
       "f:1:39: bridges[0].ports[1].name: \"b\" is taken by bridges[0].ports[0].name: a device "
       "is one bridge or one port"},
      {"bridges: [{name: a, masks: {megaflows: yes}}]",
       "f:1:40: bridges[0].masks.megaflows: must be one of on, off, not \"yes\""},
      {"bridges: [{name: a, masks: {without: [tries]}}]",
       "f:1:39: bridges[0].masks.without[0]: must be one of priority_sorting, staged_lookup, "
       "type_tracking, prefix_tracking, port_tracking, not \"tries\""},
      {"bridges: [{name: a, ports: [a]}]",
       "f:1:29: bridges[0].ports[0]: \"a\" is taken by bridges[0].name: a device is one bridge or "
       "one port"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    CHECK(ErrorsOf(c.text) == c.errors);
  }
}

TEST_CASE("all errors of a configuration are told at once") {
  CHECK(ErrorsOf("log: {level: loud}\nbridges:\n- name: a/b\n  prots: []\n") ==
        "f:1:14: log.level: must be one of error, warning, info, debug, not \"loud\"\n"
        "f:3:9: bridges[0].name: must be the name of a device: 1 to 15 bytes, no '/', ':' or "
        "blanks\n"
        "f:4:3: bridges[0]: unknown key \"prots\"; did you mean \"ports\"?");
}

TEST_CASE("a configuration that is nested too deeply, too long or not text is an error") {
  CHECK_FALSE(ErrorsOf(std::string(100000, '[')).empty());
  CHECK_FALSE(ErrorsOf(std::string(100000, '{')).empty());
  CHECK_FALSE(ErrorsOf(std::string(20000, '-')).empty());
  CHECK_FALSE(ErrorsOf(std::string("\xff\xfe\0\0\x01", 5)).empty());
  // Each bridge is an alias of the same thousand ports.
  std::string many = "bridges:\n- &b {name: x, ports: [";
  for (int i = 0; i < 1000; ++i) many += "p,";
  many += "]}\n";
  for (int i = 0; i < 255; ++i) many += "- *b\n";
  CHECK(ErrorsOf(many).find("the file has more than 100000 values") != std::string::npos);
}

TEST_CASE("a configuration file that cannot be read has its errno") {
  CHECK(ReadConfigFile("/nonexistent/f").status().message() ==
        "/nonexistent/f: No such file or directory");
  CHECK_FALSE(ReadConfigFile("/").ok());
}

TEST_CASE("config: an overlay's peers are ports") {
  const auto config = ParseConfig(R"(
bridges:
  - name: br0
    overlay:
      vni: 7
      local: 192.0.2.9
      peers: [{name: b, address: 192.0.2.2}, {name: c, address: 192.0.2.3}, {name: d, address: 192.0.2.4}]
      relay: [[b, c]]
    ports: [v1]
  - name: br1
    overlay: {heartbeat: 2s, must_answer: true, type: geneve, identify: vni, id: 1, peers: [{name: e, address: "2001:db8::2", id: 2}]}
)",
                                  "f");
  REQUIRE_OK(config);
  const std::vector<port::PortSpec>& ports = config->bridges[0].ports;
  REQUIRE(ports.size() == 4);
  CHECK(ports[1].name == "b");
  CHECK(ports[1].is_peer);
  CHECK(ports[1].relays_to == std::vector<std::string>{"c"});
  CHECK(ports[2].relays_to == std::vector<std::string>{"b"});
  CHECK(ports[3].relays_to.empty());
  CHECK(port::KeyText(*ports[1].tunnel) == "7");
  CHECK(port::LocalText(*ports[1].tunnel) == "192.0.2.9");
  const port::TunnelConfig& e = *config->bridges[1].ports[0].tunnel;
  CHECK(port::KeyText(e) == "in 4098, out 8193");
  CHECK(e.end.from_anybody);
  CHECK(e.end.checksum);
  CHECK(config->bridges[0].heartbeats == bridge::HeartbeatOptions{});
  CHECK(config->bridges[1].heartbeats ==
        bridge::HeartbeatOptions{.interval = 2000, .must_answer = true});
}

TEST_CASE("config: what overlays cannot be") {
  const std::pair<const char*, const char*> cases[] = {
      {"{vni: 3}", "\"peers\" is missing"},
      {"{peers: [{name: b}]}", "\"address\" is missing"},
      {"{peers: [{name: br0, address: 192.0.2.1}]}", "is taken by"},
      {"{peers: [{name: b, address: x}]}", "address of one host"},
      {"{heartbeat: 50ms, peers: [{name: b, address: 192.0.2.1}]}", "0s, for none"},
      {"{peers: [{name: b, address: 192.0.2.1}], relay: [[b, c]]}", "\"c\", which is no peer"},
      {"{peers: [{name: b, address: 192.0.2.1}], relay: [[b, b]]}", "names of two peers"},
      {"{peers: [{name: b, address: 192.0.2.1, id: 3}]}", "only identify: vni"},
      {"{identify: vni, peers: [{name: b, address: 192.0.2.1, id: 3}]}", "an id of its own"},
      {"{identify: vni, id: 3, peers: [{name: b, address: 192.0.2.1, id: 3}]}", "that is our own"},
      {"{identify: vni, id: 3, peers: [{name: b, address: 192.0.2.1}]}", "needs an id"},
      {"{local: 192.0.2.9, peers: [{name: b, address: \"2001:db8::1\"}]}", "another family"},
      {"{peers: [{name: b, address: 192.0.2.1}, {name: c, address: 192.0.2.1}]}", "same packets"},
  };
  for (const auto& [overlay, problem] : cases) {
    CAPTURE(overlay);
    const std::string errors =
        ErrorsOf("bridges: [{name: br0, overlay: " + std::string(overlay) + "}]");
    CAPTURE(errors);
    CHECK(errors.find(problem) != std::string::npos);
  }
}

std::string Tunnels(const std::string& ports) {
  return "bridges:\n  - name: br0\n    ports:\n" + ports;
}

TEST_CASE("config: tunnels") {
  const auto config = ParseConfig(Tunnels(R"(
      - {name: vx, tunnel: {type: vxlan, remote: 192.0.2.1, key: 5, ttl: inherit, tos: 8, gbp: true}}
      - {name: six, tunnel: {type: gre, remote: "2001:db8::1", local: "2001:db8::2", df: false}}
      - {name: fl, tunnel: {type: geneve, remote: flow, local: flow, in_key: 7, out_key: flow, port: 7000}}
      - {name: er, tunnel: {type: erspan, remote: 192.0.2.1, key: 9, erspan: {version: 2, hardware_id: 3}}}
)"),
                                  "t.yaml");
  REQUIRE_OK(config);
  const std::vector<port::PortSpec>& ports = config->bridges[0].ports;
  const port::TunnelConfig& vx = *ports[0].tunnel;
  CHECK(port::DeviceOf(vx).DeviceName() == "vxlan_sys_4789");
  CHECK(port::RemoteText(vx) == "192.0.2.1");
  CHECK(port::KeyText(vx) == "5");
  CHECK(port::ByteText(vx.end.ttl) == "inherit");
  CHECK(port::ByteText(vx.end.tos) == "8");
  CHECK(vx.end.gbp);
  CHECK(vx.end.dont_fragment);
  CHECK_FALSE(vx.end.checksum);
  const port::TunnelConfig& six = *ports[1].tunnel;
  CHECK(port::DeviceOf(six).DeviceName() == "ip6gre_sys");
  CHECK(port::KeyText(six) == "none");
  CHECK(port::LocalText(six) == "2001:db8::2");
  CHECK_FALSE(six.end.dont_fragment);
  const port::TunnelConfig& fl = *ports[2].tunnel;
  CHECK(port::DeviceOf(fl).DeviceName() == "genev_sys_7000");
  CHECK(port::RemoteText(fl) == "flow");
  CHECK(port::KeyText(fl) == "in 7, out flow");
  CHECK(fl.end.geneve);
  CHECK(ports[3].tunnel->end.erspan->hardware_id == 3);
}

TEST_CASE("config: what tunnels cannot be") {
  const std::pair<const char*, const char*> cases[] = {
      {"{type: vxlan}", "\"remote\" is missing"},
      {"{remote: 192.0.2.1}", "\"type\" is missing"},
      {"{type: bus, remote: flow}", "vxlan"},
      {"{type: vxlan, remote: host}", "address of one host"},
      {"{type: vxlan, remote: 224.0.0.1}", "address of one host"},
      {"{type: vxlan, remote: 192.0.2.1, local: \"2001:db8::1\"}", "different families"},
      {"{type: vxlan, remote: 192.0.2.1, key: 16777216}", "above 16777215"},
      {"{type: erspan, remote: 192.0.2.1, key: 1024}", "above 1023"},
      {"{type: gre, remote: 192.0.2.1, port: 5}", "no UDP"},
      {"{type: geneve, remote: 192.0.2.1, gbp: true}", "only vxlan has"},
      {"{type: vxlan, remote: 192.0.2.1, gbp: true, gpe: true}", "can be one"},
      {"{type: vxlan, remote: 192.0.2.1, tos: 3}", "two low bits"},
      {"{type: vxlan, remote: 192.0.2.1, ttl: 0}", "ttl"},
      {"{type: ip6gre, remote: 192.0.2.1}", "type of IPv6"},
      {"{type: gre, remote: 192.0.2.1, erspan: {version: 1}}", "only that type has"},
      {"{type: erspan, remote: 192.0.2.1, erspan: {hardware_id: 1}}", "version to 2"},
      {"{type: vxlan, remote: 192.0.2.9, key: 1}", "same packets as \"first\""},
      {"{type: vxlan, remote: flow, gbp: true}", "same gbp"},
  };
  for (const auto& [tunnel, problem] : cases) {
    CAPTURE(tunnel);
    const auto config = ParseConfig(
        Tunnels("      - {name: first, tunnel: {type: vxlan, remote: 192.0.2.9, key: 1}}\n"
                "      - {name: t, tunnel: " +
                std::string(tunnel) + "}\n"),
        "t.yaml");
    REQUIRE_FALSE(config.ok());
    CAPTURE(std::string(config.status().message()));
    CHECK(std::string(config.status().message()).find(problem) != std::string::npos);
  }
  const auto two = ParseConfig(
      "bridges:\n"
      "  - {name: x, ports: [{name: a, tunnel: {type: vxlan, remote: 192.0.2.1}}]}\n"
      "  - {name: y, ports: [{name: b, tunnel: {type: vxlan, remote: 192.0.2.2}}]}\n",
      "t.yaml");
  REQUIRE_FALSE(two.ok());
  CHECK(std::string(two.status().message()).find("another UDP port") != std::string::npos);
}

TEST_CASE("config: fields of tunnel options") {
  const auto config = ParseConfig(R"(
bridges:
  - name: br0
    tunnel_options:
      tun_metadata0: {class: 0x102, type: 0x80}
      tun_metadata1: {class: 258, type: 1, length: 20, offset: 2}
      tun_metadata7: {class: 258, type: 1, length: 20, offset: 18}
)",
                                  "f");
  REQUIRE_OK(config);
  const pipeline::TunnelOptions& options = config->bridges[0].options.tunnel_options;
  CHECK(options[0] == pipeline::TunnelOption{0x102, 0x80, 4, 0, 4});
  CHECK(options[1] == pipeline::TunnelOption{0x102, 1, 20, 2, 8});
  CHECK(options[7] == pipeline::TunnelOption{0x102, 1, 20, 18, 2});
  CHECK_FALSE(options[2]);
}

TEST_CASE("config: what fields of tunnel options cannot be") {
  struct Case {
    const char *options, *error;
  };
  const Case cases[] = {
      {"tun_metadata8: {class: 1, type: 1}", "tun_metadata8"},
      {"tun_metadata0: {class: 1}", "type"},
      {"tun_metadata0: {class: 0x10000, type: 1}", "must be a number from 0 to 65535"},
      {"tun_metadata0: {class: 1, type: 1, length: 3}", "a multiple of 4"},
      {"tun_metadata0: {class: 1, type: 1, length: 0}", "a multiple of 4"},
      {"tun_metadata0: {class: 1, type: 1, offset: 4}", "beyond the 4 bytes"},
      {"tun_metadata0: {class: 1, type: 1, bytes: 5}", "beyond the 4 bytes"},
      {"tun_metadata0: {class: 1, type: 1}\n      tun_metadata1: {class: 1, type: 1, length: 8}",
       "option of tun_metadata0 has another length"},
      {"tun_metadata0: {class: 1, type: 1}\n      tun_metadata1: {class: 1, type: 1, offset: 3}",
       "bytes that are tun_metadata0"},
      {"tun_metadata0: {class: 1, type: 1, length: 124}\n"
       "      tun_metadata1: {class: 1, type: 2, length: 124}",
       "longer than the 252 bytes"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.options);
    const auto config = ParseConfig(
        std::string("bridges:\n  - name: br0\n    tunnel_options:\n      ") + c.options + "\n",
        "f");
    REQUIRE_FALSE(config.ok());
    CAPTURE(std::string(config.status().message()));
    CHECK(std::string(config.status().message()).find(c.error) != std::string::npos);
  }
}

}  // namespace
}  // namespace sluice::daemon
