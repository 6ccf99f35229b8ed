// The ports of a bridge and their VLANs: what the user wants, with the numbers that the kernel
// gave.
//
// A PortTable is immutable; a change makes a new one (agent/bridge swaps them), so that readers
// need no lock.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace sluice::pipeline {

inline constexpr uint16_t kMaxVlan = 4094;

struct BridgePort {
  uint32_t port_no = 0;
  std::string name{};
  // An access port: its untagged packets belong to this VLAN, and it takes no tagged ones.
  std::optional<uint16_t> access_vlan{};
  // A trunk port: the VLANs that it carries, 0 standing for untagged packets; empty: all.
  std::vector<uint16_t> trunks{};

  bool Carries(uint16_t vlan) const;
  friend bool operator==(const BridgePort&, const BridgePort&) = default;
};

class PortTable {
 public:
  PortTable() = default;
  // Of two ports with one number the later counts.
  explicit PortTable(std::vector<BridgePort> ports);

  const BridgePort* Find(uint32_t port_no) const;
  // By number, upwards: the order in which a flood goes out.
  const std::vector<BridgePort>& ports() const { return ports_; }

 private:
  std::vector<BridgePort> ports_;
  absl::flat_hash_map<uint32_t, size_t> index_;
};

}  // namespace sluice::pipeline
