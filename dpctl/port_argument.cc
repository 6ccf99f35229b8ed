#include "dpctl/port_argument.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "dpctl/failure.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

using base::ToAbsl;

constexpr uint32_t kMaxPort = 65534;
constexpr size_t kMaxName = 15;

absl::Status ParseOption(std::string_view option, PortArgument* port) {
  const size_t equals = option.find('=');
  if (equals == std::string_view::npos || equals == 0)
    return UsageError(absl::StrCat("expected KEY=VALUE, not \"", ToAbsl(option), "\""));
  const std::string_view key = option.substr(0, equals), value = option.substr(equals + 1);
  if (key == "type") {
    SLUICE_ASSIGN_OR_RETURN(port->type, FindPortType(value));
    return absl::OkStatus();
  }
  if (key == "port_no") {
    uint32_t number = 0;
    if (!absl::SimpleAtoi(ToAbsl(value), &number) || number > kMaxPort)
      return UsageError(
          absl::StrCat("port_no=", ToAbsl(value), ": expected a number of at most ", kMaxPort));
    port->port_no = number;
    return absl::OkStatus();
  }
  port->options.push_back({std::string(key), std::string(value)});
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PortArgument> ParsePortArgument(std::string_view text) {
  PortArgument port;
  const size_t comma = std::min(text.find(','), text.size());
  port.name = text.substr(0, comma);
  if (port.name.empty())
    return UsageError(absl::StrCat("\"", ToAbsl(text), "\": expected the name of an interface"));
  if (port.name.size() > kMaxName)
    return UsageError(absl::StrCat(port.name, ": a name has at most ", kMaxName, " bytes"));
  for (size_t at = comma; at < text.size();) {
    const size_t end = std::min(text.find(',', at + 1), text.size());
    const absl::Status status = ParseOption(text.substr(at + 1, end - at - 1), &port);
    if (!status.ok()) return base::Annotate(status, port.name);
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

absl::StatusOr<PortPlan> PlanPort(const PortArgument& argument) {
  const PortType& type = argument.type != nullptr ? *argument.type : SystemPortType();
  PortPlan plan{.name = argument.name,
                .device = argument.name,
                .type = &type,
                .port_no = argument.port_no,
                .settings = DefaultPortSettings(type)};
  for (const PortOption& option : argument.options) {
    const absl::Status status = ApplyPortOption(option, type, &plan.settings);
    if (!status.ok()) return base::Annotate(status, argument.name);
  }
  if (type.tunnel) plan.device = plan.settings.tunnel.DeviceName();
  return plan;
}

absl::StatusOr<std::vector<PortPlan>> PlanPorts(const std::vector<std::string>& args,
                                                size_t first) {
  SLUICE_ASSIGN_OR_RETURN(const std::vector<PortArgument> ports, ParsePortArguments(args, first));
  std::vector<PortPlan> plans;
  for (const PortArgument& port : ports) {
    SLUICE_ASSIGN_OR_RETURN(PortPlan plan, PlanPort(port));
    plans.push_back(std::move(plan));
  }
  return plans;
}

}  // namespace sluice::dpctl
