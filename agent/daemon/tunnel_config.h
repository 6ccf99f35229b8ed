// The key `tunnel` of a port in the configuration file, and `tunnel_options` of a bridge.
//
// Pure functions over YAML; problems go where those of the file go.
//
//   port.tunnel = ReadTunnel(value);
#pragma once

#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "agent/daemon/yaml_reader.h"
#include "agent/pipeline/tunnel_options.h"
#include "agent/port/port_spec.h"

namespace sluice::daemon {

port::TunnelConfig ReadTunnel(const YamlValue& value);
// The key `tunnel_options` of a bridge.
pipeline::TunnelOptions ReadTunnelOptions(const YamlValue& value);
// The address of one host; else nullopt, and a problem.
std::optional<pipeline::TunnelAddress> HostAddress(const YamlValue& value);

// Of all bridges of a file: which tunnels there are, so that no two ask for the same packets, or
// for one device in two ways.
class TunnelRegister {
 public:
  // Adds a port; `place` gets the problem when there is one.
  void Take(const std::string& bridge, const port::PortSpec& port, const YamlValue& place);

 private:
  struct Device {
    std::string bridge, port;
    port::TunnelConfig first;
  };
  absl::flat_hash_map<std::string, Device> devices_;
  absl::flat_hash_map<std::string, std::string> ends_;  // what a port asks for, and its name
};

}  // namespace sluice::daemon
