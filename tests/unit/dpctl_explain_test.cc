// Flows in words, and the help texts that the tables give.
#include "dpctl/explain.h"

#include "absl/strings/str_cat.h"
#include "dpctl/named_ports.h"
#include "dpctl/syntax_help.h"
#include "netlink/base/status.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/flow_key.h"
#include "netlink/ovs/flow_text.h"
#include "tests/support/test.h"
#include "tests/unit/attr_random.h"

namespace sluice::dpctl {
namespace {

Explanation Of(std::string_view flow, std::string_view actions) {
  static const NamedPorts ports;
  auto parsed = ovs::ParseFlowText(flow, &ports);
  REQUIRE_OK(parsed);
  auto list = ovs::ParseActionsText(actions, &ports);
  REQUIRE_OK(list);
  return Explain(parsed->key, attr::MaskView::Of(parsed->mask), base::ByteView(*list),
                 {.ports = &ports});
}

std::vector<std::string> Statements(std::string_view flow) {
  std::vector<std::string> all;
  const auto gather = [&all](const auto& self, const std::vector<ExplainedPart>& parts) -> void {
    for (const ExplainedPart& part : parts) {
      all.insert(all.end(), part.statements.begin(), part.statements.end());
      self(self, part.parts);
    }
  };
  gather(gather, Of(flow, "").match);
  return all;
}

TEST_CASE("explain: what a match says of packets") {
  struct Case {
    const char* flow;
    std::vector<std::string> statements;
  };
  const Case cases[] = {
      {"in_port(veth0)", {"in_port is veth0"}},
      {"eth()", {"is there"}},
      {"eth_type(0x0800),ipv4(src=10.0.0.0/8,dst=10.0.0.1,proto=6)",
       {"eth_type is 0x0800: IPv4", "src is in 10.0.0.0/8", "dst is 10.0.0.1", "proto is 6: TCP"}},
      {"eth_type(0x86dd),ipv6(dst=fd00::/16)", {"eth_type is 0x86dd: IPv6", "dst is in fd00::/16"}},
      {"eth_type(0x0800),ipv4(dst=10.0.0.1/255.0.255.0,frag=later)",
       {"eth_type is 0x0800: IPv4", "dst is 10.0.0.1 in the bits of 255.0.255.0",
        "frag is later: a later fragment"}},
      {"ct_state(+trk-new)", {"ct_state has not new, has trk"}},
      {"tunnel(tun_id=0x5,dst=10.0.0.0/8)", {"tun_id is 0x5", "dst is in 10.0.0.0/8"}},
      {"eth_type(0x8100),vlan(vid=5),encap(eth_type(0x0806))",
       {"eth_type is 0x8100: a VLAN tag", "vid is 5", "eth_type is 0x0806: ARP"}},
      {"nsh(ttl=63)", {"ttl is 63"}},
  };
  for (const Case& c : cases) {
    CAPTURE(c.flow);
    CHECK(Statements(c.flow) == c.statements);
  }
}

TEST_CASE("explain: which kernel the newest part needs, and what no table knows") {
  CHECK(Of("in_port(1)", "2").since == "3.3");
  Explanation words = Of("in_port(1)", "clone(ct(commit,nat),2),drop(1)");
  CHECK(words.since == "6.6");
  CHECK(words.newest == std::vector<std::string>{"drop(1)"});
  words = Of("in_port(1),key32(00 04/00 04)", "");
  CHECK(words.since == "5.18");
  CHECK(words.match[1].constant == "OVS_KEY_ATTR_IPV6_EXTHDRS");
  words = Of("in_port(1),key63(00)", "action60(00)");
  CHECK(words.match[1].constant.empty());
  CHECK(words.match[1].about.find("the newest that it knows is 32, ipv6_exthdrs, of Linux 5.18") !=
        std::string::npos);
  CHECK((*words.actions)[0].about.find("psample") != std::string::npos);
  CHECK(ToText(Of("in_port(1)", "")).find("Drops it") != std::string::npos);
}

TEST_CASE("explain: any key and any actions have words") {
  for (unsigned seed = 0; seed < 500; ++seed) {
    testing::RandomAttributes random(seed);
    base::ByteVector masks;
    const base::ByteVector key = random.Set(ovs::kKeyTable, 0, &masks);
    const base::ByteVector actions = random.List(ovs::kActionTable, 0);
    for (const bool verbose : {false, true})
      CHECK_FALSE(ToText(Explain(key, attr::MaskView::Of(masks), base::ByteView(actions),
                                 {.verbose = verbose}))
                      .empty());
  }
}

TEST_CASE("help of fields and actions names every attribute that text has") {
  for (const auto& [table, text] :
       {std::pair(&ovs::kKeyTable, FieldsHelp()), std::pair(&ovs::kActionTable, ActionsHelp())})
    for (const attr::Row& row : table->rows) {
      if (row.kind == attr::Kind::kReserved || row.name.empty()) continue;
      CAPTURE(row.constant);
      const bool named =
          text.find(absl::StrCat("\n  ", base::ToAbsl(row.name))) != std::string::npos ||
          text.find(absl::StrCat(" or ", base::ToAbsl(row.name))) != std::string::npos;
      CHECK(named);
    }
  CHECK(FieldsHelp().find("vlan(vid=N,pcp=N[,cfi=N])") != std::string::npos);
  CHECK(FieldsHelp().find("FLAGS: new est rel") != std::string::npos);
  CHECK(ActionsHelp().find("    commit\n") != std::string::npos);
}

}  // namespace
}  // namespace sluice::dpctl
