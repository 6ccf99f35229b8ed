// Signals that end a command which follows something, or must not be cut in two, so that it can
// clean up first.
//
// While it lives, SIGINT, SIGTERM, SIGHUP and SIGALRM do not end the program but make fd()
// readable, and writing to a closed pipe is an error instead of a signal. One at a time, in the
// main thread.
//
//   StopSignals stop;
//   SLUICE_RETURN_IF_ERROR(stop.Install());
//   while (stop.WaitFor(socket.fd())) ...   // false once a signal came
#pragma once

#include <signal.h>

#include <span>

#include "absl/status/status.h"
#include "netlink/base/fd.h"

namespace sluice::dpctl {

class StopSignals {
 public:
  StopSignals() = default;
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();

  absl::Status Install();
  // Waits until one of the descriptors can be read, or the time is over (negative: never); false
  // when one of the signals came instead, or nobody reads standard output any more.
  bool WaitFor(std::span<const int> fds, int timeout_ms = -1);
  bool WaitFor(int fd, int timeout_ms = -1) { return WaitFor({&fd, 1}, timeout_ms); }
  // Whether that was why WaitFor() was false.
  bool reader_gone() const { return reader_gone_; }
  // Whether one of the signals has come; does not wait.
  bool Stopped();

  // What a program does whose reader has gone: ends by SIGPIPE, without a word. For the very end.
  static void EndByBrokenPipe();

 private:
  bool Poll(std::span<const int> fds, int timeout_ms, bool watch_reader);

  base::UniqueFd fd_;
  sigset_t before_{};
  struct sigaction pipe_before_ {};
  bool stopped_ = false;
  bool reader_gone_ = false;
};

}  // namespace sluice::dpctl
