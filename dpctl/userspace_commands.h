// Commands of ovs-dpctl(8) that the kernel's datapath has nothing for: they are named, so that
// scripts get a clear word.
#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace sluice::dpctl {

// OK when `name` is none of them; else the error that says so.
absl::Status RefuseUserspaceCommand(std::string_view name);

}  // namespace sluice::dpctl
