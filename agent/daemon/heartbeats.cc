#include "agent/daemon/heartbeats.h"

#include <spdlog/spdlog.h>

#include <map>
#include <string>
#include <utility>

#include "netlink/base/status.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::daemon {
namespace {

// The key of a packet that nobody has sent.
base::ByteVector KeyOfNobody() {
  ovs::FlowKey key{};
  key.present[0] = uint64_t{1} << OVS_KEY_ATTR_IN_PORT;
  key.in_port = OVSP_LOCAL;
  base::ByteVector bytes;
  attr::Writer writer(&bytes);
  ovs::EncodeFlowKey(key, nullptr, &writer);
  return bytes;
}

}  // namespace

absl::StatusOr<Heartbeats> Heartbeats::Open() {
  SLUICE_ASSIGN_OR_RETURN(install::Installer installer, install::Installer::Open());
  return Heartbeats(std::move(installer));
}

bool Heartbeats::Beat(BridgeRuntime* bridge, base::MonotonicMs now) {
  bridge::PeerMonitor& monitor = bridge->bridge()->peers();
  const int dp_ifindex = bridge->ports().dp_ifindex();
  static const base::ByteVector* const key = new base::ByteVector(KeyOfNobody());
  const auto ports = bridge->bridge()->ports();
  for (const bridge::PeerMonitor::Frame& frame : monitor.Tick(now)) {
    const pipeline::BridgePort* port = ports->Find(frame.port_no);
    if (port == nullptr || dp_ifindex == 0) continue;
    actions_.Clear();
    translator_.Wrap(*port, &actions_);
    ovs::Upcall nobody;
    nobody.dp_ifindex = dp_ifindex;
    nobody.key = *key;
    (void)installer_.Execute(nobody, frame.bytes, actions_.bytes(), 0);  // it fits
  }
  installer_.Flush([](uint64_t, int) {});
  if (!monitor.TakeChanged()) return false;
  std::map<std::string, std::string> silent;
  const std::map<std::string, std::string>& before = bridge->ports().silent_peers();
  for (const auto& [name, health] : monitor.Health()) {
    if (!health.silent) continue;
    silent[name] =
        health.answered ? "no answer to heartbeats any more" : "it has never answered a heartbeat";
  }
  for (const auto& [name, reason] : silent)
    if (!before.contains(name))
      spdlog::warn("{}: peer {} is down: {}", bridge->config().name, name, reason);
  for (const auto& [name, reason] : before)
    if (!silent.contains(name))
      spdlog::info("{}: peer {} answers again", bridge->config().name, name);
  bridge->ports().SetSilentPeers(std::move(silent));
  return true;
}

}  // namespace sluice::daemon
