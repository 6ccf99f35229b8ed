#include "agent/upcall/dispatch.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

#include "absl/strings/numbers.h"
#include "netlink/base/status.h"
#include "netlink/ovs/vport.h"

namespace sluice::upcall {

std::string_view ToString(DispatchMode mode) {
  return mode == DispatchMode::kPerCpu ? "per-cpu" : "per-port";
}

absl::Status Dispatch::Apply(socket::Client* client, int dp_ifindex) const {
  ovs::Datapaths datapaths(client);
  if (mode_ == DispatchMode::kPerPort || HasCutOff(dp_ifindex))
    return datapaths
        .ChangeFeatures(dp_ifindex, OVS_DP_F_VPORT_PIDS, OVS_DP_F_DISPATCH_UPCALL_PER_CPU)
        .status();
  std::vector<uint32_t> by_cpu(cpus_);
  for (unsigned cpu = 0; cpu < cpus_; ++cpu) by_cpu[cpu] = pids_[cpu % pids_.size()];
  SLUICE_RETURN_IF_ERROR(datapaths.ChangeFeatures(dp_ifindex, OVS_DP_F_VPORT_PIDS, 0).status());
  return datapaths.SetPerCpuPids(dp_ifindex, by_cpu);
}

std::vector<uint32_t> Dispatch::PidsForPort() const {
  const size_t count = std::min<size_t>(pids_.size(), std::max(cpus_, 1u));
  return {pids_.begin(), pids_.begin() + static_cast<ptrdiff_t>(count)};
}

std::vector<uint32_t> Dispatch::PidsOf(const PortId& port) const {
  return cut_off_.contains(port) ? std::vector<uint32_t>{0} : PidsForPort();
}

void Dispatch::SetCutOff(const PortId& port, bool cut_off) {
  if (cut_off) {
    cut_off_.insert(port);
  } else {
    cut_off_.erase(port);
  }
}

bool Dispatch::HasCutOff(int dp_ifindex) const {
  const auto first = cut_off_.lower_bound({dp_ifindex, 0});
  return first != cut_off_.end() && first->dp_ifindex == dp_ifindex;
}

absl::Status Dispatch::ApplyToPorts(socket::Client* client, int dp_ifindex) const {
  ovs::Vports vports(client);
  SLUICE_ASSIGN_OR_RETURN(const std::vector<ovs::Vport> ports, vports.List(dp_ifindex));
  for (const ovs::Vport& port : ports) {
    const absl::Status status =
        vports.SetUpcallPids(dp_ifindex, port.port_no, PidsOf({dp_ifindex, port.port_no}));
    // A port that went meanwhile needs no pids.
    if (!status.ok() && base::ErrnoOf(status) != ENODEV)
      return base::Annotate(status, "port " + port.name);
  }
  return absl::OkStatus();
}

bool Dispatch::IsInForce(const ovs::Datapath& datapath) const {
  const bool per_cpu = (datapath.user_features & OVS_DP_F_DISPATCH_UPCALL_PER_CPU) != 0;
  const bool per_port = (datapath.user_features & OVS_DP_F_VPORT_PIDS) != 0;
  const bool wants_per_cpu = mode_ == DispatchMode::kPerCpu && !HasCutOff(datapath.ifindex);
  return wants_per_cpu ? per_cpu : per_port && !per_cpu;
}

unsigned PossibleCpus() {
  // "0-7": the last number is the highest CPU.
  std::ifstream file("/sys/devices/system/cpu/possible");
  std::string text;
  unsigned highest = 0;
  if (std::getline(file, text)) {
    const size_t at = text.find_last_of("-,");
    if (absl::SimpleAtoi(text.substr(at == std::string::npos ? 0 : at + 1), &highest))
      return highest + 1;
  }
  return static_cast<unsigned>(std::max(1L, sysconf(_SC_NPROCESSORS_CONF)));
}

}  // namespace sluice::upcall
