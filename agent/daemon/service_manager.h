// Tells systemd how the daemon does; does nothing when that did not start it. See sd_notify(3).
//
// Not thread-safe.
#pragma once

#include "netlink/base/clock.h"

namespace sluice::daemon {

class ServiceManager {
 public:
  // How often KickWatchdog() wants to be called: half of what systemd allows; 0: it does not.
  base::MonotonicMs watchdog_interval() const;
  void KickWatchdog();

  void Ready();
  void Reloading();
  void Stopping();
};

}  // namespace sluice::daemon
