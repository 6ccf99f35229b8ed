// The configuration file: YAML text to a checked Config.
//
// Pure functions over text but for ReadConfigFile(). A Config that was returned
// is valid as a whole; a file with an error yields no Config at all. docs/reference/config.md lists
// the keys.
//
//   SLUICE_ASSIGN_OR_RETURN(const std::string text, ReadConfigFile(path));
//   absl::StatusOr<Config> config = ParseConfig(text, path);
//   if (!config.ok()) Print(config.status().message());  // one line for each error of the file
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/bridge/bridge.h"
#include "agent/pipeline/classifier/mask_options.h"
#include "agent/port/conntrack_keeper.h"
#include "agent/port/port_spec.h"
#include "netlink/ovs/meter.h"

namespace sluice::daemon {

enum class DispatchChoice {
  kAuto,     // per CPU where the kernel can
  kPerCpu,   // Linux 5.15
  kPerPort,  // several sockets for each port
};

enum class LogLevel { kError, kWarning, kInfo, kDebug };

struct FlowsConfig {
  uint32_t limit = 200000;  // flows of each bridge
  std::chrono::milliseconds idle_timeout{10000};
  std::chrono::milliseconds revalidate_interval{500};
  friend bool operator==(const FlowsConfig&, const FlowsConfig&) = default;
};

struct UpcallsConfig {
  uint32_t port_rate = 5000;  // what a port may have a second, of each bridge
  uint32_t port_burst = 10000;
  uint32_t port_queue = 2048;               // upcalls of a port that wait, in each handler
  std::chrono::milliseconds cut_off{1000};  // 0: never
  friend bool operator==(const UpcallsConfig&, const UpcallsConfig&) = default;
};

struct BridgeConfig {
  std::string name;  // also that of the datapath and of its local port's device
  std::chrono::milliseconds mac_aging{300000};
  uint32_t mac_limit = 8192;
  std::vector<bridge::StaticMac> fdb{};
  pipeline::SwitchOptions options{};
  std::vector<port::PortSpec> ports{};    // without the local port
  bridge::HeartbeatOptions heartbeats{};  // to each peer of the overlay
  // Files of rules and groups; empty: one rule, normal.
  std::string rules{}, groups{};
  pipeline::MaskOptions masks{};
  std::vector<ovs::MeterConfig> meters{};  // that rules may name, by their numbers
  friend bool operator==(const BridgeConfig&, const BridgeConfig&) = default;
};

struct Config {
  std::optional<uint32_t> handlers{};  // upcall threads; without: as many as CPUs, within a bound
  DispatchChoice dispatch = DispatchChoice::kAuto;
  FlowsConfig flows;
  UpcallsConfig upcalls;
  LogLevel log_level = LogLevel::kInfo;
  std::string control_socket = "/run/sluice/sluiced.sock";
  port::ConntrackSpec conntrack{};
  std::vector<BridgeConfig> bridges{};
  friend bool operator==(const Config&, const Config&) = default;
};

// kInvalidArgument with all errors of `text`, one a line and in the order of the text:
// "FILE:LINE:COLUMN: KEY.PATH: what is wrong". Takes any bytes. `file` is for these lines alone.
absl::StatusOr<Config> ParseConfig(std::string_view text, std::string_view file);

// The text of a file of at most 1 MiB; the errno when it cannot be read.
absl::StatusOr<std::string> ReadConfigFile(const std::string& path);

// "error", "warning", "info", "debug"; nullopt for another word.
std::optional<LogLevel> ParseLogLevel(std::string_view word);

}  // namespace sluice::daemon
