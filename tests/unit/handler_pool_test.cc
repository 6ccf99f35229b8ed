#include "agent/upcall/handler_pool.h"

#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "netlink/base/counters.h"
#include "tests/support/test.h"

namespace sluice::upcall {
namespace {

using namespace std::chrono_literals;

class Nothing final : public Processor {
 public:
  void Process(const ovs::Upcall&, const Ticket&) override {}
  void FinishBatch() override {}
};

base::Counter& Errors() { return base::Counters::Get("upcall_receive_errors", ""); }

// The newest netlink socket of this process: the handler's.
int NetlinkSocket() {
  for (int fd = 1023; fd > 2; --fd) {
    int domain = 0;
    socklen_t length = sizeof(domain);
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_NETLINK)
      return fd;
  }
  return -1;
}

TEST_CASE("a socket that fails for ever does not keep a handler busy, nor from stopping") {
  auto pool = HandlerPool::Create({}, [](unsigned) { return std::make_unique<Nothing>(); });
  REQUIRE_OK(pool);
  // In the place of the handler's socket, one that is always ready and always fails (ENOTCONN).
  const int broken = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int fd = NetlinkSocket();
  REQUIRE(broken >= 0);
  REQUIRE(fd >= 0);
  REQUIRE(dup2(broken, fd) == fd);
  close(broken);

  constexpr uint64_t kFailures = 8;
  const uint64_t before = Errors().value();
  const auto start = std::chrono::steady_clock::now();
  (*pool)->Start();
  while (Errors().value() < before + kFailures) {
    REQUIRE(std::chrono::steady_clock::now() < start + 60s);
    std::this_thread::sleep_for(1ms);
  }
  // 1, 2, 4 .. 64 ms between them.
  CHECK(std::chrono::steady_clock::now() - start >= 127ms);
  (*pool)->Stop();
}

}  // namespace
}  // namespace sluice::upcall
