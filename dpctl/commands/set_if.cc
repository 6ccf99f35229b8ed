#include <linux/openvswitch.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "dpctl/port_argument.h"
#include "dpctl/port_config.h"
#include "netlink/base/status.h"
#include "netlink/route/links.h"

namespace sluice::dpctl {
namespace {

using base::ToAbsl;

// What can be changed while a port is there: no more than the MTU of its device.
struct Change {
  std::string name;
  uint32_t mtu = 0;
  int ifindex = 0;
  uint32_t before = 0;
};

absl::StatusOr<PortType> TypeOf(const PortConfig& config) {
  const auto types = PortTypes();
  const auto found = std::find_if(types.begin(), types.end(),
                                  [&](const PortType& type) { return type.name == config.type; });
  if (found != types.end()) return *found;
  return UsageError(absl::StrCat("ports of type ", config.type, " cannot be changed"));
}

absl::Status CheckFixed(const PortArgument& argument, const ovs::Vport& port,
                        const PortConfig& config) {
  // A tap device is a device like others: the kernel does not tell them apart.
  if (argument.type != nullptr && argument.type->name != config.type &&
      !(argument.type->name == "tap" && config.type == "system"))
    return UsageError(
        absl::StrCat("can't change type from ", config.type, " to ", ToAbsl(argument.type->name)));
  if (argument.port_no && *argument.port_no != port.port_no)
    return UsageError(
        absl::StrCat("can't change port number from ", port.port_no, " to ", *argument.port_no));
  return absl::OkStatus();
}

// Understands the options as changes to what the port has. Nothing is changed yet.
absl::StatusOr<std::optional<Change>> Plan(const PortArgument& argument, const ovs::Vport& port,
                                           const PortConfig& config) {
  SLUICE_RETURN_IF_ERROR(CheckFixed(argument, port, config));
  if (argument.options.empty()) return std::optional<Change>();
  if (!config.problem.empty())
    return absl::UnavailableError(
        absl::StrCat("could not retrieve configuration (", config.problem, ")"));
  SLUICE_ASSIGN_OR_RETURN(const PortType type, TypeOf(config));
  PortSettings settings = DefaultPortSettings(type);
  if (config.tunnel) settings.tunnel = *config.tunnel;
  for (const PortOption& option : argument.options)
    SLUICE_RETURN_IF_ERROR(ApplyPortOption(option, type, &settings));
  if (config.tunnel) {
    route::TunnelDevice now = config.device.value_or(route::TunnelDevice());
    now.spec = *config.tunnel;
    now.collects_metadata = true;
    now.learns = false;
    if (const std::string difference = route::TunnelDifference(now, settings.tunnel);
        !difference.empty())
      return WithHint(
          UsageError(absl::StrCat(difference, ": that cannot be changed while the port is there")),
          "take it out with del-if, and add it anew");
  }
  for (const std::string& note : settings.notes)
    Session::Warn(absl::StrCat(argument.name, ": ", note));
  if (settings.default_mtu && !config.tunnel)
    return UsageError("mtu=: a device has no MTU that is its own: name one");
  if (!settings.mtu && !settings.default_mtu) return std::optional<Change>();
  return std::optional(Change{.name = port.name, .mtu = settings.mtu.value_or(route::kTunnelMtu)});
}

absl::Status Apply(std::vector<Change>* changes) {
  SLUICE_ASSIGN_OR_RETURN(route::Links links, route::Links::Open());
  for (size_t i = 0; i < changes->size(); ++i) {
    Change& change = (*changes)[i];
    absl::Status status;
    const auto link = links.Get(change.name);
    status = link.status();
    if (link.ok()) {
      change.ifindex = link->ifindex;
      change.before = link->mtu;
      if (link->mtu != change.mtu) status = links.SetMtu(change.ifindex, change.mtu);
    }
    if (status.ok()) continue;
    status = Failed(absl::StrCat(change.name, ": setting the MTU to ", change.mtu), status);
    while (i-- > 0) {
      const Change& done = (*changes)[i];
      if (!links.SetMtu(done.ifindex, done.before).ok())
        status = WithHint(status, absl::StrCat(done.name, " has the MTU ", done.mtu, " now"));
    }
    return status;
  }
  return absl::OkStatus();
}

absl::Status Run(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const std::vector<PortArgument> arguments,
                          ParsePortArguments(session->args(), 1));
  SLUICE_ASSIGN_OR_RETURN(const ovs::Datapath datapath, session->OpenDatapath(session->args()[0]));
  SLUICE_ASSIGN_OR_RETURN(const std::vector<ovs::Vport> ports, session->ListPorts(datapath));
  const PortConfigs configs = PortConfigs::Read(ports);
  std::vector<Change> changes;
  for (const PortArgument& argument : arguments) {
    const auto port = std::find_if(ports.begin(), ports.end(),
                                   [&](const ovs::Vport& p) { return p.name == argument.name; });
    if (port == ports.end())
      return absl::NotFoundError(
          absl::StrCat("no port named ", argument.name, " in ", FullName(datapath)));
    auto change = Plan(argument, *port, configs.Of(*port));
    if (!change.ok()) return base::Annotate(change.status(), argument.name);
    if (*change) changes.push_back(**std::move(change));
  }
  return Apply(&changes);
}

}  // namespace

constinit const Command kSetIf = {
    .name = "set-if",
    .arguments = "DP IFACE[,KEY=VALUE|,KEY=]...",
    .min_args = 2,
    .max_args = kAnyNumber,
    .changes = true,
    .about =
        "Changes options of ports: those that add-if takes. `KEY=` sets what is so by default. "
        "The\n"
        "kernel changes the MTU of a device in place; what it cannot change is refused, unless it "
        "is\n"
        "so already: type and port_no, and dst_port, exts and payload_type of tunnels. When one "
        "of\n"
        "several ports cannot be changed, none is.",
    .examples =
        "  dpctl set-if dp0 veth0,mtu=9000\n"
        "  dpctl set-if dp0 vxlan_sys_4789,type=vxlan,dst_port=4789,mtu=\n",
    .run = Run};

}  // namespace sluice::dpctl
