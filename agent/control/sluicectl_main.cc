// sluicectl: asks sluiced over its local socket.
#include <google/protobuf/util/json_util.h>
#include <grpcpp/grpcpp.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <string>

#include "agent/control/sluice.grpc.pb.h"
#include "agent/control/sluicectl_text.h"

namespace sluice::control {
namespace {

constexpr const char* kExamples = R"(
Examples:
  sluicectl status             what sluiced does: bridges, ports, flows
  sluicectl counters --all     every counter, also those that are 0
  sluicectl fdb br0 --json     the addresses that br0 has learned, for programs

Exit status: 0, 1 when sluiced refused or does not answer, 2 for wrong usage,
3 when `status` found sluiced degraded.
)";

constexpr int kRefused = 1;
constexpr int kUsage = 2;
constexpr int kDegraded = 3;

struct Options {
  std::string socket = "/run/sluice/sluiced.sock";
  bool json = false;
  bool all = false;
  std::string bridge;
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

 private:
  template <typename Method, typename Request, typename Response>
  bool Call(Method method, const Request& request, Response* response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
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
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : kUsage;
  }
  Ctl ctl(options);
  if (status->parsed()) return ctl.Status();
  return counters->parsed() ? ctl.Counters() : ctl.Macs();
}

}  // namespace
}  // namespace sluice::control

// What a library throws for want of memory ends the program: there is nothing to say or to save
// then. NOLINTNEXTLINE(bugprone-exception-escape)
int main(int argc, char** argv) { return sluice::control::Main(argc, argv); }
