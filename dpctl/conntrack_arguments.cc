#include "dpctl/conntrack_arguments.h"

#include <algorithm>

#include "dpctl/failure.h"
#include "netlink/base/status.h"
#include "netlink/conntrack/netfilter_request.h"

namespace sluice::dpctl {

absl::StatusOr<std::vector<std::string>> WithoutDatapath(
    Session* session, std::initializer_list<std::string_view> words) {
  std::vector<std::string> args = session->args();
  if (args.empty() || args[0].empty() || args[0].find('=') != std::string::npos) return args;
  if (std::find(words.begin(), words.end(), args[0]) != words.end()) return args;
  SLUICE_RETURN_IF_ERROR(session->OpenDatapath(args[0]).status());
  args.erase(args.begin());
  return args;
}

absl::StatusOr<conntrack::ConnectionMatch> ReadConnectionMatch(
    const std::vector<std::string>& arguments) {
  conntrack::ConnectionMatch match;
  for (const std::string& argument : arguments)
    SLUICE_RETURN_IF_ERROR(Failed("parsing which connections", match.Add(argument)));
  return match;
}

absl::StatusOr<socket::Client> OpenNetfilterClient() {
  auto client = conntrack::OpenNetfilter();
  if (!client.ok()) return Failed("opening a netlink socket", client.status());
  return client;
}

}  // namespace sluice::dpctl
