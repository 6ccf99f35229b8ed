#include "dpctl/top_rates.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "netlink/attr/masks.h"
#include "netlink/attr/text.h"
#include "netlink/attr/wire.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::dpctl {
namespace {

uint64_t Grown(uint64_t before, uint64_t now) { return now < before ? now : now - before; }

std::string_view AsText(base::ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// By what a flow is found again: its UFID, else key and mask.
std::string IdOf(const ovs::Flow& flow) {
  if (flow.ufid) return std::string(AsText(flow.ufid->bytes));
  std::string id(AsText(flow.key));
  if (flow.mask) id.append(AsText(*flow.mask));
  return id;
}

class Comparison {
 public:
  Comparison(const TopSample* before, const TopSample& now)
      : before_(before),
        seconds_(
            before == nullptr
                ? 0
                : static_cast<double>(std::max<int64_t>(
                      static_cast<int64_t>(now.time) - static_cast<int64_t>(before->time), 1)) /
                      1000.0) {}

  double seconds() const { return seconds_; }
  double PerSecond(uint64_t before, uint64_t now) const {
    return before_ == nullptr ? 0 : static_cast<double>(Grown(before, now)) / seconds_;
  }
  Rate PerSecond(uint64_t packets_before, uint64_t packets, uint64_t bytes_before,
                 uint64_t bytes) const {
    // Both begin anew when one does.
    if (packets < packets_before || bytes < bytes_before) packets_before = bytes_before = 0;
    return {PerSecond(packets_before, packets), PerSecond(bytes_before, bytes)};
  }

 private:
  const TopSample* before_;
  double seconds_;
};

void CompareDatapath(const TopSample* before, const TopSample& now, const Comparison& comparison,
                     TopReport* report) {
  const ovs::Datapath none{};
  const ovs::Datapath& old = before == nullptr ? none : before->datapath;
  const ovs_dp_stats &a = old.stats, &b = now.datapath.stats;
  report->hit = comparison.PerSecond(a.n_hit, b.n_hit);
  report->missed = comparison.PerSecond(a.n_missed, b.n_missed);
  report->lost = comparison.PerSecond(a.n_lost, b.n_lost);
  const ovs_dp_megaflow_stats &c = old.megaflow_stats, &d = now.datapath.megaflow_stats;
  const auto packets = static_cast<double>(Grown(a.n_hit, b.n_hit) + Grown(a.n_missed, b.n_missed));
  if (before == nullptr || packets == 0) return;
  report->masks_per_packet = static_cast<double>(Grown(c.n_mask_hit, d.n_mask_hit)) / packets;
  report->cached = static_cast<double>(Grown(c.n_cache_hit, d.n_cache_hit)) / packets;
}

void CompareFlows(const TopSample* before, const TopSample& now, const Comparison& comparison,
                  TopReport* report) {
  absl::flat_hash_map<std::string, const ovs::FlowStats*> old;
  if (before != nullptr)
    for (const ovs::Flow& flow : before->flows) old.emplace(IdOf(flow), &flow.stats);
  absl::flat_hash_map<std::string, size_t> masks;
  const ovs::FlowStats none{};
  for (const ovs::Flow& flow : now.flows) {
    const auto found = old.find(IdOf(flow));
    const ovs::FlowStats& was = found == old.end() ? none : *found->second;
    const Rate rate =
        comparison.PerSecond(was.packets, flow.stats.packets, was.bytes, flow.stats.bytes);
    report->flows.push_back({&flow, rate});
    const std::string mask(flow.mask ? AsText(*flow.mask) : "");
    const auto [place, is_new] = masks.try_emplace(mask, report->masks.size());
    if (is_new) report->masks.emplace_back().text = flow.mask ? MaskText(*flow.mask) : "all fields";
    MaskRate& sum = report->masks[place->second];
    ++sum.flows;
    sum.rate.packets += rate.packets;
    sum.rate.bytes += rate.bytes;
    sum.used = std::max(sum.used, flow.stats.used);
  }
}

void ComparePorts(const TopSample* before, const TopSample& now, const Comparison& comparison,
                  TopReport* report) {
  const ovs::Vport none{};
  for (const auto& [number, port] : now.ports) {
    const ovs::Vport* was = &none;
    if (before != nullptr)
      if (const auto found = before->ports.find(number);
          found != before->ports.end() && found->second.name == port.name)
        was = &found->second;
    const ovs_vport_stats &a = was->stats, &b = port.stats;
    PortRate rate;
    rate.port = &port;
    rate.rx = comparison.PerSecond(a.rx_packets, b.rx_packets, a.rx_bytes, b.rx_bytes);
    rate.tx = comparison.PerSecond(a.tx_packets, b.tx_packets, a.tx_bytes, b.tx_bytes);
    rate.dropped = comparison.PerSecond(a.rx_dropped, b.rx_dropped) +
                   comparison.PerSecond(a.tx_dropped, b.tx_dropped);
    if (port.upcalls) {
      const ovs::Vport::Upcalls old = was->upcalls.value_or(ovs::Vport::Upcalls{});
      rate.upcalls_queued = comparison.PerSecond(old.success, port.upcalls->success);
      rate.upcalls_lost = comparison.PerSecond(old.fail, port.upcalls->fail);
    }
    report->ports.push_back(rate);
  }
}

void AppendMask(const attr::Table& table, base::ByteView mask, const std::string& prefix, int depth,
                std::string* out) {
  for (const attr::Attribute& attribute : attr::AttributeWalk(mask)) {
    const attr::Row* row = table.Find(attribute.type);
    if (base::IsAllZeros(attribute.payload)) continue;
    const std::string name =
        prefix + (row == nullptr ? absl::StrCat("key", attribute.type) : std::string(row->name));
    if (row != nullptr && row->nested != nullptr && depth < attr::kMaxTextDepth) {
      AppendMask(*row->nested, attribute.payload, name + ".", depth + 1, out);
      continue;
    }
    const bool fields = row != nullptr && row->kind == attr::Kind::kFields &&
                        attr::HasShape(*row, attribute.payload);
    if (!fields) {
      absl::StrAppend(out, out->empty() ? "" : ",", name);
      continue;
    }
    for (const attr::Field& field : row->fields) {
      const uint8_t* bytes = attribute.payload.data();
      // The kernel's mask of a port that does not matter is 0xffff0000.
      const bool wild_port =
          field.format == attr::Format::kPort && (attr::LoadField(field, bytes) & 0xffff) == 0;
      if (wild_port || attr::IsWild(field, bytes)) continue;
      absl::StrAppend(out, out->empty() ? "" : ",", name, field.name.empty() ? "" : ".",
                      std::string(field.name));
      if (attr::IsByteField(field)) {
        if (base::IsAllOnes({bytes + field.offset, field.size})) continue;
        out->push_back('/');
        attr::AppendBytes(field, bytes + field.offset, out);
      } else if (attr::LoadField(field, bytes) != attr::FullMask(field)) {
        out->push_back('/');
        attr::AppendNumber(attr::LoadField(field, bytes), attr::Format::kHex, out);
      }
    }
  }
}

}  // namespace

std::string MaskText(base::ByteView mask) {
  std::string text;
  AppendMask(ovs::kKeyTable, mask, "", 0, &text);
  return text.empty() ? "no field" : text;
}

TopReport Compare(const TopSample* before, std::shared_ptr<const TopSample> now) {
  TopReport report;
  report.sample = std::move(now);
  const Comparison comparison(before, *report.sample);
  report.seconds = comparison.seconds();
  CompareDatapath(before, *report.sample, comparison, &report);
  CompareFlows(before, *report.sample, comparison, &report);
  ComparePorts(before, *report.sample, comparison, &report);
  return report;
}

}  // namespace sluice::dpctl
