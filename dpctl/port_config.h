// What a datapath's ports really are: their types and options, as their devices have them.
//
// The devices are read once, when a port calls for it: by route netlink, without privilege. A
// value.
//
//   const PortConfigs configs = PortConfigs::Read(ports);
//   configs.Of(ports[0]).type == "vxlan"
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dpctl/session.h"
#include "netlink/ovs/vport.h"
#include "netlink/route/tunnel_kinds.h"

namespace sluice::dpctl {

struct PortConfig {
  std::string type;  // "system", "internal", "vxlan", .. as ovs-dpctl(8) calls it
  // A tunnel that is the kernel module's own port type, not a device of another module's.
  bool legacy = false;
  std::optional<route::TunnelSpec> tunnel{};    // what a tunnel has
  std::optional<route::TunnelDevice> device{};  // of a tunnel that is no legacy port
  std::string problem{};                        // why a tunnel's options cannot be told
};

class PortConfigs {
 public:
  static PortConfigs Read(const std::vector<ovs::Vport>& ports);
  PortConfig Of(const ovs::Vport& port) const;

 private:
  std::vector<route::TunnelDevice> devices_;
  std::string problem_;
};

// " (vxlan: dst_port=4790, packet_type=ptap)"; empty for the type system.
std::string ConfigText(const PortConfig& config);
// The options, with those that are as usual; null when they cannot be told.
Json ConfigJson(const PortConfig& config);

}  // namespace sluice::dpctl
