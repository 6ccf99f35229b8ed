#include "dpctl/flow_file_run.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dpctl/failure.h"
#include "dpctl/flow_changes.h"
#include "dpctl/port_names.h"
#include "dpctl/stop_signals.h"
#include "netlink/base/fd.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

// A line on a terminal that is written over again and again, from the second second on.
class Progress {
 public:
  explicit Progress(bool terminal) : terminal_(terminal), next_(clock_.Now() + 1000) {}
  ~Progress() { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void Step(size_t lines) {
    if (!terminal_ || clock_.Now() < next_) return;
    next_ = clock_.Now() + 200;
    std::fprintf(stderr, "\r%zu lines", lines);
    shown_ = true;
  }
  void Clear() {
    if (shown_) std::fputs("\r\033[K", stderr);
    shown_ = false;
  }

 private:
  base::SystemClock clock_;
  bool terminal_;
  bool shown_ = false;
  base::MonotonicMs next_;
};

class FileRun {
 public:
  FileRun(Session* session, socket::Client* client, const ovs::Datapath& datapath, std::string name,
          FlowVerb verb)
      : session_(session),
        client_(client),
        dp_ifindex_(datapath.ifindex),
        ports_(client, datapath.ifindex),
        name_(std::move(name)),
        verb_(verb),
        progress_(::isatty(STDERR_FILENO) == 1) {}

  absl::Status Run(int fd) {
    LineReader reader(fd);
    const absl::Status status =
        session_->options().atomic ? RunAtomic(&reader) : RunStream(&reader);
    progress_.Clear();
    if (session_->options().json) PrintSummary();
    SLUICE_RETURN_IF_ERROR(status);
    if (failed_ == 0) return absl::OkStatus();
    const std::string lines =
        absl::StrCat(failed_, failed_ == 1 ? " line" : " lines", " of ", name_, " failed");
    return UsageError(session_->options().atomic ? absl::StrCat(lines, ": ", outcome_) : lines);
  }

 private:
  absl::Status RunStream(LineReader* reader);
  absl::Status RunAtomic(LineReader* reader);
  absl::Status CarryOut(StopSignals* signals, std::vector<bool>* done);
  absl::Status Undo(FlowSnapshot* snapshot, const std::vector<bool>& done);
  // False when the file says no more. `*flow` is empty when the line says nothing, or is wrong.
  bool NextFlow(LineReader* reader, std::optional<FlowLine>* flow);
  absl::Status ReadError(const LineReader& reader) const {
    return Failed(absl::StrCat("reading ", name_), reader.status());
  }
  void Refuse(size_t line, const absl::Status& why);
  void Count(FlowVerb verb) { ++done_[static_cast<size_t>(verb)]; }
  void PrintSummary();
  FlowChanges Changes() {
    const Options& options = session_->options();
    return {client_, dp_ifindex_, {.may_create = options.may_create, .clear_stats = options.clear}};
  }

  Session* session_;
  socket::Client* client_;
  int dp_ifindex_;
  DatapathPorts ports_;
  std::string name_;
  FlowVerb verb_;
  Progress progress_;
  std::array<size_t, 3> done_{};  // by FlowVerb
  size_t failed_ = 0;
  Json failures_ = Json::array();
  // With --atomic.
  std::vector<FlowLine> flows_;
  std::vector<size_t> numbers_;  // their lines
  std::string outcome_ = "nothing was changed";
  bool undone_ = false;
};

void FileRun::Refuse(size_t line, const absl::Status& why) {
  ++failed_;
  progress_.Clear();
  constexpr size_t kPrefix = sizeof("dpctl: ") - 1;
  const std::string shown = FailureText(why, ErrorColumns()).substr(kPrefix);
  std::fputs(absl::StrCat(name_, ":", line, ": ", shown).c_str(), stderr);
  if (!session_->options().json) return;
  std::string text = FailureText(why).substr(kPrefix);
  text.pop_back();
  failures_.push_back({{"line", line}, {"error", text}});
}

bool FileRun::NextFlow(LineReader* reader, std::optional<FlowLine>* flow) {
  flow->reset();
  std::string_view line;
  if (!reader->Next(&line)) return false;
  if (reader->too_long()) {
    Refuse(reader->number(), UsageError("the line is longer than 1 MiB"));
    return true;
  }
  const std::string_view text = FlowLineText(line);
  if (text.empty()) return true;
  auto parsed = ParseFlowLine(text, verb_, &ports_);
  if (parsed.ok())
    *flow = *std::move(parsed);
  else
    Refuse(reader->number(), parsed.status());
  return true;
}

absl::Status FileRun::RunStream(LineReader* reader) {
  FlowChanges changes = Changes();
  const auto report = [this](size_t line, FlowVerb verb, const absl::Status& status) {
    if (status.ok())
      Count(verb);
    else
      Refuse(line, status);
  };
  std::optional<FlowLine> flow;
  while (NextFlow(reader, &flow)) {
    if (!flow) continue;
    if (const absl::Status added = changes.Add(reader->number(), *flow); !added.ok())
      Refuse(reader->number(), added);
    if (!changes.full()) continue;
    SLUICE_RETURN_IF_ERROR(changes.Run(report));
    progress_.Step(reader->number());
  }
  SLUICE_RETURN_IF_ERROR(changes.Run(report));
  return ReadError(*reader);
}

absl::Status FileRun::RunAtomic(LineReader* reader) {
  undone_ = true;
  std::optional<FlowLine> flow;
  while (NextFlow(reader, &flow)) {
    if (!flow) continue;
    flows_.push_back(*std::move(flow));
    numbers_.push_back(reader->number());
    progress_.Step(reader->number());
  }
  SLUICE_RETURN_IF_ERROR(ReadError(*reader));
  if (failed_ != 0) return absl::OkStatus();
  std::optional<size_t> refused;
  auto snapshot = FlowSnapshot::Take(client_, dp_ifindex_, flows_, &refused);
  if (!snapshot.ok() && !refused) return Failed("looking up flows", snapshot.status());
  if (!snapshot.ok()) {
    Refuse(numbers_[*refused], FailedAndLogged("looking up the flow", snapshot.status()));
    return absl::OkStatus();
  }
  std::vector<bool> done(flows_.size());
  // A signal finds all of the file in the kernel, or nothing of it.
  StopSignals signals;
  SLUICE_RETURN_IF_ERROR(signals.Install());
  absl::Status status = CarryOut(&signals, &done);
  undone_ = failed_ != 0 || !status.ok();
  if (!undone_) return status;
  const absl::Status undo = Undo(&*snapshot, done);
  return status.ok() ? undo : WithHint(status, undo.ok() ? outcome_ : FailureText(undo));
}

absl::Status FileRun::CarryOut(StopSignals* signals, std::vector<bool>* done) {
  FlowChanges changes = Changes();
  const auto report = [&](size_t index, FlowVerb verb, const absl::Status& status) {
    const int error = base::ErrnoOf(status);
    // Also when nobody knows.
    (*done)[index] = status.ok() || error == ENOBUFS || error == ETIMEDOUT;
    if (status.ok())
      Count(verb);
    else
      Refuse(numbers_[index], status);
  };
  for (size_t i = 0; i < flows_.size() && failed_ == 0; ++i) {
    if (const absl::Status added = changes.Add(i, flows_[i]); !added.ok())
      Refuse(numbers_[i], added);
    if (!changes.full()) continue;
    SLUICE_RETURN_IF_ERROR(changes.Run(report));
    progress_.Step(numbers_[i]);
    if (signals->Stopped()) return absl::CancelledError("interrupted by a signal");
  }
  return changes.Run(report);
}

absl::Status FileRun::Undo(FlowSnapshot* snapshot, const std::vector<bool>& done) {
  const auto lost = snapshot->Restore(flows_, done);
  if (!lost.ok()) {
    undone_ = false;
    return Failed("undoing the file: flows are not as they were", lost.status());
  }
  undone_ = *lost == 0;
  outcome_ = undone_ ? "the whole file was undone"
                     : absl::StrCat("undone, but for ", *lost, " flows that could not be restored");
  done_ = {};
  return absl::OkStatus();
}

void FileRun::PrintSummary() {
  Json json = {{"added", done_[0]}, {"modified", done_[1]}, {"deleted", done_[2]}};
  json["failed"] = std::move(failures_);
  if (session_->options().atomic) json["undone"] = undone_;
  session_->Print(json);
}

}  // namespace

absl::Status RunFlowFile(Session* session, const ovs::Datapath& datapath, const std::string& path,
                         FlowVerb verb) {
  base::UniqueFd file;
  if (path != "-") {
    file = base::UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid())
      return Failed(absl::StrCat("opening ", path), base::ErrnoError(errno, "open"));
  }
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  return FileRun(session, client, datapath, path, verb)
      .Run(path == "-" ? STDIN_FILENO : file.get());
}

}  // namespace sluice::dpctl
