#include "netlink/conntrack/reference.h"

#include "netlink/attr/reference.h"
#include "netlink/conntrack/tables.h"

namespace sluice::conntrack {

std::string ReferencePart() {
  std::string part =
      "\n# Attributes of connection tracking\n\n"
      "From the tables in `netlink/conntrack`: messages of `NETLINK_NETFILTER` with a `struct\n"
      "nfgenmsg`, as `<linux/netfilter/nfnetlink_conntrack.h>` and `nfnetlink_cttimeout.h` have "
      "them.\n";
  for (const attr::Table* table : AllTables()) part += "\n" + attr::ReferenceSection(*table);
  return part;
}

}  // namespace sluice::conntrack
