// sluicectl groups: the groups of a bridge, shown or changed.
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "agent/sluicectl/commands/commands.h"

namespace sluice::ctl {
namespace {

constexpr uint32_t kAllGroups = 0xfffffffc;  // of the API: OpenFlow's OFPG_ALL

struct Options {
  std::string bridge;
  std::string command = "dump";
  std::vector<std::string> words;
  std::string file;
  bool may_create = false;
  bool wait = false;
};

int Dump(Session* session, const Options& options) {
  v1::DumpRulesRequest request;
  request.set_bridge(options.bridge);
  request.set_groups_only(true);
  v1::DumpRulesResponse response;
  if (!session->Ask(&v1::Sluice::Stub::DumpRules, request, &response)) return kRefused;
  session->Print(response, [&] {
    std::string out;
    for (const v1::GroupEntry& group : response.groups()) {
      absl::StrAppendFormat(&out, "n_packets=%d, n_bytes=%d, %s\n", group.packets(), group.bytes(),
                            group.text());
      for (int i = 0; i < group.bucket_packets_size(); ++i)
        absl::StrAppendFormat(&out, "  bucket %d: n_packets=%d\n", i, group.bucket_packets(i));
    }
    return out;
  });
  return 0;
}

// The numbers of groups to delete; none stand for all.
bool TakeNumbers(const Options& options, v1::ChangeRulesRequest* request) {
  if (options.words.empty()) request->add_deleted_groups(kAllGroups);
  for (std::string_view word : options.words) {
    if (word.starts_with("group_id=")) word.remove_prefix(9);
    uint32_t id = 0;
    if (!absl::SimpleAtoi(absl::string_view(word.data(), word.size()), &id)) {
      std::fprintf(stderr, "sluicectl: groups: \"%.*s\" is not the number of a group\n",
                   static_cast<int>(word.size()), word.data());
      return false;
    }
    request->add_deleted_groups(id);
  }
  return true;
}

int Groups(Session* session, const Options& options) {
  if (options.command == "dump") return Dump(session, options);
  v1::ChangeRulesRequest request;
  request.set_bridge(options.bridge);
  request.set_wait(options.wait);
  if (options.command == "del") {
    if (!TakeNumbers(options, &request)) return kUsage;
  } else {
    if (options.words.empty() == options.file.empty()) {
      std::fprintf(stderr, "sluicectl: groups: give groups as words, or in a file with -f\n");
      return kUsage;
    }
    if (!options.may_create)
      request.set_group_command(options.command == "add" ? v1::ChangeRulesRequest::ADD_GROUPS
                                                         : v1::ChangeRulesRequest::MODIFY_GROUPS);
    for (const std::string& word : options.words) *request.mutable_groups() += word + "\n";
    if (!TakeFile(options.file, request.mutable_groups(), request.mutable_groups_name()))
      return kRefused;
  }
  v1::ChangeRulesResponse response;
  if (!session->Ask(&v1::Sluice::Stub::ChangeRules, request, &response)) return kRefused;
  session->Print(response,
                 [&] { return absl::StrFormat("%d groups changed\n", response.groups()); });
  return 0;
}

}  // namespace

void AddGroups(CLI::App* app, Session* session, Chosen* chosen) {
  const auto options = std::make_shared<Options>();
  CLI::App* groups = app->add_subcommand("groups", "Groups of a bridge: shows or changes them");
  groups->add_option("BRIDGE", options->bridge, "Whose groups")->required();
  groups->add_option("COMMAND", options->command, "What to do with them")
      ->check(CLI::IsMember({"dump", "add", "mod", "del"}))
      ->capture_default_str();
  groups->add_option("WORDS", options->words,
                     "Groups as ovs-ofctl(8) has them; for del their numbers, without any: all");
  groups->add_option("-f,--file", options->file,
                     "Groups of this file, one a line; - is standard input");
  groups->add_flag("--may-create", options->may_create, "Let mod add groups that are not there");
  groups->add_flag("--wait", options->wait, "Until no packet follows the old groups any more");
  groups->callback([=] { *chosen = [=] { return Groups(session, *options); }; });
}

}  // namespace sluice::ctl
