// sluiced: the agent for the openvswitch datapath. See sluiced(8).
#include <linux/capability.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "agent/daemon/agent.h"
#include "agent/daemon/desired_state.h"
#include "agent/daemon/logging.h"
#include "netlink/base/status.h"

namespace sluice::daemon {
namespace {

constexpr const char* kExamples = R"(
Examples:
  sluiced --check /etc/sluice/sluiced.yaml   is that file right? Touches nothing
  sluiced --config my.yaml --log-level debug
  kill -HUP $(cat /run/sluiced.pid)          read the file again

Exit status: 0, 1 when something cannot be had or the file has errors, 2 for wrong usage.
)";

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr rlim_t kFileLimit = 4096;

struct Options {
  std::string config = "/etc/sluice/sluiced.yaml";
  std::string check;
  std::string log_level;
  std::string pidfile;
  bool foreground = true;
};

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return kFailed;
}

bool HasNetAdmin() {
  __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {};
  if (syscall(SYS_capget, &header, data) != 0) return true;  // then the kernel says no itself
  return (data[CAP_NET_ADMIN / 32].effective & (1u << (CAP_NET_ADMIN % 32))) != 0;
}

// Each handler, the API and its clients take some.
void RaiseFileLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kFileLimit) return;
  limit.rlim_cur = std::min(limit.rlim_max, kFileLimit);
  setrlimit(RLIMIT_NOFILE, &limit);
}

int Run(const DesiredState& desired, const Options& options) {
  if (!HasNetAdmin())
    return Fail(absl::PermissionDeniedError(
        "sluiced: needs CAP_NET_ADMIN: run it as root, or through its systemd unit"));
  BlockSignals();
  RaiseFileLimit();
  const AgentOptions agent_options = {.config_file = options.config,
                                      .keep_log_level = !options.log_level.empty()};
  absl::StatusOr<std::unique_ptr<Agent>> agent = Agent::Start(desired, agent_options);
  if (!agent.ok()) return Fail(base::Annotate(agent.status(), "sluiced"));
  if (!options.pidfile.empty() && !(std::ofstream(options.pidfile) << getpid() << '\n').flush())
    return Fail(absl::UnknownError(absl::StrCat("sluiced: cannot write ", options.pidfile)));
  const absl::Status status = (*agent)->Run();
  agent->reset();
  if (!options.pidfile.empty()) unlink(options.pidfile.c_str());
  return status.ok() ? 0 : Fail(base::Annotate(status, "sluiced"));
}

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Answers the upcalls of the openvswitch datapath and bridges its ports.", "sluiced");
  app.footer(kExamples);
  app.set_version_flag("-V,--version", SLUICE_VERSION);
  app.add_option("-c,--config", options.config, "Configuration file")->capture_default_str();
  app.add_option("--check", options.check, "Only say whether this configuration file is right");
  app.add_option("--log-level", options.log_level, "Instead of the file's log.level")
      ->check(CLI::IsMember({"error", "warning", "info", "debug"}));
  app.add_option("--pidfile", options.pidfile, "File for the process id, while it runs");
  app.add_flag("--foreground", options.foreground, "Stay in the foreground (always so)");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : kUsage;
  }
  const std::string& file = options.check.empty() ? options.config : options.check;
  const absl::StatusOr<DesiredState> desired = DesiredState::Load(file);
  if (!desired.ok()) return Fail(desired.status());
  if (!options.check.empty()) {
    std::printf("%s: right\n", file.c_str());
    return 0;
  }
  StartLogging(ParseLogLevel(options.log_level).value_or(desired->config().log_level));
  return Run(*desired, options);
}

}  // namespace
}  // namespace sluice::daemon

// What a library throws for want of memory ends the program: there is nothing to say or to save
// then. NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) { return sluice::daemon::Main(argc, argv); }
