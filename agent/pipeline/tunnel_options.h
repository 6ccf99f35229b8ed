// Which Geneve options the fields tun_metadata0 to tun_metadata7 stand for.
//
// A field is up to eight bytes of one option's data, right-aligned; several fields may stand for
// parts of one option. A packet without the option, or with one of another length, has zeros there;
// and an option goes out when a field that stands for a part of it is not zero. What is in none of
// these options can be neither matched nor sent on. Plain values.
//
//   TunnelOptions options;
//   options[0] = TunnelOption{.option_class = 0x102, .type = 0x80, .length = 4, .bytes = 4};
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "agent/pipeline/fields.h"

namespace sluice::pipeline {

inline constexpr size_t kMaxTunnelOptionLength = 124;
// Of all options that go out together, headers included: what the kernel takes.
inline constexpr size_t kMaxTunnelOptionBytes = 252;
inline constexpr size_t kTunnelOptionHeader = 4;

struct TunnelOption {
  uint16_t option_class = 0;
  uint8_t type = 0;
  uint8_t length = 0;             // of the option's data in bytes: a multiple of 4
  uint8_t offset = 0, bytes = 0;  // of these, what the field is: 1 to 8

  bool IsSameOption(const TunnelOption& other) const {
    return option_class == other.option_class && type == other.type;
  }
  friend bool operator==(const TunnelOption&, const TunnelOption&) = default;
};

// By the number of the field; none: the field is always zero.
using TunnelOptions = std::array<std::optional<TunnelOption>, kTunnelFields>;

}  // namespace sluice::pipeline
