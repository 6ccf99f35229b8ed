// Meters as users write them, in the manner of ovs-ofctl(8) add-meter:
//
//   meter=3,kbps,burst,stats,bands=type=drop,rate=1000,burst_size=100
//
// Items are separated by commas or blanks. One of `kbps` and `pktps` must be there. Each `type=`
// begins another band. `burst` calls for a `burst_size`, and may be left out beside one; without
// either, the burst is what the rate lets through in a second, as Open vSwitch has it. `stats` says
// nothing: the kernel always counts. Pure functions; errors show the place with a caret.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "netlink/ovs/meter.h"

namespace sluice::ovs {

absl::StatusOr<MeterConfig> ParseMeterText(std::string_view text);

// Reads back to the same meter.
std::string ToText(const MeterConfig& meter);

struct MeterIdRange {
  uint32_t first = 0, last = 0;  // both of them too
};
// `meter=3`, `meter=3-7`, or the numbers alone.
absl::StatusOr<MeterIdRange> ParseMeterIds(std::string_view text);

}  // namespace sluice::ovs
