// Errors as dpctl tells them.
//
//   dpctl: updating flow table (Invalid argument)
//     kernel: unknown key attribute (at OVS_FLOW_ATTR_KEY)
//     the kernel may have logged why: see dmesg
//
// The first line is that of ovs-dpctl(8). Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace sluice::dpctl {

// `cause` as the failure of `what`: its text is `what`, followed by the text of the cause where
// that did not come from the kernel; its errno and the kernel's words are kept.
absl::Status Failed(std::string_view what, const absl::Status& cause);
// The same; also says that the kernel logs the reasons of such a refusal.
absl::Status FailedAndLogged(std::string_view what, const absl::Status& cause);
// A line of advice under the error.
absl::Status WithHint(absl::Status status, std::string_view hint);

absl::Status UsageError(std::string_view text);

// The lines for standard error, each with its end. The place of an error in a text is shown within
// `columns`, or as many as are usual for 0.
std::string FailureText(const absl::Status& status, size_t columns = 0);
// How wide the terminal is on standard error; 0 when there is none.
size_t ErrorColumns();

}  // namespace sluice::dpctl
