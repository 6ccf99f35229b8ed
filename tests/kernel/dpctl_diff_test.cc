// dpctl diff and parse, as a user runs them.
#include <string>

#include "tests/support/shell.h"
#include "tests/support/test.h"

namespace sluice {
namespace {

using testing::Fail;
using testing::Has;
using testing::Run;
using testing::Succeed;
using testing::WriteFile;

constexpr char kArp[] = "in_port(1),eth(),eth_type(0x0806)";
constexpr char kIp[] = "in_port(7),eth(),eth_type(0x0800),ipv4(dst=10.0.0.0/255.0.0.0)";

void AddFlows() {
  Succeed(std::string("dpctl add-flow dp0 '") + kArp + "' 7; dpctl add-flow dp0 '" + kIp + "' 1");
}

}  // namespace

TEST_CASE("a datapath and its own dumps do not differ, in whatever form") {
  const testing::TwoPorts fixture;
  AddFlows();
  for (const std::string options : {"", "-m", "--names", "-m --no-names"}) {
    CAPTURE(options);
    Succeed("dpctl dump-flows dp0 " + options + " >/tmp/dump");
    CHECK(Succeed("dpctl diff /tmp/dump dp0").empty());
    CHECK(Succeed("dpctl diff dp:dp0 - </tmp/dump").empty());
    CHECK(Succeed("dpctl diff /tmp/dump /tmp/dump").empty());
    CHECK(Succeed("dpctl parse /tmp/dump | dpctl diff /tmp/dump -").empty());
  }
}

TEST_CASE("what was added, removed and changed is told, with exit status 1") {
  const testing::TwoPorts fixture;
  AddFlows();
  Succeed("dpctl dump-flows dp0 >/tmp/dump");
  Succeed(std::string("dpctl del-flow dp0 '") + kArp + "'; dpctl mod-flow dp0 '" + kIp +
          "' drop || dpctl mod-flow dp0 '" + kIp + "' ''");
  Succeed("dpctl add-flow dp0 'in_port(1),eth(),eth_type(0x88cc)' 7");
  const std::string text = Fail("dpctl diff /tmp/dump dp0");
  CHECK(Has(text, "- in_port(veth0),eth(),eth_type(0x0806), actions:veth1\n"));
  CHECK(Has(text, "+ in_port(veth0),eth(),eth_type(0x88cc), actions:veth1\n"));
  CHECK(Has(text,
            "~ in_port(veth1),eth(),eth_type(0x0800),ipv4(dst=10.0.0.0/255.0.0.0), "
            "actions:veth0 => actions:drop"));
}

TEST_CASE("errors of diff have exit status 2, and name what is wrong") {
  const testing::TwoPorts fixture;
  WriteFile("/tmp/bad", "in_port(1),eth() 2\nin_port(1),nonsense(2) 3\n");
  CHECK(Has(Fail("dpctl diff /tmp/bad dp0", 2), "/tmp/bad:2: expected one of"));
  CHECK(Has(Fail("dpctl diff nosuch dp0", 2), "neither a datapath nor a file"));
  CHECK(Has(Fail("dpctl diff dp:nosuch dp0", 2), "nosuch"));
  CHECK(Has(Fail("dpctl diff - -", 2), "only once"));
  Fail("dpctl diff dp0", 2);
}

TEST_CASE("parse prints flows as a dump does, and tells each line that is wrong") {
  CHECK(Succeed("dpctl parse 'in_port(eth9),eth_type(2048),ipv4(dst=10.0.0.0/8)' 'eth8,3'") ==
        "in_port(eth9),eth_type(0x0800),ipv4(dst=10.0.0.0/255.0.0.0), actions:eth8,3\n");
  CHECK(Succeed("dpctl parse 'in_port(1),eth()'") == "in_port(1),eth()\n");
  WriteFile("/tmp/bad", "# no flow\nin_port(1),eth() 2\nin_port(1),nonsense(2) 3\nin_port(1 2\n");
  const std::string text = Fail("dpctl parse /tmp/bad");
  CHECK(Has(text, "in_port(1),eth(), actions:2\n"));
  CHECK(Has(text, "/tmp/bad:3: expected one of"));
  CHECK(Has(text, "/tmp/bad:4: "));
  CHECK(Has(text, "2 lines of /tmp/bad are wrong"));
  CHECK(Has(Fail("dpctl parse /nosuch"), "No such file"));
}

}  // namespace sluice
