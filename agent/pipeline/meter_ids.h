// Which meters of the kernel stand for those that rules and ports name.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"

namespace sluice::pipeline {

inline constexpr uint64_t kMaxMeter = 0xffff0000;  // the highest number, as OpenFlow has it
inline constexpr size_t kMaxMeters = 512;          // that a bridge may declare

// What `normal` floods, of which a port may be limited.
enum class Storm : uint8_t { kBroadcast, kMulticast, kUnknown };
inline constexpr size_t kStorms = 3;
inline constexpr std::array<std::string_view, kStorms> kStormNames = {"broadcast", "multicast",
                                                                      "unknown"};

// Of one datapath. Immutable when it is shared.
struct MeterIds {
  // By the number in rules: each that is declared, and its id if the kernel has it.
  absl::flat_hash_map<uint32_t, std::optional<uint32_t>> meters{};
  // By the name of a port.
  absl::flat_hash_map<std::string, std::array<std::optional<uint32_t>, kStorms>> storms{};

  std::optional<uint32_t> Find(uint32_t number) const {
    const auto found = meters.find(number);
    return found == meters.end() ? std::nullopt : found->second;
  }
  friend bool operator==(const MeterIds&, const MeterIds&) = default;
};

}  // namespace sluice::pipeline
