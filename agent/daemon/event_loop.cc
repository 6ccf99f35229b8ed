#include "agent/daemon/event_loop.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "absl/memory/memory.h"
#include "netlink/base/status.h"

namespace sluice::daemon {
namespace {

timespec ToTimespec(base::MonotonicMs ms) {
  return {.tv_sec = static_cast<time_t>(ms / 1000),
          .tv_nsec = static_cast<long>(ms % 1000) * 1'000'000};  // NOLINT(google-runtime-int)
}

}  // namespace

void Timer::SetAt(base::MonotonicMs when) {
  // All zeros would disarm it.
  const itimerspec spec = {.it_interval = {}, .it_value = ToTimespec(when == 0 ? 1 : when)};
  timerfd_settime(fd_.get(), TFD_TIMER_ABSTIME, &spec, nullptr);
}

void Timer::SetEvery(base::MonotonicMs interval) {
  const itimerspec spec = {.it_interval = ToTimespec(interval), .it_value = ToTimespec(interval)};
  timerfd_settime(fd_.get(), 0, &spec, nullptr);
}

void Timer::Cancel() {
  const itimerspec spec = {};
  timerfd_settime(fd_.get(), 0, &spec, nullptr);
}

void Timer::Clear() {
  uint64_t fired = 0;
  // EAGAIN: it was set anew since it fired.
  [[maybe_unused]] const ssize_t n = read(fd_.get(), &fired, sizeof(fired));
}

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create() {
  base::UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return base::ErrnoError(errno, "epoll_create1");
  return absl::WrapUnique(new EventLoop(std::move(epoll)));
}

absl::Status EventLoop::Watch(int fd, std::function<void()> callback) {
  auto owned = std::make_unique<std::function<void()>>(std::move(callback));
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.ptr = owned.get();
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
    return base::ErrnoError(errno, "epoll_ctl");
  callbacks_.push_back(std::move(owned));
  return absl::OkStatus();
}

absl::StatusOr<Timer*> EventLoop::AddTimer(std::function<void()> callback) {
  base::UniqueFd fd(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
  if (!fd.valid()) return base::ErrnoError(errno, "timerfd_create");
  timers_.push_back(std::make_unique<Timer>(std::move(fd)));
  Timer* timer = timers_.back().get();
  SLUICE_RETURN_IF_ERROR(Watch(timer->fd(), [timer, callback = std::move(callback)] {
    timer->Clear();
    callback();
  }));
  return timer;
}

absl::Status EventLoop::Run() {
  std::array<epoll_event, 16> events{};
  while (!stop_) {
    const int n =
        epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), /*timeout=*/-1);
    if (n < 0 && errno != EINTR) return base::ErrnoError(errno, "epoll_wait");
    for (int i = 0; i < n && !stop_; ++i)
      (*static_cast<std::function<void()>*>(events[static_cast<size_t>(i)].data.ptr))();
    if (after_turn_ && !stop_) after_turn_();
  }
  return absl::OkStatus();
}

}  // namespace sluice::daemon
