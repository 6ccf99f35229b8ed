// PACKET as the command lines of dpctl and sluicectl take it.
//
//   HEX           two digits a byte; spaces, colons and line ends between them do not matter
//   pcap:FILE     all packets of a pcap or pcapng file, one after the other; - is standard input
//   pcap:FILE:N   its packet number N, from 1 on
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "netlink/base/bytes.h"

namespace sluice::pcap {

inline constexpr std::string_view kFilePrefix = "pcap:";

// `place` says which packet of a file it is, as in `packet 3 of "x.pcap"`; it is empty for HEX.
using PacketUse = std::function<absl::Status(base::ByteView packet, const std::string& place)>;

// Calls `use` with each packet, until it fails: that is returned as it is. Errors of a file have an
// errno or name the place in it. kInvalidArgument for what is no PACKET, for a packet that the file
// does not have, and for one that was cut when it was captured.
absl::Status ForEachPacket(std::string_view argument, const PacketUse& use);

}  // namespace sluice::pcap
