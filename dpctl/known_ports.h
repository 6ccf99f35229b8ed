// Names of ports from a list that somebody has; asks nobody. Borrows the list.
#pragma once

#include <map>

#include "netlink/attr/text.h"
#include "netlink/ovs/vport.h"

namespace sluice::dpctl {

class KnownPorts final : public attr::PortNames {
 public:
  explicit KnownPorts(const std::map<uint32_t, ovs::Vport>* ports) : ports_(ports) {}
  std::string_view NameOf(uint32_t port) const override {
    const auto found = ports_->find(port);
    return found == ports_->end() ? std::string_view() : found->second.name;
  }
  std::optional<uint32_t> NumberOf(std::string_view name) const override {
    for (const auto& [number, port] : *ports_)
      if (port.name == name) return number;
    return std::nullopt;
  }

 private:
  const std::map<uint32_t, ovs::Vport>* ports_;
};

}  // namespace sluice::dpctl
