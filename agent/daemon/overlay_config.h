// The key `overlay` of a bridge in the configuration file: peers, each of which is a port.
//
// Pure functions over YAML; problems go where those of the file go.
//
//   for (OverlayPeer& peer : ReadOverlay(value, &bridge.heartbeats)) ...
#pragma once

#include <vector>

#include "agent/bridge/peer_monitor.h"
#include "agent/daemon/yaml_reader.h"
#include "agent/port/port_spec.h"

namespace sluice::daemon {

struct OverlayPeer {
  port::PortSpec port;  // without its name, which the file must not have twice
  YamlValue name;
  YamlValue place;  // of the peer
};

std::vector<OverlayPeer> ReadOverlay(const YamlValue& value, bridge::HeartbeatOptions* heartbeats);

}  // namespace sluice::daemon
