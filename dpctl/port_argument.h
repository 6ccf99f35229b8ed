// Ports as arguments of add-dp, add-if and set-if name them: `IFACE[,KEY=VALUE]...`.
//
// Pure functions; what the options mean is in port_options.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "dpctl/port_options.h"
#include "dpctl/port_type.h"

namespace sluice::dpctl {

struct PortArgument {
  std::string name;
  const PortType* type = nullptr;  // null: not said
  std::optional<uint32_t> port_no{};
  std::vector<PortOption> options{};  // but for type and port_no
};
// kInvalidArgument names the argument and what is wrong with it.
absl::StatusOr<PortArgument> ParsePortArgument(std::string_view text);
absl::StatusOr<std::vector<PortArgument>> ParsePortArguments(const std::vector<std::string>& args,
                                                             size_t first);

// A port to be made: the options understood.
struct PortPlan {
  std::string name;    // as the argument has it
  std::string device;  // as the port will be called: "vxlan_sys_4789" for a tunnel
  const PortType* type;
  std::optional<uint32_t> port_no{};
  PortSettings settings{};
};
absl::StatusOr<PortPlan> PlanPort(const PortArgument& argument);
absl::StatusOr<std::vector<PortPlan>> PlanPorts(const std::vector<std::string>& args, size_t first);

}  // namespace sluice::dpctl
