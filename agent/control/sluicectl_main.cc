// sluicectl: asks sluiced over its local socket.
#include <google/protobuf/util/json_util.h>
#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "agent/control/sluice.grpc.pb.h"
#include "agent/control/sluicectl_text.h"

namespace sluice::control {
namespace {

constexpr const char* kExamples = R"(
Examples:
  sluicectl status             what sluiced does: bridges, ports, flows
  sluicectl counters --all     every counter, also those that are 0
  sluicectl fdb br0 --json     the addresses that br0 has learned, for programs
  sluicectl rules br0          the rules of br0, with what they have done
  sluicectl rules br0 add 'priority=10,tcp,tp_dst=80,actions=output:web'
  sluicectl rules br0 replace -f br0.rules --wait
  sluicectl trace br0 'in_port=web,tcp,nw_dst=10.0.0.1,tp_dst=80'

Exit status: 0, 1 when sluiced refused or does not answer, 2 for wrong usage,
3 when `status` found sluiced degraded.
)";

constexpr std::chrono::seconds kPatience(60);  // 100,000 rules take their time
constexpr int kRefused = 1;
constexpr int kUsage = 2;
constexpr int kDegraded = 3;

struct Options {
  std::string socket = "/run/sluice/sluiced.sock";
  bool json = false;
  bool all = false;
  std::string bridge;
  // Of `rules` and `trace`.
  std::string command = "dump";
  std::string text, file, groups_file;
  bool wait = false;
};

class Ctl {
 public:
  explicit Ctl(Options options) : options_(std::move(options)) {
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);  // a table of addresses can be long
    stub_ = v1::Sluice::NewStub(grpc::CreateCustomChannel(
        "unix:" + options_.socket, grpc::InsecureChannelCredentials(), arguments));
  }

  int Status() {
    v1::GetStatusResponse status;
    v1::GetHealthResponse health;
    if (!Call(&v1::Sluice::Stub::GetStatus, v1::GetStatusRequest(), &status) ||
        !Call(&v1::Sluice::Stub::GetHealth, v1::GetHealthRequest(), &health))
      return kRefused;
    Print(status, [&] { return ToText(status, health); });
    return health.healthy() ? 0 : kDegraded;
  }

  int Counters() {
    v1::GetCountersResponse counters;
    if (!Call(&v1::Sluice::Stub::GetCounters, v1::GetCountersRequest(), &counters)) return kRefused;
    Print(counters, [&] { return ToText(counters, options_.all); });
    return 0;
  }

  int Macs() {
    v1::ListMacsRequest request;
    request.set_bridge(options_.bridge);
    v1::ListMacsResponse macs;
    if (!Call(&v1::Sluice::Stub::ListMacs, request, &macs)) return kRefused;
    Print(macs, [&] { return ToText(macs); });
    return 0;
  }

  int Rules() {
    if (options_.command == "dump") return DumpRules();
    v1::ChangeRulesRequest request;
    request.set_bridge(options_.bridge);
    for (const auto& [word, command] : kCommands)
      if (word == options_.command) request.set_command(command);
    request.set_wait(options_.wait);
    request.set_rules(options_.text);
    if (!TakeFile(options_.file, request.mutable_rules(), request.mutable_rules_name()) ||
        !TakeFile(options_.groups_file, request.mutable_groups(), request.mutable_groups_name()))
      return kRefused;
    v1::ChangeRulesResponse response;
    if (!Call(&v1::Sluice::Stub::ChangeRules, request, &response)) return kRefused;
    Print(response, [&] { return ToText(response); });
    return 0;
  }

  int Trace() {
    v1::TraceRequest request;
    request.set_bridge(options_.bridge);
    request.set_flow(options_.text);
    v1::TraceResponse response;
    if (!Call(&v1::Sluice::Stub::Trace, request, &response)) return kRefused;
    Print(response, [&] { return response.text(); });
    return 0;
  }

  struct Command {
    std::string_view word;
    v1::ChangeRulesRequest::Command command;
  };
  static constexpr Command kCommands[] = {
      {"add", v1::ChangeRulesRequest::ADD},
      {"mod", v1::ChangeRulesRequest::MODIFY},
      {"mod-strict", v1::ChangeRulesRequest::MODIFY_STRICT},
      {"del", v1::ChangeRulesRequest::DELETE},
      {"del-strict", v1::ChangeRulesRequest::DELETE_STRICT},
      {"replace", v1::ChangeRulesRequest::REPLACE},
  };

 private:
  int DumpRules() {
    v1::DumpRulesRequest request;
    request.set_bridge(options_.bridge);
    request.set_match(options_.text);
    v1::DumpRulesResponse response;
    if (!Call(&v1::Sluice::Stub::DumpRules, request, &response)) return kRefused;
    Print(response, [&] { return ToText(response); });
    return 0;
  }

  // Appends the file's text, `-` being standard input; nothing for no file.
  static bool TakeFile(const std::string& path, std::string* text, std::string* name) {
    if (path.empty()) return true;
    *name = path == "-" ? "standard input" : path;
    std::ifstream file(path, std::ios::binary);
    std::istream& in = path == "-" ? std::cin : file;
    text->assign(std::istreambuf_iterator<char>(in), {});
    if (path == "-" || (file.is_open() && !file.bad())) return true;
    std::fprintf(stderr, "sluicectl: %s: cannot be read\n", path.c_str());
    return false;
  }

  template <typename Method, typename Request, typename Response>
  bool Call(Method method, const Request& request, Response* response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kPatience);
    const grpc::Status status = (stub_.get()->*method)(&context, request, response);
    if (status.ok()) return true;
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
      std::fprintf(stderr, "sluicectl: nothing answers on %s: is sluiced running? (%s)\n",
                   options_.socket.c_str(), status.error_message().c_str());
    } else {
      std::fprintf(stderr, "sluicectl: %s\n", status.error_message().c_str());
    }
    return false;
  }

  template <typename Message, typename MakeText>
  void Print(const Message& message, MakeText make_text) {
    std::string out;
    if (options_.json) {
      google::protobuf::util::JsonPrintOptions print;
      print.add_whitespace = true;
      print.preserve_proto_field_names = true;
      print.always_print_primitive_fields = true;
      // Fails for messages with types that none of ours has.
      (void)google::protobuf::util::MessageToJsonString(message, &out, print);
    } else {
      out = make_text();
    }
    std::fwrite(out.data(), 1, out.size(), stdout);
  }

  const Options options_;
  std::unique_ptr<v1::Sluice::Stub> stub_;
};

int Main(int argc, char** argv) {
  Options options;
  CLI::App app("Asks sluiced, the agent for the openvswitch datapath.", "sluicectl");
  app.footer(kExamples);
  app.require_subcommand(1);
  app.set_version_flag("-V,--version", SLUICE_VERSION);
  app.add_option("--socket", options.socket, "Socket of sluiced")->capture_default_str();
  app.add_flag("--json", options.json, "JSON for programs");
  app.fallthrough();
  CLI::App* status = app.add_subcommand("status", "Bridges, their ports and flows");
  CLI::App* counters = app.add_subcommand("counters", "What sluiced has counted");
  counters->add_flag("-a,--all", options.all, "Also counters that are 0");
  CLI::App* fdb = app.add_subcommand("fdb", "Addresses that bridges have learned");
  fdb->add_option("BRIDGE", options.bridge, "Of this bridge only");
  CLI::App* rules = app.add_subcommand("rules", "Rules of a bridge: shows or changes them");
  rules->add_option("BRIDGE", options.bridge, "Whose rules")->required();
  std::vector<std::string> words = {"dump"};
  for (const Ctl::Command& command : Ctl::kCommands) words.emplace_back(command.word);
  rules->add_option("COMMAND", options.command, "What to do with them")
      ->check(CLI::IsMember(words))
      ->capture_default_str();
  rules->add_option("TEXT", options.text,
                    "A rule as ovs-ofctl(8) has it; for dump and del, which rules");
  rules->add_option("-f,--file", options.file,
                    "Rules of this file, one a line; - is standard input");
  rules->add_option("--groups", options.groups_file, "Groups of this file, one a line");
  rules->add_flag("--wait", options.wait, "Until no packet follows the old rules any more");
  CLI::App* trace = app.add_subcommand("trace", "What a bridge would do with a packet, and why");
  trace->add_option("BRIDGE", options.bridge, "Which bridge")->required();
  trace->add_option("FLOW", options.text, "As rules match it, or a datapath's flow key")
      ->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : kUsage;
  }
  Ctl ctl(options);
  if (status->parsed()) return ctl.Status();
  if (rules->parsed()) return ctl.Rules();
  if (trace->parsed()) return ctl.Trace();
  return counters->parsed() ? ctl.Counters() : ctl.Macs();
}

}  // namespace
}  // namespace sluice::control

// What a library throws for want of memory ends the program: there is nothing to say or to save
// then. NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) { return sluice::control::Main(argc, argv); }
