// What becomes of output that nobody takes: of every command that prints.
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/support/shell.h"
#include "tests/support/test.h"

namespace sluice {
namespace {

using testing::Has;
using testing::Run;
using testing::Succeed;

constexpr char kUfid[] = "ufid:1910806e-c447-4f7e-b44c-ee1bb834f1d6";

// Every command that prints something without waiting for it to happen.
constexpr const char* kPrinting[] = {
    "show",
    "show -s --json",
    "dump-dps",
    "dump-flows",
    "dump-flows -m --names",
    "dump-flows --json",
    "dump-flows dp0 filter=arp",
    "get-flow dp0 ufid:1910806e-c447-4f7e-b44c-ee1bb834f1d6",
    "mod-flow -s dp0 ufid:1910806e-c447-4f7e-b44c-ee1bb834f1d6,'in_port(1),eth()' 7",
    "add-flows --json dp0 /dev/null",
    "cache-get-size",
    "features",
    "parse 'in_port(1)'",
    "parse-actions 1",
    "explain 'in_port(1)'",
    "diff /dev/null dp0",
    "help",
    "help fields",
    "help actions",
    "list-commands",
    "--help",
    "--version",
    "show --help",
};

// dp0 with a flow, and with a mask cache where the kernel has one.
struct Fixture {
  testing::TwoPorts ports;
  Fixture() { Succeed(absl::StrCat("dpctl add-flow dp0 '", kUfid, ",in_port(1),eth()' 7")); }
};

}  // namespace

TEST_CASE("a full disk is an error of every command that prints") {
  const Fixture fixture;
  for (const char* const command : kPrinting) {
    CAPTURE(command);
    if (Run(absl::StrCat("dpctl ", command)).text.empty()) continue;  // not of this kernel
    const testing::Outcome outcome = Run(absl::StrCat("dpctl ", command, " >/dev/full"));
    CHECK(outcome.status == (std::string_view(command).substr(0, 4) == "diff" ? 2 : 1));
    CHECK(Has(outcome.text, "dpctl: writing the output (No space left on device)\n"));
  }
}

TEST_CASE("a closed pipe ends every command that prints without a word, as SIGPIPE does") {
  const Fixture fixture;
  for (const char* const command : kPrinting) {
    CAPTURE(command);
    // A pipe that has no reader any more.
    const std::string text =
        Run(absl::StrCat("mkfifo /tmp/gone; exec 3<>/tmp/gone 4>/tmp/gone 3<&-; rm /tmp/gone; "
                         "dpctl ",
                         command, " >&4; echo $?"))
            .text;
    CHECK(text == "141\n");
  }
}

}  // namespace sluice
