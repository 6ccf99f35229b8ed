#include "agent/control/sluicectl_text.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace sluice::control {
namespace {

using Table = std::vector<std::vector<std::string>>;

// Columns as wide as their widest cell, two blanks between them, none at the end of a line.
void AppendTable(const Table& table, std::string_view indent, std::string* out) {
  std::vector<size_t> widths;
  for (const auto& row : table) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : table) {
    std::string line(indent);
    for (size_t i = 0; i < row.size(); ++i)
      line += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
    line.resize(line.find_last_not_of(' ') + 1);
    *out += line + "\n";
  }
}

std::string Uptime(uint64_t ms) {
  const uint64_t seconds = ms / 1000;
  if (seconds < 60) return absl::StrFormat("%d.%d s", seconds, ms % 1000 / 100);
  if (seconds < 3600) return absl::StrFormat("%d min %d s", seconds / 60, seconds % 60);
  return absl::StrFormat("%d h %d min", seconds / 3600, seconds / 60 % 60);
}

std::string Seconds(uint64_t ms) { return absl::StrFormat("%d.%ds", ms / 1000, ms % 1000 / 100); }

std::string Vlans(const v1::Port& port) {
  if (port.vlan() != 0) return absl::StrCat("vlan ", port.vlan());
  if (port.trunks().empty()) return port.state() == "unmanaged" ? "" : "trunk";
  return absl::StrCat("trunk ", absl::StrJoin(port.trunks(), ","));
}

void AppendBridge(const v1::Bridge& bridge, std::string* out) {
  absl::StrAppend(out, "bridge ", bridge.name(), "\n");
  if (!bridge.problem().empty()) absl::StrAppend(out, "  NO DATAPATH: ", bridge.problem(), "\n");
  if (bridge.has_datapath()) {
    const v1::DatapathStats& stats = bridge.datapath();
    absl::StrAppend(out, "  datapath: hit ", stats.hit(), ", missed ", stats.missed(), ", lost ",
                    stats.lost(), "; flows ", stats.flows(), ", masks ", stats.masks(), "\n");
  }
  absl::StrAppend(out, "  flows kept: ", bridge.flows().flows(), " of at most ",
                  bridge.flows().limit(), "; addresses: ", bridge.macs(), " of at most ",
                  bridge.mac_limit(), "\n");
  Table table;
  for (const v1::Port& port : bridge.ports()) {
    const bool numbered = port.state() == "up" || port.state() == "unmanaged";
    table.push_back({absl::StrCat("port ", numbered ? absl::StrCat(port.number()) : "-", ":"),
                     port.name(), port.type(), Vlans(port), port.state(),
                     port.reason().empty() ? "" : absl::StrCat("(", port.reason(), ")")});
  }
  AppendTable(table, "  ", out);
}

}  // namespace

std::string ToText(const v1::GetStatusResponse& status, const v1::GetHealthResponse& health) {
  uint64_t upcalls = 0, overruns = 0, malformed = 0;
  for (const v1::Handler& handler : status.handlers()) {
    upcalls += handler.upcalls();
    overruns += handler.overruns();
    malformed += handler.malformed();
  }
  std::string out = absl::StrCat("sluiced ", status.version(), ", up ", Uptime(status.uptime_ms()),
                                 health.healthy() ? ", healthy" : ", DEGRADED", "\n");
  for (const std::string& problem : health.problems()) absl::StrAppend(&out, "  ", problem, "\n");
  absl::StrAppend(&out, "upcalls: ", upcalls, " (", status.dispatch_mode(), ", ",
                  status.handlers_size(), status.handlers_size() == 1 ? " handler" : " handlers",
                  "), overruns ", overruns, ", malformed ", malformed, "\n");
  for (const v1::Bridge& bridge : status.bridges()) AppendBridge(bridge, &out);
  return out;
}

std::string ToText(const v1::GetCountersResponse& counters, bool all) {
  Table table;
  for (const v1::Counter& counter : counters.counters())
    if (all || counter.value() > 0)
      table.push_back({counter.name(), absl::StrCat(counter.value()), counter.help()});
  std::string out;
  AppendTable(table, "", &out);
  return out;
}

std::string ToText(const v1::ListMacsResponse& macs) {
  Table table = {{"BRIDGE", "PORT", "VLAN", "ADDRESS", "AGE"}};
  for (const v1::Mac& mac : macs.macs())
    table.push_back({mac.bridge(),
                     mac.port().empty() ? absl::StrCat(mac.port_number()) : mac.port(),
                     absl::StrCat(mac.vlan()), mac.mac(), Uptime(mac.age_ms())});
  std::string out;
  AppendTable(table, "", &out);
  return out;
}

std::string ToText(const v1::ChangeRulesResponse& change) {
  return absl::StrFormat("%d added, %d replaced, %d modified, %d deleted; %d groups changed\n",
                         change.added(), change.replaced(), change.modified(), change.deleted(),
                         change.groups());
}

std::string ToText(const v1::DumpRulesResponse& rules) {
  std::string out;
  for (const v1::GroupEntry& group : rules.groups())
    absl::StrAppendFormat(&out, "n_packets=%d, n_bytes=%d, %s\n", group.packets(), group.bytes(),
                          group.text());
  for (const v1::RuleEntry& rule : rules.rules())
    absl::StrAppendFormat(&out, "n_packets=%d, n_bytes=%d, age=%s, idle=%s, %s\n", rule.packets(),
                          rule.bytes(), Seconds(rule.age_ms()), Seconds(rule.idle_ms()),
                          rule.text());
  return out;
}

}  // namespace sluice::control
