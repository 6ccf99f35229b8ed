// How the kernel spreads upcalls over our sockets, and keeping it so.
//
// Two ways. Per CPU (Linux 5.15): the datapath has an array of port ids by CPU. Per port: each port
// has an array of port ids, over which the kernel spreads by flow hash; a hashed handler pool for
// older kernels. Either is state of the kernel that other programs change (ovs-dpctl show does):
// Apply() sets it, again and again if need be.
//
// A port can be cut off: the kernel drops its packets that match no flow, by a port id of 0, and
// counts them as lost; its flows forward on. As only dispatch per port can do that, a datapath with
// such a port is switched to it meanwhile, whatever the mode. Why so, and not by a flow that drops:
// docs/decisions/0009.
//
// Used by one thread.
#pragma once

#include <cstdint>
#include <set>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/upcall/port_ledger.h"
#include "netlink/ovs/datapath.h"
#include "netlink/socket/client.h"

namespace sluice::upcall {

enum class DispatchMode { kPerCpu, kPerPort };
std::string_view ToString(DispatchMode mode);

class Dispatch {
 public:
  // `pids`: the handlers' port ids, at least one. `cpus`: how many CPUs there can be;
  // PossibleCpus().
  Dispatch(DispatchMode mode, std::vector<uint32_t> pids, unsigned cpus)
      : mode_(mode), pids_(std::move(pids)), cpus_(cpus) {}

  DispatchMode mode() const { return mode_; }

  // Sets the features of the datapath, without clearing any that are not about dispatch, and in
  // per-CPU mode its pids. errno EOPNOTSUPP when the kernel does not know the mode.
  absl::Status Apply(socket::Client* client, int dp_ifindex) const;
  // Gives the pids to ports that exist already.
  absl::Status ApplyToPorts(socket::Client* client, int dp_ifindex) const;
  // The pids to create a port with: as many as there can be CPUs, since newer kernels (and stable
  // ones that were fixed) refuse more with EINVAL. In per-CPU mode the kernel does not use them,
  // but it would if another program turned that mode off: so they are never empty.
  std::vector<uint32_t> PidsForPort() const;
  // Those of a port that is there: the same, unless it is cut off.
  std::vector<uint32_t> PidsOf(const PortId& port) const;

  // Says it only: PidsOf() and then Apply() tell the kernel.
  void SetCutOff(const PortId& port, bool cut_off);
  bool HasCutOff(int dp_ifindex) const;

  // Whether the features are as Apply() leaves them.
  bool IsInForce(const ovs::Datapath& datapath) const;

 private:
  DispatchMode mode_;
  std::vector<uint32_t> pids_;
  unsigned cpus_;
  std::set<PortId> cut_off_;
};

// The highest CPU number that this machine can ever have, plus one.
unsigned PossibleCpus();

}  // namespace sluice::upcall
