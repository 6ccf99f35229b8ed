#include "dpctl/output.h"

#include <unistd.h>

#include <cerrno>

#include "dpctl/failure.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {

void Output::WriteOut() {
  size_t done = 0;
  while (done < buffer_.size() && status_.ok()) {
    const ssize_t written = ::write(fd_, buffer_.data() + done, buffer_.size() - done);
    if (written > 0) {
      started_ = true;
      done += static_cast<size_t>(written);
    } else if (written == 0 || errno != EINTR) {
      status_ = Failed(what_, base::ErrnoError(written == 0 ? EIO : errno, "write"));
    }
  }
  buffer_.clear();
}

absl::Status Output::Flush() {
  WriteOut();
  return status_;
}

}  // namespace sluice::dpctl
