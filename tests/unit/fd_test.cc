#include "netlink/base/fd.h"

#include <fcntl.h>

#include "tests/support/test.h"

namespace sluice::base {
namespace {

int OpenSomething() { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }
bool IsOpen(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

TEST_CASE("a descriptor is closed with its owner") {
  const int fd = OpenSomething();
  {
    const UniqueFd owner(fd);
    CHECK(owner.valid());
    CHECK(IsOpen(fd));
  }
  CHECK_FALSE(IsOpen(fd));
}

TEST_CASE("a move hands the descriptor over and closes what the target held") {
  const int kept = OpenSomething();
  const int replaced = OpenSomething();
  UniqueFd source(kept);
  UniqueFd target(replaced);
  target = std::move(source);
  CHECK(target.get() == kept);
  CHECK(IsOpen(kept));
  CHECK_FALSE(IsOpen(replaced));
}

TEST_CASE("a released descriptor stays open and is the caller's") {
  const int fd = OpenSomething();
  { CHECK(UniqueFd(fd).Release() == fd); }
  CHECK(IsOpen(fd));
  ::close(fd);
}

TEST_CASE("an owner of nothing is not valid") { CHECK_FALSE(UniqueFd().valid()); }

}  // namespace
}  // namespace sluice::base
