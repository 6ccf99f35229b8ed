#include "agent/upcall/overload_guard.h"

#include "agent/upcall/dispatch.h"
#include "tests/support/test.h"

namespace sluice::upcall {
namespace {

constexpr uint64_t kCutOffMs = 1000;

class Lab {
 public:
  explicit Lab(uint64_t cut_off_ms = kCutOffMs) : guard(cut_off_ms) {}

  void Plead(uint32_t port) { ledger.Plead(ledger.Get({1, port}).get()); }
  // "+2 -3": port 2 is cut off, port 3 let in.
  std::string Review(base::MonotonicMs now) { return Text(guard.Review(ledger.List(), now)); }
  static std::string Text(const std::vector<OverloadGuard::Change>& changes) {
    std::string text;
    for (const OverloadGuard::Change& change : changes)
      text += (text.empty() ? "" : " ") + std::string(change.cut_off ? "+" : "-") +
              std::to_string(change.port.port_no);
    return text;
  }

  PortLedger ledger{PortAccount::Budget{}};
  OverloadGuard guard;
};

TEST_CASE("a port that is pleaded for is cut off for a while, and others are not") {
  Lab lab;
  lab.ledger.Get({1, 3});
  CHECK(lab.Review(0).empty());
  CHECK_FALSE(lab.guard.deadline());
  lab.Plead(2);
  CHECK(lab.Review(10) == "+2");
  CHECK(lab.guard.deadline() == 10 + kCutOffMs);
  CHECK(lab.ledger.Get({1, 2})->Read(10).cut_off);
  CHECK_FALSE(lab.ledger.Get({1, 3})->Read(10).cut_off);
  CHECK(lab.Review(500).empty());
  CHECK(lab.Review(10 + kCutOffMs) == "-2");
  CHECK_FALSE(lab.ledger.Get({1, 2})->Read(2000).cut_off);
  CHECK(lab.ledger.Get({1, 2})->Read(2000).cut_offs == 1);
  CHECK_FALSE(lab.guard.deadline());
}

TEST_CASE("what a handler still finds in its socket does not make it longer") {
  Lab lab;
  lab.Plead(2);
  CHECK(lab.Review(0) == "+2");
  lab.Plead(2);
  CHECK(lab.Review(500).empty());
  CHECK(lab.Review(kCutOffMs) == "-2");
  CHECK(lab.Review(kCutOffMs + 1).empty());
  lab.Plead(2);  // it goes on
  CHECK(lab.Review(kCutOffMs + 2) == "+2");
}

TEST_CASE("a port that goes meanwhile is forgotten, and the one that gets its number is let in") {
  Lab lab;
  lab.Plead(2);
  lab.Plead(4);
  CHECK(lab.Review(0) == "+2 +4");
  lab.ledger.Retain([](const PortId& id) { return id.port_no != 2; });
  CHECK(lab.Review(1) == "-2");
  CHECK(Lab::Text(lab.guard.LetAllIn()) == "-4");
  CHECK_FALSE(lab.guard.deadline());
}

TEST_CASE("0 cuts off nobody") {
  Lab lab(0);
  lab.Plead(2);
  CHECK(lab.Review(0).empty());
}

TEST_CASE("a cut off port has the pid 0, and its datapath is dispatched per port meanwhile") {
  Dispatch dispatch(DispatchMode::kPerCpu, {11, 12}, 4);
  ovs::Datapath datapath;
  datapath.ifindex = 1;
  datapath.user_features = OVS_DP_F_VPORT_PIDS | OVS_DP_F_DISPATCH_UPCALL_PER_CPU;
  CHECK(dispatch.IsInForce(datapath));
  dispatch.SetCutOff({1, 2}, true);
  CHECK(dispatch.PidsOf({1, 2}) == std::vector<uint32_t>{0});
  CHECK(dispatch.PidsOf({1, 3}) == std::vector<uint32_t>{11, 12});
  CHECK(dispatch.PidsOf({2, 2}) == std::vector<uint32_t>{11, 12});
  CHECK_FALSE(dispatch.IsInForce(datapath));
  datapath.user_features = OVS_DP_F_VPORT_PIDS;
  CHECK(dispatch.IsInForce(datapath));
  datapath.ifindex = 2;  // another datapath is as it was
  CHECK_FALSE(dispatch.IsInForce(datapath));
  dispatch.SetCutOff({1, 2}, false);
  CHECK_FALSE(dispatch.HasCutOff(1));
  CHECK(dispatch.PidsOf({1, 2}) == std::vector<uint32_t>{11, 12});
}

}  // namespace
}  // namespace sluice::upcall
