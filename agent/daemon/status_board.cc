#include "agent/daemon/status_board.h"

#include <map>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "agent/daemon/fdb_requests.h"
#include "agent/daemon/flow_requests.h"
#include "agent/daemon/mask_requests.h"
#include "agent/daemon/memory.h"
#include "agent/daemon/meter_report.h"
#include "agent/daemon/mirror_report.h"
#include "agent/daemon/packet_in_stream.h"
#include "agent/daemon/rule_requests.h"
#include "agent/daemon/trace_requests.h"
#include "agent/daemon/upcall_report.h"
#include "netlink/base/counters.h"
#include "netlink/base/status.h"
#include "netlink/ovs/datapath.h"

namespace sluice::daemon {
namespace {

constexpr std::string_view kPriorityTags[] = {"never", "if-nonzero", "always"};

std::string ModeOf(const port::PortSpec& spec) {
  constexpr std::string_view kModes[] = {
      "", "access", "trunk", "native-tagged", "native-untagged", "dot1q-tunnel"};
  if (spec.vlan_mode != port::VlanMode::kAuto)
    return std::string(kModes[static_cast<size_t>(spec.vlan_mode)]);
  return spec.vlan ? "access" : "trunk";
}

void FillTunnel(const port::PortStatus& port, v1::Tunnel* out) {
  const port::TunnelConfig& tunnel = *port.spec.tunnel;
  out->set_device(port.device);
  out->set_device_number(port.device_no);
  out->set_remote(port::RemoteText(tunnel));
  out->set_local(port::LocalText(tunnel));
  out->set_key(port::KeyText(tunnel));
  out->set_tos(port::ByteText(tunnel.end.tos));
  out->set_ttl(port::ByteText(tunnel.end.ttl));
  out->set_dont_fragment(tunnel.end.dont_fragment);
  out->set_checksum(tunnel.end.checksum);
  out->set_udp_port(port::DeviceOf(tunnel).dst_port);
  out->set_gbp(tunnel.gbp);
  out->set_gpe(tunnel.gpe);
  out->set_inner_mtu(port.inner_mtu);
}

void FillHealth(const bridge::PeerHealth& health, base::MonotonicMs now, v1::Peer* out) {
  out->set_has_answered(health.answered.has_value());
  if (health.answered) out->set_answered_ms_ago(now - std::min(now, *health.answered));
  out->set_round_trip_ms(health.round_trip.value_or(0));
  out->set_probes(health.sent);
  out->set_answers(health.answers);
  out->set_path_mtu(health.path_mtu);
  out->set_path_mtu_is_final(health.path_mtu_is_final);
}

void FillPeer(const port::PortStatus& port, v1::Peer* out) {
  const bool up = port.state == port::PortState::kUp && port.has_link;
  out->set_state(up ? "up" : "down");
  if (!up) {
    out->set_reason(port.reason.empty() ? absl::StrCat("device ", port.device, " has no link")
                                        : port.reason);
  } else {
    out->set_reason(port.reason);
  }
  for (const std::string& peer : port.spec.relays_to) out->add_relays_to(peer);
}

void FillPort(const port::PortStatus& port, v1::Port* out) {
  out->set_name(port.spec.name);
  out->set_number(port.port_no);
  out->set_type(port.type);
  out->set_state(std::string(port::ToString(port.state)));
  out->set_reason(port.reason);
  out->set_vlan(port.spec.vlan.value_or(0));
  for (uint16_t vlan : port.spec.trunks) out->add_trunks(vlan);
  out->set_vlan_mode(ModeOf(port.spec));
  out->set_priority_tags(std::string(kPriorityTags[static_cast<size_t>(port.spec.priority_tags)]));
  for (const pipeline::VlanPair& pair : port.spec.vlan_map) {
    v1::VlanPair* mapped = out->add_vlan_map();
    mapped->set_wire(pair.wire);
    mapped->set_vlan(pair.vlan);
  }
  out->set_is_protected(port.spec.is_protected);
  out->set_has_link(port.has_link);
  out->set_mac_limit(port.spec.mac_limit);
  for (size_t storm = 0; storm < pipeline::kStorms; ++storm) {
    const port::StormLimit& limit = port.spec.storm[storm];
    if (limit.rate != 0)
      out->add_storm(absl::StrCat(base::ToAbsl(pipeline::kStormNames[storm]), " ", limit.rate,
                                  limit.kbps ? "kbps" : "pps"));
  }
  if (port.spec.tunnel) FillTunnel(port, out->mutable_tunnel());
  if (port.spec.is_peer) FillPeer(port, out->mutable_peer());
}

}  // namespace

StatusBoard::StatusBoard(const upcall::HandlerPool* handlers, flowcache::Revalidator* revalidator,
                         upcall::DispatchMode mode, socket::Client client,
                         DesiredStateKeeper* keeper, const base::Clock* clock)
    : handlers_(handlers),
      revalidator_(revalidator),
      mode_(mode),
      keeper_(keeper),
      clock_(clock),
      started_(clock->Now()),
      bridges_(std::make_shared<std::vector<BridgePosting>>()),
      client_(std::move(client)) {}

void StatusBoard::Post(std::vector<BridgePosting> bridges, port::ConntrackStatus conntrack) {
  auto fresh = std::make_shared<const std::vector<BridgePosting>>(std::move(bridges));
  absl::MutexLock lock(&mutex_);
  bridges_ = std::move(fresh);
  conntrack_ = std::move(conntrack);
}

port::ConntrackStatus StatusBoard::conntrack() const {
  absl::MutexLock lock(&mutex_);
  return conntrack_;
}

std::shared_ptr<const std::vector<BridgePosting>> StatusBoard::bridges() const {
  absl::MutexLock lock(&mutex_);
  return bridges_;
}

v1::GetHealthResponse StatusBoard::Health() {
  v1::GetHealthResponse out;
  for (const BridgePosting& bridge : *bridges()) {
    if (!bridge.problem.empty())
      out.add_problems(absl::StrCat(bridge.name, ": no datapath: ", bridge.problem));
    if (!bridge.rules_problem.empty())
      out.add_problems(absl::StrCat(
          bridge.name, ": the rules are not those of the file: ", bridge.rules_problem));
    for (const port::MeterStatus& meter : bridge.meters.meters)
      if (!meter.problem.empty())
        out.add_problems(absl::StrCat(bridge.name, ": ", NameOf(meter.key), ": ", meter.problem));
    for (const port::PortStatus& port : bridge.ports)
      if (port.state == port::PortState::kFailed || port.state == port::PortState::kAdding)
        out.add_problems(
            absl::StrCat(bridge.name, ": port ", port.spec.name, " is not up: ", port.reason));
    for (const port::PortStatus& port : bridge.ports)
      if (port.spec.is_peer && port.state == port::PortState::kUp && !port.has_link)
        out.add_problems(
            absl::StrCat(bridge.name, ": peer ", port.spec.name, " is down: ", port.reason));
  }
  const port::ConntrackStatus conntrack = this->conntrack();
  for (const port::LimitStatus& limit : conntrack.limits)
    if (!limit.problem.empty())
      out.add_problems(absl::StrCat(
          "conntrack: the limit of ",
          limit.zone == ovs::kDefaultZone ? "other zones" : absl::StrCat("zone ", limit.zone), ": ",
          limit.problem));
  for (const port::TimeoutStatus& timeout : conntrack.timeouts)
    if (!timeout.problem.empty())
      out.add_problems(
          absl::StrCat("conntrack: timeout policy ", timeout.kernel_name, ": ", timeout.problem));
  out.set_healthy(out.problems().empty());
  return out;
}

void StatusBoard::FillCounted(v1::GetStatusResponse* out) {
  std::map<std::string, uint64_t, std::less<>> counters;
  for (base::CounterReading& reading : base::Counters::Read())
    counters.emplace(std::move(reading.name), reading.value);
  v1::SlowPathStats* slow_path = out->mutable_slow_path();
  slow_path->set_packets(counters["slow_path_packets"]);
  slow_path->set_executes(counters["slow_path_executes"]);
  slow_path->set_dropped(counters["slow_path_too_short"] + counters["slow_path_unsupported"] +
                         counters["slow_path_too_many"] + counters["slow_path_dropped"]);
  v1::PacketInStats* packet_ins = out->mutable_packet_ins();
  packet_ins->set_packets(counters["packet_ins"]);
  packet_ins->set_missed(counters["packet_ins_missed"]);
  for (const BridgePosting& posting : *bridges())
    packet_ins->set_listeners(packet_ins->listeners() +
                              static_cast<uint32_t>(posting.bridge->packet_ins().listeners()));
}

v1::GetStatusResponse StatusBoard::Status() {
  v1::GetStatusResponse out;
  out.set_version(SLUICE_VERSION);
  out.set_uptime_ms(clock_->Now() - started_);
  out.set_dispatch_mode(std::string(upcall::ToString(mode_)));
  out.set_revalidator_rounds(revalidator_->rounds());
  FillCounted(&out);
  const MemoryUse memory = ReadMemoryUse();
  out.mutable_memory()->set_resident(memory.resident_bytes);
  out.mutable_memory()->set_heap(memory.heap_bytes);
  for (const upcall::HandlerStats& stats : handlers_->stats())
    FillHandler(stats, out.add_handlers());
  const auto postings = bridges();
  FillLosses(*handlers_, *postings, clock_->Now(), &out);
  for (const BridgePosting& posting : *postings) {
    v1::Bridge* bridge = out.add_bridges();
    bridge->set_name(posting.name);
    bridge->set_datapath_ifindex(posting.dp_ifindex);
    bridge->set_problem(posting.problem);
    if (posting.dp_ifindex != 0) FillDatapath(posting.dp_ifindex, bridge);
    bridge->mutable_flows()->set_limit(posting.flow_limit);
    bridge->mutable_flows()->set_masks(posting.bridge->masks()->stats().masks);
    bridge->mutable_flows()->set_mask_budget(posting.bridge->mask_options().budget.masks);
    if (posting.flows) FillFlowCache(*posting.flows, bridge->mutable_flows());
    bridge->set_macs(posting.bridge->macs().size());
    bridge->set_mac_limit(posting.mac_limit);
    absl::flat_hash_map<uint32_t, size_t> macs = posting.bridge->macs().CountByPort();
    const std::map<std::string, bridge::PeerHealth> health = posting.bridge->peers().Health();
    for (const port::PortStatus& port : posting.ports) {
      FillPort(port, bridge->add_ports());
      if (const auto known = health.find(port.spec.name); known != health.end())
        FillHealth(known->second, clock_->Now(), bridge->mutable_ports()->rbegin()->mutable_peer());
      bridge->mutable_ports()->rbegin()->set_macs(macs[port.port_no]);
    }
  }
  return out;
}

void StatusBoard::FillDatapath(int dp_ifindex, v1::Bridge* out) {
  absl::MutexLock lock(&client_mutex_);
  const absl::StatusOr<ovs::Datapath> datapath = ovs::Datapaths(&client_).Get(dp_ifindex);
  if (!datapath.ok()) return;  // it is going; the main loop is about to notice
  v1::DatapathStats* stats = out->mutable_datapath();
  stats->set_hit(datapath->stats.n_hit);
  stats->set_missed(datapath->stats.n_missed);
  stats->set_lost(datapath->stats.n_lost);
  stats->set_flows(datapath->stats.n_flows);
  stats->set_masks(datapath->megaflow_stats.n_masks);
  stats->set_mask_hit(datapath->megaflow_stats.n_mask_hit);
}

v1::GetUpcallsResponse StatusBoard::Upcalls() {
  absl::MutexLock lock(&client_mutex_);
  return ReportUpcalls(*handlers_, *bridges(), clock_->Now(), &client_);
}

absl::Status StatusBoard::ForEachOf(const std::string& bridge,
                                    absl::FunctionRef<void(const BridgePosting&)> visit) const {
  bool found = bridge.empty();
  for (const BridgePosting& posting : *bridges()) {
    if (!bridge.empty() && posting.name != bridge) continue;
    found = true;
    visit(posting);
  }
  if (!found) return absl::NotFoundError(absl::StrCat("there is no bridge \"", bridge, "\""));
  return absl::OkStatus();
}

absl::StatusOr<v1::ListMacsResponse> StatusBoard::Macs(const std::string& bridge) {
  v1::ListMacsResponse out;
  SLUICE_RETURN_IF_ERROR(ForEachOf(bridge, [&](const BridgePosting& posting) {
    AddMacs(*posting.bridge, clock_->Now(), posting.mac_limit, &out);
  }));
  return out;
}

absl::StatusOr<v1::ListMirrorsResponse> StatusBoard::Mirrors(const std::string& bridge) {
  v1::ListMirrorsResponse out;
  SLUICE_RETURN_IF_ERROR(
      ForEachOf(bridge, [&](const BridgePosting& posting) { AddMirrors(*posting.bridge, &out); }));
  return out;
}

absl::StatusOr<v1::ListMetersResponse> StatusBoard::Meters(const std::string& bridge) {
  v1::ListMetersResponse out;
  absl::MutexLock lock(&client_mutex_);
  ovs::Meters kernel(&client_);
  SLUICE_RETURN_IF_ERROR(ForEachOf(bridge, [&](const BridgePosting& posting) {
    ReportMeters(posting.name, posting.dp_ifindex, posting.meters, &kernel, &out);
  }));
  return out;
}

absl::StatusOr<v1::ListConnectionLimitsResponse> StatusBoard::ConnectionLimits() {
  const port::ConntrackStatus status = conntrack();
  absl::MutexLock lock(&client_mutex_);
  return ReportLimits(status, &client_);
}

absl::StatusOr<v1::GetMasksResponse> StatusBoard::Masks(const std::string& bridge) {
  v1::GetMasksResponse out;
  SLUICE_RETURN_IF_ERROR(ForEachOf(
      bridge, [&](const BridgePosting& posting) { *out.add_masks() = MasksOf(*posting.bridge); }));
  return out;
}

absl::StatusOr<v1::SetMasksResponse> StatusBoard::SetMasks(const v1::SetMasksRequest& request) {
  SLUICE_ASSIGN_OR_RETURN(const std::shared_ptr<bridge::Bridge> bridge, Find(request.bridge()));
  SLUICE_RETURN_IF_ERROR(daemon::SetMasks(request, bridge.get()));
  if (request.wait()) SLUICE_RETURN_IF_ERROR(WaitForRevalidation());
  v1::SetMasksResponse response;
  *response.mutable_masks() = MasksOf(*bridge);
  return response;
}

absl::StatusOr<std::shared_ptr<bridge::Bridge>> StatusBoard::Find(const std::string& name) const {
  for (const BridgePosting& posting : *bridges())
    if (posting.name == name) return posting.bridge;
  return absl::NotFoundError(absl::StrCat("there is no bridge \"", name, "\""));
}

absl::StatusOr<v1::ChangeMacsResponse> StatusBoard::ChangeMacs(
    const v1::ChangeMacsRequest& request) {
  SLUICE_ASSIGN_OR_RETURN(const std::shared_ptr<bridge::Bridge> bridge, Find(request.bridge()));
  SLUICE_ASSIGN_OR_RETURN(v1::ChangeMacsResponse response,
                          daemon::ChangeMacs(request, bridge.get()));
  if (request.wait()) SLUICE_RETURN_IF_ERROR(WaitForRevalidation());
  return response;
}

absl::StatusOr<v1::ChangeRulesResponse> StatusBoard::ChangeRules(
    const v1::ChangeRulesRequest& request) {
  SLUICE_ASSIGN_OR_RETURN(const std::shared_ptr<bridge::Bridge> bridge, Find(request.bridge()));
  SLUICE_ASSIGN_OR_RETURN(v1::ChangeRulesResponse response,
                          daemon::ChangeRules(request, bridge.get()));
  if (request.wait()) SLUICE_RETURN_IF_ERROR(WaitForRevalidation());
  return response;
}

// A round that begins from here on: what a handler was about to install is in the cache before it.
absl::Status StatusBoard::WaitForRevalidation() {
  constexpr absl::Duration kPatience = absl::Seconds(30);
  return base::Annotate(revalidator_->AwaitRound(kPatience), "it is done, but");
}

absl::StatusOr<v1::DumpRulesResponse> StatusBoard::DumpRules(const v1::DumpRulesRequest& request) {
  SLUICE_ASSIGN_OR_RETURN(const std::shared_ptr<bridge::Bridge> bridge, Find(request.bridge()));
  return daemon::DumpRules(request, *bridge, clock_->Now());
}

absl::StatusOr<v1::DiffRulesResponse> StatusBoard::DiffRules(const v1::DiffRulesRequest& request) {
  SLUICE_ASSIGN_OR_RETURN(const std::shared_ptr<bridge::Bridge> bridge, Find(request.bridge()));
  return daemon::DiffRules(request, *bridge);
}

absl::Status StatusBoard::WatchPacketIns(const v1::WatchPacketInsRequest& request,
                                         control::PacketInStream* stream) {
  SLUICE_ASSIGN_OR_RETURN(const std::shared_ptr<bridge::Bridge> bridge, Find(request.bridge()));
  const auto there = [&] {
    const auto now = Find(request.bridge());
    return now.ok() && *now == bridge;
  };
  return StreamPacketIns(
      request, bridge.get(), [this] { return WaitForRevalidation(); }, there, stream);
}

absl::StatusOr<v1::TraceResponse> StatusBoard::Trace(const v1::TraceRequest& request) {
  SLUICE_ASSIGN_OR_RETURN(const std::shared_ptr<bridge::Bridge> bridge, Find(request.bridge()));
  return daemon::Trace(request, *bridge);
}

}  // namespace sluice::daemon
