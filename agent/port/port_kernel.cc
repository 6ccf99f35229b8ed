#include "agent/port/port_kernel.h"

#include <cerrno>

#include "absl/memory/memory.h"
#include "netlink/base/status.h"

namespace sluice::port {

absl::StatusOr<std::unique_ptr<NetlinkPortKernel>> NetlinkPortKernel::Open(
    const upcall::Dispatch* dispatch) {
  SLUICE_ASSIGN_OR_RETURN(socket::Client client, socket::Client::Open(NETLINK_GENERIC));
  SLUICE_ASSIGN_OR_RETURN(route::Links links, route::Links::Open());
  // The main loop has no time to wait: PortManager tries again.
  SLUICE_ASSIGN_OR_RETURN(route::TunnelDevices tunnels, route::TunnelDevices::Open({.tries = 1}));
  SLUICE_ASSIGN_OR_RETURN(route::Routes routes, route::Routes::Open());
  return absl::WrapUnique(new NetlinkPortKernel(dispatch, std::move(client), std::move(links),
                                                std::move(tunnels), std::move(routes)));
}

absl::StatusOr<ovs::Datapath> NetlinkPortKernel::GetDatapath(std::string_view name) {
  return ovs::Datapaths(&client_).Get(name);
}

absl::StatusOr<ovs::Datapath> NetlinkPortKernel::CreateDatapath(const ovs::DatapathConfig& config) {
  return ovs::Datapaths(&client_).Create(config);
}

absl::Status NetlinkPortKernel::DeleteDatapath(int dp_ifindex) {
  return ovs::Datapaths(&client_).Delete(dp_ifindex);
}

absl::Status NetlinkPortKernel::ApplyDispatch(int dp_ifindex) {
  return dispatch_->Apply(&client_, dp_ifindex);
}

bool NetlinkPortKernel::IsDispatchInForce(const ovs::Datapath& datapath) const {
  return dispatch_->IsInForce(datapath);
}

std::vector<uint32_t> NetlinkPortKernel::PidsForPort() const { return dispatch_->PidsForPort(); }

std::vector<uint32_t> NetlinkPortKernel::PidsOf(int dp_ifindex, uint32_t port_no) const {
  return dispatch_->PidsOf({dp_ifindex, port_no});
}

absl::StatusOr<std::vector<ovs::Vport>> NetlinkPortKernel::ListPorts(int dp_ifindex) {
  return ovs::Vports(&client_).List(dp_ifindex);
}

absl::StatusOr<ovs::Vport> NetlinkPortKernel::AddPort(int dp_ifindex,
                                                      const ovs::VportConfig& config) {
  return ovs::Vports(&client_).Add(dp_ifindex, config);
}

absl::Status NetlinkPortKernel::SetUpcallPids(int dp_ifindex, uint32_t port_no,
                                              std::span<const uint32_t> pids) {
  return ovs::Vports(&client_).SetUpcallPids(dp_ifindex, port_no, pids);
}

absl::Status NetlinkPortKernel::DeletePort(int dp_ifindex, uint32_t port_no) {
  return ovs::Vports(&client_).Delete(dp_ifindex, port_no);
}

absl::Status NetlinkPortKernel::SetLinkUp(int ifindex) { return links_.SetUp(ifindex, true); }

absl::StatusOr<route::TunnelMade> NetlinkPortKernel::EnsureTunnel(const route::TunnelSpec& spec) {
  return tunnels_.Ensure(spec);
}

absl::StatusOr<route::Route> NetlinkPortKernel::RouteTo(const route::RouteQuery& query) {
  return routes_.Get(query);
}

absl::Status NetlinkPortKernel::RemoveTunnel(std::string_view device) {
  const absl::StatusOr<route::TunnelDevice> there = tunnels_.Get(device);
  if (base::ErrnoOf(there.status()) == ENODEV || absl::IsFailedPrecondition(there.status()))
    return absl::OkStatus();
  if (!there.ok()) return there.status();
  const bool ours = there->collects_metadata && route::TunnelKindOfDevice(device) != nullptr;
  if (!ours) return absl::OkStatus();
  const absl::Status status = tunnels_.Delete(there->ifindex);
  return base::ErrnoOf(status) == ENODEV ? absl::OkStatus() : status;
}

}  // namespace sluice::port
