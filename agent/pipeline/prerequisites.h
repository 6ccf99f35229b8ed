// When a field has a meaning: what else a match must say before the field may be matched or set.
//
// A prerequisite is a row: which Ethernet types, protocols and ICMP types will do, and the words
// that a user would have to write. The shorthands of rules (`tcp`, `ip`, `arp`) are rows too.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "agent/pipeline/fields.h"

namespace sluice::pipeline {

enum class Needs : uint8_t {
  kNothing,
  kEthernet,
  kVlan,
  kMpls,
  kIpv4,
  kIpv6,
  kIp,
  kArp,
  kIpv4OrArp,
  kIpOrArp,
  kTcp,
  kUdp,
  kSctp,
  kPorts,  // TCP, UDP or SCTP
  kIcmp4,
  kIcmp6,
  kIcmp,
  kNd,
  kNdSolicit,
  kNdAdvert,
  kTracked,
};

// "tcp, udp or sctp"; empty for kNothing.
std::string_view Words(Needs needs);

// Whether a match with this value and mask says that `needs` holds of each of its packets. With the
// fields of one packet as value and all ones as mask: whether it holds of that packet.
bool Holds(Needs needs, const Fields& value, const Fields& mask);
// Whether it holds of one packet.
bool Holds(Needs needs, const Fields& packet);

// Adds the bits of a packet that tell whether it holds.
void AddBitsOf(Needs needs, Fields* mask);

// A word of a rule that stands for an Ethernet type and perhaps a protocol.
struct Shorthand {
  std::string_view name;
  uint16_t eth_type = 0;
  uint8_t proto = 0;  // 0 for none
  std::string_view doc{};
};
// The first row of several that mean the same is the one that is written.
std::span<const Shorthand> Shorthands();
// nullptr when there is none of that name.
const Shorthand* FindShorthand(std::string_view name);

}  // namespace sluice::pipeline
