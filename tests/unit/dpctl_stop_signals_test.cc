#include "dpctl/stop_signals.h"

#include <unistd.h>
#include <csignal>

#include "tests/support/test.h"

namespace sluice::dpctl {

TEST_CASE("a signal ends the wait and not the program; what can be read ends the wait too") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const base::UniqueFd reader(ends[0]);
  base::UniqueFd writer(ends[1]);
  StopSignals stop;
  REQUIRE_OK(stop.Install());
  REQUIRE(write(writer.get(), "x", 1) == 1);
  CHECK(stop.WaitFor(reader.get()));
  CHECK_FALSE(stop.Stopped());
  raise(SIGTERM);
  CHECK_FALSE(stop.WaitFor(reader.get()));
  CHECK(stop.Stopped());
  CHECK_FALSE(stop.WaitFor(reader.get()));  // it stays stopped
}

TEST_CASE("afterwards signals do what they did before, but for those that came") {
  sigset_t before;
  sigprocmask(SIG_SETMASK, nullptr, &before);
  {
    StopSignals stop;
    REQUIRE_OK(stop.Install());
    raise(SIGINT);
    raise(SIGHUP);
  }
  sigset_t after;
  sigprocmask(SIG_SETMASK, nullptr, &after);
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGALRM})
    CHECK(sigismember(&before, signal) == sigismember(&after, signal));
  sigset_t pending;
  sigpending(&pending);
  CHECK(sigismember(&pending, SIGINT) == 0);
}

}  // namespace sluice::dpctl
