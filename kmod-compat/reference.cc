#include "absl/strings/str_cat.h"
#include "kmod-compat/features.h"
#include "netlink/base/status.h"

namespace sluice::compat {
namespace {

std::string HowTried(const FeatureInfo& info) {
  using base::ToAbsl;
  switch (info.method) {
    case Method::kFlow:
      return absl::StrCat(
          "installs `", ToAbsl(info.flow), "`",
          info.actions.empty() ? "" : absl::StrCat(" with `", ToAbsl(info.actions), "`").c_str(),
          " and reads it back");
    case Method::kFamily:
      return absl::StrCat("asks for the family `", ToAbsl(info.flow), "`");
    case Method::kAttribute:
      return absl::StrCat("asks whether the highest attribute of the family `", ToAbsl(info.flow),
                          "` is at least ", info.attribute);
    case Method::kOther:
      return std::string(info.probe);
  }
  return {};
}

}  // namespace

std::string FeaturesReference() {
  std::string page =
      "# Kernel features\n\n"
      "<!-- Generated from kmod-compat/feature_table.cc by the target `features-page`. Do not "
      "edit. -->\n\n"
      "What the openvswitch module can do differs by kernel, and distributions carry features over "
      "into older\nreleases. `dpctl features` and the agent therefore try each one, in a datapath "
      "of their own inside a network\nnamespace of their own.\n";
  for (const FeatureInfo& info : Features()) {
    using base::ToAbsl;
    absl::StrAppend(&page, "\n## ", ToAbsl(info.name), "\n\n", ToAbsl(info.about), "\n\n",
                    "- Since Linux ", ToAbsl(info.since), "\n- Tried: ", HowTried(info),
                    "\n- Without it: ", ToAbsl(info.without), "\n");
  }
  return page;
}

}  // namespace sluice::compat
