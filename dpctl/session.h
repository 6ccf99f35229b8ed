// One run of one command: its options and arguments, where it prints, and its way to the kernel.
//
// The socket is opened when it is first asked for, so that commands that need no kernel work
// without one. Not thread-safe.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "dpctl/options.h"
#include "dpctl/output.h"
#include "netlink/ovs/datapath.h"
#include "netlink/ovs/vport.h"
#include "netlink/socket/client.h"

namespace sluice::dpctl {

using Json = nlohmann::ordered_json;

class Session {
 public:
  Session(Options options, std::vector<std::string> args, Output* out, CommandOptions own = {})
      : options_(options), own_options_(std::move(own)), args_(std::move(args)), out_(out) {}

  const Options& options() const { return options_; }
  // Options of the command's own (Command::options), by name: "--port". Nullopt when not given; of
  // a flag, the empty text. Of an option that is given twice, the last.
  bool Given(std::string_view option) const { return own_options_.contains(option); }
  std::optional<std::string_view> Value(std::string_view option) const;
  const std::vector<std::string>& args() const { return args_; }
  Output& out() { return *out_; }
  // What the program ends with when the command does not fail: 0, unless 1 is an answer.
  int exit_status() const { return exit_status_; }
  void set_exit_status(int status) { exit_status_ = status; }
  // A line on standard error that is no failure.
  static void Warn(std::string_view text);
  // A document with its line end.
  void Print(const Json& json);

  absl::StatusOr<socket::Client*> client();

  // `[type@]name`. An error names the datapath.
  absl::StatusOr<ovs::Datapath> OpenDatapath(std::string_view argument);
  // That of the argument, or the only one that there is.
  absl::StatusOr<ovs::Datapath> DatapathOrOnly(std::optional<std::string_view> argument);
  // Sorted by name.
  absl::StatusOr<std::vector<ovs::Datapath>> ListDatapaths();
  // Sorted by number.
  absl::StatusOr<std::vector<ovs::Vport>> ListPorts(const ovs::Datapath& datapath);

 private:
  Options options_;
  CommandOptions own_options_;
  std::vector<std::string> args_;
  Output* out_;
  int exit_status_ = 0;
  std::optional<socket::Client> client_;
};

// "system@NAME"
std::string FullName(const ovs::Datapath& datapath);
// NAME of `[system@]NAME`. kInvalidArgument for another type, or without a name.
absl::StatusOr<std::string> DatapathName(std::string_view argument);

}  // namespace sluice::dpctl
