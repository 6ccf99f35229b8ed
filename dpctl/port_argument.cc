#include "dpctl/port_argument.h"

#include <linux/openvswitch.h>

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "dpctl/failure.h"
#include "netlink/base/status.h"
#include "netlink/route/links.h"

namespace sluice::dpctl {
namespace {

using base::ToAbsl;

constexpr uint32_t kMaxPort = 65534;
constexpr size_t kMaxName = 15;
constexpr std::string_view kTunnelTypes[] = {"vxlan",  "geneve",    "gre",    "ip6gre",
                                             "erspan", "ip6erspan", "bareudp"};

absl::Status ParseType(std::string_view value, PortArgument* port) {
  if (value == "system") {
    port->type = OVS_VPORT_TYPE_NETDEV;
  } else if (value == "internal") {
    port->type = OVS_VPORT_TYPE_INTERNAL;
  } else if (std::find(std::begin(kTunnelTypes), std::end(kTunnelTypes), value) !=
             std::end(kTunnelTypes)) {
    return UsageError(absl::StrCat(port->name, ": tunnel ports (type ", ToAbsl(value),
                                   ") cannot be made by this release of dpctl"));
  } else {
    return UsageError(absl::StrCat(port->name, ": unknown type \"", ToAbsl(value),
                                   "\": expected system or internal"));
  }
  return absl::OkStatus();
}

absl::Status ParseOption(std::string_view option, PortArgument* port) {
  const size_t equals = option.find('=');
  const std::string_view key = option.substr(0, equals);
  const std::string_view value =
      equals == std::string_view::npos ? std::string_view() : option.substr(equals + 1);
  if (equals == std::string_view::npos)
    return UsageError(
        absl::StrCat(port->name, ": expected KEY=VALUE, not \"", ToAbsl(option), "\""));
  if (key == "type") return ParseType(value, port);
  if (key == "port_no") {
    uint32_t number = 0;
    if (!absl::SimpleAtoi(ToAbsl(value), &number) || number > kMaxPort)
      return UsageError(absl::StrCat(port->name, ": port_no=", ToAbsl(value),
                                     ": expected a number of at most ", kMaxPort));
    port->port_no = number;
    return absl::OkStatus();
  }
  return UsageError(absl::StrCat(port->name, ": a port of this type has no option \"", ToAbsl(key),
                                 "\": expected type= or port_no="));
}

absl::Status BringUp(const ovs::Vport& port) {
  SLUICE_ASSIGN_OR_RETURN(route::Links links, route::Links::Open());
  int ifindex = port.ifindex;
  if (ifindex == 0) {  // kernels before 4.15 do not tell
    SLUICE_ASSIGN_OR_RETURN(const route::Link link, links.Get(port.name));
    ifindex = link.ifindex;
  }
  return links.SetUp(ifindex, true);
}

}  // namespace

absl::StatusOr<PortArgument> ParsePortArgument(std::string_view text) {
  PortArgument port{.name = {}, .type = OVS_VPORT_TYPE_NETDEV, .port_no = {}};
  const size_t comma = std::min(text.find(','), text.size());
  port.name = text.substr(0, comma);
  if (port.name.empty())
    return UsageError(absl::StrCat("\"", ToAbsl(text), "\": expected the name of an interface"));
  if (port.name.size() > kMaxName)
    return UsageError(absl::StrCat(port.name, ": a name has at most ", kMaxName, " bytes"));
  for (size_t at = comma; at < text.size();) {
    const size_t end = std::min(text.find(',', at + 1), text.size());
    SLUICE_RETURN_IF_ERROR(ParseOption(text.substr(at + 1, end - at - 1), &port));
    at = end;
  }
  return port;
}

absl::StatusOr<std::vector<PortArgument>> ParsePortArguments(const std::vector<std::string>& args,
                                                             size_t first) {
  std::vector<PortArgument> ports;
  for (size_t i = first; i < args.size(); ++i) {
    SLUICE_ASSIGN_OR_RETURN(PortArgument port, ParsePortArgument(args[i]));
    ports.push_back(std::move(port));
  }
  return ports;
}

absl::Status AddPorts(Session* session, const ovs::Datapath& datapath,
                      const std::vector<PortArgument>& ports) {
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  ovs::Vports vports(client);
  std::vector<uint32_t> added;
  auto take_back = [&](absl::Status status) {
    for (uint32_t port_no : added)
      if (const absl::Status undone = vports.Delete(datapath.ifindex, port_no); !undone.ok())
        status = WithHint(status, absl::StrCat("port ", port_no, " was added and is still there"));
    return status;
  };
  for (const PortArgument& port : ports) {
    const auto vport = vports.Add(datapath.ifindex,
                                  {.name = port.name, .type = port.type, .port_no = port.port_no});
    if (!vport.ok())
      return take_back(
          Failed(absl::StrCat("adding ", port.name, " to ", datapath.name), vport.status()));
    added.push_back(vport->port_no);
    if (const absl::Status up = BringUp(*vport); !up.ok())
      return take_back(Failed(absl::StrCat("bringing ", port.name, " up"), up));
  }
  return absl::OkStatus();
}

std::string PortTypeName(uint32_t type) {
  return type == OVS_VPORT_TYPE_NETDEV ? "system" : ovs::VportTypeName(type);
}

}  // namespace sluice::dpctl
