#include "agent/daemon/service_manager.h"

#include <systemd/sd-daemon.h>

namespace sluice::daemon {

base::MonotonicMs ServiceManager::watchdog_interval() const {
  uint64_t microseconds = 0;
  if (sd_watchdog_enabled(/*unset_environment=*/0, &microseconds) <= 0) return 0;
  return microseconds / 2000;
}

void ServiceManager::KickWatchdog() { sd_notify(0, "WATCHDOG=1"); }

void ServiceManager::Ready() { sd_notify(0, "READY=1\nSTATUS=Answering upcalls"); }

void ServiceManager::Reloading() { sd_notify(0, "RELOADING=1\nSTATUS=Reloading"); }

void ServiceManager::Stopping() { sd_notify(0, "STOPPING=1\nSTATUS=Stopping"); }

}  // namespace sluice::daemon
