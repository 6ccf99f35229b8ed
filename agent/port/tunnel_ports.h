// What the configuration says of a tunnel's port, and which device of the kernel carries it.
//
// Plain values and pure functions. All ports of a bridge with the same type and UDP port share one
// device, whose name says both (vxlan_sys_4789); the device is a port of the datapath, they are
// not.
//
//   TunnelConfig tunnel{.kind = route::TunnelKind::kVxlan, .end = {.remote = address}};
//   const route::TunnelSpec device = DeviceOf(tunnel);
#pragma once

#include <cstdint>
#include <string>

#include "agent/pipeline/tunnel.h"
#include "netlink/route/tunnel_kinds.h"

namespace sluice::port {

struct TunnelConfig {
  route::TunnelKind kind = route::TunnelKind::kVxlan;
  uint16_t udp_port = 0;  // 0: that of the kind
  bool gbp = false, gpe = false;
  pipeline::TunnelEnd end{};  // without vport and device

  friend bool operator==(const TunnelConfig&, const TunnelConfig&) = default;
};

// The device that carries such a port; up to its name it is the same for all that share it.
route::TunnelSpec DeviceOf(const TunnelConfig& tunnel);

// What wraps a packet on its way, without the frame's own header; nothing that rules may add.
uint32_t OverheadOf(const TunnelConfig& tunnel);

// "10.0.0.2", "fd00::2" or "flow".
std::string RemoteText(const TunnelConfig& tunnel);
// "10.0.0.1", "fd00::1", "flow", or empty: the kernel chooses.
std::string LocalText(const TunnelConfig& tunnel);
// "5", "flow", "in 5, out 6", or "none".
std::string KeyText(const TunnelConfig& tunnel);
// "64", "inherit" or "flow".
std::string ByteText(const pipeline::TunnelByte& byte);

}  // namespace sluice::port
