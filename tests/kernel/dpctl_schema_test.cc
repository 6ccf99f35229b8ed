// What dpctl prints with --json, held against docs/reference/dpctl.schema.json.
//
// A command is added here by a line: its definition, what to run before it, and how it is called.
#include "tests/support/shell.h"
#include "tests/support/test.h"

namespace sluice {
namespace {

using testing::Run;
using testing::Succeed;

constexpr char kValidate[] = SLUICE_GOLDEN_DIR "/../support/validate_json.py " SLUICE_GOLDEN_DIR
                                               "/../../docs/reference/dpctl.schema.json ";
constexpr int kNoValidator = 77;

struct Case {
  const char* definition;
  const char* arguments;
  const char* before = "true";
};

constexpr Case kCases[] = {
    {"dump-dps", "dump-dps"},
    {"show", "show"},
    {"add-if", "add-if dp0 int0,type=internal v,type=vxlan", "modprobe -q vxlan"},
    {"show", "show dp0"},
    {"show", "show -s dp0"},
    {"dump-flows", "dump-flows"},
    {"dump-flows", "dump-flows -m dp0"},
    {"dump-flows", "dump-flows --names dp0"},
    {"dump-flows", "dump-flows filter=arp"},
    {"dump-flows", "dump-flows type=tc"},
    {"get-flow", "get-flow dp0 'in_port(1),eth(),eth_type(0x0806),arp()'"},
    {"mod-flow", "mod-flow -s dp0 'in_port(1),eth(),eth_type(0x0806),arp()' 1"},
    {"cache-get-size", "cache-get-size dp0"},
    {"cache-set-size", "cache-set-size dp0 masks-cache 128"},
    {"dump-meters", "dump-meters dp0",
     "dpctl add-meter dp0 meter=1,kbps,bands=type=drop,rate=1000"},
    {"meter-features", "meter-features dp0"},
    {"execute", "execute dp0 'in_port(1)' 7 02000000000202000000000188b50000"},
    {"monitor",
     "-t 20 monitor & until test -s /tmp/json; do dpctl add-dp probe; dpctl del-dp probe; done; "
     "kill $!; wait",
     "rm -f /tmp/json"},
    {"top", "top -d 0.1 -n 2 dp0"},
    {"top", "top -d 0.1 -n 1 --panel=masks dp0"},
    {"top", "top -d 0.1 -n 1 --panel=ports dp0"},
    {"rebind", "rebind -n dp0 7 int0"},
    {"rebind", "rebind dp0 7 int0 && dpctl rebind dp0 int0 7 >/dev/null"},
    {"features", "features"},
    {"dump-conntrack", "dump-conntrack"},
    {"flush-conntrack", "flush-conntrack"},
    {"ct-stats-show", "ct-stats-show -s"},
    {"ct-get-limits", "ct-get-limits dp0 zone=0", "dpctl ct-set-limits default=5"},
    {"ct-timeout-list", "ct-timeout-list", "dpctl ct-timeout-add schema inet udp replied=5"},
    {"list-commands", "list-commands"},
    {"parse", "parse ufid:1910806e-c447-4f7e-b44c-ee1bb834f1d6,'in_port(veth0),eth()' 2"},
    {"parse", "parse - </tmp/dump", "dpctl dump-flows >/tmp/dump"},
    {"diff", "diff /tmp/dump dp0"},
    {"diff", "diff /dev/null dp0 || test $? = 1"},
    {"explain", "explain 'in_port(1),eth(),eth_type(2048),key99(01)' 'ct(commit),recirc(1)'"},
    {"explain", "explain 'in_port(1)'"},
    {"parse-actions", "parse-actions 'ct(commit,nat(src=10.0.0.1)),userspace(pid=1,userdata(0a))'"},
    {"add-flows", "add-flows dp0 /tmp/flows", "dpctl dump-flows dp0 >/tmp/flows; dpctl del-flows"},
    {"add-flows", "add-flows dp0 /tmp/flows 2>/dev/null || true"},
    {"mod-flows", "mod-flows --atomic dp0 /tmp/flows"},
    {"del-flow", "del-flow -s dp0 'in_port(1),eth(),eth_type(0x0806),arp()'"},
    {"del-flows", "del-flows dp0 /tmp/flows 2>/dev/null || true"},
};

}  // namespace

TEST_CASE("what --json prints is what the schema says") {
  if (Run(std::string("echo null | ") + kValidate + "show").status == kNoValidator)
    SLUICE_SKIP("needs python3-jsonschema: tools/setup vm");
  const testing::TwoPorts fixture;
  Succeed("dpctl add-flow dp0 'in_port(1),eth(),eth_type(0x0806),arp()' veth1");
  Succeed(
      "dpctl add-flow dp0 'ufid:1910806e-c447-4f7e-b44c-ee1bb834f1d6,in_port(7),"
      "eth(dst=02:00:00:00:00:01),eth_type(0x0800),ipv4(dst=10.0.0.0/8,proto=6),"
      "tcp_flags(+syn-ack)' 'push_vlan(vid=5,pcp=1),set(ipv4(ttl=63/0xff)),"
      "sample(sample=50%,actions(1)),7'");
  for (const Case& c : kCases) {
    Succeed(c.before);
    Succeed(std::string("dpctl --json >/tmp/json ") + c.arguments);
    Succeed(std::string(kValidate) + c.definition + " </tmp/json");
  }
}

TEST_CASE("the validator sees what is wrong") {
  if (Run(std::string("echo null | ") + kValidate + "show").status == kNoValidator)
    SLUICE_SKIP("needs python3-jsonschema: tools/setup vm");
  for (const std::string text : {"null", "{}", "{\"datapaths\":[{}]}", "{\"datapaths\":", ""}) {
    CAPTURE(text);
    CHECK(Run("printf '%s' '" + text + "' | " + kValidate + "show").status == 1);
  }
}

}  // namespace sluice
