#include "agent/daemon/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>

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
  base::UniqueFd called(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!called.valid()) return base::ErrnoError(errno, "eventfd");
  auto loop = absl::WrapUnique(new EventLoop(std::move(epoll), std::move(called)));
  SLUICE_RETURN_IF_ERROR(loop->Watch(loop->called_.get(), [raw = loop.get()] { raw->RunTasks(); }));
  return loop;
}

absl::Status EventLoop::Call(std::function<absl::Status()> task) {
  constexpr std::chrono::seconds kPatience(30);
  const auto mine = std::make_shared<Task>(std::move(task));
  std::unique_lock lock(mutex_);
  if (ended_) return absl::UnavailableError("the agent is stopping");
  tasks_.push_back(mine);
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = write(called_.get(), &one, sizeof(one));
  const auto is_done = [&mine] { return mine->done; };
  progress_.wait_for(lock, kPatience, is_done);
  // What runs holds on to what its caller has: it is waited for.
  if (mine->taken) progress_.wait(lock, is_done);
  if (mine->done) return mine->status;
  tasks_.erase(std::find(tasks_.begin(), tasks_.end(), mine));
  return absl::DeadlineExceededError("the agent is busy: nothing was changed");
}

void EventLoop::RunTasks() {
  uint64_t calls = 0;
  [[maybe_unused]] const ssize_t n = read(called_.get(), &calls, sizeof(calls));
  {
    const std::lock_guard lock(mutex_);
    finishing_.swap(tasks_);
    for (const std::shared_ptr<Task>& task : finishing_) task->taken = true;
  }
  for (const std::shared_ptr<Task>& task : finishing_) task->status = task->run();
}

void EventLoop::FinishTasks() {
  if (finishing_.empty()) return;
  const std::lock_guard lock(mutex_);
  for (const std::shared_ptr<Task>& task : finishing_) task->done = true;
  finishing_.clear();
  progress_.notify_all();
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
  absl::Status status = RunTurns();
  FinishTasks();
  const std::lock_guard lock(mutex_);
  ended_ = true;
  for (const std::shared_ptr<Task>& task : tasks_) {
    task->status = absl::UnavailableError("the agent is stopping");
    task->done = true;
  }
  tasks_.clear();
  progress_.notify_all();
  return status;
}

absl::Status EventLoop::RunTurns() {
  std::array<epoll_event, 16> events{};
  while (!stop_) {
    const int n =
        epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), /*timeout=*/-1);
    if (n < 0 && errno != EINTR) return base::ErrnoError(errno, "epoll_wait");
    for (int i = 0; i < n && !stop_; ++i)
      (*static_cast<std::function<void()>*>(events[static_cast<size_t>(i)].data.ptr))();
    if (after_turn_ && !stop_) after_turn_();
    FinishTasks();
  }
  return absl::OkStatus();
}

}  // namespace sluice::daemon
