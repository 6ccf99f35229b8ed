// The ports of a bridge and their VLANs: what the user wants, with the numbers that the kernel
// gave.
//
// A PortTable is immutable; a change makes a new one (agent/bridge swaps them), so that readers
// need no lock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "netlink/attr/text.h"

namespace sluice::pipeline {

inline constexpr uint16_t kMaxVlan = 4094;

struct BridgePort {
  uint32_t port_no = 0;
  std::string name{};
  // An access port: its untagged packets belong to this VLAN, and it takes no tagged ones.
  std::optional<uint16_t> access_vlan{};
  // A trunk port: the VLANs that it carries, 0 standing for untagged packets; empty: all.
  std::vector<uint16_t> trunks{};
  // Whether it has a link, for groups that fail over.
  bool up = true;
  // Addresses that the bridge learns from it at most; 0: as many as the bridge has room for.
  uint32_t mac_limit = 0;

  bool Carries(uint16_t vlan) const;
  friend bool operator==(const BridgePort&, const BridgePort&) = default;
};

class PortTable final : public attr::PortNames {
 public:
  PortTable() = default;
  // Of two ports with one number the later counts.
  explicit PortTable(std::vector<BridgePort> ports);

  const BridgePort* Find(uint32_t port_no) const;
  // Whether the bridge has it and it has a link.
  bool IsUp(uint32_t port_no) const {
    const BridgePort* port = Find(port_no);
    return port != nullptr && port->up;
  }
  std::string_view NameOf(uint32_t port_no) const override;
  std::optional<uint32_t> NumberOf(std::string_view name) const override;
  // By number, upwards: the order in which a flood goes out.
  const std::vector<BridgePort>& ports() const { return ports_; }

 private:
  std::vector<BridgePort> ports_;
  absl::flat_hash_map<uint32_t, size_t> index_;
  absl::flat_hash_map<std::string, uint32_t> numbers_;
};

}  // namespace sluice::pipeline
