// How many connections there are, by protocol and state, and the kernel's own counters: as numbers,
// as the text of ovs-dpctl(8)'s ct-stats-show, and as JSON.
//
// Values and pure functions but for GatherCounters().
//
//   ConnectionCounts counts;
//   connections.Dump({}, [&](const Connection& c) { counts.Add(c); return absl::OkStatus(); }, ..);
//   Print(CountsText(counts, true));
#pragma once

#include <map>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "netlink/conntrack/connections.h"

namespace sluice::conntrack {

using Json = nlohmann::ordered_json;

// As ovs-dpctl(8) sorts: protocols and states of TCP that it knows first, by lists of theirs.
struct StateOrder {
  bool operator()(const std::string& a, const std::string& b) const;
};
struct ProtocolOrder {
  bool operator()(uint8_t a, uint8_t b) const;
};

struct ProtocolCount {
  size_t connections = 0;
  std::map<std::string, size_t, StateOrder> states;  // as they are told without -m
};

struct ConnectionCounts {
  size_t total = 0;
  std::map<uint8_t, ProtocolCount, ProtocolOrder> protocols;

  void Add(const Connection& connection);
};

struct KernelCounters {
  GlobalStats all;
  std::vector<CpuStats> cpus;
};

std::string CountsText(const ConnectionCounts& counts, bool states);
Json CountsToJson(const ConnectionCounts& counts);
std::string CountersText(const KernelCounters& counters);
Json CountersToJson(const KernelCounters& counters);

absl::StatusOr<KernelCounters> GatherCounters(Connections* connections);

}  // namespace sluice::conntrack
