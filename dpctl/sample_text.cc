#include "dpctl/sample_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "dpctl/follow.h"
#include "netlink/attr/json.h"
#include "netlink/attr/text.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::dpctl {
namespace {

constexpr double kAllPackets = 4294967295.0;

void AppendInterface(std::string_view label, const std::optional<uint32_t>& ifindex,
                     const std::string& name, std::string* out) {
  if (!ifindex) return;
  out->append(label);
  if (name.empty())
    absl::StrAppend(out, *ifindex);
  else
    out->append(name);
}

template <typename T>
void AppendIf(const char* label, const std::optional<T>& value, std::string* out) {
  if (value) absl::StrAppend(out, label, *value);
}

void AppendCookie(base::ByteView cookie, std::string* out) {
  if (cookie.empty()) return;
  out->append(" cookie:");
  base::AppendHex(cookie, out);
  if (const auto point = ovs::ObservationPointOf(cookie))
    absl::StrAppend(out, "(obs_domain_id=", point->domain_id, ",obs_point_id=", point->point_id,
                    ")");
}

template <typename T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json InterfaceToJson(const std::optional<uint32_t>& ifindex, const std::string& name) {
  if (!ifindex) return {};
  return {{"ifindex", *ifindex}, {"name", name.empty() ? Json() : Json(name)}};
}

}  // namespace

uint32_t SampleGaps::Take(const ovs::Sample& sample) {
  const auto [next, first] = next_.try_emplace(sample.group, sample.sequence);
  const uint32_t lost = first ? 0 : sample.sequence - next->second;
  next->second = sample.sequence + 1;
  // Backwards: the group was removed and made anew, and counts from the beginning.
  return lost > UINT32_MAX / 2 ? 0 : lost;
}

void AppendSample(const SampleReport& report, bool more, std::string* out) {
  const ovs::Sample& sample = report.sample;
  if (report.lost != 0) absl::StrAppend(out, "lost ", report.lost, " samples of this group\n");
  AppendTimeOfDay(report.time_ns, out);
  absl::StrAppend(out, "group:", sample.group, " seq:", sample.sequence);
  if (sample.probability) {
    out->append(" probability:");
    attr::AppendFraction(sample.rate, out);
  } else {
    absl::StrAppend(out, " rate:1/", sample.rate);
  }
  AppendCookie(sample.cookie, out);
  AppendInterface(" in:", sample.in_ifindex, report.in, out);
  AppendInterface(" out:", sample.out_ifindex, report.out, out);
  AppendIf(" out_tc:", sample.out_tc, out);
  AppendIf(" out_tc_occ:", sample.out_tc_occupancy, out);
  AppendIf(" latency_ns:", sample.latency, out);
  if (sample.protocol) absl::StrAppendFormat(out, " proto:0x%04x", *sample.protocol);
  AppendIf(" length:", sample.length, out);
  absl::StrAppend(out, " captured:", sample.packet.size());
  if (!sample.tunnel_key.empty()) {
    out->append(" tunnel(");
    attr::AppendSet(ovs::kTunnelTable, sample.tunnel_key, {}, {}, out);
    out->push_back(')');
  }
  if (more) {
    out->append(" packet:");
    base::AppendHex(sample.packet, out);
  }
  out->push_back('\n');
}

Json SampleToJson(const SampleReport& report) {
  const ovs::Sample& sample = report.sample;
  Json json = {{"time", SecondsOf(report.time_ns)},
               {"group", sample.group},
               {"seq", sample.sequence},
               {"lost", report.lost},
               {"rate", sample.rate},
               {"probability",
                sample.probability ? Json(static_cast<double>(sample.rate) / kAllPackets) : Json()},
               {"cookie", base::ToHex(sample.cookie)}};
  if (const auto point = ovs::ObservationPointOf(sample.cookie))
    json["observation"] = {{"domain_id", point->domain_id}, {"point_id", point->point_id}};
  json["in"] = InterfaceToJson(sample.in_ifindex, report.in);
  json["out"] = InterfaceToJson(sample.out_ifindex, report.out);
  json["out_tc"] = OrNull(sample.out_tc);
  json["out_tc_occupancy"] = OrNull(sample.out_tc_occupancy);
  json["latency_ns"] = OrNull(sample.latency);
  json["protocol"] = OrNull(sample.protocol);
  json["length"] = OrNull(sample.length);
  json["packet"] = base::ToHex(sample.packet);
  if (!sample.tunnel_key.empty())
    json["tunnel"] = attr::SetToJson(ovs::kTunnelTable, sample.tunnel_key, {}, {});
  return json;
}

}  // namespace sluice::dpctl
