#include "netlink/socket/family.h"

#include <linux/genetlink.h>

#include <algorithm>

#include "netlink/attr/wire.h"

namespace sluice::socket {
namespace {

using attr::Attribute;
using attr::AttributeWalk;
using base::ByteView;

std::string TextOf(ByteView payload) {
  return {payload.begin(), std::find(payload.begin(), payload.end(), uint8_t{0})};
}

// 0 when the payload has another size.
template <typename T>
T NumberOf(ByteView payload) {
  return payload.size() == sizeof(T) ? base::Load<T>(payload.data()) : T{0};
}

void TakeGroups(ByteView list, Family* family) {
  for (const Attribute& entry : AttributeWalk(list)) {
    MulticastGroup group;
    group.name = TextOf(attr::Find(entry.payload, CTRL_ATTR_MCAST_GRP_NAME));
    group.id = NumberOf<uint32_t>(attr::Find(entry.payload, CTRL_ATTR_MCAST_GRP_ID));
    if (!group.name.empty() && group.id != 0) family->groups.push_back(std::move(group));
  }
}

void TakeOperations(ByteView list, Family* family) {
  for (const Attribute& entry : AttributeWalk(list))
    family->operations.push_back(
        {NumberOf<uint32_t>(attr::Find(entry.payload, CTRL_ATTR_OP_ID)),
         NumberOf<uint32_t>(attr::Find(entry.payload, CTRL_ATTR_OP_FLAGS))});
}

}  // namespace

std::optional<uint32_t> Family::GroupId(std::string_view group) const {
  for (const MulticastGroup& candidate : groups)
    if (candidate.name == group) return candidate.id;
  return std::nullopt;
}

absl::StatusOr<Family> ParseFamily(ByteView attributes) {
  Family family;
  for (const Attribute& attribute : AttributeWalk(attributes)) {
    switch (attribute.type) {
      case CTRL_ATTR_FAMILY_NAME:
        family.name = TextOf(attribute.payload);
        break;
      case CTRL_ATTR_FAMILY_ID:
        family.id = NumberOf<uint16_t>(attribute.payload);
        break;
      case CTRL_ATTR_VERSION:
        family.version = NumberOf<uint32_t>(attribute.payload);
        break;
      case CTRL_ATTR_HDRSIZE:
        family.header_size = NumberOf<uint32_t>(attribute.payload);
        break;
      case CTRL_ATTR_MAXATTR:
        family.max_attribute = NumberOf<uint32_t>(attribute.payload);
        break;
      case CTRL_ATTR_OPS:
        TakeOperations(attribute.payload, &family);
        break;
      case CTRL_ATTR_MCAST_GROUPS:
        TakeGroups(attribute.payload, &family);
        break;
      default:
        break;
    }
  }
  // A header longer than a page is nonsense, and would be believed when requests are built.
  if (family.name.empty() || family.id < NLMSG_MIN_TYPE || family.header_size > 4096)
    return absl::DataLossError("malformed description of a generic netlink family");
  return family;
}

}  // namespace sluice::socket
