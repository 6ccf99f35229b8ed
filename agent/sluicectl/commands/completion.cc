// sluicectl completion: the scripts of the shells.
#include "agent/sluicectl/completion.h"

#include <cstdio>

#include "agent/sluicectl/commands/commands.h"

namespace sluice::ctl {

void AddCompletion(CLI::App* app, Session*, Chosen* chosen) {
  CLI::App* command =
      app->add_subcommand("completion", "What makes a shell complete command lines");
  const auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "Which")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([=] {
    *chosen = [=] {
      std::fputs(CompletionScript(*shell), stdout);
      return 0;
    };
  });
}

}  // namespace sluice::ctl
