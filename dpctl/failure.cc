#include "dpctl/failure.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "netlink/attr/scanner.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

using base::ToAbsl;

constexpr char kHintUrl[] = "sluice/dpctl-hint";

std::string HintOf(const absl::Status& status) {
  const absl::optional<absl::Cord> hint = status.GetPayload(kHintUrl);
  return hint ? std::string(*hint) : std::string();
}

// The message, with the place in a text that it shows within `columns`.
std::string Fitted(const absl::Status& status, size_t columns) {
  std::string message(status.message());
  const auto offset = attr::TextErrorOffset(status);
  const auto text = attr::TextErrorText(status);
  if (columns == 0 || !offset || !text) return message;
  std::string place = attr::PlaceInText(*text, *offset, columns - std::min<size_t>(columns, 2));
  place.insert(place.find('\n') + 1, "  ");
  return absl::StrCat(message.substr(0, message.find('\n')), "\n  ", place);
}

}  // namespace

absl::Status Failed(std::string_view what, const absl::Status& cause) {
  if (cause.ok()) return cause;
  if (base::ErrnoOf(cause) == 0) {
    // The module is not there: that says it all.
    return absl::IsUnavailable(cause) ? cause : base::Annotate(cause, what);
  }
  absl::Status status(cause.code(), ToAbsl(what));
  cause.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& value) { status.SetPayload(url, value); });
  return status;
}

absl::Status FailedAndLogged(std::string_view what, const absl::Status& cause) {
  absl::Status status = Failed(what, cause);
  const int error = base::ErrnoOf(cause);
  const bool silent = base::KernelTextOf(cause).empty();
  if (silent && (error == EINVAL || error == ERANGE))
    return WithHint(std::move(status), "the kernel may have logged why: see dmesg");
  return status;
}

absl::Status WithHint(absl::Status status, std::string_view hint) {
  std::string hints = HintOf(status);
  if (!hints.empty()) hints.push_back('\n');
  hints.append(hint);
  status.SetPayload(kHintUrl, absl::Cord(hints));
  return status;
}

absl::Status UsageError(std::string_view text) { return absl::InvalidArgumentError(ToAbsl(text)); }

size_t ErrorColumns() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

std::string FailureText(const absl::Status& status, size_t columns) {
  const int error = base::ErrnoOf(status);
  std::string text = absl::StrCat("dpctl: ", Fitted(status, columns));
  if (error != 0) {
    const char* description = strerrordesc_np(error);
    absl::StrAppend(&text, " (", description != nullptr ? description : absl::StrCat(error).c_str(),
                    ")");
  }
  text.push_back('\n');
  if (const std::string kernel = base::KernelTextOf(status); !kernel.empty())
    absl::StrAppend(&text, "  kernel: ", kernel, "\n");
  if (const std::string path = base::AttributePathOf(status); !path.empty())
    absl::StrAppend(&text, "  at ", path, "\n");
  if (error == EPERM || error == EACCES)
    text.append("  this needs the capability CAP_NET_ADMIN: run it as root\n");
  const std::string hints = HintOf(status);
  for (size_t begin = 0; begin < hints.size();) {
    const size_t end = std::min(hints.find('\n', begin), hints.size());
    absl::StrAppend(&text, "  ", hints.substr(begin, end - begin), "\n");
    begin = end + 1;
  }
  return text;
}

}  // namespace sluice::dpctl
