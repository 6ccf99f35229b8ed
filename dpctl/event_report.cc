#include "dpctl/event_report.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dpctl/flow_arguments.h"
#include "dpctl/follow.h"
#include "dpctl/known_ports.h"
#include "dpctl/meter_arguments.h"
#include "netlink/base/status.h"
#include "netlink/ovs/family_request.h"
#include "netlink/ovs/meter.h"

namespace sluice::dpctl {
namespace {

// Commands of datapaths, ports and flows have the same numbers; those of meters are others.
std::string_view WordFor(std::string_view family, uint8_t command) {
  if (family == OVS_METER_FAMILY) {
    if (command == OVS_METER_CMD_SET) return "change";
    return command == OVS_METER_CMD_DEL ? "delete" : "";
  }
  if (command == OVS_FLOW_CMD_NEW) return "add";
  if (command == OVS_FLOW_CMD_DEL) return "delete";
  return command == OVS_FLOW_CMD_SET ? "change" : "";
}

bool SamePort(const ovs::Vport& a, const ovs::Vport& b) {
  return a.name == b.name && a.type == b.type && a.ifindex == b.ifindex &&
         a.upcall_pids == b.upcall_pids;
}

std::string PortText(const ovs::Vport& port) {
  return absl::StrCat("port ", port.port_no, ": ", port.name, " (", ovs::VportTypeName(port.type),
                      ")");
}

Json PortJson(const ovs::Vport& port) {
  return {{"port_no", port.port_no},
          {"name", port.name},
          {"type", ovs::VportTypeName(port.type)},
          {"upcall_pids", port.upcall_pids}};
}

}  // namespace

std::string EventReport::NameOf(int dp_ifindex) const {
  const auto found = state_.find(dp_ifindex);
  return found == state_.end() ? absl::StrCat("ifindex ", dp_ifindex)
                               : FullName(found->second.datapath);
}

bool EventReport::Wants(const Line& line) const {
  if (!options_.datapath.empty() && NameOf(line.dp_ifindex) != "system@" + options_.datapath)
    return false;
  switch (line.kind) {
    case Kind::kDatapath:
      return options_.datapaths;
    case Kind::kPort:
      return options_.ports;
    case Kind::kFlow:
      return options_.flows;
    case Kind::kMeter:
      return options_.meters;
  }
  return true;
}

void EventReport::Tell(Line line) {
  static constexpr std::string_view kWords[] = {"datapath", "port", "flow", "meter"};
  const std::string_view kind = kWords[static_cast<size_t>(line.kind)];
  const uint64_t now = WallClockNs();
  if (options_.json) {
    Json json = {{"time", SecondsOf(now)},
                 {"kind", kind},
                 {"event", line.what},
                 {"datapath", NameOf(line.dp_ifindex)},
                 {"netlink_port", line.netlink_port ? Json(*line.netlink_port) : Json()}};
    if (line.kind == Kind::kDatapath) {
      json.update(line.json);  // "datapath" is its name, here as elsewhere
    } else {
      json[std::string(kind)] = std::move(line.json);
    }
    PrintLine(json, out_);
    return;
  }
  std::string text;
  if (options_.timestamps) AppendTimeOfDay(now, &text);
  absl::StrAppend(&text, base::ToAbsl(kind), " ", base::ToAbsl(line.what), ": ",
                  NameOf(line.dp_ifindex), line.detail.empty() ? "" : " ", line.detail, "\n");
  out_->Write(text);
}

void EventReport::Note(std::string_view event, std::string_view text,
                       std::optional<uint64_t> count) {
  const uint64_t now = WallClockNs();
  if (options_.json) {
    Json json = {{"time", SecondsOf(now)}, {"kind", "monitor"}, {"event", event}};
    if (count) json["count"] = *count;
    PrintLine(json, out_);
    return;
  }
  std::string line;
  if (options_.timestamps) AppendTimeOfDay(now, &line);
  absl::StrAppend(&line, base::ToAbsl(text), "\n");
  out_->Write(line);
}

void EventReport::Take(const socket::Event& event) {
  switch (event.kind) {
    case socket::EventKind::kMessage:
      // What cannot be read may have changed anything.
      if (!TakeMessage(event).ok()) must_look_ = true;
      return;
    case socket::EventKind::kOverrun:
      lost_ = must_look_ = true;
      return;
    case socket::EventKind::kFamilyGone:
      if (event.family != OVS_DATAPATH_FAMILY) return;
      Note("module_gone", "the module openvswitch was unloaded, with all that it had");
      state_.clear();
      return;
    case socket::EventKind::kFamilyBack:
      if (event.family != OVS_DATAPATH_FAMILY) return;
      Note("module_back", "the module openvswitch was loaded");
      must_look_ = true;
      return;
  }
}

absl::Status EventReport::TakeMessage(const socket::Event& event) {
  SLUICE_ASSIGN_OR_RETURN(const ovs::OvsMessage ovs, ovs::ParseOvsMessage(event.message));
  Line line;
  line.what = WordFor(event.family, ovs.command);
  if (line.what.empty()) return absl::OkStatus();  // of a newer kernel
  line.dp_ifindex = ovs.dp_ifindex;
  line.netlink_port = event.message.port;
  if (event.family == OVS_DATAPATH_FAMILY) return TakeDatapath(event.message, std::move(line));
  if (event.family == OVS_VPORT_FAMILY) return TakePort(event.message, std::move(line));
  if (event.family == OVS_FLOW_FAMILY) return TakeFlow(event.message, std::move(line));
  if (event.family == OVS_METER_FAMILY) return TakeMeter(event.message, std::move(line));
  return absl::OkStatus();
}

absl::Status EventReport::TakeDatapath(const socket::Message& message, Line line) {
  SLUICE_ASSIGN_OR_RETURN(ovs::Datapath datapath, ovs::ParseDatapath(message));
  line.json = {{"user_features", datapath.user_features}};
  line.detail = absl::StrCat("user_features=0x", absl::Hex(datapath.user_features));
  const bool gone = line.what == "delete";
  state_[line.dp_ifindex].datapath = std::move(datapath);
  const int ifindex = line.dp_ifindex;
  if (Wants(line)) Tell(std::move(line));
  if (gone) state_.erase(ifindex);
  return absl::OkStatus();
}

absl::Status EventReport::TakePort(const socket::Message& message, Line line) {
  line.kind = Kind::kPort;
  SLUICE_ASSIGN_OR_RETURN(ovs::Vport port, ovs::ParseVport(message));
  line.detail = PortText(port);
  line.json = PortJson(port);
  if (const auto watched = state_.find(line.dp_ifindex); watched != state_.end()) {
    if (line.what == "delete") {
      watched->second.ports.erase(port.port_no);
    } else {
      watched->second.ports.insert_or_assign(port.port_no, std::move(port));
    }
  }
  if (Wants(line)) Tell(std::move(line));
  return absl::OkStatus();
}

absl::Status EventReport::TakeFlow(const socket::Message& message, Line line) {
  line.kind = Kind::kFlow;
  if (!Wants(line)) return absl::OkStatus();
  SLUICE_ASSIGN_OR_RETURN(const ovs::FlowView flow, ovs::ParseFlow(message));
  static const std::map<uint32_t, ovs::Vport> kNone;
  const auto watched = state_.find(line.dp_ifindex);
  const KnownPorts names(watched == state_.end() ? &kNone : &watched->second.ports);
  const ovs::FlowTextOptions text{.verbose = options_.verbose,
                                  .ports = options_.names ? &names : nullptr,
                                  .now = base::SystemClock().Now()};
  if (options_.json) {
    line.json = FlowToJson(flow, text);
  } else {
    ovs::AppendFlow(flow, text, &line.detail);
  }
  Tell(std::move(line));
  return absl::OkStatus();
}

absl::Status EventReport::TakeMeter(const socket::Message& message, Line line) {
  line.kind = Kind::kMeter;
  if (!Wants(line)) return absl::OkStatus();
  SLUICE_ASSIGN_OR_RETURN(const ovs::Meter meter, ovs::ParseMeter(message));
  const base::MonotonicMs now = base::SystemClock().Now();
  line.detail = MeterToText(meter, now);
  line.json = MeterToJson(meter, now);
  Tell(std::move(line));
  return absl::OkStatus();
}

void EventReport::TellDatapath(const ovs::Datapath& datapath, std::string_view what) {
  Line line{.kind = Kind::kDatapath,
            .what = what,
            .dp_ifindex = datapath.ifindex,
            .detail = absl::StrCat("user_features=0x", absl::Hex(datapath.user_features)),
            .json = {{"user_features", datapath.user_features}}};
  if (Wants(line)) Tell(std::move(line));
}

void EventReport::TellPort(const ovs::Vport& port, std::string_view what) {
  Line line{.kind = Kind::kPort,
            .what = what,
            .dp_ifindex = port.dp_ifindex,
            .detail = PortText(port),
            .json = PortJson(port)};
  if (Wants(line)) Tell(std::move(line));
}

void EventReport::ReconcilePorts(const WatchedDatapath& before, const WatchedDatapath& now) {
  for (const auto& [number, port] : before.ports)
    if (!now.ports.contains(number)) TellPort(port, "delete");
  for (const auto& [number, port] : now.ports) {
    const auto old = before.ports.find(number);
    if (old == before.ports.end()) {
      TellPort(port, "add");
    } else if (!SamePort(old->second, port)) {
      TellPort(port, "change");
    }
  }
}

void EventReport::Reconcile(WatchedState now, uint64_t dropped) {
  if (lost_) {
    // A datagram that was cut short is lost too, but not dropped by the kernel.
    const uint64_t count = std::max<uint64_t>(dropped - dropped_, 1);
    Note("lost", absl::StrCat(count, " events were lost; what has changed meanwhile follows"),
         count);
  }
  dropped_ = dropped;
  lost_ = must_look_ = false;
  const WatchedState before = std::exchange(state_, std::move(now));
  for (const auto& [ifindex, old] : before) {
    if (const auto found = state_.find(ifindex);
        found != state_.end() && found->second.datapath.name == old.datapath.name)
      continue;
    // It is named by what it was.
    WatchedState present = std::exchange(state_, WatchedState{{ifindex, old}});
    TellDatapath(old.datapath, "delete");
    state_ = std::move(present);
  }
  for (const auto& [ifindex, watched] : state_) {
    const auto old = before.find(ifindex);
    const bool known = old != before.end() && old->second.datapath.name == watched.datapath.name;
    if (!known) {
      TellDatapath(watched.datapath, "add");
    } else if (old->second.datapath.user_features != watched.datapath.user_features) {
      TellDatapath(watched.datapath, "change");
    }
    ReconcilePorts(known ? old->second : WatchedDatapath(), watched);
    Line flows{.kind = Kind::kFlow,
               .what = "count",
               .dp_ifindex = ifindex,
               .detail = absl::StrCat(watched.datapath.stats.n_flows, " flows"),
               .json = {{"count", watched.datapath.stats.n_flows}}};
    if (Wants(flows)) Tell(std::move(flows));
  }
}

}  // namespace sluice::dpctl
