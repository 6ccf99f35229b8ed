// What `KEY=VALUE` behind a port's name means: for its device, or for nobody, as with a tunnel
// whose flows say where packets go. One table: PortOptionRows().
//
// Pure functions.
//
//   PortSettings settings = DefaultPortSettings(*type);
//   SLUICE_RETURN_IF_ERROR(ApplyPortOption({"dst_port", "4790"}, *type, &settings));
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dpctl/port_type.h"
#include "dpctl/session.h"
#include "netlink/route/tunnel_kinds.h"

namespace sluice::dpctl {

struct PortOption {
  std::string key;
  std::string value;  // empty: what it is by default
};

struct PortSettings {
  route::TunnelSpec tunnel;       // of tunnels
  std::optional<uint32_t> mtu{};  // of all types
  bool default_mtu = false;       // `mtu=`
  // Options that say nothing to the kernel, and where flows say the same: one line each.
  std::vector<std::string> notes{};
};

PortSettings DefaultPortSettings(const PortType& type);
// kInvalidArgument when there is no such option for the type, or its value is none.
absl::Status ApplyPortOption(const PortOption& option, const PortType& type,
                             PortSettings* settings);

// The keys that some type of port has, and `type`, `port_no`, `mtu`.
std::vector<std::string_view> PortOptionKeys();

// What a tunnel device has, sorted by key, as ovs-dpctl(8) shows it: what is as usual is left out.
// With `all`, for JSON, it is not.
Json TunnelOptions(const route::TunnelSpec& spec, bool all);

}  // namespace sluice::dpctl
