#include "agent/sluicectl/edits.h"

#include <cstdio>

#include "absl/strings/str_cat.h"

namespace sluice::ctl {

bool TakeSettings(const std::vector<std::string>& words, v1::Edit* edit) {
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    if (equals == 0 || equals == std::string::npos) {
      std::fprintf(stderr, "sluicectl: \"%s\": expected KEY=VALUE, as vlan=5\n", word.c_str());
      return false;
    }
    v1::Setting* setting = edit->add_settings();
    setting->set_key(word.substr(0, equals));
    setting->set_value(word.substr(equals + 1));
  }
  return true;
}

int SendEdit(Session* session, const EditOptions& options, const v1::Edit& edit) {
  v1::EditRequest request;
  request.set_dry_run(options.dry_run);
  *request.add_edits() = edit;
  if (!TakeSettings(options.settings, request.mutable_edits(0))) return kUsage;
  v1::ApplyResponse response;
  if (!session->Ask(&v1::Sluice::Stub::Edit, request, &response)) return kRefused;
  session->Print(response, [&] { return ToText(response); });
  return 0;
}

std::string ToText(const v1::ApplyResponse& response) {
  std::string out;
  for (const std::string& line : response.differences()) absl::StrAppend(&out, line, "\n");
  for (const std::string& line : response.warnings()) absl::StrAppend(&out, "note: ", line, "\n");
  return out;
}

}  // namespace sluice::ctl
