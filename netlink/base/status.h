// absl::Status with what the kernel said.
//
// A status made from a kernel error keeps, beside its text, the errno, the kernel's own words (its
// ext-ack message) and the path of the attribute that it blames. Branch on ErrnoOf(), never on
// text.
//
//   if (base::ErrnoOf(status) == EEXIST) ...
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice::base {

// "CONTEXT: STRERROR", and where the kernel gave them "(kernel: TEXT)" and "(at PATH)".
// `error` is a positive errno.
absl::Status KernelError(int error, std::string_view context, std::string_view kernel_text = {},
                         std::string_view attribute_path = {});

// KernelError() of a failed system call.
absl::Status ErrnoError(int error, std::string_view context);

// 0 when the status came from no kernel error.
int ErrnoOf(const absl::Status& status);
std::string KernelTextOf(const absl::Status& status);
std::string AttributePathOf(const absl::Status& status);

// The same status with "CONTEXT: " before its text.
absl::Status Annotate(const absl::Status& status, std::string_view context);

// Abseil's string_view and std's are two types in this release.
inline absl::string_view ToAbsl(std::string_view s) { return {s.data(), s.size()}; }
inline std::string_view FromAbsl(absl::string_view s) { return {s.data(), s.size()}; }

}  // namespace sluice::base

#define SLUICE_RETURN_IF_ERROR(expression)                                                       \
  do {                                                                                           \
    if (absl::Status sluice_status_ = (expression); !sluice_status_.ok()) return sluice_status_; \
  } while (false)

#define SLUICE_CONCAT_INNER_(a, b) a##b
#define SLUICE_CONCAT_(a, b) SLUICE_CONCAT_INNER_(a, b)

// SLUICE_ASSIGN_OR_RETURN(auto socket, Socket::Open());
#define SLUICE_ASSIGN_OR_RETURN(declaration, expression) \
  SLUICE_ASSIGN_OR_RETURN_(SLUICE_CONCAT_(sluice_or_, __LINE__), declaration, expression)
#define SLUICE_ASSIGN_OR_RETURN_(status_or, declaration, expression) \
  auto status_or = (expression);                                     \
  if (!status_or.ok()) return std::move(status_or).status();         \
  declaration = *std::move(status_or)
