#include "dpctl/top_view.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "dpctl/flow_arguments.h"
#include "dpctl/known_ports.h"
#include "netlink/attr/masks.h"
#include "netlink/attr/text.h"
#include "netlink/base/status.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::dpctl {
namespace {

constexpr std::string_view kPanels[] = {"flows", "masks", "ports"};
constexpr std::string_view kSorts[] = {"packets", "bytes", "used"};
// One letter for each of them.
constexpr std::string_view kPanelKeys = "fmr", kSortKeys = "pbu";

// From this width on there is room for when a flow was used.
constexpr size_t kWide = 60;

constexpr std::string_view kHelp[] = {
    "f  m  r   flows, masks, ports",
    "Tab       the next of these",
    "p  b  u   sort by packets, bytes,",
    "          when last used",
    "/         only rows that have a text;",
    "          empty for all",
    "n         ports by name or number",
    "Space     pause, go on",
    "Up Down PgUp PgDn Home  scroll",
    "h  ?      this help",
    "q         quit",
};

template <size_t N>
std::optional<size_t> PlaceOf(const std::string_view (&words)[N], std::string_view word) {
  const auto* found = std::find(std::begin(words), std::end(words), word);
  if (found == std::end(words)) return std::nullopt;
  return static_cast<size_t>(found - std::begin(words));
}

std::string Percent(double fraction) {
  return absl::StrFormat("%.0f%%", std::min(fraction, 1.0) * 100);
}

// "0.5s", "12s", "34m", "5h", "-" for never.
std::string Ago(base::MonotonicMs used, base::MonotonicMs now) {
  if (used == 0) return "-";
  const double seconds = now > used ? static_cast<double>(now - used) / 1000.0 : 0;
  if (seconds < 10) return absl::StrFormat("%.1fs", seconds);
  if (seconds < 100) return absl::StrFormat("%.0fs", seconds);
  if (seconds < 6000) return absl::StrFormat("%.0fm", seconds / 60);
  return absl::StrFormat("%.0fh", seconds / 3600);
}

std::string FlowLabel(const ovs::Flow& flow, const attr::PortNames* ports) {
  const attr::TextOptions options{.ports = ports};
  std::string text;
  attr::AppendSet(ovs::kKeyTable, flow.key,
                  flow.mask ? attr::MaskView::Of(*flow.mask) : attr::MaskView{}, options, &text);
  text += " actions:";
  if (flow.actions) attr::AppendList(ovs::kActionTable, *flow.actions, options, &text);
  return text;
}

}  // namespace

std::optional<TopPanel> PanelOf(std::string_view word) {
  const auto place = PlaceOf(kPanels, word);
  return place ? std::optional(static_cast<TopPanel>(*place)) : std::nullopt;
}

std::optional<TopSort> SortOf(std::string_view word) {
  const auto place = PlaceOf(kSorts, word);
  return place ? std::optional(static_cast<TopSort>(*place)) : std::nullopt;
}

std::string ShortNumber(double number) {
  constexpr const char* kUnits[] = {"", "k", "M", "G", "T"};
  if (number < 9.95 && number != std::floor(number)) return absl::StrFormat("%.1f", number);
  size_t unit = 0;
  for (; number >= 999.5 && unit + 1 < std::size(kUnits); ++unit) number /= 1000;
  return absl::StrFormat("%.*f%s", unit > 0 && number < 9.95 ? 1 : 0, number, kUnits[unit]);
}

// The rows of the panel that pass the filter.
std::vector<TopView::RowOrder> TopView::Rows() const {
  std::vector<RowOrder> rows;
  switch (settings_.panel) {
    case TopPanel::kFlows:
      for (const FlowRate& flow : report_.flows)
        rows.push_back({rows.size(), flow.rate.packets, flow.rate.bytes, flow.flow->stats.used});
      break;
    case TopPanel::kMasks:
      for (const MaskRate& mask : report_.masks)
        rows.push_back({rows.size(), mask.rate.packets, mask.rate.bytes, mask.used});
      break;
    case TopPanel::kPorts:
      for (const PortRate& port : report_.ports)
        rows.push_back(
            {rows.size(), port.rx.packets + port.tx.packets, port.rx.bytes + port.tx.bytes, 0});
      break;
  }
  if (!settings_.filter.empty())
    std::erase_if(rows, [this](const RowOrder& row) {
      return RowText(row.index).find(settings_.filter) == std::string::npos;
    });
  return rows;
}

std::vector<TopView::RowOrder> TopView::Sorted(size_t most) const {
  std::vector<RowOrder> rows = Rows();
  const TopSort sort = settings_.sort;
  const auto busier = [sort](const RowOrder& a, const RowOrder& b) {
    if (sort == TopSort::kPackets && a.packets != b.packets) return a.packets > b.packets;
    if (sort == TopSort::kBytes && a.bytes != b.bytes) return a.bytes > b.bytes;
    if (a.used != b.used) return a.used > b.used;
    return a.index < b.index;
  };
  const size_t wanted = std::min(most, rows.size());
  std::partial_sort(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(wanted), rows.end(),
                    busier);
  rows.resize(wanted);
  return rows;
}

std::string TopView::RowText(size_t index) const {
  switch (settings_.panel) {
    case TopPanel::kFlows: {
      const KnownPorts ports(&report_.sample->ports);
      return FlowLabel(*report_.flows[index].flow, settings_.names ? &ports : nullptr);
    }
    case TopPanel::kMasks:
      return report_.masks[index].text;
    case TopPanel::kPorts: {
      const ovs::Vport& port = *report_.ports[index].port;
      return absl::StrCat(port.port_no, " ", port.name, " (", ovs::VportTypeName(port.type), ")");
    }
  }
  return {};
}

std::string TopView::Heading(size_t width) const {
  switch (settings_.panel) {
    case TopPanel::kFlows:
      return width < kWide ? "pkt/s byte/s flow" : "pkt/s byte/s  used flow";
    case TopPanel::kMasks:
      return width < kWide ? "pkt/s byte/s flows mask" : "pkt/s byte/s  used flows mask";
    case TopPanel::kPorts:
      return width < kWide ? " in/s out/s port" : " in/s  byte/s out/s  byte/s drop/s lost/s port";
  }
  return {};
}

std::string TopView::RowLine(const RowOrder& row, size_t width) const {
  std::string line;
  const std::string text = RowText(row.index);
  if (settings_.panel == TopPanel::kPorts) {
    const PortRate& port = report_.ports[row.index];
    if (width < kWide)
      return absl::StrFormat("%5s %5s %s", ShortNumber(port.rx.packets),
                             ShortNumber(port.tx.packets), text);
    return absl::StrFormat("%5s %7s %5s %7s %6s %6s %s", ShortNumber(port.rx.packets),
                           ShortNumber(port.rx.bytes), ShortNumber(port.tx.packets),
                           ShortNumber(port.tx.bytes), ShortNumber(port.dropped),
                           port.upcalls_lost ? ShortNumber(*port.upcalls_lost) : "?", text);
  }
  line = absl::StrFormat("%5s %6s ", ShortNumber(row.packets), ShortNumber(row.bytes));
  if (width >= kWide) absl::StrAppendFormat(&line, "%5s ", Ago(row.used, report_.sample->time));
  if (settings_.panel == TopPanel::kMasks)
    absl::StrAppendFormat(&line, "%5d ", report_.masks[row.index].flows);
  return line + text;
}

std::string TopView::DatapathLine() const {
  const TopSample& sample = *report_.sample;
  return absl::StrCat(FullName(sample.datapath), " hit ", ShortNumber(report_.hit), "/s miss ",
                      ShortNumber(report_.missed), "/s lost ", ShortNumber(report_.lost), "/s (",
                      sample.datapath.stats.n_lost, " in all)");
}

std::string TopView::ModeLine() const {
  const TopSample& sample = *report_.sample;
  std::string line = absl::StrCat(sample.flows.size(), " flows, ",
                                  sample.datapath.megaflow_stats.n_masks, " masks");
  if (report_.masks_per_packet)
    absl::StrAppendFormat(&line, ", %.2f masks/packet", *report_.masks_per_packet);
  if (report_.cached.value_or(0) > 0)
    absl::StrAppend(&line, ", ", Percent(*report_.cached), " cached");
  return line;
}

std::vector<std::string> TopView::Screen(size_t width, size_t height) const {
  std::vector<std::string> lines;
  if (report_.sample == nullptr) return lines;
  std::string mode = absl::StrCat(
      base::ToAbsl(kPanels[static_cast<size_t>(settings_.panel)]), " by ",
      base::ToAbsl(kSorts[static_cast<size_t>(settings_.sort)]), paused_ ? ", paused" : "",
      editing_ ? ", only: " + *editing_ + "_"
               : (settings_.filter.empty() ? "" : ", only: " + settings_.filter));
  if (report_.seconds == 0) mode += ", measuring";
  lines = {DatapathLine(), ModeLine(), std::move(mode), Heading(width)};
  const size_t last = height > lines.size() + 1 ? height - 1 : height;
  if (help_) {
    lines.insert(lines.end(), std::begin(kHelp), std::end(kHelp));
  } else if (last > lines.size()) {
    const size_t room = last - lines.size();
    const std::vector<RowOrder> rows = Sorted(scroll_ + room);
    // Rows may have become fewer since they were scrolled.
    for (size_t i = std::min(scroll_, rows.empty() ? 0 : rows.size() - 1); i < rows.size(); ++i)
      lines.push_back(RowLine(rows[i], width));
  }
  lines.resize(std::max(last, size_t{1}));
  if (last < height) lines.emplace_back("q quit  h help  / filter");
  lines.resize(std::min(lines.size(), height));
  for (std::string& line : lines) line.resize(std::min(line.size(), width));
  return lines;
}

void TopView::AppendLines(size_t rows, std::string* out) const {
  constexpr size_t kNoLimit = 1 << 20;
  absl::StrAppend(out, DatapathLine(), ", ", ModeLine(), "\n", Heading(kNoLimit), "\n");
  for (const RowOrder& row : Sorted(rows)) absl::StrAppend(out, RowLine(row, kNoLimit), "\n");
}

Json TopView::RowJson(const RowOrder& row) const {
  const auto rate = [](const Rate& r) {
    return Json{{"packets_per_second", r.packets}, {"bytes_per_second", r.bytes}};
  };
  if (settings_.panel == TopPanel::kPorts) {
    const PortRate& port = report_.ports[row.index];
    return {{"port_no", port.port->port_no},
            {"name", port.port->name},
            {"rx", rate(port.rx)},
            {"tx", rate(port.tx)},
            {"dropped_per_second", port.dropped},
            {"upcalls_per_second", port.upcalls_queued ? Json(*port.upcalls_queued) : Json()},
            {"upcalls_lost_per_second", port.upcalls_lost ? Json(*port.upcalls_lost) : Json()}};
  }
  Json json = rate({row.packets, row.bytes});
  if (settings_.panel == TopPanel::kMasks) {
    json["flows"] = report_.masks[row.index].flows;
    json["mask"] = report_.masks[row.index].text;
    return json;
  }
  const KnownPorts ports(&report_.sample->ports);
  const ovs::Flow& flow = *report_.flows[row.index].flow;
  base::ByteVector ufid;
  if (flow.ufid) ufid.assign(flow.ufid->bytes.begin(), flow.ufid->bytes.end());
  json["flow"] = FlowToJson(ViewOf(flow, ufid), {.ports = settings_.names ? &ports : nullptr,
                                                 .now = report_.sample->time});
  return json;
}

Json TopView::ToJson(size_t rows) const {
  const auto number = [](std::optional<double> value) { return value ? Json(*value) : Json(); };
  const TopSample& sample = *report_.sample;
  Json json = {{"datapath", FullName(sample.datapath)},
               {"seconds", report_.seconds},
               {"hit_per_second", report_.hit},
               {"missed_per_second", report_.missed},
               {"lost_per_second", report_.lost},
               {"lost", sample.datapath.stats.n_lost},
               {"flow_count", sample.flows.size()},
               {"mask_count", sample.datapath.megaflow_stats.n_masks},
               {"masks_per_packet", number(report_.masks_per_packet)},
               {"cached", number(report_.cached)}};
  Json list = Json::array();
  for (const RowOrder& row : Sorted(rows)) list.push_back(RowJson(row));
  json[std::string(kPanels[static_cast<size_t>(settings_.panel)])] = std::move(list);
  return json;
}

bool TopView::EditFilter(int key) {
  if (!editing_) return false;
  if (key == kEnter || key == '\n' || key == '\r') {
    settings_.filter = *editing_;
    editing_.reset();
    scroll_ = 0;
  } else if (key == kEscape) {
    editing_.reset();
  } else if (key == kErase || key == '\b' || key == 0x7f) {
    if (!editing_->empty()) editing_->pop_back();
  } else if (key >= ' ' && key < 0x7f && editing_->size() < 100) {
    editing_->push_back(static_cast<char>(key));
  }
  return true;
}

bool TopView::Scroll(int key) {
  constexpr size_t kPage = 10;
  if (key == kUp) {
    scroll_ -= std::min<size_t>(scroll_, 1);
  } else if (key == kPageUp) {
    scroll_ -= std::min(scroll_, kPage);
  } else if (key == kHome) {
    scroll_ = 0;
  } else if (key == kDown || key == kPageDown) {
    const size_t rows = report_.sample == nullptr ? 0 : Rows().size();
    scroll_ = std::min(scroll_ + (key == kDown ? 1 : kPage), std::max<size_t>(rows, 1) - 1);
  } else {
    return false;
  }
  return true;
}

void TopView::ShowPanel(size_t panel) {
  settings_.panel = static_cast<TopPanel>(panel % std::size(kPanels));
  scroll_ = 0;
}

TopKey TopView::Key(int key) {
  if (EditFilter(key)) return TopKey::kNone;
  if (key == 'q') return TopKey::kQuit;
  if (help_ || key == 'h' || key == '?') {  // any key leads back
    help_ = !help_;
    return TopKey::kNone;
  }
  if (Scroll(key)) return TopKey::kNone;
  const char letter = key > 0 && key < 0x80 ? static_cast<char>(key) : '\0';
  if (const size_t panel = kPanelKeys.find(letter); panel != std::string_view::npos) {
    ShowPanel(panel);
  } else if (const size_t sort = kSortKeys.find(letter); sort != std::string_view::npos) {
    settings_.sort = static_cast<TopSort>(sort);
  } else if (letter == '\t') {
    ShowPanel(static_cast<size_t>(settings_.panel) + 1);
  } else if (letter == 'n') {
    settings_.names = !settings_.names;
  } else if (letter == ' ') {
    paused_ = !paused_;
  } else if (letter == '/') {
    editing_ = settings_.filter;
  }
  return TopKey::kNone;
}

}  // namespace sluice::dpctl
