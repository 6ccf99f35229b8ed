// sluicectl apply and config: the whole desired state, given and shown.
#include "agent/sluicectl/commands/commands.h"
#include "agent/sluicectl/edits.h"

namespace sluice::ctl {
namespace {

struct Options {
  std::string file;
  bool dry_run = false;
};

int Apply(Session* session, const Options& options) {
  v1::ApplyRequest request;
  request.set_dry_run(options.dry_run);
  if (!TakeFile(options.file, request.mutable_config(), request.mutable_config_name()))
    return kRefused;
  v1::ApplyResponse response;
  if (!session->Ask(&v1::Sluice::Stub::Apply, request, &response)) return kRefused;
  session->Print(response, [&] { return ToText(response); });
  return 0;
}

int Config(Session* session) {
  v1::GetConfigResponse response;
  if (!session->Ask(&v1::Sluice::Stub::GetConfig, v1::GetConfigRequest(), &response))
    return kRefused;
  session->Print(response, [&] { return response.config(); });
  return 0;
}

}  // namespace

void AddApply(CLI::App* app, Session* session, Chosen* chosen) {
  const auto options = std::make_shared<Options>();
  CLI::App* apply = app->add_subcommand("apply", "Makes the desired state that of a file");
  apply
      ->add_option("-f,--file", options->file,
                   "The file, as sluiced --config takes it; - is standard input")
      ->required();
  apply->add_flag("-n,--dry-run", options->dry_run, "Only tell what would change");
  apply->callback([=] { *chosen = [=] { return Apply(session, *options); }; });
}

void AddConfig(CLI::App* app, Session* session, Chosen* chosen) {
  app->add_subcommand("config", "The desired state, as a configuration file")->callback([=] {
    *chosen = [=] { return Config(session); };
  });
}

}  // namespace sluice::ctl
