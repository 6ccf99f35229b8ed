// What `bridge` and `port` share: they edit the desired state.
#pragma once

#include <string>
#include <vector>

#include "agent/sluicectl/session.h"

namespace sluice::ctl {

// Options of commands that change the desired state.
struct EditOptions {
  std::vector<std::string> settings;  // KEY=VALUE
  bool lenient = false;
  bool dry_run = false;
};

// Adds KEY=VALUE words to an edit. False, said on standard error, for a word without a key.
bool TakeSettings(const std::vector<std::string>& words, v1::Edit* edit);

// Asks for one edit, prints what changed, and returns the exit status.
int SendEdit(Session* session, const EditOptions& options, const v1::Edit& edit);

// Differences and warnings of an answer.
std::string ToText(const v1::ApplyResponse& response);

}  // namespace sluice::ctl
