#include "agent/sluicectl/text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace sluice::ctl {

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

std::string VlansText(const v1::Port& port) {
  if (port.state() == "unmanaged") return "";
  std::string trunks =
      port.trunks().empty() ? "trunk" : absl::StrCat("trunk ", absl::StrJoin(port.trunks(), ","));
  if (port.vlan() == 0) return trunks;
  if (port.vlan_mode().empty() || port.vlan_mode() == "access")
    return absl::StrCat("vlan ", port.vlan());
  if (port.vlan_mode() == "dot1q-tunnel") return absl::StrCat("tunnel ", port.vlan());
  return absl::StrCat(trunks, ", ", port.vlan_mode(), " ", port.vlan());
}

std::string Uptime(uint64_t ms) {
  const uint64_t seconds = ms / 1000;
  if (seconds < 60) return absl::StrFormat("%d.%d s", seconds, ms % 1000 / 100);
  if (seconds < 3600) return absl::StrFormat("%d min %d s", seconds / 60, seconds % 60);
  return absl::StrFormat("%d h %d min", seconds / 3600, seconds / 60 % 60);
}

std::string Seconds(uint64_t ms) { return absl::StrFormat("%d.%ds", ms / 1000, ms % 1000 / 100); }

std::string BudgetText(uint64_t budget) {
  return budget == 0 ? ", no budget" : absl::StrCat(" of at most ", budget);
}

}  // namespace sluice::ctl
