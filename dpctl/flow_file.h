// Files of flows: what a line says, and lines read in pieces.
//
// A line is `[add|modify|delete] FLOW [ACTIONS]`, the keyword may be shortened, or a whole line of
// dump-flows behind such a keyword or alone. Blank lines, and what follows a `#` at the beginning
// of a line or behind a blank, say nothing. ParseFlowLine() is pure; a LineReader is not
// thread-safe.
//
//   LineReader reader(fd);
//   while (reader.Next(&line))
//     if (const std::string_view text = FlowLineText(line); !text.empty())
//       SLUICE_ASSIGN_OR_RETURN(FlowLine flow, ParseFlowLine(text, FlowVerb::kAdd, &ports));
//   SLUICE_RETURN_IF_ERROR(reader.status());
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "netlink/ovs/flow_text.h"

namespace sluice::dpctl {

enum class FlowVerb { kAdd, kModify, kDelete };

struct FlowLine {
  FlowVerb verb = FlowVerb::kAdd;
  ovs::FlowText flow;  // with actions for kAdd; perhaps for kModify; for kDelete they say nothing
};

// The line without comment, and without blanks at its ends: empty when it says nothing.
std::string_view FlowLineText(std::string_view line);

// `text` is of FlowLineText() and not empty. Without a keyword it means `verb`. Errors are those of
// attr/text.h, or kInvalidArgument with a sentence.
absl::StatusOr<FlowLine> ParseFlowLine(std::string_view text, FlowVerb verb,
                                       const attr::PortNames* ports);

// Lines of a file descriptor, which it borrows.
class LineReader {
 public:
  static constexpr size_t kMaxLine = 1 << 20;

  explicit LineReader(int fd) : fd_(fd) {}

  // The next line without its end; the view holds until the next call. Of a line longer than
  // kMaxLine, the first kMaxLine bytes, and too_long(). False at the end or at an error.
  bool Next(std::string_view* line);
  size_t number() const { return number_; }  // of the line that was read last; the first is 1
  bool too_long() const { return too_long_; }
  // Why Next() was false: OK at the end, else with an errno.
  const absl::Status& status() const { return status_; }

 private:
  // False when there is no more to be had.
  bool Fill();

  int fd_;
  std::string buffer_;
  size_t begin_ = 0;  // of what is not handed out yet
  size_t number_ = 0;
  bool too_long_ = false;
  bool ended_ = false;
  absl::Status status_;
};

}  // namespace sluice::dpctl
