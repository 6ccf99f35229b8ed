// What a MeterKeeper asks of the kernel: a seam, so that tests can have a kernel without meters.
//
// NetlinkMeterKernel is the real one. Not thread-safe; used by the daemon's main loop.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "netlink/ovs/meter.h"
#include "netlink/socket/client.h"

namespace sluice::port {

// Errors are those of ovs::Meters.
class MeterKernel {
 public:
  virtual ~MeterKernel() = default;
  virtual absl::StatusOr<ovs::MeterFeatures> GetFeatures(int dp_ifindex) = 0;
  virtual absl::StatusOr<std::vector<ovs::Meter>> List(int dp_ifindex, uint32_t first,
                                                       uint32_t last) = 0;
  virtual absl::StatusOr<ovs::Meter> Get(int dp_ifindex, uint32_t id) = 0;
  virtual absl::Status Set(int dp_ifindex, const ovs::MeterConfig& config) = 0;
  virtual absl::Status Delete(int dp_ifindex, uint32_t id) = 0;
};

class NetlinkMeterKernel final : public MeterKernel {
 public:
  explicit NetlinkMeterKernel(socket::Client client) : client_(std::move(client)) {}

  absl::StatusOr<ovs::MeterFeatures> GetFeatures(int dp_ifindex) override {
    return ovs::Meters(&client_).GetFeatures(dp_ifindex);
  }
  absl::StatusOr<std::vector<ovs::Meter>> List(int dp_ifindex, uint32_t first,
                                               uint32_t last) override {
    return ovs::Meters(&client_).List(dp_ifindex, first, last);
  }
  absl::StatusOr<ovs::Meter> Get(int dp_ifindex, uint32_t id) override {
    return ovs::Meters(&client_).Get(dp_ifindex, id);
  }
  absl::Status Set(int dp_ifindex, const ovs::MeterConfig& config) override {
    return ovs::Meters(&client_).Set(dp_ifindex, config);
  }
  absl::Status Delete(int dp_ifindex, uint32_t id) override {
    return ovs::Meters(&client_).Delete(dp_ifindex, id).status();
  }

 private:
  socket::Client client_;
};

}  // namespace sluice::port
