#include "agent/daemon/config.h"

#include <cerrno>
#include <fstream>
#include <sstream>

#include "absl/algorithm/container.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "agent/daemon/conntrack_config.h"
#include "agent/daemon/overlay_config.h"
#include "agent/daemon/tunnel_config.h"
#include "agent/daemon/yaml_reader.h"
#include "netlink/base/status.h"
#include "netlink/ovs/meter_text.h"

namespace sluice::daemon {
namespace {

using namespace std::chrono_literals;

constexpr size_t kMaxFileBytes = 1 << 20;
constexpr size_t kMaxBridges = 256;
constexpr size_t kMaxPorts = 65534;          // a datapath's own limit, less the local port
constexpr size_t kMaxNameBytes = 15;         // IFNAMSIZ
constexpr size_t kMaxSocketPathBytes = 107;  // sun_path
constexpr uint64_t kMaxVlan = 4094;
constexpr uint64_t kMostReuseBits = 1024;
constexpr uint64_t kLeastSnaplen = 14;  // an Ethernet header

std::optional<std::string> DeviceName(const YamlValue& value) {
  std::optional<std::string> name = value.Text();
  if (!name) return std::nullopt;
  const bool strange = absl::c_any_of(*name, [](char c) {
    return c == '/' || c == ':' || static_cast<unsigned char>(c) <= ' ' || c == 0x7f;
  });
  if (!name->empty() && name->size() <= kMaxNameBytes && !strange && *name != "." && *name != "..")
    return name;
  value.Fail("must be the name of a device: 1 to 15 bytes, no '/', ':' or blanks");
  return std::nullopt;
}

// Reads the whole file: what each function reads goes into a part of config_. Names of bridges and
// ports share one space, as those of devices do.
class ConfigReader {
 public:
  void Read(const YamlValue& root) {
    root.ReadMap({
        {"handlers", [this](const YamlValue& v) { ReadHandlers(v); }},
        {"dispatch", [this](const YamlValue& v) { ReadDispatch(v); }},
        {"flows", [this](const YamlValue& v) { ReadFlows(v); }},
        {"upcalls", [this](const YamlValue& v) { ReadUpcalls(v); }},
        {"log", [this](const YamlValue& v) { ReadLog(v); }},
        {"control", [this](const YamlValue& v) { ReadControl(v); }},
        {"conntrack", [this](const YamlValue& v) { config_.conntrack = ReadConntrack(v); }},
        {"bridges", [this](const YamlValue& v) { ReadBridges(v); }, true},
    });
  }
  Config Take() { return std::move(config_); }

 private:
  void ReadHandlers(const YamlValue& value);
  void ReadDispatch(const YamlValue& value);
  void ReadFlows(const YamlValue& value);
  void ReadUpcalls(const YamlValue& value);
  void ReadLog(const YamlValue& value);
  void ReadControl(const YamlValue& value);
  void ReadBridges(const YamlValue& value);
  BridgeConfig ReadBridge(const YamlValue& value);
  static pipeline::MaskOptions ReadMasks(const YamlValue& value);
  static void ReadMeter(const YamlValue& value, std::vector<ovs::MeterConfig>* meters);
  static void ReadStorm(const YamlValue& value, port::StormLimit* limit);
  static pipeline::Mirror ReadMirror(const YamlValue& value);
  static void TakeMirror(pipeline::Mirror mirror, const YamlValue& place, BridgeConfig* bridge);
  port::PortSpec ReadPort(const YamlValue& value);
  static void CheckVlans(const port::PortSpec& port, const YamlValue& value);
  static void ReadVlanMap(const YamlValue& value, std::vector<pipeline::VlanPair>* pairs);
  static bridge::StaticMac ReadStaticMac(const YamlValue& value);
  static void TakeStaticMac(bridge::StaticMac entry, const YamlValue& place, BridgeConfig* bridge);
  static void ReadTrunks(const YamlValue& value, std::vector<uint16_t>* trunks);
  // Takes a device's name, which only one bridge or port may have.
  static std::string TakePath(const YamlValue& value);
  std::string TakeName(const YamlValue& value);

  Config config_;
  TunnelRegister tunnels_;
  absl::flat_hash_map<std::string, std::string> paths_;  // where in the file a name was given
};

void ConfigReader::ReadHandlers(const YamlValue& value) {
  if (value.IsScalar() && value.Text() == "auto") return;
  if (const auto n = value.Number(1, 256)) config_.handlers = static_cast<uint32_t>(*n);
}

void ConfigReader::ReadDispatch(const YamlValue& value) {
  if (const auto n = value.OneOf({"auto", "per-cpu", "per-port"}))
    config_.dispatch = static_cast<DispatchChoice>(*n);
}

void ConfigReader::ReadFlows(const YamlValue& value) {
  FlowsConfig& flows = config_.flows;
  value.ReadMap({
      {"limit",
       [&](const YamlValue& v) {
         if (const auto n = v.Number(1, 10'000'000)) flows.limit = static_cast<uint32_t>(*n);
       }},
      {"idle_timeout",
       [&](const YamlValue& v) { flows.idle_timeout = v.Duration(100ms, 24h).value_or(0ms); }},
      {"revalidate_interval",
       [&](const YamlValue& v) {
         flows.revalidate_interval = v.Duration(10ms, 60s).value_or(0ms);
       }},
  });
}

void ConfigReader::ReadUpcalls(const YamlValue& value) {
  UpcallsConfig& upcalls = config_.upcalls;
  const auto number = [](uint64_t most, uint32_t* out) {
    return [most, out](const YamlValue& v) {
      if (const auto n = v.Number(1, most)) *out = static_cast<uint32_t>(*n);
    };
  };
  value.ReadMap({
      {"port_rate", number(10'000'000, &upcalls.port_rate)},
      {"port_burst", number(10'000'000, &upcalls.port_burst)},
      {"port_queue", number(2048, &upcalls.port_queue)},
      {"cut_off",
       [&](const YamlValue& v) { upcalls.cut_off = v.Duration(0ms, 60s).value_or(0ms); }},
  });
}

void ConfigReader::ReadLog(const YamlValue& value) {
  value.ReadMap({{"level", [this](const YamlValue& v) {
                    if (const auto n = v.OneOf({"error", "warning", "info", "debug"}))
                      config_.log_level = static_cast<LogLevel>(*n);
                  }}});
}

void ConfigReader::ReadControl(const YamlValue& value) {
  value.ReadMap({{"socket", [this](const YamlValue& v) {
                    const std::optional<std::string> path = v.Text();
                    if (!path) return;
                    if (!path->starts_with('/') || path->ends_with('/') ||
                        path->size() > kMaxSocketPathBytes || path->find('\0') != path->npos)
                      return v.Fail("must be an absolute path of at most 107 bytes");
                    config_.control_socket = *path;
                  }}});
}

void ConfigReader::ReadBridges(const YamlValue& value) {
  value.ReadList(kMaxBridges, [this](size_t, const YamlValue& item) {
    config_.bridges.push_back(ReadBridge(item));
  });
}

BridgeConfig ConfigReader::ReadBridge(const YamlValue& value) {
  BridgeConfig bridge;
  // Checked when all ports are known.
  std::vector<std::pair<bridge::StaticMac, YamlValue>> fdb;
  std::vector<std::pair<pipeline::Mirror, YamlValue>> mirrors;
  std::vector<std::pair<size_t, YamlValue>> tunnels;
  std::vector<std::pair<port::PortSpec, YamlValue>> peers;  // ports like others, behind those
  value.ReadMap({
      {"name", [&](const YamlValue& v) { bridge.name = TakeName(v); }, true},
      {"mac_aging",
       [&](const YamlValue& v) { bridge.mac_aging = v.Duration(1s, 24h).value_or(0s); }},
      {"mac_limit",
       [&](const YamlValue& v) {
         if (const auto n = v.Number(1, 1'000'000)) bridge.mac_limit = static_cast<uint32_t>(*n);
       }},
      {"fdb",
       [&](const YamlValue& v) {
         v.ReadList(bridge::MacTable::kMaxStatics, [&](size_t, const YamlValue& item) {
           fdb.emplace_back(ReadStaticMac(item), item);
         });
       }},
      {"forward_bpdu",
       [&](const YamlValue& v) {
         bridge.options.forward_bpdu = v.OneOf({"false", "true"}) == size_t{1};
       }},
      {"mirrors",
       [&](const YamlValue& v) {
         v.ReadList(pipeline::kMaxMirrors, [&](size_t, const YamlValue& item) {
           mirrors.emplace_back(ReadMirror(item), item);
         });
       }},
      {"tunnel_options",
       [&](const YamlValue& v) { bridge.options.tunnel_options = ReadTunnelOptions(v); }},
      {"meters",
       [&](const YamlValue& v) {
         v.ReadList(pipeline::kMaxMeters,
                    [&](size_t, const YamlValue& item) { ReadMeter(item, &bridge.meters); });
       }},
      {"rules", [&](const YamlValue& v) { bridge.rules = TakePath(v); }},
      {"groups", [&](const YamlValue& v) { bridge.groups = TakePath(v); }},
      {"masks", [&](const YamlValue& v) { bridge.masks = ReadMasks(v); }},
      {"overlay",
       [&](const YamlValue& v) {
         for (OverlayPeer& peer : ReadOverlay(v, &bridge.heartbeats)) {
           peer.port.name = TakeName(peer.name);
           peers.emplace_back(std::move(peer.port), peer.place);
         }
       }},
      {"ports",
       [&](const YamlValue& v) {
         v.ReadList(kMaxPorts, [&](size_t, const YamlValue& item) {
           bridge.ports.push_back(ReadPort(item));
           if (bridge.ports.back().tunnel) tunnels.emplace_back(bridge.ports.size() - 1, item);
         });
       }},
  });
  for (auto& [port, place] : peers) {
    tunnels.emplace_back(bridge.ports.size(), place);
    bridge.ports.push_back(std::move(port));
  }
  for (const auto& [i, place] : tunnels) tunnels_.Take(bridge.name, bridge.ports[i], place);
  for (auto& [entry, place] : fdb) TakeStaticMac(std::move(entry), place, &bridge);
  for (auto& [mirror, place] : mirrors) TakeMirror(std::move(mirror), place, &bridge);
  if (bridge.rules.empty() && !bridge.groups.empty())
    value.Fail("has groups, but no rules that could lead to them");
  return bridge;
}

pipeline::MaskOptions ConfigReader::ReadMasks(const YamlValue& value) {
  using pipeline::kOptimisations;
  pipeline::MaskOptions masks;
  value.ReadMap({
      {"budget",
       [&](const YamlValue& v) {
         if (const auto n = v.Number(0, pipeline::kMostMasks)) masks.budget.masks = *n;
       }},
      {"reuse_bits",
       [&](const YamlValue& v) {
         if (const auto n = v.Number(0, kMostReuseBits))
           masks.budget.reuse_bits = static_cast<unsigned>(*n);
       }},
      {"megaflows",
       [&](const YamlValue& v) {
         masks.budget.exact = v.OneOf({"on", "off"}) == size_t{1};
       }},
      {"without",
       [&](const YamlValue& v) {
         v.ReadList(kOptimisations.size(), [&](size_t, const YamlValue& item) {
           const auto n =
               item.OneOf({kOptimisations[0].name, kOptimisations[1].name, kOptimisations[2].name,
                           kOptimisations[3].name, kOptimisations[4].name});
           if (n) masks.classifier.*kOptimisations[*n].on = false;
         });
       }},
  });
  return masks;
}

void ConfigReader::ReadMeter(const YamlValue& value, std::vector<ovs::MeterConfig>* meters) {
  const std::optional<std::string> text = value.Text();
  if (!text) return;
  const absl::StatusOr<ovs::MeterConfig> meter = ovs::ParseMeterText(*text);
  if (!meter.ok())
    return value.Fail(
        absl::StrCat("is no meter, such as \"meter=1 pktps bands=type=drop "
                     "rate=100\": ",
                     meter.status().message()));
  if (meter->id == 0 || meter->id > pipeline::kMaxMeter)
    return value.Fail(absl::StrCat("must have a number of 1 to ", pipeline::kMaxMeter));
  if (absl::c_any_of(*meters, [&](const auto& other) { return other.id == meter->id; }))
    return value.Fail(absl::StrCat("is another meter ", meter->id));
  meters->push_back(*meter);
}

// A number with its unit: 100pps, 500kbps.
void ConfigReader::ReadStorm(const YamlValue& value, port::StormLimit* limit) {
  const std::optional<std::string> text = value.Text();
  if (!text) return;
  std::string_view number = *text;
  limit->kbps = number.ends_with("kbps");
  const std::string_view unit = limit->kbps ? "kbps" : "pps";
  if (number.ends_with(unit)) {
    number.remove_suffix(unit.size());
    if (absl::SimpleAtoi(base::ToAbsl(number), &limit->rate) && limit->rate > 0) return;
  }
  limit->rate = 0;
  value.Fail(absl::StrCat("must be a rate above 0 with its unit, as 100pps or 500kbps, not \"",
                          *text, "\""));
}

// The names are those of the columns of ovs-vswitchd.conf.db(5).
pipeline::Mirror ConfigReader::ReadMirror(const YamlValue& value) {
  pipeline::Mirror mirror;
  const auto text = [](std::string* out) {
    return [out](const YamlValue& v) { *out = v.Text().value_or(""); };
  };
  const auto names = [](std::vector<std::string>* out) {
    return [out](const YamlValue& v) {
      v.ReadList(kMaxPorts, [&](size_t, const YamlValue& item) {
        if (auto name = item.Text()) out->push_back(*std::move(name));
      });
    };
  };
  value.ReadMap({
      {"name", text(&mirror.name), true},
      {"select_all",
       [&](const YamlValue& v) {
         mirror.all_ports = v.OneOf({"false", "true"}) == size_t{1};
       }},
      {"select_src_port", names(&mirror.source_ports)},
      {"select_dst_port", names(&mirror.destination_ports)},
      {"select_vlan", [&](const YamlValue& v) { ReadTrunks(v, &mirror.vlans); }},
      {"output_port", text(&mirror.output_port)},
      {"output_vlan",
       [&](const YamlValue& v) {
         if (const auto n = v.Number(1, kMaxVlan)) mirror.output_vlan = static_cast<uint16_t>(*n);
       }},
      {"snaplen",
       [&](const YamlValue& v) {
         if (const auto n = v.Number(kLeastSnaplen, 65535))
           mirror.snaplen = static_cast<uint32_t>(*n);
       }},
  });
  return mirror;
}

void ConfigReader::TakeMirror(pipeline::Mirror mirror, const YamlValue& place,
                              BridgeConfig* bridge) {
  const auto is_port = [&](const std::string& name) {
    return name == bridge->name || absl::c_any_of(bridge->ports, [&](const port::PortSpec& spec) {
             return spec.name == name;
           });
  };
  const auto check = [&](const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      if (!is_port(name))
        place.Fail(absl::StrCat("selects \"", name, "\", which is no port of the bridge"));
      if (name == mirror.output_port)
        place.Fail(absl::StrCat("selects \"", name, "\", which is its output_port"));
    }
  };
  check(mirror.source_ports);
  check(mirror.destination_ports);
  if (!mirror.all_ports && mirror.source_ports.empty() && mirror.destination_ports.empty())
    place.Fail("selects nothing: give select_src_port, select_dst_port or select_all: true");
  if (mirror.output_port.empty() == !mirror.output_vlan)
    place.Fail("must have either an output_port or an output_vlan");
  if (!mirror.output_port.empty() && !is_port(mirror.output_port))
    place.Fail(absl::StrCat("has the output_port \"", mirror.output_port,
                            "\", which is no port of the bridge"));
  if (mirror.output_vlan && absl::c_binary_search(mirror.vlans, *mirror.output_vlan))
    place.Fail("selects the VLAN that is its output_vlan");
  if (absl::c_any_of(bridge->options.mirrors,
                     [&](const auto& other) { return other.name == mirror.name; }))
    place.Fail(absl::StrCat("has the name \"", mirror.name, "\" of another mirror"));
  bridge->options.mirrors.push_back(std::move(mirror));
}

port::PortSpec ConfigReader::ReadPort(const YamlValue& value) {
  port::PortSpec port;
  if (!value.IsMap()) {
    port.name = TakeName(value);
    return port;
  }
  bool typed = false;
  value.ReadMap({
      {"name", [&](const YamlValue& v) { port.name = TakeName(v); }, true},
      {"vlan",
       [&](const YamlValue& v) {
         if (const auto n = v.Number(1, kMaxVlan)) port.vlan = static_cast<uint16_t>(*n);
       }},
      {"trunks", [&](const YamlValue& v) { ReadTrunks(v, &port.trunks); }},
      {"vlan_mode",
       [&](const YamlValue& v) {
         if (const auto n =
                 v.OneOf({"access", "trunk", "native-tagged", "native-untagged", "dot1q-tunnel"}))
           port.vlan_mode = static_cast<port::VlanMode>(*n + 1);
       }},
      {"priority_tags",
       [&](const YamlValue& v) {
         if (const auto n = v.OneOf({"never", "if-nonzero", "always"}))
           port.priority_tags = static_cast<pipeline::PriorityTags>(*n);
       }},
      {"vlan_map", [&](const YamlValue& v) { ReadVlanMap(v, &port.vlan_map); }},
      {"protected",
       [&](const YamlValue& v) {
         port.is_protected = v.OneOf({"false", "true"}) == size_t{1};
       }},
      {"storm",
       [&](const YamlValue& v) {
         v.ReadMap({{pipeline::kStormNames[0],
                     [&](const YamlValue& limit) { ReadStorm(limit, &port.storm[0]); }},
                    {pipeline::kStormNames[1],
                     [&](const YamlValue& limit) { ReadStorm(limit, &port.storm[1]); }},
                    {pipeline::kStormNames[2],
                     [&](const YamlValue& limit) { ReadStorm(limit, &port.storm[2]); }}});
       }},
      {"mac_limit",
       [&](const YamlValue& v) {
         if (const auto n = v.Number(1, 1'000'000)) port.mac_limit = static_cast<uint32_t>(*n);
       }},
      {"type",
       [&](const YamlValue& v) {
         port.internal = v.OneOf({"netdev", "internal"}) == size_t{1};
         typed = true;
       }},
      {"tunnel", [&](const YamlValue& v) { port.tunnel = ReadTunnel(v); }},
  });
  CheckVlans(port, value);
  if (port.tunnel && typed) value.Fail("has both tunnel and type: a tunnel's type is in tunnel");
  return port;
}

void ConfigReader::CheckVlans(const port::PortSpec& port, const YamlValue& value) {
  using port::VlanMode;
  const VlanMode mode = port.vlan_mode;
  const bool trunk = mode == VlanMode::kTrunk || (mode == VlanMode::kAuto && !port.vlan);
  const bool native = mode == VlanMode::kNativeTagged || mode == VlanMode::kNativeUntagged;
  if (mode == VlanMode::kAuto && port.vlan && !port.trunks.empty())
    return value.Fail(
        "has both vlan (an access port) and trunks (a trunk port): leave one out, or give a "
        "vlan_mode of native-tagged or native-untagged");
  if (mode == VlanMode::kTrunk && port.vlan)
    return value.Fail("has a vlan, which a trunk port has not: leave it out");
  if (!trunk && !port.vlan) return value.Fail("has a vlan_mode that needs a vlan");
  if (!trunk && !native && !port.trunks.empty())
    return value.Fail("has trunks, which its vlan_mode does not allow");
  if (!trunk && !native && !port.vlan_map.empty())
    return value.Fail("has a vlan_map, which only trunk ports have");
  if (mode == VlanMode::kNativeUntagged &&
      absl::c_any_of(port.vlan_map, [&](const auto& pair) { return pair.vlan == *port.vlan; }))
    value.Fail("has its native VLAN in vlan_map, but sends that untagged");
  for (const pipeline::VlanPair& pair : port.vlan_map)
    if (!port.trunks.empty() && !absl::c_binary_search(port.trunks, pair.vlan) &&
        port.vlan != pair.vlan)
      value.Fail(absl::StrCat("has VLAN ", pair.vlan, " in vlan_map, but not in trunks"));
}

void ConfigReader::ReadVlanMap(const YamlValue& value, std::vector<pipeline::VlanPair>* pairs) {
  value.ReadList(kMaxVlan, [&](size_t, const YamlValue& item) {
    pipeline::VlanPair pair;
    const auto take = [](const YamlValue& v, uint16_t* id) {
      if (const auto n = v.Number(1, kMaxVlan)) *id = static_cast<uint16_t>(*n);
    };
    item.ReadMap({
        {"wire", [&](const YamlValue& v) { take(v, &pair.wire); }, true},
        {"vlan", [&](const YamlValue& v) { take(v, &pair.vlan); }, true},
    });
    if (absl::c_any_of(*pairs, [&](const auto& other) { return other.wire == pair.wire; }))
      item.Fail(absl::StrCat("gives ", pair.wire, " on the wire two meanings"));
    if (absl::c_any_of(*pairs, [&](const auto& other) { return other.vlan == pair.vlan; }))
      item.Fail(absl::StrCat("gives VLAN ", pair.vlan, " two ids on the wire"));
    pairs->push_back(pair);
  });
}

bridge::StaticMac ConfigReader::ReadStaticMac(const YamlValue& value) {
  bridge::StaticMac entry;
  value.ReadMap({
      {"mac",
       [&](const YamlValue& v) {
         const std::optional<std::string> text = v.Text();
         if (!text) return;
         const std::optional<base::Mac> mac = base::ParseMac(*text);
         if (!mac || mac->is_multicast() || mac->is_zero())
           return v.Fail("must be the address of one host, as 0a:1b:2c:3d:4e:5f");
         entry.mac = *mac;
       },
       true},
      {"vlan",
       [&](const YamlValue& v) {
         if (const auto n = v.Number(0, kMaxVlan)) entry.vlan = static_cast<uint16_t>(*n);
       }},
      {"port",
       [&](const YamlValue& v) {
         if (std::optional<std::string> port = v.Text()) entry.port = *std::move(port);
       },
       true},
  });
  return entry;
}

void ConfigReader::TakeStaticMac(bridge::StaticMac entry, const YamlValue& place,
                                 BridgeConfig* bridge) {
  const auto port = absl::c_find_if(
      bridge->ports, [&](const port::PortSpec& spec) { return spec.name == entry.port; });
  if (port == bridge->ports.end() && entry.port != bridge->name)
    return place.Fail(absl::StrCat("names \"", entry.port, "\", which is no port of the bridge"));
  if (absl::c_any_of(bridge->fdb, [&](const bridge::StaticMac& other) {
        return other.mac == entry.mac && other.vlan == entry.vlan;
      }))
    return place.Fail("names an address of a VLAN twice");
  bridge->fdb.push_back(std::move(entry));
}

void ConfigReader::ReadTrunks(const YamlValue& value, std::vector<uint16_t>* trunks) {
  bool any = false;
  value.ReadList(kMaxVlan + 1, [&](size_t, const YamlValue& item) {
    any = true;
    if (const auto n = item.Number(0, kMaxVlan)) trunks->push_back(static_cast<uint16_t>(*n));
  });
  if (!any) value.Fail("names no VLAN; leave it out for all of them");
  absl::c_sort(*trunks);
  if (absl::c_adjacent_find(*trunks) != trunks->end()) value.Fail("names a VLAN twice");
}

std::string ConfigReader::TakePath(const YamlValue& value) {
  const std::optional<std::string> path = value.Text();
  if (!path) return {};
  if (!path->starts_with('/') || path->find('\0') != path->npos)
    value.Fail("must be the absolute path of a file");
  return *path;
}

std::string ConfigReader::TakeName(const YamlValue& value) {
  std::optional<std::string> name = DeviceName(value);
  if (!name) return {};
  const auto [it, is_new] = paths_.emplace(*name, value.path());
  if (!is_new)
    value.Fail(absl::StrCat("\"", *name, "\" is taken by ", it->second,
                            ": a device is one bridge or one port"));
  return *std::move(name);
}

}  // namespace

absl::StatusOr<Config> ParseConfig(std::string_view text, std::string_view file) {
  Problems problems(file);
  ConfigReader reader;
  ParseYaml(text, &problems, [&](const YamlValue& root) { reader.Read(root); });
  SLUICE_RETURN_IF_ERROR(problems.ToStatus());
  return reader.Take();
}

absl::StatusOr<std::string> ReadConfigFile(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text(kMaxFileBytes + 1, '\0');
  if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) return base::ErrnoError(errno == 0 ? EIO : errno, path);
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > kMaxFileBytes)
    return absl::InvalidArgumentError(absl::StrCat(path, ": is larger than 1 MiB"));
  return text;
}

std::optional<LogLevel> ParseLogLevel(std::string_view word) {
  constexpr std::string_view kWords[] = {"error", "warning", "info", "debug"};
  for (size_t i = 0; i < std::size(kWords); ++i)
    if (word == kWords[i]) return static_cast<LogLevel>(i);
  return std::nullopt;
}

}  // namespace sluice::daemon
