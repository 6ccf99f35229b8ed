// Files of flows, carried out: `add-flows`, `mod-flows`, `del-flows FILE`.
//
// Failed lines are told on standard error as FILE:LINE: why, and with --json in a summary on
// standard output. Memory is bounded, but for --atomic, which holds the file, and for the list of
// failed lines of --json.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "dpctl/flow_file.h"
#include "dpctl/session.h"

namespace sluice::dpctl {

// `path` is a file, or `-` for standard input; `verb` is what lines without a keyword mean. An
// error when the file cannot be read, or when lines failed.
absl::Status RunFlowFile(Session* session, const ovs::Datapath& datapath, const std::string& path,
                         FlowVerb verb);

}  // namespace sluice::dpctl
