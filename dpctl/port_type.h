// The types of port, as `type=` and `show` call them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "absl/status/statusor.h"
#include "netlink/route/tunnel_kinds.h"

namespace sluice::dpctl {

struct PortType {
  std::string_view name;                      // "vxlan"
  uint32_t vport;                             // OVS_VPORT_TYPE_* of a port of that type
  std::optional<route::TunnelKind> tunnel{};  // its device is made, and not there before
};

// In the order of the help text.
std::span<const PortType> PortTypes();
// kInvalidArgument when there is none of that name, with what to do instead.
absl::StatusOr<const PortType*> FindPortType(std::string_view name);
const PortType& SystemPortType();

}  // namespace sluice::dpctl
