#include "netlink/ovs/action_list.h"

#include <optional>

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

void ActionList::WrapFrom(size_t begin, uint16_t type) {
  const size_t length = attr::kAttributeHeaderSize + bytes_.size() - begin;
  const uint16_t header[] = {static_cast<uint16_t>(length), type};
  const auto at = bytes_.begin() + static_cast<ptrdiff_t>(begin);
  const base::ByteView inserted = base::AsBytes(header);
  bytes_.insert(at, inserted.begin(), inserted.end());
}

bool ActionList::UnwrapLast(uint16_t type) {
  std::optional<attr::Attribute> last;
  for (const attr::Attribute& attribute : attr::AttributeWalk(bytes_)) last = attribute;
  if (!last || last->type != type) return false;
  const auto at = bytes_.begin() + static_cast<ptrdiff_t>(last->offset);
  bytes_.erase(at, at + attr::kAttributeHeaderSize);
  return true;
}

}  // namespace sluice::ovs
