#include "dpctl/userspace_commands.h"

#include "absl/strings/str_cat.h"
#include "dpctl/failure.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

struct UserspaceCommand {
  std::string_view name;
  std::string_view instead;  // what the kernel has for it
};
constexpr std::string_view kMax =
    "the kernel has the sysctl net.netfilter.nf_conntrack_max for it; `dpctl ct-stats-show -s` "
    "tells it";
constexpr std::string_view kLiberal =
    "the kernel has the sysctl net.netfilter.nf_conntrack_tcp_be_liberal for it";
constexpr std::string_view kFragments =
    "the kernel has the sysctls net.ipv4.ipfrag_* and net.netfilter.nf_conntrack_frag6_* for it";
constexpr UserspaceCommand kTable[] = {
    {"ct-bkts", "the kernel tells nothing of its buckets"},
    {"ct-set-maxconns", kMax},
    {"ct-get-maxconns", kMax},
    {"ct-get-nconns", "`dpctl ct-stats-show` tells how many connections there are"},
    {"ct-enable-tcp-seq-chk", kLiberal},
    {"ct-disable-tcp-seq-chk", kLiberal},
    {"ct-get-tcp-seq-chk", kLiberal},
    {"ct-set-sweep-interval", "the kernel adapts the interval by itself"},
    {"ct-get-sweep-interval", "the kernel adapts the interval by itself"},
    {"ipf-set-enabled", kFragments},
    {"ipf-set-disabled", kFragments},
    {"ipf-set-min-frag", kFragments},
    {"ipf-set-max-nfrags", kFragments},
    {"ipf-get-status", kFragments},
    {"dump-conntrack-exp", {}},
};

}  // namespace

absl::Status RefuseUserspaceCommand(std::string_view name) {
  for (const UserspaceCommand& command : kTable) {
    if (command.name != name) continue;
    absl::Status status =
        UsageError(absl::StrCat("'", base::ToAbsl(name), "' works for userspace datapaths only"));
    return command.instead.empty() ? status : WithHint(std::move(status), command.instead);
  }
  return absl::OkStatus();
}

}  // namespace sluice::dpctl
