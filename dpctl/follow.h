// What commands that print as things happen have in common: a count to stop at, and times.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "dpctl/session.h"

namespace sluice::dpctl {

// The number that an option of the command was given; nullopt when it was not. kInvalidArgument
// names option and value.
absl::StatusOr<std::optional<uint32_t>> NumberOption(const Session& session,
                                                     std::string_view option);

// Nanoseconds since 1970, UTC.
uint64_t WallClockNs();
// "14:03:07.123456 " in local time, with the blank.
void AppendTimeOfDay(uint64_t time_ns, std::string* out);
// For JSON: seconds since 1970, with microseconds.
double SecondsOf(uint64_t time_ns);

// The document on a line of its own.
void PrintLine(const Json& json, Output* out);

}  // namespace sluice::dpctl
