#include "agent/daemon/bridge_runtime.h"

namespace sluice::daemon {

BridgeRuntime::BridgeRuntime(const BridgeConfig& config, const BridgeContext* context)
    : config_(config),
      context_(context),
      bridge_(MakeBridge()),
      ports_(config.name, config.ports, context->kernel, context->links, this, context->clock) {}

std::shared_ptr<bridge::Bridge> BridgeRuntime::MakeBridge() const {
  auto made = std::make_shared<bridge::Bridge>(
      bridge::BridgeOptions{.name = config_.name,
                            .mac_aging_ms = static_cast<uint64_t>(config_.mac_aging.count()),
                            .mac_limit = config_.mac_limit},
      context_->clock);
  made->SetChangeListener(context_->on_generation);
  return made;
}

void BridgeRuntime::Reconfigure(const BridgeConfig& config) {
  const bool other_table =
      config.mac_aging != config_.mac_aging || config.mac_limit != config_.mac_limit;
  config_ = config;
  ports_.SetWanted(config.ports);
  if (!other_table) return;
  // A new table, which learns again; the revalidator adopts the flows that are in the kernel.
  std::vector<pipeline::BridgePort> ports = bridge_->ports()->ports();
  bridge_ = MakeBridge();
  OnPorts(std::move(ports));
  OnDatapath(ports_.dp_ifindex());
}

void BridgeRuntime::OnPorts(std::vector<pipeline::BridgePort> ports) {
  bridge_->SetPorts(std::move(ports));
}

void BridgeRuntime::OnDatapath(int dp_ifindex) {
  flows_.reset();
  if (dp_ifindex != 0) {
    flows_ = std::make_shared<flowcache::DatapathFlows>(dp_ifindex, bridge_, context_->flow_limit);
    context_->adopt(flows_.get());
  }
  context_->on_datapaths();
}

}  // namespace sluice::daemon
