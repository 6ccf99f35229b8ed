#include "netlink/conntrack/timeouts.h"

#include <linux/netfilter/nfnetlink_cttimeout.h>

#include "netlink/conntrack/netfilter_request.h"
#include "netlink/conntrack/tables.h"

namespace sluice::conntrack {
namespace {

constexpr char kModule[] = "nfnetlink_cttimeout";

socket::Request TimeoutRequest(uint8_t command, uint16_t flags, std::string_view label) {
  return NetfilterRequest(NFNL_SUBSYS_CTNETLINK_TIMEOUT, command, flags, AF_UNSPEC, label);
}

socket::Request ListRequest() {
  return TimeoutRequest(IPCTNL_MSG_TIMEOUT_GET, 0, "timeout policy list");
}

}  // namespace

Timeouts::Timeouts(socket::Client* client) : client_(client) {
  client->set_attribute_namer([](std::string_view, const socket::AttributePath& path) {
    return NameAttributePath(kTimeoutPolicyTable, path);
  });
}

absl::Status Timeouts::Explained(const absl::Status& status) {
  return Explain(status, client_, ListRequest(), kModule);
}

absl::StatusOr<std::vector<TimeoutPolicy>> Timeouts::List() {
  std::vector<TimeoutPolicy> policies;
  const auto report = client_->DumpInto(ListRequest(), &policies, ParseTimeoutPolicy);
  if (!report.ok()) return Explained(report.status());
  return policies;
}

absl::Status Timeouts::Add(const TimeoutPolicy& policy, bool replace) {
  socket::Request request =
      TimeoutRequest(IPCTNL_MSG_TIMEOUT_NEW,
                     static_cast<uint16_t>(NLM_F_CREATE | (replace ? NLM_F_REPLACE : NLM_F_EXCL)),
                     "timeout policy add");
  attr::Writer& writer = request.attributes();
  writer.PutString(CTA_TIMEOUT_NAME, policy.name);
  writer.Put(CTA_TIMEOUT_L3PROTO, base::Be16::FromHost(policy.family).wire());
  writer.Put(CTA_TIMEOUT_L4PROTO, policy.protocol);
  {
    auto nest = writer.Nest(NLA_F_NESTED | CTA_TIMEOUT_DATA);
    writer.PutRaw(policy.timeouts);
  }
  return Explained(client_->Transact(request).status());
}

absl::Status Timeouts::Delete(std::string_view name) {
  socket::Request request = TimeoutRequest(IPCTNL_MSG_TIMEOUT_DELETE, 0, "timeout policy delete");
  // Without a name the kernel deletes all that are not in use.
  request.attributes().PutString(CTA_TIMEOUT_NAME, name);
  return Explained(client_->Transact(request).status());
}

absl::StatusOr<TimeoutPolicy> ParseTimeoutPolicy(const socket::Message& message) {
  SLUICE_ASSIGN_OR_RETURN(const NetfilterMessage netfilter, ParseNetfilterMessage(message));
  PolicyAttributes decoded;
  if (const attr::Fault fault =
          attr::Decode(kTimeoutPolicyTable, netfilter.attributes, &decoded, nullptr))
    return Malformed(fault);
  if (!attr::IsPresent(kTimeoutPolicyTable, &decoded, CTA_TIMEOUT_NAME))
    return Malformed("a timeout policy without a name");
  TimeoutPolicy policy;
  policy.name.assign(decoded.name.begin(), decoded.name.end());
  policy.family = decoded.l3proto.host();
  policy.protocol = decoded.l4proto;
  policy.uses = decoded.use.host();
  policy.timeouts.assign(decoded.data.begin(), decoded.data.end());
  return policy;
}

}  // namespace sluice::conntrack
