// The daemon's main loop: epoll over file descriptors and timers.
//
// Callbacks run one at a time on the thread that called Run(); they may add watches and stop the
// loop, and must not wait. Not thread-safe, but for Call().
//
//   SLUICE_ASSIGN_OR_RETURN(auto loop, EventLoop::Create());
//   SLUICE_RETURN_IF_ERROR(loop->Watch(fd, [&] { Read(fd); }));
//   SLUICE_ASSIGN_OR_RETURN(Timer* timer, loop->AddTimer([&] { ... }));
//   timer->SetEvery(1000);
//   loop->Run();
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "absl/status/statusor.h"
#include "netlink/base/clock.h"
#include "netlink/base/fd.h"

namespace sluice::daemon {

class Timer {
 public:
  explicit Timer(base::UniqueFd fd) : fd_(std::move(fd)) {}
  int fd() const { return fd_.get(); }

  // Fires once, at that time of CLOCK_MONOTONIC (in the past: at once); replaces what was set.
  void SetAt(base::MonotonicMs when);
  // Fires again and again.
  void SetEvery(base::MonotonicMs interval);
  void Cancel();
  // Takes note that it fired.
  void Clear();

 private:
  base::UniqueFd fd_;
};

class EventLoop {
 public:
  static absl::StatusOr<std::unique_ptr<EventLoop>> Create();

  // Calls `callback` whenever there is something to read. The descriptor outlives the loop.
  absl::Status Watch(int fd, std::function<void()> callback);
  // A timer that is not set yet; the loop owns it.
  absl::StatusOr<Timer*> AddTimer(std::function<void()> callback);
  // Called after each turn, when all callbacks of the turn have run.
  void SetAfterTurn(std::function<void()> callback) { after_turn_ = std::move(callback); }

  // Has the loop's thread run `task`, waits for the end of that turn, and returns what the task
  // did. By any thread but the loop's. kUnavailable when the loop has ended, kDeadlineExceeded when
  // it is busy for long: then the task does not run.
  absl::Status Call(std::function<absl::Status()> task);

  // Until Stop(). An error when waiting itself fails.
  absl::Status Run();
  void Stop() { stop_ = true; }

 private:
  // What some thread waits for.
  struct Task {
    explicit Task(std::function<absl::Status()> r) : run(std::move(r)) {}
    std::function<absl::Status()> run;
    absl::Status status;
    bool taken = false, done = false;
  };

  EventLoop(base::UniqueFd epoll, base::UniqueFd called)
      : epoll_(std::move(epoll)), called_(std::move(called)) {}
  absl::Status RunTurns();
  void RunTasks();
  void FinishTasks();

  base::UniqueFd epoll_;
  const base::UniqueFd called_;                   // eventfd
  std::vector<std::shared_ptr<Task>> finishing_;  // have run in this turn
  // Of the standard library, as ThreadSanitizer sees its locks. Guards what follows, and how far
  // each task is.
  std::mutex mutex_;
  std::condition_variable progress_;
  bool ended_ = false;
  std::vector<std::shared_ptr<Task>> tasks_;
  std::vector<std::unique_ptr<std::function<void()>>> callbacks_;
  std::vector<std::unique_ptr<Timer>> timers_;
  std::function<void()> after_turn_;
  bool stop_ = false;
};

}  // namespace sluice::daemon
