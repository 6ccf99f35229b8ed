// The kinds of tunnel device that a datapath can have as ports, as messages of route netlink know
// them: one device for all peers, told by each flow where a packet goes (collect-metadata mode).
//
// Pure functions and values; TunnelDevices (tunnel_devices.h) talks to the kernel.
//
//   TunnelSpec spec{.kind = TunnelKind::kVxlan, .dst_port = 4789, .gbp = true};
//   spec.DeviceName() == "vxlan_sys_4789"
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "netlink/attr/wire.h"
#include "netlink/socket/message.h"

namespace sluice::route {

enum class TunnelKind : uint8_t { kVxlan, kGeneve, kGre, kIp6gre, kErspan, kIp6erspan, kBareudp };

struct TunnelKindInfo {
  TunnelKind kind;
  std::string_view name;    // "gre": how ports of this kind are called, also by ovs-dpctl(8)
  std::string_view device;  // "gretap": IFLA_INFO_KIND
  std::string_view prefix;  // of the device's name: "vxlan_sys", "gre_sys"
  uint16_t dst_port;        // UDP port unless another is asked for; 0: the kind has none
  std::string_view module;  // of the kernel
};
std::span<const TunnelKindInfo> TunnelKinds();
const TunnelKindInfo& InfoOf(TunnelKind kind);
// Null when there is none of that name.
const TunnelKindInfo* FindTunnelKind(std::string_view name);
// The kind that a device's name stands for: "vxlan_sys_4789", "gre_sys". Null for other names.
const TunnelKindInfo* TunnelKindOfDevice(std::string_view device_name);

// As large as a device for all peers may want it; what a path takes is known to its flows alone.
inline constexpr uint32_t kTunnelMtu = 65000;

// What a device is to be, or is. Members that its kind does not know are 0 or false.
struct TunnelSpec {
  TunnelKind kind = TunnelKind::kVxlan;
  std::string name{};             // empty: DeviceName() makes one
  uint16_t dst_port = 0;          // UDP port, host order; 0: that of the kind
  bool gbp = false;               // VXLAN: group policy in the header
  bool gpe = false;               // VXLAN: the generic protocol extension; not with gbp
  uint16_t ethertype = 0;         // bareudp: of what it carries, host order; 0: IPv4
  bool multiproto = false;        // bareudp: IPv6 beside IPv4, multicast beside unicast MPLS
  std::optional<uint32_t> mtu{};  // without: kTunnelMtu, or as much as the kernel gives

  std::string DeviceName() const;  // "vxlan_sys_4789" unless it has a name
  uint16_t DstPort() const;        // with the kind's default; 0 for a kind without
};

struct TunnelDevice {
  int ifindex = 0;
  bool up = false;                 // IFF_UP
  bool collects_metadata = false;  // else it is a tunnel to one peer, and no good as a port for all
  bool learns = false;             // VXLAN: learns addresses, although flows say where packets go
  uint32_t mtu = 0;
  TunnelSpec spec;  // name and dst_port are filled in
};

// Reads an RTM_NEWLINK message. Nullopt when the device is of none of the kinds; kDataLoss when the
// message is malformed.
absl::StatusOr<std::optional<TunnelDevice>> ParseTunnelDevice(const socket::Message& message);

// Writes IFLA_LINKINFO for a device to be made.
void PutTunnelInfo(const TunnelSpec& spec, attr::Writer* writer);

// How `device` differs from what `wanted` asks for, in words: "dst_port is 4790, not 4789"; empty
// when it fits. The MTU is not looked at.
std::string TunnelDifference(const TunnelDevice& device, const TunnelSpec& wanted);

}  // namespace sluice::route
