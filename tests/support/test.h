// What every test includes: Catch2 and SLUICE_SKIP.
#pragma once

#include <catch2/catch.hpp>
#include <string>

#include "absl/status/statusor.h"

namespace sluice::testing {

// Marks the running test case as skipped, unless an assertion of it fails.
void Skip(std::string reason);

inline std::string StatusText(const absl::Status& status) { return status.ToString(); }
template <typename T>
std::string StatusText(const absl::StatusOr<T>& status_or) {
  return status_or.status().ToString();
}

// Runs the program's test cases as Catch2's command line says; for main().
int RunTests(int argc, char** argv);

}  // namespace sluice::testing

// For an absl::Status or StatusOr that must be OK; its text is shown when it is not.
#define REQUIRE_OK(expression)                           \
  do {                                                   \
    const auto& sluice_result_ = (expression);           \
    INFO(::sluice::testing::StatusText(sluice_result_)); \
    REQUIRE(sluice_result_.ok());                        \
  } while (false)

// Leaves the test case; it is counted as skipped, never as passed.
//
//   if (!features.has("drop action")) SLUICE_SKIP("needs Linux 6.6");
#define SLUICE_SKIP(reason)          \
  do {                               \
    ::sluice::testing::Skip(reason); \
    return;                          \
  } while (false)
