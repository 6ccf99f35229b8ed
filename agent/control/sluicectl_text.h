// What sluicectl prints: answers of the API as text for people.
//
// Pure functions.
#pragma once

#include <string>

#include "agent/control/sluice.pb.h"

namespace sluice::control {

std::string ToText(const v1::GetStatusResponse& status, const v1::GetHealthResponse& health);
// Without `all`, only those that counted something.
std::string ToText(const v1::GetCountersResponse& counters, bool all);
std::string ToText(const v1::ListMacsResponse& macs);
std::string ToText(const v1::ChangeRulesResponse& change);
// Each rule as it would be written, behind what it has done.
std::string ToText(const v1::DumpRulesResponse& rules);

}  // namespace sluice::control
