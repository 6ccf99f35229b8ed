// The command line, taken apart.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dpctl/command.h"
#include "dpctl/options.h"

namespace sluice::dpctl {

struct Invocation {
  Options options;
  const Command* command = nullptr;  // null when there is none, as with --version
  std::vector<std::string> args;
  CommandOptions own_options;
  bool selftest = false;  // of the selftest dialect (selftest_dialect.h)
};

// kInvalidArgument for unknown commands and options. The number of arguments is not looked at.
absl::StatusOr<Invocation> ParseCommandLine(int argc, const char* const* argv);

}  // namespace sluice::dpctl
