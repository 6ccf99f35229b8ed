// sluicectl trace: what a bridge would do with a packet, and why.
#include "agent/sluicectl/commands/commands.h"

namespace sluice::ctl {
namespace {

int Trace(Session* session, const v1::TraceRequest& request) {
  v1::TraceResponse response;
  if (!session->Ask(&v1::Sluice::Stub::Trace, request, &response)) return kRefused;
  session->Print(response, [&] { return response.text(); });
  return 0;
}

}  // namespace

void AddTrace(CLI::App* app, Session* session, Chosen* chosen) {
  CLI::App* command = app->add_subcommand("trace", "What a bridge would do with a packet, and why");
  const auto request = std::make_shared<v1::TraceRequest>();
  command->add_option("BRIDGE", *request->mutable_bridge(), "Which bridge")->required();
  command
      ->add_option("FLOW", *request->mutable_flow(), "As rules match it, or a datapath's flow key")
      ->required();
  command->callback([=] { *chosen = [=] { return Trace(session, *request); }; });
}

}  // namespace sluice::ctl
