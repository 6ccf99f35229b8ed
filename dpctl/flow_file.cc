#include "dpctl/flow_file.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "dpctl/failure.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

constexpr std::string_view kBlanks = " \t\r\v\f";

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

std::optional<FlowVerb> VerbOf(std::string_view word) {
  constexpr std::string_view kWords[] = {"add", "modify", "delete"};
  constexpr FlowVerb kVerbs[] = {FlowVerb::kAdd, FlowVerb::kModify, FlowVerb::kDelete};
  for (size_t i = 0; i < std::size(kWords); ++i)
    if (!word.empty() && kWords[i].substr(0, word.size()) == word) return kVerbs[i];
  return std::nullopt;
}

// Where FLOW ends: at a blank outside of parentheses that follows neither a comma nor the UFID.
size_t EndOfFlow(std::string_view text) {
  size_t at = 0;
  if (text.substr(0, 5) == "ufid:") {
    at = std::min(text.find_first_of(", \t"), text.size());
    at = std::min(text.find_first_not_of(", \t", at), text.size());
  }
  size_t depth = 0;
  char before = ',';
  for (; at < text.size(); ++at) {
    const char c = text[at];
    const bool blank = kBlanks.find(c) != std::string_view::npos;
    if (blank && depth == 0 && before != ',') return at;
    if (c == '(' || c == '{') ++depth;
    if ((c == ')' || c == '}') && depth > 0) --depth;
    if (!blank) before = c;
  }
  return at;
}

absl::Status CheckParts(const FlowLine& line) {
  if (line.verb == FlowVerb::kDelete) return absl::OkStatus();
  if (line.flow.key.empty())
    return UsageError("the flow has no fields: a UFID alone does not say what it matches");
  if (line.verb == FlowVerb::kAdd && !line.flow.actions)
    return UsageError("the actions are missing: give them behind the flow, '' for none");
  return absl::OkStatus();
}

}  // namespace

std::string_view FlowLineText(std::string_view line) {
  // Names of ports may have a '#', but no blank.
  for (size_t at = line.find('#'); at != std::string_view::npos; at = line.find('#', at + 1)) {
    if (at != 0 && kBlanks.find(line[at - 1]) == std::string_view::npos) continue;
    line = line.substr(0, at);
    break;
  }
  return Trim(line);
}

absl::StatusOr<FlowLine> ParseFlowLine(std::string_view text, FlowVerb verb,
                                       const attr::PortNames* ports) {
  FlowLine line{.verb = verb, .flow = {}};
  const std::string_view word = text.substr(0, text.find_first_of(kBlanks));
  if (word.find_first_of("(:") == std::string_view::npos) {
    const auto named = VerbOf(word);
    if (!named) return attr::TextError(text, 0, "expected add, modify, delete, or a flow");
    line.verb = *named;
    text = Trim(text.substr(word.size()));
    if (text.empty()) return UsageError("the flow is missing");
  }
  const bool whole = ovs::HasActionsText(text);
  const size_t end = whole ? text.size() : EndOfFlow(text);
  SLUICE_ASSIGN_OR_RETURN(line.flow, ovs::ParseFlowText(text.substr(0, end), ports));
  const std::string_view actions = Trim(text.substr(end));
  if (!actions.empty()) {
    if (line.verb == FlowVerb::kDelete)
      return attr::TextError(text, end + 1, "expected nothing: a flow to delete has no actions");
    const std::string_view list = actions == "''" ? std::string_view() : actions;
    SLUICE_ASSIGN_OR_RETURN(line.flow.actions, ovs::ParseActionsText(list, ports));
  }
  SLUICE_RETURN_IF_ERROR(CheckParts(line));
  return line;
}

bool LineReader::Fill() {
  constexpr size_t kPiece = 64 * 1024;
  if (ended_) return false;
  buffer_.erase(0, begin_);
  begin_ = 0;
  const size_t size = buffer_.size();
  buffer_.resize(size + kPiece);
  ssize_t got = -1;
  do {
    got = ::read(fd_, buffer_.data() + size, kPiece);
  } while (got < 0 && errno == EINTR);
  if (got < 0) status_ = base::ErrnoError(errno, "read");
  buffer_.resize(size + static_cast<size_t>(std::max<ssize_t>(got, 0)));
  ended_ = got <= 0;
  return !ended_;
}

bool LineReader::Next(std::string_view* line) {
  too_long_ = false;
  size_t searched = 0;
  size_t end = std::string::npos;
  while ((end = buffer_.find('\n', begin_ + searched)) == std::string::npos) {
    searched = buffer_.size() - begin_;
    if (searched > kMaxLine) {
      // What comes now is not kept.
      too_long_ = true;
      buffer_.resize(begin_ + kMaxLine);
      searched = kMaxLine;
    }
    if (!Fill()) break;
  }
  if (!status_.ok() || (end == std::string::npos && begin_ == buffer_.size())) return false;
  if (end == std::string::npos) end = buffer_.size();
  *line = std::string_view(buffer_).substr(begin_, std::min(end - begin_, kMaxLine));
  too_long_ |= end - begin_ > kMaxLine;
  begin_ = std::min(end + 1, buffer_.size());
  ++number_;
  return true;
}

}  // namespace sluice::dpctl
