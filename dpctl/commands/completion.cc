#include "dpctl/completion.h"

#include "absl/strings/str_cat.h"
#include "dpctl/commands/commands.h"
#include "dpctl/completion_scripts.h"
#include "dpctl/failure.h"

namespace sluice::dpctl {
namespace {

absl::Status Run(Session* session) {
  const std::string& shell = session->args()[0];
  for (const CompletionScript& script : CompletionScripts()) {
    if (script.shell != shell) continue;
    session->out().Write(script.text);
    return absl::OkStatus();
  }
  return UsageError(absl::StrCat("\"", shell, "\": expected bash, zsh or fish"));
}

}  // namespace

constinit const Command kCompletion = {
    .name = "completion",
    .arguments = "bash|zsh|fish",
    .min_args = 1,
    .max_args = 1,
    .changes = false,
    .about =
        "Prints what makes a shell complete command lines of dpctl: commands, options, datapaths,\n"
        "ports, meters, and the fields and actions of flows. An installed dpctl has it already.",
    .examples =
        "  dpctl completion bash >~/.local/share/bash-completion/completions/dpctl\n"
        "  dpctl completion zsh >~/.zfunc/_dpctl   # a folder of $fpath\n"
        "  dpctl completion fish >~/.config/fish/completions/dpctl.fish\n",
    .run = Run,
};

}  // namespace sluice::dpctl
