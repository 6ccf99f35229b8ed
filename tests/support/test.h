// What every test includes: Catch2 and SLUICE_SKIP.
#pragma once

#include <catch2/catch.hpp>
#include <string>

namespace sluice::testing {

// Marks the running test case as skipped, unless an assertion of it fails.
void Skip(std::string reason);

// Runs the program's test cases as Catch2's command line says; for main().
int RunTests(int argc, char** argv);

}  // namespace sluice::testing

// Leaves the test case; it is counted as skipped, never as passed.
//
//   if (!features.has("drop action")) SLUICE_SKIP("needs Linux 6.6");
#define SLUICE_SKIP(reason)          \
  do {                               \
    ::sluice::testing::Skip(reason); \
    return;                          \
  } while (false)
