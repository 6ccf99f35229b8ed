// dpctl samples, against psample of a real kernel.
#include <nlohmann/json.hpp>

#include "tests/support/shell.h"
#include "tests/support/test.h"

namespace sluice {
namespace {

using testing::Fail;
using testing::Has;
using testing::Run;
using testing::Succeed;

// Starts `samples` with `options`, waits until it listens, has `packets` packets sampled, and lets
// it end by its --count. The file is there before grep looks: its complaint would stand in the
// text.
std::string SamplesOf(const std::string& options, int packets) {
  return Succeed(": >/tmp/err; dpctl samples " + options +
                 " >/tmp/out 2>/tmp/err & pid=$!; "
                 "until grep -q listening /tmp/err; do sleep 0.05; done; "
                 "ping -q -c " +
                 std::to_string(packets) +
                 " -i 0.05 -W 1 10.1.1.2 >/dev/null; wait $pid; status=$?; cat /tmp/out; "
                 "exit $status");
}

bool HasPsample() {
  return Run("dpctl add-flow dp0 'in_port(1),eth(),eth_type(0x0800),ipv4()' 'psample(group=1)'; "
             "status=$?; dpctl del-flows dp0; exit $status")
             .status == 0;
}

void SendSomewhere(const std::string& cookie) {
  Succeed(
      "ip link set peer0 up; ip addr add 10.1.1.1/24 dev peer0; "
      "ip neigh add 10.1.1.2 lladdr 02:00:00:00:00:02 dev peer0");
  Succeed(
      "dpctl add-flow dp0 'in_port(1),eth(),eth_type(0x0800),ipv4()' "
      "'psample(group=4,cookie=0102),trunc(20),psample(group=5,cookie=" +
      cookie + ")'");
}

}  // namespace

TEST_CASE("samples come with group, cookie and the bytes of the packet") {
  const testing::TwoPorts fixture;
  if (!HasPsample()) SLUICE_SKIP("needs the psample action, Linux 6.11");
  SendSomewhere("0000000700000100");
  const std::string text = SamplesOf("-m --group=5 --count=2", 3);
  CHECK(Has(text, " group:5 seq:"));
  CHECK(Has(text, "cookie:0000000700000100(obs_domain_id=7,obs_point_id=256)"));
  CHECK(Has(text, "captured:20 packet:020000000002"));
  CHECK_FALSE(Has(text, "group:4"));
  const std::string lines = SamplesOf("--json --count=2", 2);
  const auto first = nlohmann::json::parse(lines.substr(0, lines.find('\n')), nullptr, false);
  REQUIRE_FALSE(first.is_discarded());
  CHECK(first["group"] == 4);
  CHECK(first["cookie"] == "0102");
  CHECK(first["probability"] == 1.0);
  CHECK(first["packet"].get<std::string>().size() == 2 * first["length"].get<size_t>());
}

TEST_CASE("a cookie has 16 bytes at most") {
  const testing::TwoPorts fixture;
  const std::string add =
      "dpctl add-flow dp0 'in_port(1),eth(),eth_type(0x0800),ipv4()' "
      "'psample(group=4,cookie=0102030405060708090a0b0c0d0e0f10";
  CHECK(Has(Fail(add + "11)'"), "expected at most 16 bytes"));
  if (HasPsample()) Succeed(add + ")'");
}

TEST_CASE("samples end by SIGTERM; a count must be a number") {
  const testing::TwoPorts fixture;
  Succeed(
      ": >/tmp/err; dpctl samples 2>/tmp/err & pid=$!; "
      "until grep -q listening /tmp/err; do sleep 0.05; done; kill $pid; wait $pid");
  CHECK(Has(Fail("dpctl samples --count=x"), "expected a number"));
}

}  // namespace sluice
