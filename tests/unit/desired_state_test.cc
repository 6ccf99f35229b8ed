#include "agent/daemon/desired_state.h"

#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "tests/support/test.h"

namespace sluice::daemon {
namespace {

using Kind = Edit::Kind;

constexpr char kText[] =
    "# a comment\n"
    "flows: {limit: 100}\n"
    "bridges:\n"
    "  - {name: br0, mac_aging: 60s, ports: [v1, {name: v2, vlan: 5}]}\n"
    "  - name: br1\n";

DesiredState State(const std::string& text = kText) {
  absl::StatusOr<DesiredState> state = DesiredState::Parse(text, "file");
  INFO(text << state.status().message());
  REQUIRE(state.ok());
  return *std::move(state);
}

// What edits change, or why they do not.
std::string After(const std::vector<Edit>& edits, const std::string& text = kText) {
  const DesiredState before = State(text);
  const absl::StatusOr<DesiredState> after = before.Edited(edits);
  if (!after.ok()) return std::string(after.status().message());
  return absl::StrJoin(Differences(before, *after), "; ");
}

}  // namespace

TEST_CASE("the desired state keeps its text until it is edited") {
  CHECK(State().text() == kText);
  CHECK(State().config().bridges.size() == 2);
  CHECK_FALSE(DesiredState::Parse("bridges: [", "file").ok());
  CHECK_FALSE(DesiredState::Load("/nowhere").ok());
}

TEST_CASE("edits of ports and bridges") {
  CHECK(After({{.bridge = "br0", .port = "v3"}}) == "+ bridges.br0.ports.v3");
  CHECK(After({{.bridge = "br1", .port = "v3", .settings = {{"trunks", "[1, 2]"}}}}) ==
        "+ bridges.br1.ports.v3; + bridges.br1.ports.v3.trunks: [1, 2]");
  CHECK(After({{.kind = Kind::kSet, .bridge = "br0", .port = "v1", .settings = {{"vlan", "7"}}}}) ==
        "+ bridges.br0.ports.v1.vlan: 7");
  CHECK(After({{.kind = Kind::kSet, .bridge = "br0", .port = "v2", .settings = {{"vlan", "7"}}}}) ==
        "~ bridges.br0.ports.v2.vlan: 5 -> 7");
  CHECK(After({{.kind = Kind::kSet, .bridge = "br0", .port = "v2", .settings = {{"vlan", ""}}}}) ==
        "- bridges.br0.ports.v2.vlan: 5");
  CHECK(After({{.kind = Kind::kRemove, .bridge = "br0", .port = "v2"}}) ==
        "- bridges.br0.ports.v2; - bridges.br0.ports.v2.vlan: 5");
  CHECK(After({{.bridge = "br2"}}) == "+ bridges.br2");
  const Edit meter{.bridge = "br0", .port = "meter=1 pktps", .list = "meters"};
  CHECK(After({meter}) == "+ bridges.br0.meters.1: meter=1 pktps");
  Edit other = meter;
  other.kind = Kind::kSet;
  other.port = "meter=1,kbps";
  CHECK(After({meter, other}) == "+ bridges.br0.meters.1: meter=1,kbps");
  CHECK(After({other}) == "there is no meter 1 of bridge \"br0\"");
  CHECK(After({meter, meter}) == "meter 1 of bridge \"br0\" is there already");
  CHECK(After({meter, {.kind = Kind::kRemove, .bridge = "br0", .port = "1", .list = "meters"}})
            .empty());
  const Edit mirror{.bridge = "br0",
                    .port = "m",
                    .list = "mirrors",
                    .settings = {{"select_all", "true"}, {"output_port", "v1"}}};
  CHECK(After({mirror}) ==
        "+ bridges.br0.mirrors.m; + bridges.br0.mirrors.m.output_port: v1; "
        "+ bridges.br0.mirrors.m.select_all: true");
  CHECK(After({mirror, {.kind = Kind::kRemove, .bridge = "br0", .port = "m", .list = "mirrors"}})
            .empty());
  CHECK(After({{.kind = Kind::kRemove, .bridge = "br0", .port = "m", .list = "mirrors"}}) ==
        "there is no mirror \"m\" of bridge \"br0\"");
  CHECK(After({{.kind = Kind::kSet, .bridge = "br0", .settings = {{"mac_aging", "5s"}}}}) ==
        "~ bridges.br0.mac_aging: 60s -> 5s");
  CHECK(After({{.kind = Kind::kRemove, .bridge = "br1"}}) == "- bridges.br1");
  CHECK(After({{.kind = Kind::kRemove, .bridge = "br0", .port = "v1"},
               {.bridge = "br1", .port = "v1"}}) ==
        "- bridges.br0.ports.v1; + bridges.br1.ports.v1");
}

TEST_CASE("what stands behind a port that is removed stays as it is") {
  const std::string text = "bridges: [{name: br0, ports: [v1, {name: v2, vlan: 5}, v3, v4]}]\n";
  CHECK(After({{.kind = Kind::kRemove, .bridge = "br0", .port = "v1"}}, text) ==
        "- bridges.br0.ports.v1");
}

TEST_CASE("edits that cannot be are refused as a whole") {
  CHECK(After({{.bridge = "br0", .port = "v1"}}) ==
        "port \"v1\" of bridge \"br0\" is there already");
  CHECK(After({{.bridge = "br9", .port = "v1"}}) == "there is no bridge \"br9\"");
  CHECK(After({{.bridge = "br1"}}) == "bridge \"br1\" is there already");
  CHECK(After({{.kind = Kind::kRemove, .bridge = "br0", .port = "v9"}}) ==
        "there is no port \"v9\" of bridge \"br0\"");
  CHECK(After({{.bridge = "br1", .lenient = true}}).empty());
  CHECK(After({{.kind = Kind::kRemove, .bridge = "br9", .lenient = true}}).empty());
  CHECK_THAT(After({{.bridge = "br1", .port = "v1"}}),
             Catch::Contains("\"v1\" is taken by bridges[0].ports[0]"));
  CHECK_THAT(After({{.bridge = "br1", .port = "v3", .settings = {{"vlan", "5000"}}}}),
             Catch::Contains("bridges[1].ports[0].vlan: must be a number"));
  CHECK_THAT(After({{.bridge = "br1", .port = "v3", .settings = {{"vlam", "5"}}}}),
             Catch::Contains("did you mean \"vlan\"?"));
  CHECK_THAT(After({{.bridge = "br1", .port = "v3", .settings = {{"vlan", "[[["}}}}),
             Catch::StartsWith("vlan:"));
  CHECK_THAT(After({{.bridge = "br1", .port = "v3", .settings = {{"vlan", "5\n---\n6"}}}}),
             Catch::StartsWith("vlan:"));
  CHECK(After({{.kind = Kind::kSet, .bridge = "br0", .settings = {{"name", "br5"}}}}) ==
        "name: cannot be changed");
  CHECK_FALSE(After({{.bridge = ""}}).empty());
  CHECK_FALSE(After({{.bridge = "a b"}}).empty());
  // The first edit could be.
  CHECK(After({{.bridge = "br2"}, {.bridge = "br2"}}) == "bridge \"br2\" is there already");
}

TEST_CASE("edits of a state without bridges or ports") {
  CHECK(After({{.bridge = "br0"}}, "bridges: []\n") == "+ bridges.br0");
  CHECK(After({{.bridge = "br0", .port = "v1"}}, "bridges: [{name: br0}]\n") ==
        "+ bridges.br0.ports.v1");
}

}  // namespace sluice::daemon
