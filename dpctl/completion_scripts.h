// The functions of the shells that ask `dpctl __complete`; the files are dpctl/completions/dpctl.*.
#pragma once

#include <span>
#include <string_view>

namespace sluice::dpctl {

struct CompletionScript {
  std::string_view shell;  // "bash"
  std::string_view text;
};
std::span<const CompletionScript> CompletionScripts();

}  // namespace sluice::dpctl
