#include "dpctl/port_type.h"

#include <linux/openvswitch.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "dpctl/failure.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

using base::ToAbsl;
using route::TunnelKind;

constexpr PortType kTypes[] = {
    {"system", OVS_VPORT_TYPE_NETDEV},
    {"internal", OVS_VPORT_TYPE_INTERNAL},
    {"tap", OVS_VPORT_TYPE_NETDEV},
    {"vxlan", OVS_VPORT_TYPE_NETDEV, TunnelKind::kVxlan},
    {"geneve", OVS_VPORT_TYPE_NETDEV, TunnelKind::kGeneve},
    {"gre", OVS_VPORT_TYPE_NETDEV, TunnelKind::kGre},
    {"ip6gre", OVS_VPORT_TYPE_NETDEV, TunnelKind::kIp6gre},
    {"erspan", OVS_VPORT_TYPE_NETDEV, TunnelKind::kErspan},
    {"ip6erspan", OVS_VPORT_TYPE_NETDEV, TunnelKind::kIp6erspan},
    {"bareudp", OVS_VPORT_TYPE_NETDEV, TunnelKind::kBareudp},
};

// Types that ovs-vswitchd knows, and no kernel.
constexpr std::string_view kOfUserspace[] = {"gtpu",  "srv6", "dpdk", "patch",
                                             "afxdp", "stt",  "lisp"};

}  // namespace

std::span<const PortType> PortTypes() { return kTypes; }

const PortType& SystemPortType() { return kTypes[0]; }

absl::StatusOr<const PortType*> FindPortType(std::string_view name) {
  const auto found = std::find_if(std::begin(kTypes), std::end(kTypes),
                                  [name](const PortType& type) { return type.name == name; });
  if (found != std::end(kTypes)) return found;
  if (std::find(std::begin(kOfUserspace), std::end(kOfUserspace), name) != std::end(kOfUserspace))
    return UsageError(
        absl::StrCat("type ", ToAbsl(name), ": the kernel's datapath has no ports of this type"));
  std::string known;
  for (const PortType& type : kTypes)
    absl::StrAppend(&known, known.empty() ? "" : ", ", ToAbsl(type.name));
  return UsageError(absl::StrCat("unknown type \"", ToAbsl(name), "\": expected one of ", known));
}

}  // namespace sluice::dpctl
