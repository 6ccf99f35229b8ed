// Datapaths: the ovs_datapath family.
//
// Datapaths borrows a Client and is as thread-compatible as that. Looking (Get, List) sends GET and
// dump requests only and needs no privilege; the rest needs CAP_NET_ADMIN. Errors are those of
// socket::Client; kUnavailable when the module is not loaded.
//
//   Datapaths datapaths(&client);
//   SLUICE_ASSIGN_OR_RETURN(Datapath dp, datapaths.Create({.name = "br0"}));
//   SLUICE_RETURN_IF_ERROR(datapaths.ChangeFeatures(dp.ifindex, OVS_DP_F_VPORT_PIDS, 0));
#pragma once

#include <linux/openvswitch.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "netlink/socket/client.h"

namespace sluice::ovs {

struct Datapath {
  int ifindex = 0;  // of the local port's device: how requests name the datapath
  std::string name;
  uint32_t user_features = 0;  // OVS_DP_F_*
  ovs_dp_stats stats{};
  ovs_dp_megaflow_stats megaflow_stats{};
  std::optional<uint32_t> masks_cache_size;  // entries; since Linux 5.9
  std::vector<uint32_t> per_cpu_pids;  // port ids by CPU, as a SET gave them; not in GET replies
};

struct DatapathConfig {
  std::string name;  // at most 15 bytes; the local port's device gets it
  uint32_t user_features = OVS_DP_F_UNALIGNED;
  uint32_t upcall_pid = 0;               // of the local port; 0: no upcalls
  std::vector<uint32_t> per_cpu_pids{};  // with OVS_DP_F_DISPATCH_UPCALL_PER_CPU
  std::optional<uint32_t> masks_cache_size{};
  // The version that the request says it is of, in place of the family's. To the kernel anything
  // below 2 is a program of before features, for which it clears them (OVS_DP_VER_FEATURES).
  std::optional<uint32_t> interface_version{};
};

class Datapaths {
 public:
  explicit Datapaths(socket::Client* client) : client_(client) {}

  // errno EEXIST when the name is taken.
  absl::StatusOr<Datapath> Create(const DatapathConfig& config);
  // errno ENODEV when there is none.
  absl::StatusOr<Datapath> Get(std::string_view name);
  absl::StatusOr<Datapath> Get(int ifindex);
  absl::StatusOr<std::vector<Datapath>> List();

  // The kernel takes a SET without features for "no features", so each of these first reads the
  // current ones and sends them along.
  // Sets and clears bits of OVS_DP_F_*, leaving the others; the features after that.
  absl::StatusOr<uint32_t> ChangeFeatures(int ifindex, uint32_t set, uint32_t clear);
  // `pids[cpu]` gets the upcalls of that CPU; turns per-CPU dispatch on. It must cover the highest
  // CPU.
  absl::Status SetPerCpuPids(int ifindex, std::span<const uint32_t> pids);
  // A power of two; newer kernels refuse others, older ones round up. The size after that.
  absl::StatusOr<uint32_t> SetMasksCacheSize(int ifindex, uint32_t entries);

  // Its ports and flows go with it.
  absl::Status Delete(int ifindex);

 private:
  socket::Client* client_;
};

// A message of the family, also one of its multicast group. kDataLoss when it is malformed.
absl::StatusOr<Datapath> ParseDatapath(const socket::Message& message);

}  // namespace sluice::ovs
