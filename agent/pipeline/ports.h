// Port numbers of rules, and their texts.
//
// A rule's port is the datapath's number; the numbers that OpenFlow reserves keep their 32-bit
// values, of which no datapath has any. `LOCAL` is the datapath's port 0. The 16-bit values of
// OpenFlow 1.0 (65528 to 65535) are understood too.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "agent/pipeline/blame.h"
#include "netlink/attr/text.h"

namespace sluice::pipeline {

using attr::PortNames;

inline constexpr uint32_t kPortLocal = 0;
inline constexpr uint32_t kMaxPort = 0xfeff;  // the highest that is not taken for a reserved one
inline constexpr uint32_t kPortInPort = 0xfffffff8;  // back to where the packet came from
inline constexpr uint32_t kPortTable = 0xfffffff9;   // for packets that the agent sends out
inline constexpr uint32_t kPortNormal = 0xfffffffa;  // as a learning switch would
inline constexpr uint32_t kPortFlood = 0xfffffffb;   // all ports of the VLAN, but in_port
inline constexpr uint32_t kPortAll = 0xfffffffc;     // all ports, but in_port
inline constexpr uint32_t kPortController = 0xfffffffd;
inline constexpr uint32_t kPortNone = 0xffffffff;

// What the value of a register means as a port: 0xfffe is LOCAL, 0xfff8 is IN_PORT.
uint32_t PortOfNumber(uint64_t number);

// A number, a reserved name in either case, or a port's name with or without quotes.
bool ParsePort(std::string_view text, const PortNames* names, uint32_t* port, Blame* blame);
// Whether `text` is a reserved port's name.
bool IsReservedPort(std::string_view text);
// The reserved name, or the port's quoted or plain name if `names` has it, or the number. Names
// that could be taken for something else are quoted.
void AppendPort(uint32_t port, const PortNames* names, std::string* out);

}  // namespace sluice::pipeline
