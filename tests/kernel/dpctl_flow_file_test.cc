// Files of flows, as a user of dpctl has them, against the kernel.

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/shell.h"
#include "tests/support/test.h"

namespace sluice {
namespace {

using testing::Fail;
using testing::Has;
using testing::Run;
using testing::Succeed;
using Fixture = testing::TwoPorts;

void Write(const std::string& text) { testing::WriteFile("/tmp/flows", text); }

std::string Flow(int mac) {
  std::array<char, 96> text{};
  std::snprintf(text.data(), text.size(),
                "in_port(1),eth(dst=02:00:00:00:%02x:%02x),eth_type(0x0806)", mac / 256, mac % 256);
  return text.data();
}

std::string Dump() { return Succeed("dpctl dump-flows -m --no-names dp0 | sort"); }

constexpr char kUfid[] = "ufid:1910806e-c447-4f7e-b44c-ee1bb834f1d6";

}  // namespace

TEST_CASE("a failed line is told with its place, and the others are carried out") {
  const Fixture fixture;
  Write("# flows\n\n" + Flow(1) + " 7\n" + Flow(2) + " nonsense(7)\nadd " + Flow(1) + " 1\n" +
        Flow(3) + " veth1 # by name\nmod " + Flow(1) + " 1\ndelete " + Flow(9) + "\n" + Flow(4) +
        " ''\nd " + Flow(4) + "\n");
  const std::string text = Fail("dpctl add-flows dp0 /tmp/flows");
  CHECK(Has(text, "/tmp/flows:4: "));
  CHECK(Has(text, "^"));
  CHECK(Has(text, "/tmp/flows:5: updating flow table (File exists)"));
  CHECK(Has(text, "/tmp/flows:8: deleting flow (No such file or directory)"));
  CHECK(Has(text, "dpctl: 3 lines of /tmp/flows failed"));
  const std::string dump = Succeed("dpctl dump-flows dp0");
  CHECK(Has(dump, Flow(1) + ", packets:0, bytes:0, used:never, actions:1\n"));
  CHECK(Has(dump, Flow(3) + ", packets:0, bytes:0, used:never, actions:7\n"));
  CHECK_FALSE(Has(dump, Flow(4)));
  const auto json = nlohmann::json::parse(
      Run("dpctl add-flows --json dp0 /tmp/flows 2>/dev/null").text, nullptr, false);
  REQUIRE_FALSE(json.is_discarded());
  CHECK(json["added"] == 1);
  CHECK(json["modified"] == 1);
  CHECK(json["deleted"] == 1);
  REQUIRE(json["failed"].size() == 5);
  CHECK(json["failed"][0]["line"] == 4);
}

TEST_CASE("with --atomic a file is carried out whole, or undone") {
  const Fixture fixture;
  Succeed("dpctl add-flow dp0 '" + Flow(1) + "' 7; dpctl add-flow dp0 '" + Flow(2) +
          "' 7; dpctl add-flow dp0 '" + kUfid + "," + Flow(3) + "' 7,1");
  const std::string before = Dump();
  const std::string good = "mod " + Flow(1) + " 1\ndel " + Flow(2) + "\ndel " + kUfid + "\n" +
                           Flow(4) + " 7\nmod " + Flow(4) + " 1\n" + Flow(2) + " 1\n" + kUfid +
                           "," + Flow(5) + " 7\n" + Flow(6) + " 1\ndel " + Flow(6) + "\n";
  Write(good + Flow(1) + " 7\n");
  std::string text = Fail("dpctl add-flows --atomic dp0 /tmp/flows");
  CHECK(Has(text, "/tmp/flows:10: updating flow table (File exists)"));
  CHECK(Has(text, "the whole file was undone"));
  CHECK(Dump() == before);
  Write(good + "in_port(1 7\n");
  text = Fail("dpctl add-flows --atomic dp0 /tmp/flows");
  CHECK(Has(text, "nothing was changed"));
  CHECK(Dump() == before);
  Write(good);
  const auto json =
      nlohmann::json::parse(Succeed("dpctl add-flows --atomic --json dp0 /tmp/flows"));
  CHECK(json["added"] == 4);
  CHECK(json["undone"] == false);
  CHECK(Dump() != before);
}

TEST_CASE("a dump in any form deletes its flows and adds them again") {
  const Fixture fixture;
  Write(Flow(1) + " veth1\n" + kUfid +
        ",in_port(veth0),eth(),eth_type(0x0800),ipv4(dst=10.0.0.0/8) push_vlan(vid=5,pcp=1),7\n" +
        "recirc_id(0x1),in_port(7),eth(),eth_type(0x86dd),ipv6(proto=17),udp(dst=53) ''\n");
  Succeed("dpctl add-flows dp0 /tmp/flows");
  for (const std::string options : {"-m", "-m --no-names"}) {
    INFO(options);
    const std::string before = Dump();
    Succeed("dpctl dump-flows dp0 " + options + " >/tmp/dump; dpctl del-flows dp0 /tmp/dump");
    CHECK(Dump().empty());
    Succeed("dpctl add-flows dp0 - </tmp/dump");
    CHECK(Dump() == before);
  }
  // Flows with a UFID are known by that alone, which these dumps do not have.
  Succeed(std::string("dpctl del-flow dp0 ") + kUfid);
  for (const std::string options : {"", "--names"}) {
    INFO(options);
    const std::string before = Dump();
    Succeed("dpctl dump-flows dp0 " + options + " >/tmp/dump; dpctl del-flows dp0 /tmp/dump");
    CHECK(Dump().empty());
    Succeed("dpctl add-flows --atomic dp0 - </tmp/dump");
    CHECK(Dump() == before);
  }
}

TEST_CASE("thousands of flows come and go, and are undone") {
  const Fixture fixture;
  std::string file;
  for (int i = 0; i < 5000; ++i) file += Flow(i) + " 7\n";
  Write(file);
  Succeed("dpctl add-flows dp0 /tmp/flows");
  CHECK(Succeed("dpctl dump-flows dp0 | wc -l") == "5000\n");
  Succeed("dpctl dump-flows dp0 | dpctl del-flows --atomic dp0 -");
  CHECK(Dump().empty());
  Write(file + Flow(1) + " 7\n");
  CHECK(Has(Fail("dpctl add-flows --atomic dp0 /tmp/flows"), "/tmp/flows:5001: "));
  CHECK(Dump().empty());
}

TEST_CASE("a signal finds a file that is carried out with --atomic whole, or not at all") {
  const Fixture fixture;
  constexpr int kFlows = 60000;
  std::string file;
  for (int i = 0; i < kFlows; ++i) file += Flow(i) + " 7\n";
  Write(file);
  int none = 0;
  // ALRM is what -t sends. Wherever in its work the signal comes: the invariant holds for each
  // delay.
  for (const std::string delay : {"0.05", "0.1", "0.2", "0.3", "0.4", "0.6", "0.8"})
    for (const std::string signal : {"INT", "ALRM"}) {
      CAPTURE(delay, signal);
      const std::string text = Run(absl::StrCat("timeout -s ", signal, " ", delay,
                                                " dpctl add-flows --atomic dp0 /tmp/flows"))
                                   .text;
      const std::string count = Succeed("dpctl dump-flows dp0 | wc -l");
      CHECK((count == "0\n" || count == std::to_string(kFlows) + "\n"));
      none += count == "0\n" ? 1 : 0;
      // Before the first change there is nothing to tell, and nothing to undo.
      if (!text.empty()) CHECK(Has(text, "interrupted by a signal\n  the whole file was undone\n"));
      if (!text.empty()) CHECK(count == "0\n");
      Succeed("dpctl del-flows dp0");
    }
  CHECK(none > 0);  // else no signal came early enough to tell anything
  // In the middle of its changes.
  const std::string text =
      Run("dpctl add-flows --atomic dp0 /tmp/flows & until dpctl show dp0 | grep -q 'flows: [1-9]';"
          "do kill -0 $! || break; done; kill -TERM $!; wait $!")
          .text;
  CHECK(Has(text, "interrupted by a signal\n  the whole file was undone\n"));
  CHECK(Dump().empty());
}

TEST_CASE("what is no file and no datapath is told, and changes nothing") {
  const Fixture fixture;
  Write(Flow(1) + " 7\n");
  Succeed("dpctl add-flows /tmp/flows");
  Succeed("dpctl dump-flows >/tmp/dump; dpctl del-flows /tmp/dump");
  CHECK(Dump().empty());
  Succeed("dpctl add-flows /tmp/flows");
  CHECK(Has(Fail("dpctl add-flows dp0 /nosuch"), "opening /nosuch (No such file or directory)"));
  CHECK(Has(Fail("dpctl add-flows dp0 /"), "reading / (Is a directory)"));
  CHECK(Has(Fail("dpctl del-flows nosuch"), "no file of that name"));
  CHECK(Has(Fail("dpctl --read-only add-flows dp0 /tmp/flows"), "read only"));
  CHECK_FALSE(Dump().empty());
  Succeed("dpctl del-flows dp0");
  CHECK(Dump().empty());
}

}  // namespace sluice
