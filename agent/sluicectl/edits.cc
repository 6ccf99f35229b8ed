#include "agent/sluicectl/edits.h"

#include <cstdio>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"

namespace sluice::ctl {
namespace {

// Options of commands that change the desired state.
struct EditOptions {
  std::vector<std::string> settings;  // KEY=VALUE
  bool dry_run = false;
};

// Adds KEY=VALUE words to an edit. False, said on standard error, for a word without a key.
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

// Asks for one edit, prints what changed, and returns the exit status.
int SendEdit(Session* session, const EditOptions& options, const v1::Edit& edit) {
  v1::EditRequest request;
  request.set_dry_run(options.dry_run);
  *request.add_edits() = edit;
  if (!TakeSettings(options.settings, request.mutable_edits(0))) return kUsage;
  return SendEdits(session, request);
}

}  // namespace

int SendEdits(Session* session, const v1::EditRequest& request) {
  v1::ApplyResponse response;
  if (!session->Ask(&v1::Sluice::Stub::Edit, request, &response)) return kRefused;
  session->Print(response, [&] { return ToText(response); });
  return 0;
}

void AddEdits(CLI::App* parent, const EditHelp& help, Session* session, Chosen* chosen) {
  const auto add = [=](const char* word, v1::Edit::Kind kind, const char* about,
                       const char* lenient) {
    CLI::App* command = parent->add_subcommand(word, about);
    const auto options = std::make_shared<EditOptions>();
    const auto edit = std::make_shared<v1::Edit>();
    edit->set_kind(kind);
    command->add_option("BRIDGE", *edit->mutable_bridge(), help.bridge)->required();
    if (help.port != nullptr)
      command->add_option(help.item, *edit->mutable_port(), help.port)->required();
    edit->set_list(help.list);
    if (kind != v1::Edit::REMOVE)
      command->add_option("SETTINGS", options->settings,
                          "KEY=VALUE as in the configuration file; KEY= takes a key away");
    if (lenient != nullptr)
      command->add_flag_callback(
          lenient, [edit] { edit->set_lenient(true); }, "Then do nothing");
    command->add_flag("-n,--dry-run", options->dry_run, "Only tell what would change");
    command->callback([=] { *chosen = [=] { return SendEdit(session, *options, *edit); }; });
  };
  add("add", v1::Edit::ADD, help.add, "--may-exist");
  add("set", v1::Edit::SET, help.set, nullptr);
  add("del", v1::Edit::REMOVE, help.del, "--if-exists");
}

std::string ToText(const v1::ApplyResponse& response) {
  std::string out;
  for (const std::string& line : response.differences()) absl::StrAppend(&out, line, "\n");
  for (const std::string& line : response.warnings()) absl::StrAppend(&out, "note: ", line, "\n");
  return out;
}

}  // namespace sluice::ctl
