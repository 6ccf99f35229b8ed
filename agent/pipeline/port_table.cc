#include "agent/pipeline/port_table.h"

#include <algorithm>

namespace sluice::pipeline {

bool BridgePort::Carries(uint16_t vlan) const {
  if (access_vlan) return *access_vlan == vlan;
  return trunks.empty() || std::find(trunks.begin(), trunks.end(), vlan) != trunks.end();
}

PortTable::PortTable(std::vector<BridgePort> ports) : ports_(std::move(ports)) {
  std::stable_sort(ports_.begin(), ports_.end(),
                   [](const BridgePort& a, const BridgePort& b) { return a.port_no < b.port_no; });
  auto last =
      std::unique(ports_.rbegin(), ports_.rend(),
                  [](const BridgePort& a, const BridgePort& b) { return a.port_no == b.port_no; });
  ports_.erase(ports_.begin(), last.base());
  for (size_t i = 0; i < ports_.size(); ++i) {
    index_[ports_[i].port_no] = i;
    numbers_[ports_[i].name] = ports_[i].port_no;
  }
}

std::string_view PortTable::NameOf(uint32_t port_no) const {
  const BridgePort* port = Find(port_no);
  return port == nullptr ? std::string_view() : port->name;
}

std::optional<uint32_t> PortTable::NumberOf(std::string_view name) const {
  const auto found = numbers_.find(absl::string_view(name.data(), name.size()));
  return found == numbers_.end() ? std::nullopt : std::optional(found->second);
}

const BridgePort* PortTable::Find(uint32_t port_no) const {
  auto it = index_.find(port_no);
  return it == index_.end() ? nullptr : &ports_[it->second];
}

}  // namespace sluice::pipeline
