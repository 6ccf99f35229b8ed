// What the datapath shall do with a packet, and for which other packets the same holds.
//
// A pure function: no socket, no clock, no state of its own; it allocates nothing once the
// Translation that it fills has been used before. The mask has a bit for each bit of the key that
// was read on the way to the decision: two packets that are equal under it get the same decision.
//
//   Translation translation;  // one for each thread, used again and again
//   Translate(key, ports, macs, &translation);
//   if (translation.install) ...
#pragma once

#include <cstdint>
#include <optional>

#include "agent/pipeline/port_table.h"
#include "netlink/base/address.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::translate {

// Where a MAC address was last seen. Implementations allow concurrent calls.
class MacLookup {
 public:
  virtual ~MacLookup() = default;
  virtual std::optional<uint32_t> FindPort(uint16_t vlan, const base::Mac& mac) const = 0;
};

// Why the decision is what it is: for counters and traces.
enum class Verdict : uint8_t {
  kForward,          // to the one port where the destination was seen
  kFlood,            // to all ports of the VLAN, for a broadcast or multicast destination
  kFloodUnknown,     // to all ports, as the destination has not been seen
  kDropSamePort,     // the destination is behind the port that the packet came from
  kDropReserved,     // link-local protocol (01:80:c2:00:00:0X): never forwarded
  kDropVlan,         // the port does not carry the packet's VLAN
  kDropUnknownPort,  // the bridge has no such port
  kDropNotEthernet,  // the packet has no Ethernet header
};
inline constexpr int kVerdicts = 8;
std::string_view ToString(Verdict verdict);
// In words, for help.
std::string_view Explain(Verdict verdict);

// A side effect: the source address was seen.
struct Learned {
  base::Mac mac;
  uint16_t vlan = 0;
  uint32_t port_no = 0;
};

struct Translation {
  Verdict verdict = Verdict::kDropUnknownPort;
  ovs::ActionList actions;
  ovs::FlowKey mask;
  // Whether the decision may be installed as a megaflow. A flood for want of knowledge may not: it
  // would outlive the want.
  bool install = false;
  std::optional<Learned> learned;
};

void Translate(const ovs::FlowKey& key, const pipeline::PortTable& ports, const MacLookup& macs,
               Translation* out);

}  // namespace sluice::translate
