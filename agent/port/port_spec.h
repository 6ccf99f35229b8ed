// What the user wants of one port of a bridge: plain values, as the configuration file gives them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::port {

struct PortSpec {
  std::string name;       // of the device, in the daemon's network namespace
  bool internal = false;  // the datapath makes the device, and its end takes it away

  std::optional<uint16_t> vlan{};  // access port of this VLAN; without: a trunk port
  std::vector<uint16_t> trunks{};  // of a trunk port, ascending; 0: untagged; none: all

  uint32_t mac_limit = 0;  // addresses learned from it at most; 0: as many as the bridge has

  friend bool operator==(const PortSpec&, const PortSpec&) = default;
};

}  // namespace sluice::port
