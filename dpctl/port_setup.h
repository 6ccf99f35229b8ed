// Ports made and unmade, with the devices that go with them.
//
// A tunnel is a device that is made and becomes a port under the device's name: "vxlan_sys_4789".
// Such a device goes with its port. The kernel itself turns large receive offload off on a device
// that becomes a port.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dpctl/port_argument.h"
#include "dpctl/session.h"
#include "netlink/ovs/vport.h"

namespace sluice::dpctl {

struct AddedPort {
  ovs::Vport port;
  const PortPlan* plan;
  int made_ifindex = 0;  // of the tunnel device that was made; 0: none was
};

// Adds the ports and brings their devices up. When one cannot be added, those that were are removed
// again, and devices that were made. Warns of options that say nothing.
absl::StatusOr<std::vector<AddedPort>> AddPorts(Session* session, const ovs::Datapath& datapath,
                                                const std::vector<PortPlan>& plans);

// The tunnel devices among the ports that go with them: those of a name that only ports have.
// Look before deleting the ports, delete after it.
class DoomedDevices {
 public:
  static DoomedDevices Of(const std::vector<ovs::Vport>& ports);
  // Deletes that of a port; OK when it has none.
  absl::Status Delete(const ovs::Vport& port);
  absl::Status DeleteAll();

 private:
  struct Device {
    std::string name;
    int ifindex;
  };
  std::vector<Device> devices_;
};

}  // namespace sluice::dpctl
