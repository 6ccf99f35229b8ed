// Generic netlink families: the number, header size and multicast groups behind a name.
//
// The kernel gives a family a number when its module is loaded, and another one after the module
// was unloaded and loaded again. Client::ResolveFamily() asks for it, caches it, and keeps it true.
//
//   std::optional<uint32_t> group = family.GroupId("ovs_vport");
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "netlink/base/bytes.h"

namespace sluice::socket {

struct MulticastGroup {
  std::string name;
  uint32_t id = 0;
};

struct FamilyOperation {
  uint32_t command = 0;
  uint32_t flags = 0;  // GENL_ADMIN_PERM, GENL_CMD_CAP_* of include/uapi/linux/genetlink.h
};

struct Family {
  std::string name;
  uint16_t id = 0;           // the nlmsg_type of its messages
  uint32_t version = 0;      // what requests put into genlmsghdr::version
  uint32_t header_size = 0;  // bytes between genlmsghdr and the attributes
  uint32_t max_attribute = 0;
  std::vector<MulticastGroup> groups;
  std::vector<FamilyOperation> operations;  // empty when the kernel does not tell

  std::optional<uint32_t> GroupId(std::string_view group) const;
};

// Reads the CTRL_ATTR_* attributes of a CTRL_CMD_NEWFAMILY message. kDataLoss without name or id.
absl::StatusOr<Family> ParseFamily(base::ByteView attributes);

}  // namespace sluice::socket
