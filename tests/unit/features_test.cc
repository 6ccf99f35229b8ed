#include "kmod-compat/features.h"

#include <fstream>
#include <iterator>
#include <set>

#include "netlink/ovs/flow_text.h"
#include "tests/support/test.h"

namespace sluice::compat {

TEST_CASE("docs/reference/features.md is what the table says (build the target `features-page`)") {
  std::ifstream file(SLUICE_GOLDEN_DIR "/../../docs/reference/features.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  CHECK(page == FeaturesReference());
}

TEST_CASE("every feature has a name of its own, and its trial can be read") {
  std::set<std::string_view> names;
  for (const FeatureInfo& info : Features()) {
    INFO(std::string(info.name));
    CHECK(names.insert(info.name).second);
    CHECK_FALSE(info.without.empty());
    if (info.method == Method::kFlow) {
      CHECK(ovs::ParseFlowText(info.flow, nullptr).ok());
      CHECK(ovs::ParseActionsText(info.actions, nullptr).ok());
    }
  }
}

TEST_CASE("what was not tried is unknown, and is not there") {
  const FeatureSet none;
  CHECK(none.Of(Feature::kCt).support == Support::kUnknown);
  CHECK_FALSE(none.Has(Feature::kCt));
}

}  // namespace sluice::compat
