// The command line that the kernel's own openvswitch selftests speak.
//
// tools/testing/selftests/net/openvswitch/openvswitch.sh of the Linux source drives a program
// called ovs-dpctl.py. Under that name (argv[0]) dpctl takes those commands and options and maps
// them to its own commands; a few that have no likeness among them are in selftest_commands.h. Pure
// functions.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "dpctl/command_line.h"
#include "netlink/base/bytes.h"

namespace sluice::dpctl {

// Whether the program was called ovs-dpctl.py, in whatever folder.
bool IsSelftestName(std::string_view argv0);

// As ParseCommandLine(), for the dialect. Without a command the help text is asked for.
absl::StatusOr<Invocation> ParseSelftestCommandLine(int argc, const char* const* argv);

std::string SelftestHelpText();

// What `acts` means in dpctl's text: the dialect's `drop` without a reason is no action at all, and
// a psample cookie that is too long is for the kernel to refuse.
std::string SelftestActions(std::string_view acts);

// The key of an upcall as the scripts look for it: a tunnel's number is decimal, and its flags
// stand behind a comma that is there without them, too.
std::string SelftestKeyText(base::ByteView key);

// "VERSION[:FEATURES]" of add-dp -V; features 0x8 (per-CPU upcalls) unless they are given.
struct SelftestVersion {
  uint32_t version = 0;
  uint32_t features = 0;
};
absl::StatusOr<SelftestVersion> ParseSelftestVersion(std::string_view text);

}  // namespace sluice::dpctl
