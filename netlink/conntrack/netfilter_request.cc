#include "netlink/conntrack/netfilter_request.h"

#include <arpa/inet.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "netlink/base/counters.h"

namespace sluice::conntrack {
namespace {

base::Counter& MalformedCounter() {
  static base::Counter& counter = base::Counters::Get(
      "conntrack_malformed_messages", "Messages of connection tracking that could not be decoded.");
  return counter;
}

}  // namespace

absl::StatusOr<NetfilterMessage> ParseNetfilterMessage(const socket::Message& message) {
  if (message.payload.size() < sizeof(nfgenmsg))
    return Malformed("a netfilter message is too short for its header");
  const auto header = base::Load<nfgenmsg>(message.payload.data());
  const size_t skip = std::min(attr::Align4(sizeof(nfgenmsg)), message.payload.size());
  return NetfilterMessage{.subsystem = static_cast<uint8_t>(message.type >> 8),
                          .command = static_cast<uint8_t>(message.type & 0xff),
                          .family = header.nfgen_family,
                          .resource = ntohs(header.res_id),
                          .attributes = message.payload.subspan(skip)};
}

absl::Status Malformed(const attr::Fault& fault) {
  return Malformed(base::FromAbsl(ToStatus(fault).message()));
}

absl::Status Malformed(std::string_view why) {
  MalformedCounter().Add();
  return absl::DataLossError(base::ToAbsl(why));
}

socket::Request NetfilterRequest(uint8_t subsystem, uint8_t command, uint16_t flags, uint8_t family,
                                 std::string_view label) {
  const nfgenmsg header{.nfgen_family = family, .version = NFNETLINK_V0, .res_id = 0};
  socket::Request request(MessageType(subsystem, command), flags, base::AsBytes(header));
  request.set_label(label);
  return request;
}

absl::StatusOr<socket::Client> OpenNetfilter(const socket::ClientOptions& options) {
  auto client = socket::Client::Open(NETLINK_NETFILTER, options);
  if (!client.ok() && base::ErrnoOf(client.status()) == EPROTONOSUPPORT)
    return absl::UnavailableError(
        "the kernel has no netfilter netlink: is the module nfnetlink loaded?");
  return client;
}

absl::Status Explain(const absl::Status& status, socket::Client* client,
                     const socket::Request& probe, std::string_view module) {
  if (base::ErrnoOf(status) != EINVAL) return status;
  struct Ignore final : socket::DumpVisitor {
    void Begin() override {}
    absl::Status OnMessage(const socket::Message&) override { return absl::OkStatus(); }
  } ignore;
  const auto report = client->Dump(probe, &ignore, {.accept_interrupted = true});
  if (report.ok() || base::ErrnoOf(report.status()) != EINVAL) return status;
  return absl::UnavailableError(
      absl::StrCat("the kernel does not answer: is the module ", base::ToAbsl(module), " loaded?"));
}

}  // namespace sluice::conntrack
