#include "dpctl/samples.h"

#include <net/if.h>

#include <array>

#include "absl/strings/str_cat.h"
#include "dpctl/commands/commands.h"
#include "dpctl/follow.h"
#include "dpctl/sample_text.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

std::string InterfaceName(const std::optional<uint32_t>& ifindex) {
  std::array<char, IF_NAMESIZE> name{};
  if (!ifindex || ::if_indextoname(*ifindex, name.data()) == nullptr) return {};
  return name.data();
}

absl::Status Run(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const std::optional<uint32_t> group, NumberOption(*session, "--group"));
  SLUICE_ASSIGN_OR_RETURN(const std::optional<uint32_t> most, NumberOption(*session, "--count"));
  SampleGaps gaps;
  uint64_t seen = 0;
  uint64_t lost = 0;
  const auto ready = [] { Session::Warn("listening for samples"); };
  const auto take = [&](const ovs::Sample& sample) {
    if (group && sample.group != *group) return true;
    const SampleReport report{.sample = sample,
                              .time_ns = sample.timestamp.value_or(WallClockNs()),
                              .lost = gaps.Take(sample),
                              .in = InterfaceName(sample.in_ifindex),
                              .out = InterfaceName(sample.out_ifindex)};
    lost += report.lost;
    if (session->options().json)
      PrintLine(SampleToJson(report), &session->out());
    else
      AppendSample(report, session->options().verbosity > 0, &session->out().buffer());
    return !most || ++seen < *most;
  };
  absl::Status status = FollowSamples(session, ready, take);
  if (lost != 0) Session::Warn(absl::StrCat(lost, " samples were lost"));
  return status;
}

constexpr CommandOption kOptions[] = {
    {"--group", "N", "samples of this group alone"},
    {"--count", "N", "ends after so many", "-n"},
};

}  // namespace

constinit const Command kSamples = {
    .name = "samples",
    .arguments = "[-m] [--group=N] [--count=N]",
    .min_args = 0,
    .max_args = 0,
    .changes = false,
    .about =
        "Prints packets that psample() actions, and sample actions of tc, send to psample\n"
        "groups, as they come: group, sequence number, probability or rate, cookie, interfaces,\n"
        "lengths; -m adds the bytes. A cookie of eight bytes is also read as IPFIX observation\n"
        "domain and point. Samples that were lost are told, by the groups' sequence numbers.\n"
        "Ends by SIGINT, or -t. With --json a document a line.",
    .examples =
        "  dpctl samples\n"
        "  dpctl samples -m --group=1 --count=10\n"
        "  dpctl samples --json | jq -r .cookie\n",
    .run = Run,
    .options = kOptions};

}  // namespace sluice::dpctl
