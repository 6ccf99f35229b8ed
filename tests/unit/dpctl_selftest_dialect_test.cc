#include "dpctl/selftest_dialect.h"

#include <linux/openvswitch.h>

#include "dpctl/selftest_commands.h"
#include "netlink/ovs/flow_text.h"
#include "tests/support/test.h"

namespace sluice::dpctl {
namespace {

absl::StatusOr<Invocation> Parse(std::vector<const char*> words) {
  words.insert(words.begin(), "ovs-dpctl.py");
  return ParseSelftestCommandLine(static_cast<int>(words.size()), words.data());
}

using Args = std::vector<std::string>;

std::string KeyText(const char* flow) {
  const auto parsed = ovs::ParseFlowText(flow, nullptr);
  REQUIRE(parsed.ok());
  return SelftestKeyText(parsed->key);
}

}  // namespace

TEST_CASE("the dialect is spoken under one name, in whatever folder") {
  CHECK(IsSelftestName("ovs-dpctl.py"));
  CHECK(IsSelftestName("/usr/bin/ovs-dpctl.py"));
  for (const char* name : {"dpctl", "/ovs-dpctl.py/dpctl", "ovs-dpctl", "my-ovs-dpctl.py", ""})
    CHECK_FALSE(IsSelftestName(name));
}

TEST_CASE("a datapath with a version and features") {
  const auto line = Parse({"add-dp", "ui0", "-u", "-V", "2:1"});
  REQUIRE(line.ok());
  CHECK(line->command == &kSelftestAddDp);
  CHECK(line->args == Args{"ui0"});
  CHECK(line->own_options.contains("--upcall"));
  CHECK(line->own_options.at("--versioning") == "2:1");
}

TEST_CASE("versions") {
  const auto both = ParseSelftestVersion("2:0x1");
  REQUIRE(both.ok());
  CHECK(both->version == 2);
  CHECK(both->features == 1);
  const auto alone = ParseSelftestVersion("0");
  REQUIRE(alone.ok());
  CHECK(alone->version == 0);
  CHECK(alone->features == OVS_DP_F_DISPATCH_UPCALL_PER_CPU);
  for (const char* bad : {"", ":", "x", "2:", "2:y", "256", "-1"})
    CHECK_FALSE(ParseSelftestVersion(bad).ok());
}

TEST_CASE("a port of a type, with and without a device of route netlink") {
  const auto line = Parse({"add-if", "-u", "-t", "vxlan", "-p", "4790", "--no-lwt", "dp", "p0"});
  REQUIRE(line.ok());
  CHECK(line->command == &kSelftestAddIf);
  CHECK(line->args == Args{"dp", "p0"});
  CHECK(line->own_options.at("--ptype") == "vxlan");
  CHECK(line->own_options.at("--dport") == "4790");
  CHECK(line->own_options.contains("--no-lwt"));
}

TEST_CASE("del-if -d takes a value or none") {
  for (const auto& words : {std::vector<const char*>{"del-if", "-d", "dp", "p0"},
                            std::vector<const char*>{"del-if", "dp", "p0", "-d"},
                            std::vector<const char*>{"del-if", "-d", "1", "dp", "p0"},
                            std::vector<const char*>{"del-if", "dp", "p0", "-d", "True"}}) {
    const auto line = Parse(words);
    REQUIRE(line.ok());
    CHECK(line->args == Args{"dp", "p0"});
    CHECK(line->own_options.contains("--dellink"));
  }
}

TEST_CASE("flows go to dpctl's own commands") {
  const auto added = Parse({"-v", "add-flow", "dp", "in_port(1)", "drop"});
  REQUIRE(added.ok());
  CHECK(added->command->name == "mod-flow");
  CHECK(added->options.may_create);
  CHECK(added->options.verbosity == 1);
  CHECK(added->args == Args{"dp", "in_port(1)", ""});
  const auto kept = Parse({"mod-flow", "dp", "in_port(1)"});
  REQUIRE(kept.ok());
  CHECK_FALSE(kept->options.may_create);
  CHECK(kept->args == Args{"dp", "in_port(1)"});
}

TEST_CASE("no command, or -h, asks for help; what is unknown is refused") {
  for (const auto& words : {std::vector<const char*>{}, std::vector<const char*>{"-h"},
                            std::vector<const char*>{"show", "--help"}}) {
    const auto line = Parse(words);
    REQUIRE(line.ok());
    CHECK(line->options.help);
    CHECK(line->selftest);
  }
  CHECK_FALSE(Parse({"frobnicate"}).ok());
  CHECK_FALSE(Parse({"add-dp", "--frobnicate", "x"}).ok());
  // The scripts take these words for a missing library.
  CHECK(SelftestHelpText().find("Need to") == std::string::npos);
}

TEST_CASE("drop without a reason is no action") {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"drop", ""},
      {"2,drop", "2"},
      {"drop(0)", "drop(0)"},
      {"drop(0),2", "drop(0),2"},
      {"clone(clone(drop))", "clone(clone())"},
      {"psample(group=1,cookie=c0ffee),2", "psample(group=1,cookie=c0ffee),2"},
      {"psample(group=1,cookie=1615141312111009080706050403020100)",
       "psample(group=1,psample_attr2(1615141312111009080706050403020100))"},
      {"", ""}};
  for (const auto& [acts, expected] : cases) CHECK(SelftestActions(acts) == expected);
}

TEST_CASE("all that the scripts put into actions is read") {
  for (const char* acts :
       {"psample()", "psample(cookie=abcd)", "clone(drop)", "dec_ttl(le_1()),2",
        "psample(group=1,cookie=1615141312111009080706050403020100)",
        "push_vlan(vid=10,pcp=0,tpid=0x8100),1", "ct(commit,nat(dst=172.31.110.20)),recirc(0x1)",
        "sample(sample=100%,actions(psample(group=2,cookie=eeff0c),userspace(pid=7))),1",
        "sample(sample=100%,actions(userspace(pid=7,userdata=eeff0c))),1"}) {
    CAPTURE(acts);
    CHECK(ovs::ParseActionsText(SelftestActions(acts), nullptr).ok());
  }
}

TEST_CASE("keys as the scripts look for them: tunnels have decimal ids, and flags at the end") {
  CHECK(KeyText("tunnel(tun_id=0x11a104,src=1.1.1.1,dst=2.2.2.2,ttl=32,tp_dst=4789,flags(df|csum)),"
                "in_port(1)")
            .find("tunnel(tun_id=1155332,src=1.1.1.1,dst=2.2.2.2,ttl=32,") == 0);
  const std::string bare = KeyText("tunnel(tun_id=0x1,src=1.1.1.1,dst=2.2.2.2,ttl=15),in_port(1)");
  CHECK(bare.find("ttl=15,)") != std::string::npos);
  CHECK(KeyText("in_port(1),eth_type(0x0806)").find("tunnel") == std::string::npos);
}

}  // namespace sluice::dpctl
