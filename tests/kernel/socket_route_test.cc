// netlink/route against a real kernel.
#include <sched.h>

#include <algorithm>
#include <cstdlib>

#include "netlink/base/status.h"
#include "netlink/route/link_events.h"
#include "netlink/route/links.h"
#include "tests/support/test.h"

namespace sluice::route {
namespace {

void Shell(const std::string& command) {
  INFO(command);
  REQUIRE(std::system(command.c_str()) == 0);
}

Links OpenLinks() {
  REQUIRE(unshare(CLONE_NEWNET) == 0);
  absl::StatusOr<Links> links = Links::Open();
  INFO(links.status());
  REQUIRE(links.ok());
  return *std::move(links);
}

TEST_CASE("route: links are found by name and number, and listed") {
  Links links = OpenLinks();
  Shell("ip link add br0 type bridge");
  Shell("ip link add v0 address 0a:00:00:00:00:01 type veth peer name v1");
  Shell("ip link set v0 master br0");
  const auto v0 = links.Get("v0");
  INFO(v0.status());
  REQUIRE(v0.ok());
  CHECK(v0->name == "v0");
  CHECK(v0->kind == "veth");
  CHECK(v0->mtu == 1500);
  REQUIRE(v0->mac);
  CHECK(base::ToString(*v0->mac) == "0a:00:00:00:00:01");
  CHECK_FALSE(v0->up);
  CHECK(v0->master == links.Get("br0")->ifindex);
  CHECK(links.Get(v0->ifindex)->name == "v0");
  const auto all = links.List();
  REQUIRE(all.ok());
  CHECK(std::count(all->begin(), all->end(), *v0) == 1);
  CHECK(all->size() >= 4);
  CHECK(base::ErrnoOf(links.Get("nothing").status()) == ENODEV);
  CHECK(base::ErrnoOf(links.Get(4242).status()) == ENODEV);
  CHECK(base::ErrnoOf(links.Get("a-name-that-is-too-long").status()) == ENODEV);
}

TEST_CASE("route: links are set up and down, and their MTU is set") {
  Links links = OpenLinks();
  Shell("ip link add d0 type veth peer name d1");
  const int d0 = links.Get("d0")->ifindex;
  REQUIRE(links.SetUp(d0, true).ok());
  CHECK(links.Get("d0")->up);
  REQUIRE(links.SetMtu(d0, 1400).ok());
  CHECK(links.Get("d0")->mtu == 1400);
  CHECK(links.Get("d0")->up);
  REQUIRE(links.SetUp(d0, false).ok());
  CHECK_FALSE(links.Get("d0")->up);
  const absl::Status refused = links.SetMtu(d0, 1);
  INFO(refused);
  CHECK(base::ErrnoOf(refused) == EINVAL);
  CHECK_FALSE(base::KernelTextOf(refused).empty());
  CHECK(base::ErrnoOf(links.SetUp(4242, true)) == ENODEV);
}

TEST_CASE("route: links that come, change and go are told, and lost news too") {
  Links links = OpenLinks();
  socket::EventOptions options;
  options.socket.receive_buffer_bytes = 16 * 1024;
  auto events = LinkEvents::Open(options);
  REQUIRE(events.ok());
  std::vector<LinkEvent> seen;
  const auto receive = [&] {
    seen.clear();
    while (*events->Receive([&](const LinkEvent& event) { seen.push_back(event); }) > 0) {
    }
    return !seen.empty();
  };
  CHECK_FALSE(receive());
  Shell("ip link add d0 type dummy");
  REQUIRE(receive());
  CHECK(seen[0].kind == LinkEventKind::kAdded);
  CHECK(seen[0].link.name == "d0");
  REQUIRE(links.SetUp(seen[0].link.ifindex, true).ok());
  REQUIRE(receive());
  CHECK(seen.back().kind == LinkEventKind::kChanged);
  CHECK(seen.back().link.up);

  // A port that leaves a bridge is no device that goes.
  Shell("ip link add br0 type bridge && ip link set d0 master br0 && ip link set d0 nomaster");
  REQUIRE(receive());
  CHECK(std::none_of(seen.begin(), seen.end(),
                     [](const LinkEvent& e) { return e.kind == LinkEventKind::kRemoved; }));
  Shell("ip link del d0");
  REQUIRE(receive());
  CHECK(seen.back().kind == LinkEventKind::kRemoved);
  CHECK(seen.back().link.name == "d0");

  Shell("for i in $(seq 40); do ip link set br0 up; ip link set br0 down; done");
  REQUIRE(receive());
  CHECK(std::any_of(seen.begin(), seen.end(),
                    [](const LinkEvent& e) { return e.kind == LinkEventKind::kOverrun; }));
}

}  // namespace
}  // namespace sluice::route
