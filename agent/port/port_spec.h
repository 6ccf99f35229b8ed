// What the user wants of one port of a bridge: plain values, as the configuration file gives them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "agent/pipeline/meter_ids.h"
#include "agent/pipeline/port_table.h"
#include "agent/port/tunnel_ports.h"

namespace sluice::port {

// As users know them from ovs-vswitchd.conf.db(5).
enum class VlanMode : uint8_t {
  kAuto,  // access with a vlan, trunk without
  kAccess,
  kTrunk,
  kNativeTagged,
  kNativeUntagged,
  kTunnel,
};

// A rate; 0: no limit.
struct StormLimit {
  uint32_t rate = 0;
  bool kbps = false;  // else packets a second
  friend bool operator==(const StormLimit&, const StormLimit&) = default;
};

struct PortSpec {
  std::string name;       // of the device, in the daemon's network namespace
  bool internal = false;  // the datapath makes the device, and its end takes it away
  // A tunnel's end: the name is the port's alone, and the device is one for several ports.
  std::optional<TunnelConfig> tunnel{};

  std::optional<uint16_t> vlan{};  // of an access port, or the native one of a trunk port
  std::vector<uint16_t> trunks{};  // of a trunk port, ascending; 0: untagged; none: all
  VlanMode vlan_mode = VlanMode::kAuto;
  pipeline::PriorityTags priority_tags = pipeline::PriorityTags::kNever;
  std::vector<pipeline::VlanPair> vlan_map{};
  bool is_protected = false;
  bool is_peer = false;  // of an overlay
  std::vector<std::string> relays_to{};

  // What `normal` floods from it at most, by pipeline::Storm.
  std::array<StormLimit, pipeline::kStorms> storm{};

  uint32_t mac_limit = 0;  // addresses learned from it at most; 0: as many as the bridge has

  friend bool operator==(const PortSpec&, const PortSpec&) = default;
};

}  // namespace sluice::port
