// What PortManager counts. Private to agent/port.
#pragma once

#include "netlink/base/counters.h"

namespace sluice::port {

struct PortCounters {
  using Counters = base::Counters;
  base::Counter& added = Counters::Get("port_added", "Ports added to datapaths.");
  base::Counter& refused =
      Counters::Get("port_add_refused", "Times that the kernel refused to add a port.");
  base::Counter& failures = Counters::Get("port_failed", "Times that a port became `failed`.");
  base::Counter& unmanaged = Counters::Get(
      "port_unmanaged", "Ports found in our datapaths that the configuration does not name.");
  base::Counter& tunnels_made =
      Counters::Get("tunnel_devices_made", "Devices made to carry tunnels.");
  base::Counter& tunnels_removed =
      Counters::Get("tunnel_devices_removed", "Devices removed that carried no tunnel any more.");
  base::Counter& routes_lost = Counters::Get(
      "tunnel_routes_lost", "Times that a tunnel's port lost its route to the remote end.");
  base::Counter& neighbours_lost = Counters::Get("tunnel_neighbours_lost",
                                                 "Times that the next hop to a tunnel's remote end "
                                                 "did not answer when asked for its address.");
  base::Counter& datapaths_made = Counters::Get("datapath_created", "Datapaths created.");
  base::Counter& datapaths_lost = Counters::Get(
      "datapath_lost", "Times that a datapath of ours was deleted by others or could not be had.");
  base::Counter& unanswered =
      Counters::Get("datapath_unanswered",
                    "Times that the kernel did not say how a datapath is: it was left as it is.");
  base::Counter& reasserted =
      Counters::Get("datapath_reasserted",
                    "Times that features and upcall pids were set again as others had, or may "
                    "have, changed them.");
};

inline PortCounters& Count() {
  static PortCounters* counters = new PortCounters;
  return *counters;
}

}  // namespace sluice::port
