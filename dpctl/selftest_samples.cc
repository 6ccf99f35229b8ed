// psample-events of the selftest dialect.

#include "absl/strings/str_cat.h"
#include "dpctl/samples.h"
#include "dpctl/selftest_commands.h"

namespace sluice::dpctl {
namespace {

void AppendSample(const ovs::Sample& sample, std::string* out) {
  absl::StrAppend(out, "rate:", sample.rate, ",group:", sample.group);
  if (!sample.cookie.empty()) {
    out->append(",cookie:");
    base::AppendHex(sample.cookie, out);
  }
  if (!sample.packet.empty()) {
    out->append(" data:");
    base::AppendHex(sample.packet, out);
  }
  out->push_back('\n');
}

absl::Status Run(Session* session) {
  Output& out = session->out();
  return FollowSamples(
      session, [&out] { out.Write("listening for psample events\n"); },
      [&out](const ovs::Sample& sample) {
        AppendSample(sample, &out.buffer());
        return true;
      });
}

}  // namespace

constinit const Command kSelftestPsampleEvents = {.name = "psample-events",
                                                  .arguments = "",
                                                  .min_args = 0,
                                                  .max_args = 0,
                                                  .changes = false,
                                                  .about = "Prints samples as they come.",
                                                  .examples = "",
                                                  .run = Run};

}  // namespace sluice::dpctl
