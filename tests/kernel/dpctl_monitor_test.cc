// dpctl monitor sees what other processes do.

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "tests/support/shell.h"
#include "tests/support/test.h"

namespace sluice {
namespace {

using nlohmann::json;
using testing::Fail;
using testing::Has;
using testing::Run;
using testing::Succeed;

// A monitor in the background that writes into /tmp/monitor; it follows by the time this is made.
class Monitor {
 public:
  explicit Monitor(const std::string& arguments) {
    Succeed("dpctl monitor " + arguments + " >/tmp/monitor 2>&1 & echo $! >/tmp/monitor.pid");
    for (int i = 0; i < 200 && Text().empty(); ++i)
      Succeed("dpctl add-dp probe && dpctl del-dp probe");
    REQUIRE_FALSE(Text().empty());
  }
  ~Monitor() { Run("kill -9 $(cat /tmp/monitor.pid)"); }
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  static std::string Text() {
    std::ifstream file("/tmp/monitor");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }
  // What it wrote, once that holds `part`: events come at once, but to another process.
  static std::string WaitFor(const std::string& part) {
    for (int i = 0; i < 2000 && !Has(Text(), part); ++i) Run("true");
    return Text();
  }
  // Ends it by a signal; it must go in peace.
  static void Stop(const std::string& signal) {
    Succeed("kill -" + signal + " $(cat /tmp/monitor.pid)");
    Succeed("timeout 5 tail --pid=$(cat /tmp/monitor.pid) -f /dev/null");
  }
};

void MakeChanges() {
  Succeed("ip link add v0 type veth peer name p0");
  Succeed("dpctl add-dp d0 v0");
  Succeed("dpctl add-flow d0 'in_port(1),eth(),eth_type(0x0806),arp()' 0");
  Succeed("dpctl mod-flow d0 'in_port(1),eth(),eth_type(0x0806),arp()' ''");
  Succeed("dpctl del-flow d0 'in_port(1),eth(),eth_type(0x0806),arp()'");
  Succeed("dpctl cache-set-size d0 masks-cache 128");
  Succeed("ip link del v0");
  Succeed("dpctl del-dp d0");
}

}  // namespace

TEST_CASE("the monitor tells what others do, in order") {
  const Monitor monitor("");
  MakeChanges();
  const std::string text = Monitor::WaitFor("datapath delete: system@d0");
  INFO(text);
  size_t at = 0;
  for (const char* line :
       {"datapath add: system@d0 ", "port add: system@d0 port 1: v0 (netdev)\n",
        "flow add: system@d0 ", "flow change: system@d0 ", "flow delete: system@d0 ",
        "datapath change: system@d0 ", "port delete: system@d0 port 1: v0 (netdev)\n",
        "datapath delete: system@d0 "}) {
    INFO(line);
    at = text.find(line, at);
    REQUIRE(at != std::string::npos);
  }
  CHECK(Has(text, "flow add: system@d0 in_port(1),eth(),eth_type(0x0806)"));
  Monitor::Stop("INT");
}

TEST_CASE("kinds and a datapath can be chosen, and JSON is a document a line") {
  const Monitor monitor("--json --only=datapath,port");
  MakeChanges();
  std::istringstream lines(Monitor::WaitFor("\"delete\",\"datapath\":\"system@d0\""));
  size_t ports = 0;
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    const json document = json::parse(line, nullptr, false);
    REQUIRE(document.is_object());
    CHECK(document["kind"] != "flow");
    if (document["kind"] == "port" && document["port"]["name"] == "v0") ++ports;
  }
  CHECK(ports == 2);
  Monitor::Stop("TERM");
}

TEST_CASE("a monitor that falls behind says so, and what has changed") {
  const Monitor monitor("--only=datapath,port,flow");
  const std::string pid = "$(cat /tmp/monitor.pid)";
  Succeed("kill -STOP " + pid);
  Succeed("dpctl add-dp d1; dpctl add-dp d0; ip link add dum0 type dummy; dpctl add-if d0 dum0");
  // Far more than a receive buffer holds.
  Succeed(
      "for i in $(seq 1 3000); do printf "
      "'in_port(1),eth(src=02:00:00:00:%02x:%02x),eth_type(0x0806) 0\\n' $((i/256)) $((i%256)); "
      "done >/tmp/flows; sed 's/ 0$//' /tmp/flows >/tmp/gone; dpctl add-flows d0 /tmp/flows; "
      "dpctl del-flows d0 /tmp/gone; dpctl add-flows d0 /tmp/flows");
  Succeed("dpctl del-dp d1; dpctl add-if d0 int0,type=internal");
  Succeed("kill -CONT " + pid);
  const std::string text = Monitor::WaitFor("flow count: system@d0 3000 flows\n");
  CHECK(Has(text, " events were lost; what has changed meanwhile follows\n"));
  CHECK(Has(text, "port add: system@d0 port 2: int0 (internal)\n"));
  CHECK(Has(text, "flow count: system@d0 3000 flows\n"));
  // Each of the 9000 changes of flows was told or counted.
  size_t told = 0;
  for (size_t at = text.find("flow "); at != std::string::npos; at = text.find("flow ", at + 1))
    told += text.compare(at, 9, "flow add:") == 0 || text.compare(at, 9, "flow dele") == 0;
  const size_t end = text.find(" events were lost");
  const size_t begin = text.rfind('\n', end) + 1;
  const size_t lost = std::stoul(text.substr(begin, end - begin));
  INFO(told << " told, " << lost << " lost");
  CHECK(lost > 1000);
  CHECK(told + lost >= 9000);
  CHECK(told + lost < 9020);  // some were of datapaths and ports
  Monitor::Stop("INT");
  Succeed("dpctl del-dp d0; ip link del dum0");
}

TEST_CASE("wrong options are refused") {
  CHECK(Has(Fail("dpctl monitor --only=bridges"), "expected datapath, port, flow or meter"));
  // Nobody reads: it ends.
  Succeed("timeout 20 sh -c 'dpctl monitor | true'");
}

}  // namespace sluice
