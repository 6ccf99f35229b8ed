#include "netlink/ovs/reference.h"

#include <fstream>
#include <iterator>
#include <string>

#include "netlink/conntrack/reference.h"
#include "tests/support/test.h"

TEST_CASE("docs/reference/attributes.md is what the tables say (build the target `reference`)") {
  std::ifstream file(SLUICE_GOLDEN_DIR "/../../docs/reference/attributes.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  CHECK(page == sluice::ovs::ReferencePage() + sluice::conntrack::ReferencePart());
}
