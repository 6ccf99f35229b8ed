#include "dpctl/port_config.h"

#include <linux/openvswitch.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "dpctl/port_options.h"
#include "netlink/base/status.h"
#include "netlink/route/tunnel_devices.h"

namespace sluice::dpctl {
namespace {

// Of a port that may be a tunnel: the kind that its name stands for.
const route::TunnelKindInfo* NamedKind(const ovs::Vport& port) {
  return port.type == OVS_VPORT_TYPE_NETDEV ? route::TunnelKindOfDevice(port.name) : nullptr;
}

PortConfig LegacyConfig(const ovs::Vport& port, const route::TunnelKindInfo& kind) {
  PortConfig config{.type = std::string(kind.name), .legacy = true};
  const ovs::TunnelOptions options = ovs::DecodeTunnelOptions(port.options);
  config.tunnel = route::TunnelSpec{.kind = kind.kind,
                                    .name = port.name,
                                    .dst_port = options.dst_port.value_or(kind.dst_port),
                                    .gbp = options.gbp};
  return config;
}

}  // namespace

PortConfigs PortConfigs::Read(const std::vector<ovs::Vport>& ports) {
  PortConfigs configs;
  if (std::none_of(ports.begin(), ports.end(),
                   [](const ovs::Vport& port) { return NamedKind(port) != nullptr; }))
    return configs;
  absl::StatusOr<route::TunnelDevices> tunnels = route::TunnelDevices::Open();
  auto devices = tunnels.ok() ? tunnels->List()
                              : absl::StatusOr<std::vector<route::TunnelDevice>>(tunnels.status());
  if (devices.ok()) {
    configs.devices_ = *std::move(devices);
  } else {
    const char* text = strerrordesc_np(base::ErrnoOf(devices.status()));
    configs.problem_ =
        base::ErrnoOf(devices.status()) != 0 ? text : std::string(devices.status().message());
  }
  return configs;
}

PortConfig PortConfigs::Of(const ovs::Vport& port) const {
  if (port.type == OVS_VPORT_TYPE_INTERNAL) return {.type = "internal"};
  if (port.type != OVS_VPORT_TYPE_NETDEV) {
    const std::string type = ovs::VportTypeName(port.type);
    const route::TunnelKindInfo* kind = route::FindTunnelKind(type);
    return kind != nullptr ? LegacyConfig(port, *kind) : PortConfig{.type = type};
  }
  const route::TunnelKindInfo* kind = NamedKind(port);
  if (kind == nullptr) return {.type = "system"};
  if (!problem_.empty()) return {.type = std::string(kind->name), .problem = problem_};
  if (port.netnsid)
    return {.type = std::string(kind->name), .problem = "it is in another network namespace"};
  const auto device = std::find_if(devices_.begin(), devices_.end(), [&](const auto& d) {
    return d.spec.name == port.name && (port.ifindex == 0 || port.ifindex == d.ifindex);
  });
  // A device that only has such a name, or is a tunnel to one peer, is a device like others.
  if (device == devices_.end() || device->spec.kind != kind->kind || !device->collects_metadata)
    return {.type = "system"};
  return {.type = std::string(kind->name), .tunnel = device->spec, .device = *device};
}

std::string ConfigText(const PortConfig& config) {
  if (config.type == "system") return {};
  std::string text = absl::StrCat(" (", config.type);
  if (!config.problem.empty())
    absl::StrAppend(&text, ", could not retrieve configuration (", config.problem, ")");
  if (config.tunnel) {
    const char* separator = ": ";
    const Json options = TunnelOptions(*config.tunnel, /*all=*/false);
    for (const auto& [key, value] : options.items()) {
      absl::StrAppend(&text, separator, key, "=",
                      value.is_string() ? value.get<std::string>() : value.dump());
      separator = ", ";
    }
  }
  text.push_back(')');
  return text;
}

Json ConfigJson(const PortConfig& config) {
  return config.tunnel ? TunnelOptions(*config.tunnel, /*all=*/true) : Json();
}

}  // namespace sluice::dpctl
