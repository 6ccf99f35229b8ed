#include "dpctl/port_names.h"

#include "netlink/base/status.h"
#include "netlink/ovs/vport.h"

namespace sluice::dpctl {

absl::Status DatapathPorts::Load() const {
  std::call_once(once_, [this] {
    auto ports = ovs::Vports(client_).List(dp_ifindex_);
    status_ = ports.status();
    if (!ports.ok()) return;
    for (const ovs::Vport& port : *ports) {
      names_[port.port_no] = port.name;
      numbers_[port.name] = port.port_no;
    }
  });
  return status_;
}

std::string_view DatapathPorts::NameOf(uint32_t port) const {
  if (!Load().ok()) return {};
  const auto found = names_.find(port);
  return found == names_.end() ? std::string_view() : std::string_view(found->second);
}

std::optional<uint32_t> DatapathPorts::NumberOf(std::string_view name) const {
  if (name.empty() ||
      (name[0] >= '0' && name[0] <= '9' &&
       name.find_first_not_of("0123456789abcdefxABCDEFX") == std::string_view::npos))
    return std::nullopt;
  if (!Load().ok()) return std::nullopt;
  const auto found = numbers_.find(base::ToAbsl(name));
  if (found == numbers_.end()) return std::nullopt;
  return found->second;
}

}  // namespace sluice::dpctl
