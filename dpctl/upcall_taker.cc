#include <linux/openvswitch.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "absl/strings/str_cat.h"
#include "dpctl/failure.h"
#include "dpctl/follow.h"
#include "dpctl/upcall_socket.h"
#include "dpctl/upcall_source.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

bool PerCpu(const ovs::Datapath& datapath) {
  return (datapath.user_features & OVS_DP_F_DISPATCH_UPCALL_PER_CPU) != 0;
}

class Taker final : public UpcallSource {
 public:
  Taker(socket::Client* client, int dp_ifindex, UpcallSocket socket)
      : client_(client), dp_ifindex_(dp_ifindex), socket_(std::move(socket)) {}
  Taker(const Taker&) = delete;
  Taker& operator=(const Taker&) = delete;
  ~Taker() override { End().IgnoreError(); }

  absl::Status TakeCpus(const ovs::Datapath& datapath) {
    const auto cpus = static_cast<size_t>(std::max(1L, ::sysconf(_SC_NPROCESSORS_CONF)));
    const std::vector<uint32_t> own(std::max(cpus, datapath.per_cpu_pids.size()), socket_.pid());
    cpus_before_ = datapath.per_cpu_pids;
    absl::Status taken = ovs::Datapaths(client_).SetPerCpuPids(dp_ifindex_, own);
    if (!taken.ok()) cpus_before_.clear();
    return Failed("taking the upcalls of all CPUs", taken);
  }

  // What was taken before a failure is given back.
  absl::Status TakePorts(std::vector<ovs::Vport> ports) {
    for (ovs::Vport& port : ports) {
      const absl::Status taken =
          ovs::Vports(client_).SetUpcallPids(dp_ifindex_, port.port_no, {{socket_.pid()}});
      if (!taken.ok()) return Failed(absl::StrCat("taking the upcalls of ", port.name), taken);
      ports_before_.push_back(std::move(port));
    }
    return absl::OkStatus();
  }

  int fd() const override { return socket_.fd(); }
  absl::Status Receive(Take take) override {
    const uint64_t now = WallClockNs();
    return socket_.Receive([&](const socket::Message& message) { take(message, now); });
  }
  std::string Lost() override {
    if (socket_.overruns() == 0) return {};
    return absl::StrCat("upcalls came too fast to be taken, ", socket_.overruns(), " times");
  }
  absl::Status End() override {
    absl::Status status = GiveBackCpus();
    for (const ovs::Vport& port : ports_before_) status.Update(GiveBack(port));
    ports_before_.clear();
    return status;
  }

 private:
  absl::Status GiveBackCpus() {
    if (cpus_before_.empty()) return absl::OkStatus();
    const std::vector<uint32_t> before = std::exchange(cpus_before_, {});
    const auto now = ovs::Datapaths(client_).Get(dp_ifindex_);
    if (base::ErrnoOf(now.status()) == ENODEV) return absl::OkStatus();
    if (now.ok() && (now->per_cpu_pids.empty() || now->per_cpu_pids[0] != socket_.pid()))
      return absl::OkStatus();
    return Failed("giving the upcalls of all CPUs back",
                  ovs::Datapaths(client_).SetPerCpuPids(dp_ifindex_, before));
  }
  absl::Status GiveBack(const ovs::Vport& port) {
    ovs::Vports vports(client_);
    const auto now = vports.Get(dp_ifindex_, port.port_no);
    if (base::ErrnoOf(now.status()) == ENODEV) return absl::OkStatus();
    if (now.ok() && now->upcall_pids != std::vector<uint32_t>{socket_.pid()})
      return absl::OkStatus();
    // To the kernel, nobody is netlink port 0.
    std::vector<uint32_t> before = port.upcall_pids;
    if (before.empty()) before.push_back(0);
    return Failed(absl::StrCat("giving the upcalls of ", port.name, " back"),
                  vports.SetUpcallPids(dp_ifindex_, port.port_no, before));
  }

  socket::Client* client_;
  int dp_ifindex_;
  UpcallSocket socket_;
  std::vector<uint32_t> cpus_before_;
  std::vector<ovs::Vport> ports_before_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<UpcallSource>> TakeUpcalls(Session* session,
                                                          const ovs::Datapath& datapath,
                                                          std::vector<ovs::Vport> ports) {
  if (PerCpu(datapath) && datapath.per_cpu_pids.empty())
    return Failed(absl::StrCat("taking the upcalls of ", datapath.name),
                  absl::FailedPreconditionError(
                      "they go to sockets by CPU, and this kernel does not tell to which: they "
                      "could not be given back"));
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  SLUICE_ASSIGN_OR_RETURN(UpcallSocket socket, UpcallSocket::Open());
  auto taker = std::make_unique<Taker>(client, datapath.ifindex, std::move(socket));
  if (PerCpu(datapath))
    SLUICE_RETURN_IF_ERROR(taker->TakeCpus(datapath));
  else
    SLUICE_RETURN_IF_ERROR(taker->TakePorts(std::move(ports)));
  return taker;
}

}  // namespace sluice::dpctl
