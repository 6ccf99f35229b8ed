#include <sys/utsname.h>

#include <cerrno>

#include "absl/strings/str_format.h"
#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "kmod-compat/features.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

using base::ToAbsl;

std::string Release() {
  utsname names{};
  return ::uname(&names) == 0 ? names.release : "?";
}

Json ToJson(const compat::FeatureInfo& info, const compat::Finding& finding) {
  Json json;
  json["name"] = std::string(info.name);
  json["since"] = std::string(info.since);
  json["supported"] = finding.support == compat::Support::kUnknown
                          ? Json()
                          : Json(finding.support == compat::Support::kYes);
  json["about"] = std::string(info.about);
  json["without"] = std::string(info.without);
  if (!finding.detail.empty()) json["detail"] = finding.detail;
  return json;
}

void PrintTable(const compat::FeatureSet& features, Session* session) {
  session->out().Write(absl::StrFormat("kernel %s\n%-22s %-5s  %-7s  %s\n", Release(), "FEATURE",
                                       "SINCE", "HERE", "WITHOUT IT"));
  for (const compat::FeatureInfo& info : compat::Features()) {
    const compat::Finding& finding = features.Of(info.feature);
    std::string line = absl::StrFormat("%-22s %-5s  %-7s", ToAbsl(info.name), ToAbsl(info.since),
                                       ToAbsl(compat::ToString(finding.support)));
    if (finding.support != compat::Support::kYes)
      line += absl::StrFormat("  %s", ToAbsl(info.without));
    line.erase(line.find_last_not_of(' ') + 1);
    session->out().Write(line + "\n");
    if (session->options().verbosity > 0 && !finding.detail.empty())
      session->out().Write(absl::StrFormat("    %s\n", finding.detail));
  }
}

absl::Status Run(Session* session) {
  const auto features = compat::Probe();
  // Without an answer, the table still says what there is to know.
  const compat::FeatureSet shown = features.ok() ? *features : compat::FeatureSet();
  if (session->options().json) {
    Json list = Json::array();
    for (const compat::FeatureInfo& info : compat::Features())
      list.push_back(ToJson(info, shown.Of(info.feature)));
    session->Print({{"kernel", Release()}, {"features", std::move(list)}});
  } else {
    PrintTable(shown, session);
  }
  if (features.ok()) return absl::OkStatus();
  const absl::Status status = Failed("trying the kernel's features", features.status());
  return absl::IsPermissionDenied(status)
             ? WithHint(status, "and CAP_SYS_ADMIN, for a network namespace to try them in")
             : status;
}

}  // namespace

constinit const Command kFeatures = {
    "features",
    "[-m]",
    0,
    0,
    false,
    "Tells what this kernel's openvswitch module can do. Each feature is tried, in a datapath of "
    "its\n"
    "own inside a network namespace of its own: nothing that is live is touched. That needs\n"
    "CAP_SYS_ADMIN and CAP_NET_ADMIN; without them every feature is `unknown`. -m tells why.",
    "  dpctl features\n"
    "  dpctl features --json | jq -r '.features[] | select(.supported == false) | .name'\n",
    Run};

}  // namespace sluice::dpctl
