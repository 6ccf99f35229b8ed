#include "dpctl/flow_file.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <cerrno>

#include "netlink/base/fd.h"
#include "netlink/base/status.h"
#include "tests/support/test.h"

namespace sluice::dpctl {
namespace {

const char kUfid[] = "ufid:1910806e-c447-4f7e-b44c-ee1bb834f1d6";
const char kFlow[] = "in_port(1),eth(),eth_type(0x0806)";

std::vector<std::string> Lines(const std::string& text, std::vector<bool>* too_long) {
  const base::UniqueFd file(::memfd_create("lines", MFD_CLOEXEC));
  REQUIRE(::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  REQUIRE(::lseek(file.get(), 0, SEEK_SET) == 0);
  LineReader reader(file.get());
  std::vector<std::string> lines;
  std::string_view line;
  while (reader.Next(&line)) {
    lines.emplace_back(line);
    too_long->push_back(reader.too_long());
    CHECK(reader.number() == lines.size());
  }
  CHECK(reader.status().ok());
  return lines;
}

}  // namespace

TEST_CASE("comments and blanks say nothing; a # within a name does") {
  CHECK(FlowLineText("").empty());
  CHECK(FlowLineText("  \t\r").empty());
  CHECK(FlowLineText("# in_port(1) 2").empty());
  CHECK(FlowLineText("  # more").empty());
  CHECK(FlowLineText(" in_port(1) 2 # why \r") == "in_port(1) 2");
  CHECK(FlowLineText("in_port(a#b) 2") == "in_port(a#b) 2");
}

TEST_CASE("a line is an optional keyword, a flow and actions, or a line of a dump") {
  const std::string flow = kFlow;
  const std::string stats = ", packets:3, bytes:180, used:1.234s, flags:S., ";
  const struct {
    std::string text;
    FlowVerb verb;
    bool has_actions;
  } cases[] = {
      {flow + " 2,3", FlowVerb::kAdd, true},
      {flow + " ct(commit, zone=5), 2", FlowVerb::kAdd, true},
      {flow + " ''", FlowVerb::kAdd, true},
      {flow + stats + "actions:2", FlowVerb::kAdd, true},
      {"in_port(1), eth(), eth_type(0x0806)\t2", FlowVerb::kAdd, true},
      {std::string(kUfid) + "," + flow + " 2", FlowVerb::kAdd, true},
      {std::string(kUfid) + ", " + flow + " 2", FlowVerb::kAdd, true},
      {std::string(kUfid) + " " + flow + " 2", FlowVerb::kAdd, true},
      {"add " + flow + " 2", FlowVerb::kAdd, true},
      {"a " + flow + stats + "actions:2", FlowVerb::kAdd, true},
      {"mod  " + flow + " 2", FlowVerb::kModify, true},
      {"modify " + flow, FlowVerb::kModify, false},
      {"d " + flow, FlowVerb::kDelete, false},
      {"delete " + std::string(kUfid), FlowVerb::kDelete, false},
      {"del " + flow + stats + "actions:2", FlowVerb::kDelete, true},
  };
  for (const auto& c : cases) {
    INFO(c.text);
    const auto line = ParseFlowLine(c.text, FlowVerb::kAdd, nullptr);
    INFO(line.status().ToString());
    REQUIRE(line.ok());
    CHECK(line->verb == c.verb);
    CHECK(line->flow.actions.has_value() == c.has_actions);
    CHECK(line->flow.ufid.has_value() == (c.text.find("ufid") != std::string::npos));
  }
  const auto bare = ParseFlowLine(kFlow, FlowVerb::kDelete, nullptr);
  REQUIRE(bare.ok());
  CHECK(bare->verb == FlowVerb::kDelete);
}

TEST_CASE("what is wrong with a line is told") {
  const std::string flow = kFlow;
  const struct {
    std::string text;
    std::string why;
  } cases[] = {
      {"frob " + flow + " 2", "expected add, modify, delete"},
      {"adds " + flow + " 2", "expected add, modify, delete"},
      {"add", "the flow is missing"},
      {flow, "the actions are missing"},
      {std::string(kUfid) + " ", "the flow has no fields"},
      {"modify " + std::string(kUfid), "the flow has no fields"},
      {"delete " + flow + " 2", "has no actions"},
      {"in_port(1),eth_type(0x08zz) 2", "^"},
      {flow + " nonsense(3)", "^"},
      {flow + ", packets:many, actions:2", "^"},
      {"ufid:123," + flow + " 2", "^"},
      {"in_port(1 2", "^"},
  };
  for (const auto& c : cases) {
    INFO(c.text);
    const auto line = ParseFlowLine(FlowLineText(c.text), FlowVerb::kAdd, nullptr);
    REQUIRE_FALSE(line.ok());
    INFO(line.status().ToString());
    CHECK(line.status().ToString().find(c.why) != std::string::npos);
  }
}

TEST_CASE("a file is read line by line, with or without an end of the last") {
  std::vector<bool> too_long;
  CHECK(Lines("", &too_long).empty());
  CHECK(Lines("a\n\nb", &too_long) == std::vector<std::string>{"a", "", "b"});
  CHECK(Lines("a\n", &too_long) == std::vector<std::string>{"a"});
  const std::string large(200'000, 'x');
  CHECK(Lines(large + "\n" + large + "\nz\n", &too_long) ==
        std::vector<std::string>{large, large, "z"});
}

TEST_CASE("a line too long is cut, and the next one is whole") {
  std::vector<bool> too_long;
  const auto lines = Lines("a\n" + std::string(3 * LineReader::kMaxLine, 'x') + "\nb\n", &too_long);
  REQUIRE(lines.size() == 3);
  CHECK(lines[1].size() == LineReader::kMaxLine);
  CHECK(lines[2] == "b");
  CHECK(too_long == std::vector<bool>{false, true, false});
}

TEST_CASE("what cannot be read is an error, with its errno") {
  const base::UniqueFd folder(::open("/", O_RDONLY | O_CLOEXEC));
  LineReader reader(folder.get());
  std::string_view line;
  CHECK_FALSE(reader.Next(&line));
  CHECK(base::ErrnoOf(reader.status()) == EISDIR);
}

}  // namespace sluice::dpctl
