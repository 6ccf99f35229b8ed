// Text on its way to a file descriptor, in large pieces. Not thread-safe.
//
// Append to buffer(), and call Step() now and then; Flush() at the end. An error of a write is kept
// and told by Flush(): nothing is written after it.
//
//   output.buffer() += "one line\n";
//   output.Step();
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace sluice::dpctl {

class Output {
 public:
  // `what` begins the text of an error.
  explicit Output(int fd, std::string_view what = "writing the output") : fd_(fd), what_(what) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  std::string& buffer() { return buffer_; }
  void Write(std::string_view text) { buffer_.append(text); }
  // Writes the buffer when it is large.
  void Step() {
    if (buffer_.size() >= kPiece) WriteOut();
  }
  // Writes what is left. The first error of all writes, with its errno.
  absl::Status Flush();

  // Whether a part has left the buffer, and cannot be taken back.
  bool started() const { return started_; }

 private:
  static constexpr size_t kPiece = 256 * 1024;
  void WriteOut();

  int fd_;
  std::string what_;
  std::string buffer_;
  bool started_ = false;
  absl::Status status_;
};

}  // namespace sluice::dpctl
