#include "dpctl/commands/commands.h"
#include "dpctl/port_setup.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

absl::Status Run(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const std::vector<PortPlan> plans, PlanPorts(session->args(), 1));
  SLUICE_ASSIGN_OR_RETURN(const ovs::Datapath datapath, session->OpenDatapath(session->args()[0]));
  SLUICE_ASSIGN_OR_RETURN(const std::vector<AddedPort> added, AddPorts(session, datapath, plans));
  if (!session->options().json) return absl::OkStatus();
  Json ports = Json::array();
  for (const AddedPort& one : added)
    ports.push_back({{"argument", one.plan->name},
                     {"port_no", one.port.port_no},
                     {"name", one.port.name},
                     {"type", std::string(one.plan->type->name)},
                     {"device_made", one.made_ifindex != 0}});
  session->Print({{"datapath", FullName(datapath)}, {"ports", std::move(ports)}});
  return absl::OkStatus();
}

}  // namespace

constinit const Command kAddIf = {
    .name = "add-if",
    .arguments = "DP IFACE[,type=T][,port_no=N][,KEY=VALUE]...",
    .min_args = 2,
    .max_args = kAnyNumber,
    .changes = true,
    .about =
        "Adds interfaces to a datapath and brings them up. T is `system` for a network device that "
        "is\n"
        "there (the default; `tap` means the same), `internal` for one that is made, or a tunnel:\n"
        "vxlan, geneve, gre, ip6gre, erspan, ip6erspan, bareudp. The kernel chooses the port's "
        "number\n"
        "unless port_no= does. mtu= sets the MTU. When one of several cannot be added, none is.\n"
        "\n"
        "A tunnel is one device for all peers: flows say where packets go, with "
        "set(tunnel(dst=..)).\n"
        "The port is called after it: vxlan_sys_4789, genev_sys_6081, gre_sys, ip6gre_sys, "
        "erspan_sys,\n"
        "ip6erspan_sys, udp_sys_6635. dst_port= is its UDP port; exts=gbp or exts=gpe extends "
        "VXLAN;\n"
        "payload_type=ip, mpls or an Ethernet type is what bareudp carries. Options of a tunnel to "
        "one\n"
        "peer, such as remote_ip= and key=, are taken and have no effect, which a warning says,\n"
        "unless they are `flow`.",
    .examples =
        "  dpctl add-if dp0 veth0 veth1,port_no=7\n"
        "  dpctl add-if dp0 int0,type=internal,mtu=1400\n"
        "  dpctl add-if dp0 vx,type=vxlan,dst_port=4790,exts=gbp g,type=geneve\n",
    .run = Run};

}  // namespace sluice::dpctl
