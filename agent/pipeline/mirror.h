// A mirror of a bridge, as users know it from ovs-vswitchd.conf.db(5): which packets it selects,
// and where their copies go.
//
// Plain values, but for the statistics, which every copy of a mirror shares and comparison passes
// over.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "agent/pipeline/use_stats.h"

namespace sluice::pipeline {

inline constexpr size_t kMaxMirrors = 32;

struct Mirror {
  std::string name{};
  // What comes in by these ports, as it came, and what leaves by those, as it leaves; or all.
  std::vector<std::string> source_ports{}, destination_ports{};
  bool all_ports = false;
  std::vector<uint16_t> vlans{};  // of these, 0 standing for untagged packets; empty: any
  // Where copies go: out of this port, which is the mirror's alone, or into this VLAN, in which
  // nothing is learned.
  std::string output_port{};
  std::optional<uint16_t> output_vlan{};
  uint32_t snaplen = 0;  // so many bytes of each; 0: all
  std::shared_ptr<UseStats> stats{};

  friend bool operator==(const Mirror& a, const Mirror& b) {
    const auto tie = [](const Mirror& m) {
      return std::tie(m.name, m.source_ports, m.destination_ports, m.all_ports, m.vlans,
                      m.output_port, m.output_vlan, m.snaplen);
    };
    return tie(a) == tie(b);
  }
};

}  // namespace sluice::pipeline
