// Messages that a real kernel sent (tests/golden/*.hex): each is read, its keys are decoded and
// encoded to the same bytes, and its text is that of the golden file beside it. With
// SLUICE_GOLDEN_WRITE=1 in the environment the texts are written anew.

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "netlink/attr/json.h"
#include "netlink/attr/text.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/datapath.h"
#include "netlink/ovs/flow.h"
#include "netlink/ovs/flow_key.h"
#include "netlink/ovs/packet.h"
#include "netlink/ovs/vport.h"
#include "tests/support/test.h"

namespace sluice {
namespace {

using attr::MaskView;
using base::ByteVector;
using base::ByteView;

std::string Path(const std::string& name) { return SLUICE_GOLDEN_DIR "/" + name; }

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<ByteVector> Messages(const std::string& family) {
  std::vector<ByteVector> messages;
  std::istringstream lines(ReadFile(Path(family + ".hex")));
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    auto bytes = base::FromHex(line);
    REQUIRE(bytes.has_value());
    messages.push_back(*std::move(bytes));
  }
  REQUIRE_FALSE(messages.empty());
  return messages;
}

socket::Message One(const ByteVector& bytes) {
  const socket::MessageWalk walk(bytes);
  REQUIRE(walk.begin() != walk.end());
  CHECK(walk.leftover().empty());
  return *walk.begin();
}

// Compares, or writes.
void CheckText(const std::string& family, const std::string& text) {
  const std::string path = Path(family + ".txt");
  if (std::getenv("SLUICE_GOLDEN_WRITE") != nullptr) {
    std::ofstream(path) << text;
  }
  CHECK(ReadFile(path) == text);
}

std::string KeyText(ByteView key, MaskView mask) {
  std::string text;
  attr::AppendSet(ovs::kKeyTable, key, mask, {}, &text);
  return text;
}

void CheckSameBytes(ByteView bytes) {
  ovs::FlowKey key{};
  attr::Unknowns unknowns;
  REQUIRE_FALSE(ovs::DecodeFlowKey(bytes, &key, &unknowns));
  CHECK(unknowns.empty());
  ByteVector again;
  attr::Writer writer(&again);
  ovs::EncodeFlowKey(key, &unknowns, &writer);
  CHECK(base::ToHex(again) == base::ToHex(bytes));
}

TEST_CASE("golden: flows") {
  std::string all;
  for (const ByteVector& bytes : Messages("flow")) {
    auto flow = ovs::ParseFlow(One(bytes));
    REQUIRE(flow.ok());
    CheckSameBytes(flow->key);
    MaskView mask;
    if (flow->mask) {
      CheckSameBytes(*flow->mask);
      mask = MaskView::Of(*flow->mask);
    }
    const std::string key = KeyText(flow->key, mask);
    CAPTURE(key);
    auto read = attr::ParseSet(ovs::kKeyTable, key, {});
    REQUIRE(read.ok());
    // Zeros that the kernel leaves out stand last in its order, and in ours where they belong.
    auto reread =
        attr::ParseSet(ovs::kKeyTable, KeyText(read->value, MaskView::Of(read->mask)), {});
    REQUIRE(reread.ok());
    CHECK(reread->value == read->value);
    CHECK(reread->mask == read->mask);
    std::string actions;
    if (flow->actions) attr::AppendList(ovs::kActionTable, *flow->actions, {}, &actions);
    CAPTURE(actions);
    auto actions_read = attr::ParseList(ovs::kActionTable, actions, {});
    REQUIRE(actions_read.ok());
    // psample needs a flag that the kernel does not give back.
    if (actions.find("psample") == std::string::npos && flow->actions)
      CHECK(base::ToHex(*actions_read) == base::ToHex(*flow->actions));
    absl::StrAppend(&all, key, ", actions:", actions, "\n  ",
                    attr::SetToJson(ovs::kKeyTable, flow->key, mask, {}).dump(), "\n  ",
                    attr::ListToJson(ovs::kActionTable, *actions_read, {}).dump(), "\n");
  }
  CheckText("flow", all);
}

TEST_CASE("golden: upcalls") {
  std::string all;
  for (const ByteVector& bytes : Messages("packet")) {
    ovs::Upcall upcall;
    REQUIRE(ovs::DecodeUpcall(One(bytes), &upcall) == ovs::UpcallFault::kNone);
    CheckSameBytes(upcall.key);
    const std::string key = KeyText(upcall.key, {});
    auto read = attr::ParseSet(ovs::kKeyTable, key, {});
    REQUIRE(read.ok());
    CHECK(base::ToHex(read->value) == base::ToHex(upcall.key));
    absl::StrAppend(&all, upcall.kind == ovs::Upcall::Kind::kMiss ? "miss " : "action ",
                    upcall.packet.size(), " bytes ", key, "\n");
  }
  CheckText("packet", all);
}

TEST_CASE("golden: datapaths") {
  std::string all;
  for (const ByteVector& bytes : Messages("datapath")) {
    auto dp = ovs::ParseDatapath(One(bytes));
    REQUIRE(dp.ok());
    absl::StrAppend(&all, dp->name, " features ", dp->user_features, " masks cache ",
                    dp->masks_cache_size.value_or(0), "\n");
  }
  CheckText("datapath", all);
}

TEST_CASE("golden: ports") {
  std::string all;
  for (const ByteVector& bytes : Messages("vport")) {
    auto port = ovs::ParseVport(One(bytes));
    REQUIRE(port.ok());
    absl::StrAppend(&all, port->port_no, " ", port->name, " ", ovs::VportTypeName(port->type),
                    port->upcalls ? " upcalls counted" : "", "\n");
  }
  CheckText("vport", all);
}

}  // namespace
}  // namespace sluice
