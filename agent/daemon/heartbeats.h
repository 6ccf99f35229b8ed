// Sends the heartbeats of overlays, and tells ports which peers do not answer.
//
// What is sent and what it means is decided by bridge::PeerMonitor; handlers take what comes
// (agent/upcall/forwarder.h). Used by the main loop alone.
//
//   SLUICE_ASSIGN_OR_RETURN(Heartbeats heartbeats, Heartbeats::Open());
//   if (heartbeats.Beat(bridge, clock.Now())) bridge->ports().Reconcile();
#pragma once

#include "absl/status/statusor.h"
#include "agent/daemon/bridge_runtime.h"
#include "agent/install/installer.h"
#include "agent/translate/translate.h"
#include "netlink/base/clock.h"

namespace sluice::daemon {

class Heartbeats {
 public:
  static absl::StatusOr<Heartbeats> Open();

  // What is due; whether a peer fell silent or answers again: its port is to be looked at.
  bool Beat(BridgeRuntime* bridge, base::MonotonicMs now);

 private:
  explicit Heartbeats(install::Installer installer) : installer_(std::move(installer)) {}

  install::Installer installer_;
  translate::Translator translator_;
  ovs::ActionList actions_;
};

}  // namespace sluice::daemon
