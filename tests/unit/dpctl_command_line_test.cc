#include "dpctl/command_line.h"

#include "dpctl/port_argument.h"
#include "tests/support/test.h"

namespace sluice::dpctl {
namespace {

absl::StatusOr<Invocation> Parse(std::vector<const char*> words) {
  words.insert(words.begin(), "dpctl");
  return ParseCommandLine(static_cast<int>(words.size()), words.data());
}

}  // namespace

TEST_CASE("options stand before and after the command") {
  for (const auto& words : {std::vector<const char*>{"-m", "--json", "dump-flows", "dp0"},
                            std::vector<const char*>{"dump-flows", "dp0", "-m", "--json"},
                            std::vector<const char*>{"--json", "dump-flows", "--more", "dp0"}}) {
    const auto line = Parse(words);
    REQUIRE(line.ok());
    CHECK(line->command->name == "dump-flows");
    CHECK(line->args == std::vector<std::string>{"dp0"});
    CHECK(line->options.verbosity == 1);
    CHECK(line->options.json);
    CHECK(line->options.wants_names());
  }
}

TEST_CASE("arguments are taken as they stand: empty ones, and names of commands") {
  const auto flow = Parse({"add-flow", "in_port(1)", ""});
  REQUIRE(flow.ok());
  CHECK(flow->args == std::vector<std::string>{"in_port(1)", ""});
  const auto named = Parse({"del-dp", "show"});
  REQUIRE(named.ok());
  CHECK(named->command->name == "del-dp");
  CHECK(named->args == std::vector<std::string>{"show"});
}

TEST_CASE("unknown commands and options are refused") {
  CHECK_FALSE(Parse({"frobnicate"}).ok());
  CHECK_FALSE(Parse({"--frobnicate", "show"}).ok());
  CHECK_FALSE(Parse({"show", "--frobnicate"}).ok());
  CHECK_FALSE(Parse({"-t", "soon", "show"}).ok());
}

TEST_CASE("--no-names wins over -m") {
  const auto line = Parse({"dump-flows", "-m", "--no-names"});
  REQUIRE(line.ok());
  CHECK_FALSE(line->options.wants_names());
}

TEST_CASE("a command with too few or too many arguments, or a change under --read-only") {
  Output out(-1);
  const auto run = [&out](const char* name, std::vector<std::string> args, bool read_only) {
    Options options;
    options.read_only = read_only;
    Session session(options, std::move(args), &out);
    return RunCommand(*FindCommand(name), &session);
  };
  CHECK_FALSE(run("del-dp", {}, false).ok());
  CHECK_FALSE(run("del-dp", {"a", "b"}, false).ok());
  CHECK_FALSE(run("del-flows", {"dp0"}, true).ok());
  CHECK(run("parse-actions", {"drop"}, true).ok());
}

TEST_CASE("interfaces with options") {
  const auto port = ParsePortArgument("veth0,type=internal,port_no=7");
  REQUIRE(port.ok());
  CHECK(port->name == "veth0");
  CHECK(port->port_no == 7);
  for (const char* bad : {"", ",type=system", "a,type=strange", "a,type=gtpu", "a,port_no=65535",
                          "a,port_no=x", "a,type", "a,=1", "name_of_16_bytes_"})
    CHECK_FALSE(ParsePortArgument(bad).ok());
}

TEST_CASE("every command has a help text with its name, and examples that begin with dpctl") {
  for (const Command* command : Commands()) {
    CHECK(HelpText(*command).find(std::string(command->name)) != std::string::npos);
    CHECK(command->examples.substr(0, 8) == "  dpctl ");
  }
}

}  // namespace sluice::dpctl
