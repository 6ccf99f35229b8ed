// What a PortManager asks of the kernel: a seam, so that tests can have it refuse what a real one
// refuses only by accident.
//
// NetlinkPortKernel is the real one. Not thread-safe; used by the daemon's main loop.
#pragma once

#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/upcall/dispatch.h"
#include "netlink/ovs/datapath.h"
#include "netlink/ovs/vport.h"
#include "netlink/route/links.h"
#include "netlink/route/routes.h"
#include "netlink/route/tunnel_devices.h"
#include "netlink/socket/client.h"

namespace sluice::port {

// Errors are those of ovs::Datapaths, ovs::Vports, route::Links and route::TunnelDevices.
class PortKernel {
 public:
  virtual ~PortKernel() = default;

  virtual absl::StatusOr<ovs::Datapath> GetDatapath(std::string_view name) = 0;
  virtual absl::StatusOr<ovs::Datapath> CreateDatapath(const ovs::DatapathConfig& config) = 0;
  virtual absl::Status DeleteDatapath(int dp_ifindex) = 0;
  // Has the kernel send the datapath's upcalls to our handlers.
  virtual absl::Status ApplyDispatch(int dp_ifindex) = 0;
  virtual bool IsDispatchInForce(const ovs::Datapath& datapath) const = 0;
  virtual std::vector<uint32_t> PidsForPort() const = 0;
  virtual std::vector<uint32_t> PidsOf(int dp_ifindex, uint32_t port_no) const = 0;

  virtual absl::StatusOr<std::vector<ovs::Vport>> ListPorts(int dp_ifindex) = 0;
  virtual absl::StatusOr<ovs::Vport> AddPort(int dp_ifindex, const ovs::VportConfig& config) = 0;
  virtual absl::Status SetUpcallPids(int dp_ifindex, uint32_t port_no,
                                     std::span<const uint32_t> pids) = 0;
  virtual absl::Status DeletePort(int dp_ifindex, uint32_t port_no) = 0;

  virtual absl::Status SetLinkUp(int ifindex) = 0;
  // The device, as it is there or made; does not wait for a UDP port that is still in use.
  virtual absl::StatusOr<route::TunnelMade> EnsureTunnel(const route::TunnelSpec& spec) = 0;
  // The way to a tunnel's remote end, which has one address: see route::Routes.
  virtual absl::StatusOr<route::Route> RouteTo(const route::RouteQuery&) {
    return absl::UnimplementedError("routes");
  }
  // Only a device that could have been made by EnsureTunnel(); no error when there is none.
  virtual absl::Status RemoveTunnel(std::string_view device) = 0;
};

class NetlinkPortKernel final : public PortKernel {
 public:
  // `dispatch` outlives it.
  static absl::StatusOr<std::unique_ptr<NetlinkPortKernel>> Open(const upcall::Dispatch* dispatch);

  // The netlink port id of the socket that changes things: events about our own doing carry it.
  uint32_t port_id() const { return client_.transport().port_id(); }
  absl::StatusOr<std::vector<route::Link>> ListLinks() { return links_.List(); }

  absl::StatusOr<ovs::Datapath> GetDatapath(std::string_view name) override;
  absl::StatusOr<ovs::Datapath> CreateDatapath(const ovs::DatapathConfig& config) override;
  absl::Status DeleteDatapath(int dp_ifindex) override;
  absl::Status ApplyDispatch(int dp_ifindex) override;
  bool IsDispatchInForce(const ovs::Datapath& datapath) const override;
  std::vector<uint32_t> PidsForPort() const override;
  std::vector<uint32_t> PidsOf(int dp_ifindex, uint32_t port_no) const override;
  absl::StatusOr<std::vector<ovs::Vport>> ListPorts(int dp_ifindex) override;
  absl::StatusOr<ovs::Vport> AddPort(int dp_ifindex, const ovs::VportConfig& config) override;
  absl::Status SetUpcallPids(int dp_ifindex, uint32_t port_no,
                             std::span<const uint32_t> pids) override;
  absl::Status DeletePort(int dp_ifindex, uint32_t port_no) override;
  absl::Status SetLinkUp(int ifindex) override;
  absl::StatusOr<route::TunnelMade> EnsureTunnel(const route::TunnelSpec& spec) override;
  absl::Status RemoveTunnel(std::string_view device) override;
  absl::StatusOr<route::Route> RouteTo(const route::RouteQuery& query) override;

 private:
  NetlinkPortKernel(const upcall::Dispatch* dispatch, socket::Client client, route::Links links,
                    route::TunnelDevices tunnels, route::Routes routes)
      : dispatch_(dispatch),
        client_(std::move(client)),
        links_(std::move(links)),
        tunnels_(std::move(tunnels)),
        routes_(std::move(routes)) {}

  const upcall::Dispatch* const dispatch_;
  socket::Client client_;
  route::Links links_;
  route::TunnelDevices tunnels_;
  route::Routes routes_;
};

}  // namespace sluice::port
