// add-if and del-if of the selftest dialect.

#include <linux/openvswitch.h>

#include <cerrno>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "dpctl/selftest_commands.h"
#include "dpctl/selftest_listener.h"
#include "netlink/attr/wire.h"
#include "netlink/base/status.h"
#include "netlink/route/links.h"
#include "netlink/route/tunnel_devices.h"

namespace sluice::dpctl {
namespace {

using base::ToAbsl;

struct PortType {
  std::string_view name;
  uint32_t vport;
  std::optional<route::TunnelKind> tunnel{};
  uint16_t dst_port = 0;
};
constexpr PortType kTypes[] = {
    {"netdev", OVS_VPORT_TYPE_NETDEV},
    {"internal", OVS_VPORT_TYPE_INTERNAL},
    {"gre", OVS_VPORT_TYPE_GRE, route::TunnelKind::kGre},
    {"geneve", OVS_VPORT_TYPE_GENEVE, route::TunnelKind::kGeneve, 6081},
    {"vxlan", OVS_VPORT_TYPE_VXLAN, route::TunnelKind::kVxlan, 4789},
};

struct Wanted {
  std::string name;
  const PortType* type = &kTypes[0];
  uint16_t dst_port = 0;
  bool as_device = true;  // a tunnel is a device of route netlink, not a vport of its own type
};

absl::StatusOr<Wanted> ReadOptions(const Session& session) {
  Wanted wanted{.name = session.args()[1], .as_device = !session.Given("--no-lwt")};
  if (const auto text = session.Value("--ptype")) {
    wanted.type = nullptr;
    for (const PortType& type : kTypes)
      if (type.name == *text) wanted.type = &type;
    if (wanted.type == nullptr)
      return UsageError(absl::StrCat("unknown type \"", ToAbsl(*text),
                                     "\": expected netdev, internal, gre, geneve or vxlan"));
  }
  wanted.dst_port = wanted.type->dst_port;
  if (const auto text = session.Value("--dport")) {
    uint32_t port = 0;
    if (!absl::SimpleAtoi(ToAbsl(*text), &port) || port > UINT16_MAX)
      return UsageError(absl::StrCat("\"", ToAbsl(*text), "\" is no port number"));
    if (port != 0) wanted.dst_port = static_cast<uint16_t>(port);
  }
  return wanted;
}

absl::StatusOr<ovs::Vport> Add(Session* session, const ovs::Datapath& datapath,
                               const Wanted& wanted, uint32_t pid) {
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  ovs::Vports vports(client);
  ovs::VportConfig config{.name = wanted.name, .type = wanted.type->vport};
  if (pid != 0) config.upcall_pids = {pid};
  std::optional<route::TunnelDevices> devices;
  int made = 0;
  if (wanted.type->tunnel && wanted.as_device) {
    SLUICE_ASSIGN_OR_RETURN(devices, route::TunnelDevices::Open());
    const auto device = devices->Ensure(
        {.kind = *wanted.type->tunnel, .name = wanted.name, .dst_port = wanted.dst_port});
    if (!device.ok()) return Failed(absl::StrCat("making ", wanted.name), device.status());
    if (device->made) made = device->device.ifindex;
    config.type = OVS_VPORT_TYPE_NETDEV;
  } else if (wanted.dst_port != 0) {
    attr::Writer(&config.options).Put(OVS_TUNNEL_ATTR_DST_PORT, wanted.dst_port);
  }
  auto port = vports.Add(datapath.ifindex, config);
  if (!port.ok() && made != 0 && !devices->Delete(made).ok())
    Session::Warn(absl::StrCat(wanted.name, " was made and is still there"));
  return port;
}

absl::Status RunAddIf(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const Wanted wanted, ReadOptions(*session));
  SLUICE_ASSIGN_OR_RETURN(const ovs::Datapath datapath, session->OpenDatapath(session->args()[0]));
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  SLUICE_ASSIGN_OR_RETURN(UpcallSocket socket, UpcallSocket::Open());
  const bool listen = session->Given("--upcall");
  auto port = Add(session, datapath, wanted, listen ? socket.pid() : 0);
  ovs::Vports vports(client);
  if (!port.ok() && base::ErrnoOf(port.status()) == EEXIST && listen) {
    // It is a port already: its upcalls come here from now on.
    port = vports.Get(wanted.name);
    if (port.ok())
      SLUICE_RETURN_IF_ERROR(
          Failed(absl::StrCat("taking the upcalls of ", wanted.name),
                 vports.SetUpcallPids(datapath.ifindex, port->port_no, {{socket.pid()}})));
  }
  if (!port.ok())
    return Failed(absl::StrCat("adding ", wanted.name, " to ", datapath.name), port.status());
  return listen ? PrintSelftestUpcalls(&socket, session) : absl::OkStatus();
}

absl::Status RunDelIf(Session* session) {
  SLUICE_RETURN_IF_ERROR(kDelIf.run(session));
  if (!session->Given("--dellink")) return absl::OkStatus();
  const std::string& name = session->args()[1];
  SLUICE_ASSIGN_OR_RETURN(route::Links links, route::Links::Open());
  SLUICE_ASSIGN_OR_RETURN(route::TunnelDevices devices, route::TunnelDevices::Open());
  const auto link = links.Get(name);
  if (!link.ok()) return Failed(absl::StrCat("deleting the link ", name), link.status());
  return Failed(absl::StrCat("deleting the link ", name), devices.Delete(link->ifindex));
}

constexpr CommandOption kAddIfOptions[] = {{"--upcall", "", ""},
                                           {"--ptype", "TYPE", ""},
                                           {"--dport", "DPORT", ""},
                                           {"--lwt", "", ""},
                                           {"--no-lwt", "", ""}};
constexpr CommandOption kDelIfOptions[] = {{"--dellink", "", ""}};

}  // namespace

constinit const Command kSelftestAddIf = {
    .name = "add-if",
    .arguments = "[-u] [-t TYPE] [-p DPORT] [-l|--lwt|--no-lwt] DP IFACE",
    .min_args = 2,
    .max_args = 2,
    .changes = true,
    .about = "Adds a port.",
    .examples = "",
    .run = RunAddIf,
    .options = kAddIfOptions};
constinit const Command kSelftestDelIf = {.name = "del-if",
                                          .arguments = "[-d] DP IFACE",
                                          .min_args = 2,
                                          .max_args = 2,
                                          .changes = true,
                                          .about = "Removes a port.",
                                          .examples = "",
                                          .run = RunDelIf,
                                          .options = kDelIfOptions};

}  // namespace sluice::dpctl
