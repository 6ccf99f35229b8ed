// What completion offers where. The shells themselves are in tests/scenario/completion.sh.
#include "dpctl/completion.h"

#include <unistd.h>

#include <algorithm>

#include "dpctl/command.h"
#include "dpctl/command_line.h"
#include "dpctl/flow_completion.h"
#include "dpctl/usage_slots.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/flow_key.h"
#include "tests/support/test.h"

namespace sluice::dpctl {
namespace {

std::vector<std::string> Texts(const Candidates& candidates) {
  std::vector<std::string> texts;
  for (const Candidate& candidate : candidates) texts.push_back(candidate.text);
  std::sort(texts.begin(), texts.end());
  return texts;
}

using Words = std::vector<std::string>;

Words Completed(const Words& words) {
  Output out(STDOUT_FILENO);
  return Texts(Complete(words, &out).candidates);
}

const PortChoice kPorts[] = {{0, "dp0"}, {1, "eth1"}, {12, "vxlan0"}};

}  // namespace

TEST_CASE("flow text is completed from the tables, within a word") {
  struct Case {
    const char* text;
    bool actions;
    Words expected;
  };
  const Case cases[] = {
      {"in_p", false, {"in_port("}},
      {"in_port(1),eth_ty", false, {"in_port(1),eth_type("}},
      {"in_port(", false, {"in_port(dp0", "in_port(eth1", "in_port(vxlan0"}},
      {"in_port(v", false, {"in_port(vxlan0"}},
      {"in_port(1", false, {"in_port(1", "in_port(12"}},
      {"in_port(1)", false, {}},
      {"recirc_id(0),recirc", false, {}},  // a key has it once
      {"eth(s", false, {"eth(src="}},
      {"eth(src=0a:00:00:00:00:01,", false, {"eth(src=0a:00:00:00:00:01,dst="}},
      {"nosuch(", false, {}},
      {"ct_state(+tr", false, {"ct_state(+trk"}},
      {"ct_state(+trk-ne", false, {"ct_state(+trk-new"}},
      {"ct_state(trk|es", false, {"ct_state(trk|est"}},
      {"ipv4(frag=l", false, {"ipv4(frag=later"}},
      {"tunnel(tun_i", false, {"tunnel(tun_id="}},
      {"eth_type(0x8100),encap(eth_ty", false, {"eth_type(0x8100),encap(eth_type("}},
      {"e", true, {"eth1"}},
      {"12", true, {"12"}},
      {"push_v", true, {"push_vlan("}},
      {"pop_v", true, {"pop_vlan"}},
      {"ct(commit,zo", true, {"ct(commit,zone="}},
      {"ct", true, {"ct", "ct(", "ct_clear"}},
      {"set(eth(d", true, {"set(eth(dst="}},
      {"clone(push_vlan(vid=1,pcp=0),pop_v", true, {"clone(push_vlan(vid=1,pcp=0),pop_vlan"}},
      {"pop_vlan,pop_v", true, {"pop_vlan,pop_vlan"}},  // a list may have it again
      {")))", true, {}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.text);
    const auto& table = c.actions ? ovs::kActionTable : ovs::kKeyTable;
    CHECK(Texts(CompleteFlowText(c.text, table, kPorts)) == c.expected);
  }
  const Candidates one = CompleteFlowText("eth_ty", ovs::kKeyTable, {});
  REQUIRE(one.size() == 1);
  CHECK_FALSE(one[0].about.empty());
}

TEST_CASE("commands and options are completed") {
  CHECK(Completed({"dump-f"}) == Words{"dump-flows"});
  CHECK(Completed({"-s", "dump-fl"}) == Words{"dump-flows"});
  CHECK(Completed({"-t", "5", "dump-fl"}) == Words{"dump-flows"});
  CHECK(Completed({"-t", ""}).empty());
  CHECK(Completed({"nosuch", ""}).empty());
  CHECK(Completed({"--js"}) == Words{"--json"});
  CHECK(Completed({"show", "--time"}) == Words{"--timeout="});
  CHECK(Completed({"dump-conntrack", "--ev"}) == Words{"--events"});
  CHECK(Completed({"dump-conntrack", "--cou"}) == Words{"--count="});
  CHECK(Completed({"show", "--cou"}).empty());
  CHECK(Completed({"help", "ct-g"}) == Words{"ct-get-limits"});
  CHECK(Completed({}).size() >= Commands().size());
}

TEST_CASE("arguments are completed as the usage line has them") {
  CHECK(Completed({"completion", ""}) == Words{"bash", "fish", "zsh"});
  CHECK(Completed({"cache-set-size", "dp0", ""}) == Words{"masks-cache"});
  CHECK(Completed({"add-flow", "dp0", "in_p"}) == Words{"in_port("});
  CHECK(Completed({"add-flow", "dp0", "in_port(1)", "pop_e"}) == Words{"pop_eth"});
  CHECK(Completed({"dump-flows", "filter=in_p"}) == Words{"filter=in_port("});
  CHECK(Completed({"dump-conntrack", "zone=5,ct_nw_s"}) == Words{"zone=5,ct_nw_src="});
  CHECK(Completed({"ct-set-limits", "dp0", "zone=1,limit=2", "def"}) == Words{"default="});
  CHECK(Completed({"add-if", "dp0", "vx,type=vx"}) == Words{"vx,type=vxlan"});
  CHECK(Completed({"add-if", "dp0", "vx,type=vxlan,dst_p"}) == Words{"vx,type=vxlan,dst_port="});
  CHECK(Completed({"ct-timeout-add", "web", "inet"}) == Words{"inet", "inet6"});
  Output out(STDOUT_FILENO);
  CHECK(Complete({"add-flows", "dp0", ""}, &out).files);
  CHECK_FALSE(Complete({"add-flow", "dp0", ""}, &out).files);
}

TEST_CASE("usage lines are read") {
  using Slots = std::vector<UsageSlot>;
  CHECK(UsageSlots("").empty());
  CHECK(UsageSlots("[-s] [--names|--no-names] [DP]...") == Slots{{{"DP"}, true, true}});
  CHECK(UsageSlots("[DP] FILE|-") == Slots{{{"DP"}, true, false}, {{"FILE", "-"}, false, false}});
  CHECK(UsageSlots("DP IFACE[,type=T][,KEY=VALUE]...") ==
        Slots{{{"DP"}, false, false}, {{"IFACE"}, false, false}});
  CHECK(UsageSlots("DP [IFACE[,KEY=VALUE]...]...") ==
        Slots{{{"DP"}, false, false}, {{"IFACE"}, true, true}});
  CHECK(UsageSlots("[--events [--count=N]] [zone=N[,N]...] [ORIG [REPLY]]") ==
        Slots{{{"zone=N"}, true, false}, {{"ORIG"}, true, false}, {{"REPLY"}, true, false}});
  for (const Command* command : Commands()) {
    CAPTURE(std::string(command->name));
    CHECK((UsageSlots(command->arguments).empty() ? 0U : 1U) <= command->max_args);
  }
}

TEST_CASE("each option that the help text tells is one") {
  CHECK(GlobalOptions().size() >= 12);
  for (const CommandOption& option : GlobalOptions()) {
    std::string text(option.name);
    CAPTURE(text);
    CHECK_FALSE(option.about.empty());
    if (!option.value.empty()) text += "=1";
    const char* words[] = {"dpctl", text.c_str(), "show"};
    CHECK(ParseCommandLine(3, words).ok());
  }
}

TEST_CASE("words lose their quotes") {
  CHECK(Unquoted("'in_port(1),eth") == "in_port(1),eth");
  CHECK(Unquoted("\"a'b\"c") == "a'bc");
  CHECK(Unquoted("in_port\\(1\\)") == "in_port(1)");
  CHECK(Unquoted("'a\\'") == "a\\");
  CHECK(Unquoted("").empty());
}

}  // namespace sluice::dpctl
