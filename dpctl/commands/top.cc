#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "dpctl/commands/commands.h"
#include "dpctl/failure.h"
#include "dpctl/follow.h"
#include "dpctl/stop_signals.h"
#include "dpctl/top_rates.h"
#include "dpctl/top_screen.h"
#include "dpctl/top_view.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

using base::MonotonicMs;
using base::ToAbsl;

constexpr std::string_view kCount = "--count";
constexpr std::string_view kDelay = "--delay";
constexpr std::string_view kPanel = "--panel";
constexpr std::string_view kSort = "--sort";
constexpr std::string_view kFilter = "--filter";
constexpr std::string_view kRows = "--rows";
constexpr CommandOption kTopOptions[] = {
    {.name = kCount, .value = "N", .about = "ends after so many intervals", .letter = "-n"},
    {.name = kDelay,
     .value = "SECONDS",
     .about = "the interval, 0.1 at least; without: 1",
     .letter = "-d"},
    {.name = kPanel, .value = "PANEL", .about = "what is listed: flows, masks or ports"},
    {.name = kSort, .value = "KEY", .about = "busiest by packets, bytes or used"},
    {.name = kFilter, .value = "TEXT", .about = "only rows that have this text"},
    {.name = kRows, .value = "N", .about = "of lines and JSON, so many rows; without: 10"},
};

struct TopOptions {
  TopSettings settings;
  std::optional<uint32_t> count;
  MonotonicMs delay = 1000;
  size_t rows = 10;
};

absl::StatusOr<TopOptions> ReadOptions(const Session& session) {
  TopOptions options;
  options.settings.names = session.options().wants_names();
  SLUICE_ASSIGN_OR_RETURN(options.count, NumberOption(session, kCount));
  if (options.count == 0u) return UsageError("--count: expected at least 1");
  SLUICE_ASSIGN_OR_RETURN(const std::optional<uint32_t> rows, NumberOption(session, kRows));
  options.rows = rows.value_or(10);
  if (const auto delay = session.Value(kDelay)) {
    double seconds = 0;
    if (!absl::SimpleAtod(ToAbsl(*delay), &seconds) || !(seconds >= 0.1 && seconds <= 86400))
      return UsageError(
          absl::StrCat("--delay \"", ToAbsl(*delay), "\": expected seconds, 0.1 to 86400"));
    options.delay = static_cast<MonotonicMs>(std::lround(seconds * 1000));
  }
  if (const auto word = session.Value(kPanel)) {
    const auto panel = PanelOf(*word);
    if (!panel)
      return UsageError(
          absl::StrCat("--panel \"", ToAbsl(*word), "\": expected flows, masks or ports"));
    options.settings.panel = *panel;
  }
  if (const auto word = session.Value(kSort)) {
    const auto sort = SortOf(*word);
    if (!sort)
      return UsageError(
          absl::StrCat("--sort \"", ToAbsl(*word), "\": expected packets, bytes or used"));
    options.settings.sort = *sort;
  }
  if (const auto text = session.Value(kFilter)) options.settings.filter = *text;
  return options;
}

// Gets and dumps alone.
absl::StatusOr<std::shared_ptr<const TopSample>> Look(Session* session,
                                                      const std::string& datapath) {
  auto sample = std::make_shared<TopSample>();
  SLUICE_ASSIGN_OR_RETURN(sample->datapath, session->OpenDatapath(datapath));
  SLUICE_ASSIGN_OR_RETURN(std::vector<ovs::Vport> ports, session->ListPorts(sample->datapath));
  for (ovs::Vport& port : ports) sample->ports.emplace(port.port_no, std::move(port));
  SLUICE_ASSIGN_OR_RETURN(socket::Client * client, session->client());
  const auto report = ovs::Flows(client).Dump(
      sample->datapath.ifindex, {.accept_interrupted = true},
      [&sample](const ovs::FlowView& flow) {
        sample->flows.emplace_back(flow);
        return absl::OkStatus();
      },
      [&sample] { sample->flows.clear(); });
  if (!report.ok()) return Failed("dumping flows", report.status());
  sample->time = base::SystemClock().Now();
  return std::shared_ptr<const TopSample>(std::move(sample));
}

// Takes a sample each interval and shows what has changed since the one before.
class Top {
 public:
  Top(Session* session, TopOptions options, std::string datapath)
      : session_(session),
        options_(std::move(options)),
        datapath_(std::move(datapath)),
        view_(options_.settings) {}

  absl::Status Run() {
    SLUICE_RETURN_IF_ERROR(stop_.Install());
    if (!session_->options().json) on_screen_ = screen_.Open();
    SLUICE_RETURN_IF_ERROR(TakeSample());
    uint32_t intervals = 0;
    while (!options_.count || intervals < *options_.count) {
      SLUICE_ASSIGN_OR_RETURN(const bool go_on, WaitForNext());
      if (!go_on) break;
      if (view_.paused()) continue;
      SLUICE_RETURN_IF_ERROR(TakeSample());
      ++intervals;
      if (!on_screen_) SLUICE_RETURN_IF_ERROR(Print());
    }
    return absl::OkStatus();
  }
  bool reader_gone() const { return stop_.reader_gone(); }

 private:
  absl::Status TakeSample() {
    SLUICE_ASSIGN_OR_RETURN(std::shared_ptr<const TopSample> now, Look(session_, datapath_));
    view_.Show(Compare(last_.get(), now));
    last_ = std::move(now);
    next_ = last_->time + options_.delay;
    return absl::OkStatus();
  }

  absl::Status Print() {
    if (session_->options().json) {
      Json json = {{"time", SecondsOf(WallClockNs())}};
      json.update(view_.ToJson(options_.rows));
      PrintLine(json, &session_->out());
    } else {
      view_.AppendLines(options_.rows, &session_->out().buffer());
      session_->out().Write("\n");
    }
    return session_->out().Flush();
  }

  // Until the next sample is due; keys are dealt with meanwhile. False: it shall end.
  absl::StatusOr<bool> WaitForNext() {
    while (true) {
      if (on_screen_)
        screen_.Draw(view_.Screen(screen_.width(), screen_.height()), TopView::kHeading);
      const MonotonicMs now = base::SystemClock().Now();
      if (now >= next_) {
        if (view_.paused()) next_ = now + options_.delay;
        return true;
      }
      const int left = static_cast<int>(next_ - now);
      const int keyboard = STDIN_FILENO;
      if (!stop_.WaitFor({&keyboard, on_screen_ ? size_t{1} : size_t{0}}, left)) return false;
      if (!on_screen_) continue;
      if (TopScreen::Gone()) return false;
      while (const std::optional<int> key = screen_.Key())
        if (view_.Key(*key) == TopKey::kQuit) return false;
    }
  }

  Session* session_;
  TopOptions options_;
  std::string datapath_;
  TopView view_;
  StopSignals stop_;
  TopScreen screen_;  // goes before stop_, so that a signal does not catch it open
  bool on_screen_ = false;
  std::shared_ptr<const TopSample> last_;
  MonotonicMs next_ = 0;
};

absl::Status Run(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(TopOptions options, ReadOptions(*session));
  std::optional<std::string_view> name;
  if (!session->args().empty()) name = session->args()[0];
  SLUICE_ASSIGN_OR_RETURN(const ovs::Datapath datapath, session->DatapathOrOnly(name));
  absl::Status status;
  bool reader_gone = false;
  {
    Top top(session, std::move(options), datapath.name);
    status = top.Run();
    reader_gone = top.reader_gone() || base::ErrnoOf(status) == EPIPE;
  }
  if (reader_gone) StopSignals::EndByBrokenPipe();
  return status;
}

}  // namespace

constinit const Command kTop = {
    .name = "top",
    .arguments =
        "[--delay=SECONDS] [--count=N] [--panel=PANEL] [--sort=KEY] [--filter=TEXT] "
        "[--rows=N] [DP]",
    .min_args = 0,
    .max_args = 1,
    .changes = false,
    .about =
        "Shows what is busy in a datapath: the flows, masks or ports with the most packets or\n"
        "bytes a second, what was hit, missed and lost, and how many masks a packet was compared\n"
        "with. On a terminal it is a screen that stays until q is typed; h there tells the keys.\n"
        "Elsewhere, and with --json, it prints lines for each interval, until it is interrupted.\n"
        "It looks at all flows each time: with very many, choose a longer interval.",
    .examples =
        "  dpctl top\n"
        "  dpctl top -d 5 --sort=bytes --filter='in_port(1)' dp0\n"
        "  dpctl top --json -n 1 --panel=ports dp0 | jq '.ports[0].name'\n",
    .run = Run,
    .options = kTopOptions};

}  // namespace sluice::dpctl
