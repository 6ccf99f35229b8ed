#include "dpctl/stop_signals.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "dpctl/failure.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {

absl::Status StopSignals::Install() {
  sigset_t stopping;
  sigemptyset(&stopping);
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGALRM}) sigaddset(&stopping, signal);
  base::UniqueFd fd(::signalfd(-1, &stopping, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid())
    return Failed("waiting for signals", base::ErrnoError(errno, "opening a signalfd"));
  if (sigprocmask(SIG_BLOCK, &stopping, &before_) != 0)
    return Failed("waiting for signals", base::ErrnoError(errno, "blocking signals"));
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &pipe_before_);
  fd_ = std::move(fd);
  return absl::OkStatus();
}

StopSignals::~StopSignals() {
  if (!fd_.valid()) return;
  // What came is dealt with: it must not end the program once it is let through again.
  for (signalfd_siginfo info; ::read(fd_.get(), &info, sizeof(info)) > 0;) continue;
  sigaction(SIGPIPE, &pipe_before_, nullptr);
  sigprocmask(SIG_SETMASK, &before_, nullptr);
}

bool StopSignals::WaitFor(std::span<const int> fds, int timeout_ms) {
  return Poll(fds, timeout_ms, /*watch_reader=*/true);
}

bool StopSignals::Stopped() { return !Poll({}, /*timeout_ms=*/0, /*watch_reader=*/false); }

bool StopSignals::Poll(std::span<const int> fds, int timeout_ms, bool watch_reader) {
  std::vector<pollfd> polled;
  polled.push_back({.fd = fd_.get(), .events = POLLIN, .revents = 0});
  polled.push_back({.fd = watch_reader ? STDOUT_FILENO : -1, .events = 0, .revents = 0});
  for (int fd : fds) polled.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  while (!stopped_) {
    const int ready = ::poll(polled.data(), polled.size(), timeout_ms);
    if (ready < 0 && errno != EINTR) return false;
    if (polled[0].revents != 0) stopped_ = true;
    if ((polled[1].revents & POLLERR) != 0) stopped_ = reader_gone_ = true;
    // A signal that only disturbs, as that of a terminal's new size, ends a wait for a time.
    if (ready > 0 || timeout_ms >= 0) break;
  }
  return !stopped_;
}

void StopSignals::EndByBrokenPipe() {
  struct sigaction by_default {};
  by_default.sa_handler = SIG_DFL;
  sigaction(SIGPIPE, &by_default, nullptr);
  ::raise(SIGPIPE);
}

}  // namespace sluice::dpctl
