// Answers for the shells' completion: what may stand at the end of a command line of dpctl.
//
// Asks the kernel by looking only (GET and dump requests), and says nothing of errors: where the
// kernel cannot be asked, there is less to choose from. What a command takes comes from the table
// of commands and their usage lines.
//
//   Complete({"dump-flows", "d"}, &out).candidates -> {{"dp0", "datapath"}}
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dpctl/completion_candidate.h"
#include "dpctl/output.h"

namespace sluice::dpctl {

struct Completion {
  Candidates candidates;
  bool files = false;  // names of files, too, which the shell knows best
};

// `words` are those behind the program's name, up to the cursor; the last is to be completed and
// may be empty. `out` is not written to.
Completion Complete(const std::vector<std::string>& words, Output* out);

// `dpctl __complete SHELL WORD...`, which the shells' functions call: words as they were typed,
// quotes and all; a line `TEXT<tab>ABOUT` for each candidate, or `:files`.
void PrintCompletion(const std::vector<std::string>& arguments, Output* out);

// A word without the shell's quotes; the last may still be open.
std::string Unquoted(std::string_view word);

}  // namespace sluice::dpctl
