// Catch2 itself, compiled once, and the line that tells how each test case ended.
#define CATCH_CONFIG_RUNNER
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

#include "tests/support/test.h"

namespace sluice::testing {
namespace {

std::optional<std::string> skip_reason;  // of the running test case

// Prints `ok NAME`, `FAIL NAME` or `skip NAME: REASON`, which tools/test counts.
class OutcomeLines : public Catch::TestEventListenerBase {
 public:
  using TestEventListenerBase::TestEventListenerBase;

  void testCaseStarting(const Catch::TestCaseInfo&) override { skip_reason.reset(); }

  void testCaseEnded(const Catch::TestCaseStats& stats) override {
    const bool ok = stats.totals.assertions.allOk();
    const char* outcome = !ok ? "FAIL" : skip_reason ? "skip" : "ok";
    const std::string reason = ok && skip_reason ? ": " + *skip_reason : "";
    std::printf("%s %s%s\n", outcome, stats.testInfo.name.c_str(), reason.c_str());
    std::fflush(stdout);
  }
};

CATCH_REGISTER_LISTENER(OutcomeLines)

}  // namespace

void Skip(std::string reason) { skip_reason = std::move(reason); }

int RunTests(int argc, char** argv) { return Catch::Session().run(argc, argv); }

}  // namespace sluice::testing
