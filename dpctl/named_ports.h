// Names of ports where no kernel is asked: each name that text uses stands for itself.
//
// A name gets a number of its own when it is first read, above those that the kernel gives, and is
// written as that name again. Thread-safe; must outlive what is written with it.
//
//   NamedPorts ports;
//   SLUICE_ASSIGN_OR_RETURN(auto flow, ovs::ParseFlowText("in_port(veth0)", &ports));
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "netlink/attr/text.h"

namespace sluice::dpctl {

class NamedPorts final : public attr::PortNames {
 public:
  std::string_view NameOf(uint32_t port) const override {
    const std::scoped_lock lock(mutex_);
    return port >= kFirst && port - kFirst < names_.size() ? names_[port - kFirst]
                                                           : std::string_view();
  }
  // Whatever may be the name of a device.
  std::optional<uint32_t> NumberOf(std::string_view name) const override;

 private:
  static constexpr uint32_t kFirst = 0x80000000;  // the kernel's are below 65535

  mutable std::mutex mutex_;
  mutable std::deque<std::string> names_;  // which does not move them
};

}  // namespace sluice::dpctl
