#include "netlink/ovs/reference.h"

#include "netlink/attr/reference.h"
#include "netlink/ovs/tables.h"

namespace sluice::ovs {

std::string ReferencePage() {
  std::string page =
      "# Attributes of the openvswitch families\n\n"
      "Generated from the tables in `netlink/ovs` by `sluice-reference`; edit those, then build "
      "the\n"
      "target `reference`. It covers `<linux/openvswitch.h>` up to Linux 7.2.\n\n"
      "Payloads: `u16` is in host byte order, `be16` in network byte order; bits count from 0, "
      "the\n"
      "lowest; `at 8` is the offset in bytes. A set has each attribute at most once; in a list "
      "the\n"
      "order matters. *Text* is the name in `dpctl` and in JSON; attributes without one are kept\n"
      "and shown as bytes. *Since* is the release of Linux that brought it.\n\n"
      "Comments of the header also speak of `OVS_ACTION_ATTR_MISS`, `OVS_PACKET_ATTR_USERSPACE` "
      "and\n"
      "`OVS_TUNNEL_KEY_ATTR_NONE`: there are no such constants.\n";
  for (const attr::Table* table : AllTables()) page += "\n" + attr::ReferenceSection(*table);
  return page;
}

}  // namespace sluice::ovs
