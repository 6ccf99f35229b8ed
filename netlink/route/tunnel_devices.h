// Tunnel devices for ports of datapaths, made, looked at and removed by route netlink.
//
// A device that was removed a moment ago may hold its UDP port a little longer: making one anew
// then fails with EADDRINUSE, and is tried again, within TunnelRetry and counted
// (`route_tunnel_address_retries`). The kernel makes a device and brings it up, or does neither.
//
// Thread-compatible; works in the network namespace of the thread that opened it. Looking needs no
// privilege, the rest CAP_NET_ADMIN. Waits for as long as TunnelRetry says: not for threads that
// must go on.
//
//   SLUICE_ASSIGN_OR_RETURN(TunnelDevices tunnels, TunnelDevices::Open());
//   SLUICE_ASSIGN_OR_RETURN(TunnelMade made, tunnels.Ensure({.kind = TunnelKind::kGeneve}));
//   vports.Add(dp.ifindex, {.name = made.device.spec.name});
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "netlink/route/tunnel_kinds.h"
#include "netlink/socket/client.h"

namespace sluice::route {

// How long an address may stay in use. `wait` is a seam for tests.
struct TunnelRetry {
  int tries = 40;
  std::chrono::milliseconds pause{50};
  std::function<void(std::chrono::milliseconds)> wait{};  // without: the thread sleeps
};

struct TunnelMade {
  TunnelDevice device;
  bool made = false;  // false: it was there, fitting, and was taken over
  int retries = 0;    // times that the address was in use
};

class TunnelDevices {
 public:
  static absl::StatusOr<TunnelDevices> Open(const TunnelRetry& retry = {});
  explicit TunnelDevices(socket::Client client, TunnelRetry retry = {})
      : client_(std::move(client)), retry_(std::move(retry)) {}

  // The device that `spec` describes, up: one of that name which is there and fits, else a new one.
  // When it fails nothing is left behind. Beside the errors of socket::Client:
  //   kAlreadyExists      a device of that name does not fit, another has what this one needs, or
  //                       the UDP port stayed in use; the text says which
  //   kUnimplemented      the kernel has no such devices (their module is not there), or none with
  //                       these settings
  absl::StatusOr<TunnelMade> Ensure(const TunnelSpec& spec);

  // errno ENODEV when there is none; kFailedPrecondition when it is of none of the kinds.
  absl::StatusOr<TunnelDevice> Get(std::string_view name);
  // All devices of the kinds, also those that collect no metadata.
  absl::StatusOr<std::vector<TunnelDevice>> List();
  absl::Status SetMtu(int ifindex, uint32_t mtu);
  absl::Status Delete(int ifindex);

 private:
  absl::Status Create(const TunnelSpec& spec, std::optional<uint32_t> mtu, int* retries);
  absl::StatusOr<TunnelMade> Check(const TunnelSpec& spec, int retries);
  absl::StatusOr<TunnelMade> TakeOver(TunnelDevice device, const TunnelSpec& spec);
  // Why the kernel would not make it, with the name of the device that is in the way.
  absl::Status Explain(const TunnelSpec& spec, const absl::Status& status);
  absl::Status Change(int ifindex, bool up, std::optional<uint32_t> mtu, std::string_view label);

  socket::Client client_;
  TunnelRetry retry_;
};

}  // namespace sluice::route
