#include "dpctl/follow.h"

#include <ctime>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "dpctl/failure.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {

using base::ToAbsl;

absl::StatusOr<std::optional<uint32_t>> NumberOption(const Session& session,
                                                     std::string_view option) {
  const auto text = session.Value(option);
  if (!text) return std::optional<uint32_t>();
  uint32_t number = 0;
  if (!absl::SimpleAtoi(ToAbsl(*text), &number))
    return UsageError(absl::StrCat(ToAbsl(option), " \"", ToAbsl(*text), "\": expected a number"));
  return std::optional<uint32_t>(number);
}

uint64_t WallClockNs() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

void AppendTimeOfDay(uint64_t time_ns, std::string* out) {
  const auto seconds = static_cast<time_t>(time_ns / 1'000'000'000);
  tm local{};
  localtime_r(&seconds, &local);
  absl::StrAppendFormat(out, "%02d:%02d:%02d.%06d ", local.tm_hour, local.tm_min, local.tm_sec,
                        time_ns % 1'000'000'000 / 1000);
}

double SecondsOf(uint64_t time_ns) {
  const uint64_t microseconds = time_ns / 1000;
  return static_cast<double>(microseconds) / 1e6;
}

void PrintLine(const Json& json, Output* out) {
  out->Write(json.dump(-1, ' ', false, Json::error_handler_t::replace));
  out->Write("\n");
}

}  // namespace sluice::dpctl
