// The psample kernel interface up to Linux 7.2, whatever header is installed; see openvswitch.h.
#pragma once

#include <linux/psample.h>

#include <cstdint>

namespace sluice::uapi {

// enum psample_attr, Linux 6.11
inline constexpr uint16_t PSAMPLE_ATTR_USER_COOKIE = 15;
inline constexpr uint16_t PSAMPLE_ATTR_SAMPLE_PROBABILITY = 16;

}  // namespace sluice::uapi
