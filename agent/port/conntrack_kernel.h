// What a ConntrackKeeper asks of the kernel: a seam, so that tests can have a kernel that lacks
// things.
//
// NetlinkConntrackKernel is the real one. Not thread-safe; used by the daemon's main loop.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "netlink/conntrack/timeouts.h"
#include "netlink/ovs/ct_limit.h"
#include "netlink/socket/client.h"

namespace sluice::port {

// Errors are those of ovs::CtLimits and conntrack::Timeouts.
class ConntrackKernel {
 public:
  virtual ~ConntrackKernel() = default;
  virtual absl::StatusOr<std::vector<ovs::ZoneLimit>> GetLimits() = 0;
  virtual absl::Status SetLimits(std::span<const ovs::ZoneLimit> limits) = 0;
  virtual absl::Status DeleteLimits(std::span<const int> zones) = 0;
  virtual absl::StatusOr<std::vector<conntrack::TimeoutPolicy>> ListPolicies() = 0;
  virtual absl::Status PutPolicy(const conntrack::TimeoutPolicy& policy, bool replace) = 0;
  virtual absl::Status DeletePolicy(std::string_view name) = 0;
};

// Limits are of the network namespace: the kernel asks for a datapath, and takes any.
class NetlinkConntrackKernel final : public ConntrackKernel {
 public:
  NetlinkConntrackKernel(socket::Client generic, socket::Client netfilter)
      : generic_(std::move(generic)), netfilter_(std::move(netfilter)) {}

  absl::StatusOr<std::vector<ovs::ZoneLimit>> GetLimits() override {
    return ovs::CtLimits(&generic_).Get(0);
  }
  absl::Status SetLimits(std::span<const ovs::ZoneLimit> limits) override {
    return ovs::CtLimits(&generic_).Set(0, limits);
  }
  absl::Status DeleteLimits(std::span<const int> zones) override {
    return ovs::CtLimits(&generic_).Delete(0, zones);
  }
  absl::StatusOr<std::vector<conntrack::TimeoutPolicy>> ListPolicies() override {
    return conntrack::Timeouts(&netfilter_).List();
  }
  absl::Status PutPolicy(const conntrack::TimeoutPolicy& policy, bool replace) override {
    return conntrack::Timeouts(&netfilter_).Add(policy, replace);
  }
  absl::Status DeletePolicy(std::string_view name) override {
    return conntrack::Timeouts(&netfilter_).Delete(name);
  }

 private:
  socket::Client generic_, netfilter_;
};

}  // namespace sluice::port
