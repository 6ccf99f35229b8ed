// What the commands about meters have in common: which meters there are, and how they are shown.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "dpctl/session.h"
#include "netlink/ovs/meter.h"
#include "netlink/ovs/meter_text.h"

namespace sluice::dpctl {

struct MeterArguments {
  ovs::Datapath datapath;
  std::optional<std::string_view> meter;  // text that begins with meter= or a digit
};
// `[DP] [METER]`.
absl::StatusOr<MeterArguments> ReadMeterArguments(Session* session);

// Meters with these ids, or all of them, sorted by id. As the kernel can only be asked for one id
// after the other, "all" goes up to 65535, and further while the upper half of what was looked at
// has any.
absl::StatusOr<std::vector<ovs::Meter>> ListMeters(socket::Client* client,
                                                   const ovs::Datapath& datapath,
                                                   const std::optional<ovs::MeterIdRange>& ids);

// {"id":3,"packets":1,"bytes":60,"used":0.5,"bands":[{"packets":0,"bytes":0}]}
Json MeterToJson(const ovs::Meter& meter, base::MonotonicMs now);
// "meter=3, packets:1, bytes:60, used:0.500s, band0(packets:0, bytes:0)"
std::string MeterToText(const ovs::Meter& meter, base::MonotonicMs now);

}  // namespace sluice::dpctl
