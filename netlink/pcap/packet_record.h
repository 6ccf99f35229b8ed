// A packet as it lies in a file, or is to be written to one.
#pragma once

#include <cstdint>
#include <string_view>

#include "netlink/base/bytes.h"

namespace sluice::pcap {

struct PacketRecord {
  base::ByteView bytes{};         // borrowed during the call
  uint32_t length = 0;            // before it was cut; 0: it was not
  uint64_t time_ns = 0;           // since 1970, UTC
  std::string_view interface {};  // name of the port; empty: one without a name
  std::string_view comment{};     // any text; cut at 65,000 bytes
};

}  // namespace sluice::pcap
