#include <netinet/in.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dpctl/commands/commands.h"
#include "dpctl/conntrack_arguments.h"
#include "dpctl/failure.h"
#include "netlink/base/status.h"
#include "netlink/conntrack/connection_text.h"
#include "netlink/conntrack/timeouts.h"

namespace sluice::dpctl {
namespace {

using conntrack::TimeoutPolicy;

std::string FamilyName(uint16_t family) {
  if (family == AF_INET) return "inet";
  if (family == AF_INET6) return "inet6";
  return absl::StrCat(family);
}

std::string PolicyText(const TimeoutPolicy& policy) {
  return absl::StrCat("name=", policy.name, ",family=", FamilyName(policy.family),
                      ",proto=", conntrack::ProtocolName(policy.protocol), ",uses=", policy.uses,
                      ",timeouts=(", conntrack::TimeoutsText(policy), ")\n");
}

Json PolicyToJson(const TimeoutPolicy& policy) {
  return {{"name", policy.name},
          {"family", FamilyName(policy.family)},
          {"protocol", conntrack::ProtocolName(policy.protocol)},
          {"uses", policy.uses},
          {"timeouts", conntrack::TimeoutsToJson(policy)}};
}

absl::Status CheckName(std::string_view name) {
  if (!name.empty() && name.size() <= conntrack::kMaxPolicyName) return absl::OkStatus();
  return UsageError(absl::StrCat("\"", base::ToAbsl(name), "\": a policy's name has 1 to ",
                                 conntrack::kMaxPolicyName, " bytes"));
}

absl::Status RunList(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(socket::Client client, OpenNetfilterClient());
  auto policies = conntrack::Timeouts(&client).List();
  if (!policies.ok()) return Failed("listing timeout policies", policies.status());
  std::sort(policies->begin(), policies->end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  Json list = Json::array();
  for (const TimeoutPolicy& policy : *policies) {
    if (session->options().json)
      list.push_back(PolicyToJson(policy));
    else
      session->out().Write(PolicyText(policy));
  }
  if (session->options().json) session->Print({{"policies", std::move(list)}});
  return absl::OkStatus();
}

absl::StatusOr<TimeoutPolicy> ReadPolicy(const std::vector<std::string>& args) {
  TimeoutPolicy policy{.name = args[0], .family = 0, .protocol = 0, .uses = 0, .timeouts = {}};
  SLUICE_RETURN_IF_ERROR(CheckName(policy.name));
  if (args[1] == "inet") policy.family = AF_INET;
  if (args[1] == "inet6") policy.family = AF_INET6;
  if (policy.family == 0)
    return UsageError(absl::StrCat("\"", args[1], "\" is no family: expected inet or inet6"));
  const auto protocol = conntrack::ProtocolNumber(args[2]);
  if (!protocol)
    return UsageError(
        absl::StrCat("\"", args[2], "\" is no protocol: expected a number, tcp, udp or the like"));
  policy.protocol = *protocol;
  auto timeouts =
      conntrack::ParseTimeouts(policy.protocol, absl::StrJoin(args.begin() + 3, args.end(), ","));
  if (!timeouts.ok()) return Failed("parsing timeouts", timeouts.status());
  policy.timeouts = *std::move(timeouts);
  return policy;
}

absl::Status RunAdd(Session* session) {
  SLUICE_ASSIGN_OR_RETURN(const TimeoutPolicy policy, ReadPolicy(session->args()));
  SLUICE_ASSIGN_OR_RETURN(socket::Client client, OpenNetfilterClient());
  return Failed(absl::StrCat("adding timeout policy \"", policy.name, "\""),
                conntrack::Timeouts(&client).Add(policy, session->Given("--replace")));
}

absl::Status RunDelete(Session* session) {
  const std::string& name = session->args()[0];
  SLUICE_RETURN_IF_ERROR(CheckName(name));
  SLUICE_ASSIGN_OR_RETURN(socket::Client client, OpenNetfilterClient());
  return Failed(absl::StrCat("deleting timeout policy \"", name, "\""),
                conntrack::Timeouts(&client).Delete(name));
}

constexpr CommandOption kAddOptions[] = {
    {"--replace", "", "change the timeouts of a policy that is there"},
};

}  // namespace

constinit const Command kCtTimeoutList = {
    .name = "ct-timeout-list",
    .arguments = "",
    .min_args = 0,
    .max_args = 0,
    .changes = false,
    .about =
        "Lists the timeout policies of this network namespace: what ct(commit,timeout=NAME)\n"
        "gives to connections. `dpctl ct timeout list` is the same. The kernel wants\n"
        "CAP_NET_ADMIN and the module nfnetlink_cttimeout for this.",
    .examples = "  dpctl ct-timeout-list\n",
    .run = RunList,
};

constinit const Command kCtTimeoutAdd = {
    .name = "ct-timeout-add",
    .arguments = "[--replace] NAME inet|inet6 PROTO STATE=SECONDS...",
    .min_args = 4,
    .max_args = kAnyNumber,
    .changes = true,
    .about =
        "Makes a timeout policy for a protocol: tcp, udp, icmp and the like, or a number. "
        "States are\n"
        "those of the reference page attributes.md: of tcp syn_sent, syn_recv, established, "
        "fin_wait,\n"
        "close_wait, last_ack, time_wait, close, syn_sent2, retrans, unack; of udp unreplied "
        "and\n"
        "replied; of others timeout. The system's values stand for those that are not given.\n"
        "`dpctl ct timeout add` is the same.",
    .examples =
        "  dpctl ct-timeout-add web inet tcp established=300 close=5\n"
        "  dpctl ct-timeout-add --replace dns inet6 udp unreplied=3,replied=10\n",
    .run = RunAdd,
    .options = kAddOptions,
};

constinit const Command kCtTimeoutDel = {
    .name = "ct-timeout-del",
    .arguments = "NAME",
    .min_args = 1,
    .max_args = 1,
    .changes = true,
    .about =
        "Removes a timeout policy; one that is in use stays. `dpctl ct timeout del` is the "
        "same.",
    .examples = "  dpctl ct-timeout-del web\n",
    .run = RunDelete,
};

}  // namespace sluice::dpctl
