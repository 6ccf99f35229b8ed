// The key `conntrack` of the configuration: limits of zones, and timeout policies.
#pragma once

#include "agent/daemon/yaml_reader.h"
#include "agent/port/conntrack_keeper.h"

namespace sluice::daemon {

// What is wrong becomes a problem of the value, as everywhere.
port::ConntrackSpec ReadConntrack(const YamlValue& value);

}  // namespace sluice::daemon
