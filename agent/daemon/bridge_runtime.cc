#include "agent/daemon/bridge_runtime.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>
#include <random>

#include "agent/daemon/rule_requests.h"
#include "agent/translate/key_fields.h"
#include "agent/translate/trace.h"

namespace sluice::daemon {

BridgeRuntime::BridgeRuntime(const BridgeConfig& config, const BridgeContext* context)
    : config_(config),
      context_(context),
      peers_(std::make_shared<bridge::PeerMonitor>(std::random_device()())),
      bridge_(MakeBridge()),
      meters_(config.name, context->meter_kernel),
      ports_(config.name, config.ports, context->kernel, context->links, this, context->clock) {}

std::shared_ptr<bridge::Bridge> BridgeRuntime::MakeBridge() const {
  auto made = std::make_shared<bridge::Bridge>(
      bridge::BridgeOptions{.name = config_.name,
                            .mac_aging_ms = static_cast<uint64_t>(config_.mac_aging.count()),
                            .mac_limit = config_.mac_limit,
                            .masks = config_.masks},
      context_->clock);
  made->SetChangeListener(context_->on_generation);
  made->SetAbilities(context_->abilities);
  made->SetPeers(peers_);
  made->SetStaticMacs(config_.fdb);
  made->SetSwitchOptions(config_.options);
  // Rules may name them before the kernel has them.
  pipeline::MeterIds declared;
  for (const ovs::MeterConfig& meter : config_.meters) declared.meters[meter.id];
  made->SetMeters(std::move(declared));
  made->SetTimeouts(context_->timeouts);
  if (!config_.rules.empty()) (void)made->ReplaceRules({}, {});  // none cannot be wrong
  return made;
}

void BridgeRuntime::Reconfigure(const BridgeConfig& config) {
  const bool other_rules = config.rules.empty() != config_.rules.empty();
  const bool other_table =
      other_rules || config.mac_aging != config_.mac_aging || config.mac_limit != config_.mac_limit;
  const bool other_statics = config.fdb != config_.fdb;
  if (config.masks != config_.masks) bridge_->SetMaskOptions(config.masks);
  config_ = config;
  ports_.SetWanted(config.ports);
  if (!other_table) {
    if (other_statics) bridge_->SetStaticMacs(config_.fdb);
    bridge_->SetSwitchOptions(config_.options);
    SyncMeters(ports_.dp_ifindex());
    TakeTimeouts();
    return LoadRules();
  }
  // A new table, which learns again; the revalidator adopts the flows that are in the kernel.
  std::vector<pipeline::BridgePort> ports = bridge_->ports()->ports();
  bridge_ = MakeBridge();
  OnPorts(std::move(ports));
  OnDatapath(ports_.dp_ifindex());
}

void BridgeRuntime::OnPorts(std::vector<pipeline::BridgePort> ports) {
  const std::shared_ptr<const pipeline::PortTable> before = bridge_->ports();
  bridge_->SetPorts(std::move(ports));
  // A link that comes or goes does not change what the files mean.
  const std::shared_ptr<const pipeline::PortTable> now = bridge_->ports();
  const bool same_names = std::equal(
      before->ports().begin(), before->ports().end(), now->ports().begin(), now->ports().end(),
      [](const pipeline::BridgePort& a, const pipeline::BridgePort& b) {
        return a.port_no == b.port_no && a.name == b.name;
      });
  if (!same_names) LoadRules();
}

void BridgeRuntime::LoadRules() {
  if (config_.rules.empty()) return;
  const absl::Status status = LoadRuleFiles(config_.rules, config_.groups, bridge_.get());
  // Ports come and go one after the other, and each time the files are read: said once.
  if (status.message() == rules_problem_) return;
  rules_problem_ = std::string(status.message());
  if (status.ok()) return;
  // Rules may name ports that are about to come.
  const bool complete =
      std::all_of(config_.ports.begin(), config_.ports.end(), [&](const port::PortSpec& port) {
        return bridge_->ports()->NumberOf(port.name).has_value();
      });
  spdlog::log(complete ? spdlog::level::err : spdlog::level::info,
              "{}: the rules stay as they are: {}", config_.name, rules_problem_);
}

void BridgeRuntime::SyncMeters(int dp_ifindex) {
  std::map<port::MeterKey, ovs::MeterConfig> wanted;
  for (const ovs::MeterConfig& meter : config_.meters) wanted[{.number = meter.id}] = meter;
  for (const port::PortSpec& spec : config_.ports) {
    for (uint32_t storm = 0; storm < pipeline::kStorms; ++storm) {
      const port::StormLimit& limit = spec.storm[storm];
      if (limit.rate == 0) continue;
      wanted[{.port = spec.name, .number = storm}] = {
          .kbps = limit.kbps, .bands = {{.rate = limit.rate, .burst = limit.rate}}};
    }
  }
  bridge_->SetMeters(meters_.Sync(dp_ifindex, wanted));
  meters_.DropUnwanted();
}

bool BridgeRuntime::CheckMeters() {
  if (!meters_.Check()) return false;
  SyncMeters(ports_.dp_ifindex());
  return true;
}

MeterPosting BridgeRuntime::MetersNow() const {
  return {.meters = meters_.Status(),
          .problem = meters_.problem(),
          .max_meters = meters_.features().max_meters,
          .max_bands = meters_.features().max_bands,
          .foreign = {meters_.foreign().begin(), meters_.foreign().end()}};
}

void BridgeRuntime::ConfigureMonitor() {
  uint32_t mtu = 0;
  for (const port::PortSpec& port : config_.ports) {
    const route::Link* link = port.tunnel ? nullptr : context_->links->Find(port.name);
    if (link != nullptr) mtu = std::max(mtu, link->mtu);
  }
  std::map<std::string, bridge::PeerPort> peers;
  const auto ports = bridge_->ports();
  for (const pipeline::BridgePort& port : ports->ports())
    if (port.is_peer && port.tunnel) peers[port.name] = {.port_no = port.port_no, .mtu = mtu};
  peers_->Configure(peers, config_.heartbeats);
}

void BridgeRuntime::OnDatapath(int dp_ifindex) {
  flows_.reset();
  SyncMeters(dp_ifindex);
  if (dp_ifindex != 0) {
    flows_ = std::make_shared<flowcache::DatapathFlows>(dp_ifindex, bridge_, context_->flow_limit);
    context_->adopt(flows_.get());
  }
  context_->on_datapaths();
}

void BridgeRuntime::TellEmergency(base::MonotonicMs now) {
  const flowcache::Bounds bounds = flows_ == nullptr ? flowcache::Bounds{} : flows_->bounds();
  if (bounds.emergency == emergency_told_ || !emergency_lines_.Allow(now)) return;
  emergency_told_ = bounds.emergency;
  if (bounds.emergency) {
    spdlog::warn(
        "{}: more flows than the limit of {}: the idlest are deleted, the last one after {} ms",
        config_.name, bounds.limit, bounds.idle_timeout_ms);
  } else {
    spdlog::info("{}: no more flows than the limit again", config_.name);
  }
}

void BridgeRuntime::TellLoops(base::MonotonicMs now) {
  if (auto key = bridge_->loops().Take()) looped_ = *key;
  if (!looped_ || !loop_lines_.Allow(now)) return;
  const ovs::FlowKey key = *std::exchange(looped_, std::nullopt);
  const std::shared_ptr<const pipeline::PortTable> ports = bridge_->ports();
  const bridge::Sight sight(bridge_.get());
  const translate::TraceReport report = translate::Trace(key, sight.view(), ports.get());
  const std::string& where = report.rounds.front().refused;
  // As far as it still is what it was when it came.
  pipeline::Fields packet = translate::FieldsOfKey(key, ports->options().tunnel_options);
  const uint32_t ct_state = packet.ct_state.host();
  packet.recirc_id = packet.dp_hash = packet.ct_state = packet.ct_mark = {};
  packet.ct_label = {};
  packet.ct_zone = packet.ct_tp_src = packet.ct_tp_dst = {};
  packet.ct_nw_src = packet.ct_nw_dst = {};
  packet.ct_ipv6_src = packet.ct_ipv6_dst = {};
  packet.ct_nw_proto = 0;
  spdlog::warn(
      "{}: a packet was recirculated {} times and is dropped (drop_recirc_loop); the next time "
      "would have been by {}. Its way: sluicectl trace {} '{}'{}",
      config_.name, translate::kMaxRecirculations,
      where.empty() ? "rules that have changed since" : where, config_.name,
      translate::PacketText(packet, ports.get()),
      ct_state == 0 ? ""
                    : fmt::format(" (ct() found ct_state={}: see --ct-next)",
                                  translate::CtStateText(ct_state)));
}

}  // namespace sluice::daemon
