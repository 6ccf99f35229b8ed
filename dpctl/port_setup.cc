#include "dpctl/port_setup.h"

#include <linux/openvswitch.h>

#include <algorithm>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "dpctl/failure.h"
#include "dpctl/port_config.h"
#include "netlink/base/status.h"
#include "netlink/route/links.h"
#include "netlink/route/tunnel_devices.h"

namespace sluice::dpctl {
namespace {

absl::Status DeleteDevice(int ifindex) {
  SLUICE_ASSIGN_OR_RETURN(route::TunnelDevices tunnels, route::TunnelDevices::Open());
  const absl::Status status = tunnels.Delete(ifindex);
  return base::ErrnoOf(status) == ENODEV ? absl::OkStatus() : status;
}

absl::Status NoDeviceHint(const PortPlan& plan, absl::Status status) {
  if (base::ErrnoOf(status) != ENODEV) return status;
  if (plan.type->name == "tap")
    return WithHint(std::move(status),
                    absl::StrCat("make it first: ip tuntap add ", plan.name, " mode tap"));
  const route::TunnelKindInfo* kind = route::TunnelKindOfDevice(plan.name);
  if (plan.type->tunnel || kind == nullptr) return status;
  return WithHint(std::move(status),
                  absl::StrCat("with type=", base::ToAbsl(kind->name), " the device is made"));
}

class PortAdder {
 public:
  PortAdder(Session* session, socket::Client* client, const ovs::Datapath& datapath)
      : session_(session), vports_(client), datapath_(datapath) {}

  absl::Status Add(const PortPlan& plan);
  // Removes what was added, and says so where it cannot.
  absl::Status TakeBack(absl::Status status);
  std::vector<AddedPort>& added() { return added_; }

 private:
  // The device of a tunnel; what was made, so that it can be taken back.
  absl::Status MakeDevice(const PortPlan& plan);
  absl::Status SetLink(const PortPlan& plan, const ovs::Vport& port);

  Session* session_;
  ovs::Vports vports_;
  const ovs::Datapath& datapath_;
  std::vector<AddedPort> added_;
  int made_ = 0;  // a device that is no port yet
};

absl::Status PortAdder::MakeDevice(const PortPlan& plan) {
  SLUICE_ASSIGN_OR_RETURN(route::TunnelDevices tunnels, route::TunnelDevices::Open());
  SLUICE_ASSIGN_OR_RETURN(const route::TunnelMade made, tunnels.Ensure(plan.settings.tunnel));
  if (made.made) made_ = made.device.ifindex;
  if (made.retries > 0)
    Session::Warn(absl::StrCat(plan.device, ": its UDP port was in use a while: it took ",
                               made.retries + 1, " tries")
                      .c_str());
  return absl::OkStatus();
}

absl::Status PortAdder::SetLink(const PortPlan& plan, const ovs::Vport& port) {
  SLUICE_ASSIGN_OR_RETURN(route::Links links, route::Links::Open());
  int ifindex = port.ifindex;
  if (ifindex == 0) {  // kernels before 4.15 do not tell
    SLUICE_ASSIGN_OR_RETURN(const route::Link link, links.Get(port.name));
    ifindex = link.ifindex;
  }
  if (!plan.type->tunnel && plan.settings.mtu)
    SLUICE_RETURN_IF_ERROR(Failed(absl::StrCat("setting the MTU of ", plan.name),
                                  links.SetMtu(ifindex, *plan.settings.mtu)));
  return Failed(absl::StrCat("bringing ", plan.name, " up"), links.SetUp(ifindex, true));
}

absl::Status PortAdder::Add(const PortPlan& plan) {
  const std::string what = absl::StrCat("adding ", plan.name, " to ", datapath_.name);
  made_ = 0;
  if (plan.type->tunnel)
    if (const absl::Status status = MakeDevice(plan); !status.ok()) return Failed(what, status);
  auto vport = vports_.Add(
      datapath_.ifindex, {.name = plan.device, .type = plan.type->vport, .port_no = plan.port_no});
  if (!vport.ok()) return NoDeviceHint(plan, Failed(what, vport.status()));
  added_.push_back({*std::move(vport), &plan, made_});
  made_ = 0;
  if (!plan.type->tunnel) SLUICE_RETURN_IF_ERROR(SetLink(plan, added_.back().port));
  for (const std::string& note : plan.settings.notes)
    Session::Warn(absl::StrCat(plan.name, ": ", note));
  if (plan.device != plan.name && !session_->options().json)
    Session::Warn(absl::StrCat(plan.name, ": the port is called ", plan.device));
  return absl::OkStatus();
}

absl::Status PortAdder::TakeBack(absl::Status status) {
  if (made_ != 0 && !DeleteDevice(made_).ok())
    status = WithHint(status, "the tunnel device was made and is still there");
  for (const AddedPort& one : added_) {
    const absl::Status undone = vports_.Delete(datapath_.ifindex, one.port.port_no);
    if (!undone.ok() && base::ErrnoOf(undone) != ENODEV)
      status = WithHint(status,
                        absl::StrCat("port ", one.port.port_no, " was added and is still there"));
    if (one.made_ifindex != 0 && !DeleteDevice(one.made_ifindex).ok())
      status =
          WithHint(status, absl::StrCat("device ", one.port.name, " was made and is still there"));
  }
  return status;
}

}  // namespace

absl::StatusOr<std::vector<AddedPort>> AddPorts(Session* session, const ovs::Datapath& datapath,
                                                const std::vector<PortPlan>& plans) {
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  PortAdder adder(session, client, datapath);
  for (const PortPlan& plan : plans)
    if (const absl::Status status = adder.Add(plan); !status.ok()) return adder.TakeBack(status);
  return std::move(adder.added());
}

DoomedDevices DoomedDevices::Of(const std::vector<ovs::Vport>& ports) {
  DoomedDevices doomed;
  const PortConfigs configs = PortConfigs::Read(ports);
  for (const ovs::Vport& port : ports)
    if (const PortConfig config = configs.Of(port); config.device)
      doomed.devices_.push_back({port.name, config.device->ifindex});
  return doomed;
}

absl::Status DoomedDevices::Delete(const ovs::Vport& port) {
  const auto device = std::find_if(devices_.begin(), devices_.end(),
                                   [&](const Device& d) { return d.name == port.name; });
  if (device == devices_.end()) return absl::OkStatus();
  return Failed(absl::StrCat("deleting device ", port.name), DeleteDevice(device->ifindex));
}

absl::Status DoomedDevices::DeleteAll() {
  absl::Status first;
  for (const Device& device : devices_)
    first.Update(
        Failed(absl::StrCat("deleting device ", device.name), DeleteDevice(device.ifindex)));
  return first;
}

}  // namespace sluice::dpctl
