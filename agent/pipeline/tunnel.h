// A port's end of a tunnel: how its packets are wrapped, and which of those that come are its own.
//
// The kernel has one device for all tunnels of a type and UDP port (BridgePort::tunnel->vport): it
// tells where a packet came from, and is told where one goes, by the packet's tunnel key. Ports are
// ours alone. Which of them a packet came by is found by its key: the port that says most of it,
// where the key says more than the remote address and that more than the local one.
//
//   TunnelEnd end{.vport = 2, .device = "vxlan_sys_4789", .remote = address, .in_key = 5,
//                 .out_key = 5};
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "netlink/base/address.h"

namespace sluice::pipeline {

// The Ethernet type of heartbeats between peers, whose source is all zeros: one that IEEE 802 keeps
// for local experiments.
inline constexpr uint16_t kHeartbeatType = 0x88b5;

// Of one family, or none when both are zero.
struct TunnelAddress {
  base::Ipv4 v4{};
  base::Ipv6 v6{};

  bool IsSet() const { return *this != TunnelAddress(); }
  friend bool operator==(const TunnelAddress&, const TunnelAddress&) = default;
};

// Where a byte of the outer header is from.
struct TunnelByte {
  enum class From : uint8_t {
    kFixed,
    kInner,  // the header of the packet that is wrapped; 0 where that is not IP
    kField,  // tun_tos or tun_ttl
  };
  From from = From::kFixed;
  uint8_t value = 0;
  friend bool operator==(const TunnelByte&, const TunnelByte&) = default;
};

// What ERSPAN has beside a key.
struct ErspanEnd {
  uint8_t version = 1;      // 0: as tun_erspan_* say
  uint32_t index = 0;       // of version 1
  uint8_t direction = 0;    // of version 2
  uint8_t hardware_id = 0;  // of version 2
  friend bool operator==(const ErspanEnd&, const ErspanEnd&) = default;
};

struct TunnelEnd {
  uint32_t vport = 0;  // the datapath's number of the device
  std::string device{};

  std::optional<TunnelAddress> remote{};  // none: tun_dst says, and any may send
  bool from_anybody = false;              // the remote end may send from any address
  TunnelAddress local{};                  // unset: the kernel chooses, and any is ours
  bool local_from_field = false;          // tun_src says
  std::optional<uint64_t> in_key{};       // none: any
  std::optional<uint64_t> out_key{};      // none: tun_id says
  bool has_key = true;                    // of what goes out: GRE may have none
  TunnelByte tos{};
  TunnelByte ttl{.value = 64};
  bool dont_fragment = true;
  bool checksum = false;
  bool gbp = false;     // VXLAN: tun_gbp_* go out
  bool geneve = false;  // so do tun_metadata* and the flag oam
  std::optional<ErspanEnd> erspan{};

  friend bool operator==(const TunnelEnd&, const TunnelEnd&) = default;
};

}  // namespace sluice::pipeline
