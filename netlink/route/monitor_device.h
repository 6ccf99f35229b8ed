// A device that mirrors the netlink messages of its network namespace (nlmon, Linux 3.11), made to
// look at them and removed afterwards. socket::MirrorSocket reads what it mirrors.
//
// Move-only RAII; thread-compatible; lives in the network namespace of the thread that made it,
// and needs CAP_NET_ADMIN there. What it mirrors still goes to whom it was meant for. A program
// that is killed leaves the device behind: `ip link del NAME`.
//
//   SLUICE_ASSIGN_OR_RETURN(MonitorDevice device, MonitorDevice::Create("listen42"));
//   SLUICE_ASSIGN_OR_RETURN(auto mirror, socket::MirrorSocket::Open(device.ifindex(), filter));
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "netlink/socket/client.h"

namespace sluice::route {

class MonitorDevice {
 public:
  // Made and up. kUnimplemented when the kernel has no such devices; errno EEXIST when the name
  // is taken.
  static absl::StatusOr<MonitorDevice> Create(std::string_view name);

  MonitorDevice(MonitorDevice&& other) noexcept
      : client_(std::move(other.client_)), ifindex_(std::exchange(other.ifindex_, 0)) {}
  MonitorDevice& operator=(MonitorDevice&&) = delete;
  ~MonitorDevice();

  int ifindex() const { return ifindex_; }
  // OK too when somebody has removed it.
  absl::Status Remove();

 private:
  explicit MonitorDevice(socket::Client client) : client_(std::move(client)) {}

  socket::Client client_;
  int ifindex_ = 0;  // 0: there is none
};

}  // namespace sluice::route
