// Ports of datapaths: the ovs_vport family.
//
// Vports borrows a Client and is as thread-compatible as that. Looking needs no privilege.
//
//   Vports vports(&client);
//   SLUICE_ASSIGN_OR_RETURN(Vport port, vports.Add(dp.ifindex, {.name = "veth0"}));
#pragma once

#include <linux/openvswitch.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "netlink/socket/client.h"

namespace sluice::ovs {

struct Vport {
  int dp_ifindex = 0;
  uint32_t port_no = 0;  // 0 is the local port
  uint32_t type = 0;     // OVS_VPORT_TYPE_*
  std::string name;
  int ifindex = 0;                 // of the device; 0 when it is in another namespace
  std::optional<int32_t> netnsid;  // of that namespace
  ovs_vport_stats stats{};
  std::vector<uint32_t> upcall_pids;  // among which upcalls are spread by flow hash
  // Upcalls that were queued, and that were lost; since Linux 6.2.
  struct Upcalls {
    uint64_t success = 0, fail = 0;
  };
  std::optional<Upcalls> upcalls;
  base::ByteVector options;  // OVS_TUNNEL_ATTR_*, of tunnel types
};

struct VportConfig {
  std::string name;
  uint32_t type = OVS_VPORT_TYPE_NETDEV;
  std::optional<uint32_t> port_no{};    // the kernel chooses one without
  std::vector<uint32_t> upcall_pids{};  // none: the port's packets without a flow are dropped
  base::ByteVector options{};           // OVS_TUNNEL_ATTR_*, of tunnel types
};

class Vports {
 public:
  explicit Vports(socket::Client* client) : client_(client) {}

  // errno ENODEV when there is no such device or datapath, EBUSY when the device is taken (also by
  // another datapath), EEXIST when the port number or name is.
  absl::StatusOr<Vport> Add(int dp_ifindex, const VportConfig& config);
  // errno ENODEV when there is none. By name: in any datapath.
  absl::StatusOr<Vport> Get(std::string_view name);
  absl::StatusOr<Vport> Get(int dp_ifindex, uint32_t port_no);
  absl::StatusOr<std::vector<Vport>> List(int dp_ifindex);
  // More than one pid needs OVS_DP_F_VPORT_PIDS on the datapath. errno EINVAL for more pids than
  // there can be CPUs (newer kernels).
  absl::Status SetUpcallPids(int dp_ifindex, uint32_t port_no, std::span<const uint32_t> pids);
  absl::Status Delete(int dp_ifindex, uint32_t port_no);

 private:
  socket::Client* client_;
};

// A message of the family, also one of its multicast group. kDataLoss when it is malformed.
absl::StatusOr<Vport> ParseVport(const socket::Message& message);

// What OVS_VPORT_ATTR_OPTIONS says of a tunnel that is the module's own port type
// (OVS_VPORT_TYPE_VXLAN, _GENEVE, _GRE), for VportConfig::options and of Vport::options. The kernel
// makes and removes the device of such a port itself. What a newer kernel says is passed over.
//
//   vports.Add(dp.ifindex, {.name = "vxlan0", .type = OVS_VPORT_TYPE_VXLAN,
//                           .options = EncodeTunnelOptions({.dst_port = 4789})});
struct TunnelOptions {
  std::optional<uint16_t> dst_port{};  // UDP, host order; VXLAN and Geneve must have one
  bool gbp = false;                    // VXLAN: group policy
};
base::ByteVector EncodeTunnelOptions(const TunnelOptions& options);
TunnelOptions DecodeTunnelOptions(base::ByteView options);

// "netdev", "internal", "gre", "vxlan", "geneve"; "type 9" for one from a newer kernel.
std::string VportTypeName(uint32_t type);

}  // namespace sluice::ovs
