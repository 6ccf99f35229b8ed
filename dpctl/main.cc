// dpctl: looks at and changes openvswitch datapaths of the Linux kernel. See dpctl(8).

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string_view>

#include "dpctl/command.h"
#include "dpctl/command_line.h"
#include "dpctl/completion.h"
#include "dpctl/failure.h"
#include "dpctl/output.h"
#include "dpctl/selftest_dialect.h"
#include "dpctl/stop_signals.h"
#include "netlink/base/status.h"

namespace sluice::dpctl {
namespace {

absl::Status Run(const Invocation& line, Output* out, int* exit_status) {
  if (line.options.version) {
    out->Write(VersionText());
    return absl::OkStatus();
  }
  if (line.options.help) {
    if (line.selftest)
      out->Write(SelftestHelpText());
    else
      out->Write(line.command != nullptr ? HelpText(*line.command) : HelpText());
    return absl::OkStatus();
  }
  if (line.command == nullptr) return UsageError("missing command name; use --help for help");
  // SIGALRM ends the program, whatever it is waiting for.
  ::alarm(line.options.timeout);
  Session session(line.options, line.args, out, line.own_options);
  absl::Status status = RunCommand(*line.command, &session);
  *exit_status = session.exit_status();
  return status;
}

// What the shells' functions ask (completion.h). It is no command: nobody types it.
bool AsksForCompletion(int argc, char** argv) {
  return argc > 1 && std::string_view(argv[1]) == "__complete";
}

int Main(int argc, char** argv) {
  Output out(STDOUT_FILENO);
  if (AsksForCompletion(argc, argv)) {
    constexpr unsigned kPatience = 3;  // seconds; a shell waits for it
    ::alarm(kPatience);
    PrintCompletion({argv + 2, argv + argc}, &out);
    return out.Flush().ok() ? 0 : 1;
  }
  const bool selftest = argc > 0 && IsSelftestName(argv[0]);
  const auto line = selftest ? ParseSelftestCommandLine(argc, argv) : ParseCommandLine(argc, argv);
  int exit_status = 0;
  absl::Status status = line.ok() ? Run(*line, &out, &exit_status) : line.status();
  status.Update(out.Flush());
  if (status.ok()) return exit_status;
  if (base::ErrnoOf(status) == EPIPE) StopSignals::EndByBrokenPipe();
  std::fputs(FailureText(status, ErrorColumns()).c_str(), stderr);
  return line.ok() && line->command != nullptr ? line->command->error_status : 1;
}

}  // namespace
}  // namespace sluice::dpctl

int main(int argc, char** argv) { return sluice::dpctl::Main(argc, argv); }
