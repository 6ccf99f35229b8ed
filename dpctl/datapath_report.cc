#include "dpctl/datapath_report.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "dpctl/failure.h"
#include "dpctl/link_stats.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

double Ratio(uint64_t part, uint64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

uint64_t Lookups(const ovs::Datapath& datapath) {
  return datapath.stats.n_hit + datapath.stats.n_missed;
}

void AppendCount(std::string_view label, Count count, std::string* out) {
  out->append(label);
  if (count)
    absl::StrAppend(out, *count);
  else
    out->push_back('?');
}

// " (1.5 MiB)"; nothing below 1 KiB, where the number itself is short enough.
void AppendHumanSize(Count count, std::string* out) {
  if (!count || *count < 1024) return;
  constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  double size = static_cast<double>(*count) / 1024.0;
  size_t unit = 0;
  for (uint64_t rest = *count >> 10; rest >= 1024 && unit + 1 < std::size(kUnits); rest >>= 10) {
    size /= 1024.0;
    ++unit;
  }
  absl::StrAppendFormat(out, " (%.1f %s)", size, kUnits[unit]);
}

void AppendStatistics(const PortStatistics& s, std::string* out) {
  AppendCount("    RX packets:", s.rx_packets, out);
  AppendCount(" errors:", s.rx_errors, out);
  AppendCount(" dropped:", s.rx_dropped, out);
  AppendCount(" overruns:", s.rx_overruns, out);
  AppendCount(" frame:", s.rx_frame, out);
  AppendCount("\n    TX packets:", s.tx_packets, out);
  AppendCount(" errors:", s.tx_errors, out);
  AppendCount(" dropped:", s.tx_dropped, out);
  AppendCount(" aborted:", s.tx_aborted, out);
  AppendCount(" carrier:", s.tx_carrier, out);
  AppendCount("\n    collisions:", s.collisions, out);
  AppendCount("\n    RX bytes:", s.rx_bytes, out);
  AppendHumanSize(s.rx_bytes, out);
  AppendCount("  TX bytes:", s.tx_bytes, out);
  AppendHumanSize(s.tx_bytes, out);
  AppendCount("\n    UPCALL packets:", s.upcall_packets, out);
  AppendCount(" errors:", s.upcall_errors, out);
  out->push_back('\n');
}

Json ToJson(Count count) { return count ? Json(*count) : Json(); }

Json ToJson(const PortStatistics& s) {
  return {{"rx_packets", ToJson(s.rx_packets)},      {"rx_bytes", ToJson(s.rx_bytes)},
          {"rx_errors", ToJson(s.rx_errors)},        {"rx_dropped", ToJson(s.rx_dropped)},
          {"rx_overruns", ToJson(s.rx_overruns)},    {"rx_frame", ToJson(s.rx_frame)},
          {"tx_packets", ToJson(s.tx_packets)},      {"tx_bytes", ToJson(s.tx_bytes)},
          {"tx_errors", ToJson(s.tx_errors)},        {"tx_dropped", ToJson(s.tx_dropped)},
          {"tx_aborted", ToJson(s.tx_aborted)},      {"tx_carrier", ToJson(s.tx_carrier)},
          {"collisions", ToJson(s.collisions)},      {"upcall_packets", ToJson(s.upcall_packets)},
          {"upcall_errors", ToJson(s.upcall_errors)}};
}

Json PortToJson(const PortReport& report, bool statistics) {
  const ovs::Vport& port = report.port;
  Json json = {{"port_no", port.port_no},
               {"name", port.name},
               {"type", report.config.type},
               {"vport_type", ovs::VportTypeName(port.type)},
               {"configuration", ConfigJson(report.config)},
               {"ifindex", port.ifindex == 0 ? Json() : Json(port.ifindex)},
               {"upcall_pids", port.upcall_pids}};
  if (!report.config.problem.empty()) json["problem"] = report.config.problem;
  if (statistics) json["statistics"] = ToJson(StatisticsOf(report));
  return json;
}

}  // namespace

PortStatistics StatisticsOf(const PortReport& report) {
  const ovs_vport_stats& vport = report.port.stats;
  PortStatistics s;
  s.rx_packets = vport.rx_packets;
  s.rx_bytes = vport.rx_bytes;
  s.rx_errors = vport.rx_errors;
  s.rx_dropped = vport.rx_dropped;
  s.tx_packets = vport.tx_packets;
  s.tx_bytes = vport.tx_bytes;
  s.tx_errors = vport.tx_errors;
  s.tx_dropped = vport.tx_dropped;
  if (report.port.upcalls) {
    s.upcall_packets = report.port.upcalls->success;
    s.upcall_errors = report.port.upcalls->fail;
  }
  if (report.link) {
    s.rx_overruns = report.link->rx_over_errors;
    s.rx_frame = report.link->rx_frame_errors;
    s.tx_aborted = report.link->tx_aborted_errors;
    s.tx_carrier = report.link->tx_carrier_errors;
    s.collisions = report.link->collisions;
  }
  return s;
}

absl::StatusOr<DatapathReport> GatherReport(Session* session, const ovs::Datapath& datapath,
                                            bool statistics) {
  DatapathReport report{datapath, {}};
  SLUICE_ASSIGN_OR_RETURN(std::vector<ovs::Vport> ports, session->ListPorts(datapath));
  LinkStats links;
  if (statistics) {
    auto read = ReadLinkStats();
    if (!read.ok()) return Failed("reading the counters of devices", read.status());
    links = *std::move(read);
  }
  const PortConfigs configs = PortConfigs::Read(ports);
  for (ovs::Vport& port : ports) {
    PortConfig config = configs.Of(port);
    PortReport one{std::move(port), std::move(config), std::nullopt};
    const auto link = links.find(one.port.ifindex);
    if (link != links.end() && !one.port.netnsid) one.link = link->second;
    report.ports.push_back(std::move(one));
  }
  return report;
}

void AppendReport(const DatapathReport& report, bool statistics, std::string* out) {
  const ovs::Datapath& dp = report.datapath;
  const ovs_dp_megaflow_stats& masks = dp.megaflow_stats;
  absl::StrAppend(out, FullName(dp), ":\n  lookups: hit:", dp.stats.n_hit,
                  " missed:", dp.stats.n_missed, " lost:", dp.stats.n_lost,
                  "\n  flows: ", dp.stats.n_flows, "\n");
  absl::StrAppendFormat(out, "  masks: hit:%d total:%d hit/pkt:%.2f\n", masks.n_mask_hit,
                        masks.n_masks, Ratio(masks.n_mask_hit, Lookups(dp)));
  // Kernels that do not count it say 0.
  if (masks.n_cache_hit != 0)
    absl::StrAppendFormat(out, "  cache: hit:%d hit-rate:%.2f%%\n", masks.n_cache_hit,
                          100.0 * Ratio(masks.n_cache_hit, Lookups(dp)));
  if (dp.masks_cache_size)
    absl::StrAppend(out, "  caches:\n    masks-cache: size:", *dp.masks_cache_size, "\n");
  for (const PortReport& one : report.ports) {
    absl::StrAppend(out, "  port ", one.port.port_no, ": ", one.port.name, ConfigText(one.config),
                    "\n");
    if (statistics) AppendStatistics(StatisticsOf(one), out);
  }
}

Json ReportToJson(const DatapathReport& report, bool statistics) {
  const ovs::Datapath& dp = report.datapath;
  const ovs_dp_megaflow_stats& masks = dp.megaflow_stats;
  Json ports = Json::array();
  for (const PortReport& port : report.ports) ports.push_back(PortToJson(port, statistics));
  return {
      {"type", "system"},
      {"name", dp.name},
      {"ifindex", dp.ifindex},
      {"user_features", dp.user_features},
      {"lookups",
       {{"hit", dp.stats.n_hit}, {"missed", dp.stats.n_missed}, {"lost", dp.stats.n_lost}}},
      {"flows", dp.stats.n_flows},
      {"masks",
       {{"hit", masks.n_mask_hit},
        {"total", masks.n_masks},
        {"hit_per_packet", Ratio(masks.n_mask_hit, Lookups(dp))}}},
      {"cache", {{"hit", masks.n_cache_hit}, {"hit_rate", Ratio(masks.n_cache_hit, Lookups(dp))}}},
      {"masks_cache_size", dp.masks_cache_size ? Json(*dp.masks_cache_size) : Json()},
      {"ports", std::move(ports)}};
}

}  // namespace sluice::dpctl
