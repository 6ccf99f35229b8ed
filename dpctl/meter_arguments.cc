#include "dpctl/meter_arguments.h"

#include <algorithm>
#include <cctype>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "dpctl/failure.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

constexpr uint32_t kFirstRange = 65536;

double SecondsSince(base::MonotonicMs then, base::MonotonicMs now) {
  return static_cast<double>(now - std::min(then, now)) / 1000;
}

}  // namespace

absl::StatusOr<MeterArguments> ReadMeterArguments(Session* session) {
  const std::vector<std::string>& args = session->args();
  MeterArguments arguments;
  const bool has_meter =
      args.size() > 1 || (args.size() == 1 && args[0].find('=') != std::string::npos);
  if (has_meter) arguments.meter = args.back();
  std::optional<std::string_view> name;
  if (args.size() > (has_meter ? 1u : 0u)) name = args[0];
  SLUICE_ASSIGN_OR_RETURN(arguments.datapath, session->DatapathOrOnly(name));
  return arguments;
}

absl::StatusOr<std::vector<ovs::Meter>> ListMeters(socket::Client* client,
                                                   const ovs::Datapath& datapath,
                                                   const std::optional<ovs::MeterIdRange>& ids) {
  ovs::Meters meters(client);
  if (ids) return meters.List(datapath.ifindex, ids->first, ids->last);
  SLUICE_ASSIGN_OR_RETURN(const ovs::MeterFeatures features, meters.GetFeatures(datapath.ifindex));
  std::vector<ovs::Meter> found;
  for (uint64_t begin = 0, end = kFirstRange; begin < features.max_meters;) {
    SLUICE_ASSIGN_OR_RETURN(const std::vector<ovs::Meter> more,
                            meters.List(datapath.ifindex, static_cast<uint32_t>(begin),
                                        static_cast<uint32_t>(end - 1)));
    found.insert(found.end(), more.begin(), more.end());
    if (found.empty() || found.back().id < end / 2) break;
    begin = end;
    end *= 2;
  }
  return found;
}

Json MeterToJson(const ovs::Meter& meter, base::MonotonicMs now) {
  Json bands = Json::array();
  for (const ovs_flow_stats& band : meter.bands)
    bands.push_back({{"packets", band.n_packets}, {"bytes", band.n_bytes}});
  return {{"id", meter.id},
          {"packets", meter.stats.n_packets},
          {"bytes", meter.stats.n_bytes},
          {"used", SecondsSince(meter.used, now)},
          {"bands", std::move(bands)}};
}

std::string MeterToText(const ovs::Meter& meter, base::MonotonicMs now) {
  std::string text =
      absl::StrFormat("meter=%u, packets:%u, bytes:%u, used:%.3fs", meter.id, meter.stats.n_packets,
                      meter.stats.n_bytes, SecondsSince(meter.used, now));
  for (size_t i = 0; i < meter.bands.size(); ++i)
    absl::StrAppendFormat(&text, ", band%u(packets:%u, bytes:%u)", i, meter.bands[i].n_packets,
                          meter.bands[i].n_bytes);
  return text;
}

}  // namespace sluice::dpctl
