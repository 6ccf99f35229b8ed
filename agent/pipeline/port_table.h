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
#include "agent/pipeline/fields.h"
#include "agent/pipeline/mirror.h"
#include "agent/pipeline/tunnel.h"
#include "agent/pipeline/tunnel_options.h"
#include "netlink/attr/text.h"

namespace sluice::pipeline {

inline constexpr uint16_t kMaxVlan = 4094;

// Numbers of ports that the datapath does not know begin here: it gives its own from 1 upwards.
inline constexpr uint32_t kFirstTunnelPort = 0x8000;

// Whether untagged packets leave with a tag that has no VLAN, but a priority (802.1p).
enum class PriorityTags : uint8_t { kNever, kIfNonzero, kAlways };

// A VLAN that has another id on a port's wire.
struct VlanPair {
  uint16_t wire = 0, vlan = 0;  // neither is 0
  friend bool operator==(const VlanPair&, const VlanPair&) = default;
};

struct BridgePort {
  uint32_t port_no = 0;
  std::string name{};
  // An access port: its untagged packets belong to this VLAN, and it takes no tagged ones.
  std::optional<uint16_t> access_vlan{};
  // An access port whose packets keep the tags that they came with, inside of that VLAN's (802.1Q
  // tunnel, QinQ).
  bool is_tunnel = false;
  // A trunk port: the VLANs that it carries, 0 standing for untagged packets; empty: all.
  std::vector<uint16_t> trunks{};
  // A trunk port whose untagged packets belong to this VLAN, which it always carries; in that it
  // sends untagged, or tagged nevertheless.
  std::optional<uint16_t> native_vlan{};
  bool native_tagged = false;
  // Of a trunk port: no VLAN and no id twice. An id that a VLAN of the list has in the bridge is
  // none on the wire.
  std::vector<VlanPair> vlan_map{};
  PriorityTags priority_tags = PriorityTags::kNever;
  // `normal` sends nothing from one protected port to another.
  bool is_protected = false;
  // Leads to a peer of an overlay: `normal` sends nothing from one peer to another, as each sends
  // to all others itself, but for those of these names, to which we relay.
  bool is_peer = false;
  std::vector<std::string> relays_to{};
  // Whether it has a link: for groups that fail over, and floods.
  bool up = true;
  // It is not up because nobody answers there, though packets may arrive all the same: an agent
  // that is away does not stop its datapath. What was learned there stays, and what goes there is
  // sent.
  bool is_silent = false;
  // Addresses that the bridge learns from it at most; 0: as many as the bridge has room for.
  uint32_t mac_limit = 0;
  // Set by the PortTable, a bit for each mirror of its options: those that select what comes in by
  // the port, and what leaves by it.
  uint32_t mirrors_in = 0, mirrors_out = 0;
  // It is a mirror's: nothing else is sent there, and what comes in is dropped. Also set by it.
  bool is_mirror_output = false;
  // A tunnel's end: the number of such a port is ours alone (kFirstTunnelPort and above).
  std::optional<TunnelEnd> tunnel{};

  // Whether packets may arrive there.
  bool IsReached() const { return up || is_silent; }
  bool Carries(uint16_t vlan) const;
  // Whether what comes from this peer may go to that one.
  bool RelaysTo(const BridgePort& other) const;
  // The VLAN of a packet with this id on the wire, 0 for none; nullopt when it does not carry it.
  std::optional<uint16_t> VlanOnWire(uint16_t id) const;
  // The id that packets of the VLAN have on the wire; 0: they have no tag, or one of priority.
  uint16_t WireIdOf(uint16_t vlan) const;
  friend bool operator==(const BridgePort&, const BridgePort&) = default;
};

// What a bridge has besides: for `normal`, and for tunnels.
struct SwitchOptions {
  // Link-local protocols (01:80:c2:00:00:0X) are forwarded as other multicast is.
  bool forward_bpdu = false;
  std::vector<Mirror> mirrors{};  // kMaxMirrors at most
  TunnelOptions tunnel_options{};
  friend bool operator==(const SwitchOptions&, const SwitchOptions&) = default;
};

class PortTable final : public attr::PortNames {
 public:
  PortTable() = default;
  // Of two ports with one number the later counts.
  explicit PortTable(std::vector<BridgePort> ports, SwitchOptions options = {});

  const SwitchOptions& options() const { return options_; }

  const BridgePort* Find(uint32_t port_no) const;
  // Whether the bridge has it and it has a link.
  bool IsUp(uint32_t port_no) const {
    const BridgePort* port = Find(port_no);
    return port != nullptr && port->up;
  }
  std::string_view NameOf(uint32_t port_no) const override;
  std::optional<uint32_t> NumberOf(std::string_view name) const override;
  // Where copies of a mirror go; nullptr when that is a VLAN, or the bridge does not have the port.
  const BridgePort* MirrorOutput(const Mirror& mirror) const;
  // Whether copies of a mirror travel in it: then nothing is learned there.
  bool IsMirrorVlan(uint16_t vlan) const;
  // Whether the datapath's port is a device of tunnels: then FindTunnel() says which port it is.
  bool IsTunnelDevice(uint32_t vport) const { return tunnels_.contains(vport); }
  // The port of a packet that came from such a device; nullptr when it is nobody's. What tells is
  // added to `asked`.
  const BridgePort* FindTunnel(uint32_t vport, const Fields& packet, Fields* asked) const;
  // By number, upwards: the order in which a flood goes out.
  const std::vector<BridgePort>& ports() const { return ports_; }

 private:
  void PlaceMirrors();
  // The ports of a device, those first that say more of a packet; and what they say it of.
  struct Tunnels {
    std::vector<size_t> ports;
    Fields asked;
    std::string device;
  };

  SwitchOptions options_;
  std::vector<BridgePort> ports_;
  absl::flat_hash_map<uint32_t, size_t> index_;
  absl::flat_hash_map<std::string, uint32_t> numbers_;
  absl::flat_hash_map<uint32_t, Tunnels> tunnels_;
};

}  // namespace sluice::pipeline
