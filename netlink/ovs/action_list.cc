#include "netlink/ovs/action_list.h"

#include "netlink/base/byte_order.h"

namespace sluice::ovs {

void ActionList::PushVlan(uint16_t tpid, uint16_t tci) {
  Out().Put(OVS_ACTION_ATTR_PUSH_VLAN, ovs_action_push_vlan{base::Be16::FromHost(tpid).wire(),
                                                            base::Be16::FromHost(tci).wire()});
}

void ActionList::Userspace(uint32_t pid, base::ByteView userdata) {
  auto nest = Nest(OVS_ACTION_ATTR_USERSPACE);
  Out().Put(OVS_USERSPACE_ATTR_PID, pid);
  if (!userdata.empty()) Out().Put(OVS_USERSPACE_ATTR_USERDATA, userdata);
}

}  // namespace sluice::ovs
