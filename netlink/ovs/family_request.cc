#include "netlink/ovs/family_request.h"

#include "netlink/base/counters.h"
#include "netlink/ovs/tables.h"

namespace sluice::ovs {
namespace {

base::Counter& MalformedCounter() {
  static base::Counter& counter = base::Counters::Get(
      "ovs_malformed_messages", "Messages of the openvswitch families that could not be decoded.");
  return counter;
}

}  // namespace

absl::StatusOr<OvsMessage> ParseOvsMessage(const socket::Message& message) {
  auto generic = socket::ParseGeneric(message, sizeof(ovs_header));
  if (!generic) {
    MalformedCounter().Add();
    return absl::DataLossError("an openvswitch message is too short for its header");
  }
  return OvsMessage{generic->command,
                    base::Load<ovs_header>(generic->family_header.data()).dp_ifindex,
                    generic->attributes};
}

absl::Status Malformed(const attr::Fault& fault) {
  MalformedCounter().Add();
  return absl::DataLossError(ToStatus(fault).message());
}

absl::StatusOr<const socket::Family*> Resolve(socket::Client* client, std::string_view family) {
  client->set_attribute_namer([](std::string_view name, const socket::AttributePath& path) {
    return NameAttributePath(name, path);
  });
  return client->ResolveFamily(family, "openvswitch");
}

socket::Request OvsRequest(const socket::Family& family, uint8_t command, uint16_t flags,
                           int dp_ifindex, std::string_view label) {
  socket::Request request;
  ResetOvsRequest(family, command, flags, dp_ifindex, label, &request);
  return request;
}

void ResetOvsRequest(const socket::Family& family, uint8_t command, uint16_t flags, int dp_ifindex,
                     std::string_view label, socket::Request* request) {
  request->Reset(family, command, flags, base::AsBytes(ovs_header{dp_ifindex}));
  request->set_label(label);
}

std::string ToString(base::ByteView text) {
  return {reinterpret_cast<const char*>(text.data()), text.size()};
}

std::vector<uint32_t> ToNumbers(base::ByteView array) {
  std::vector<uint32_t> numbers(array.size() / sizeof(uint32_t));
  if (!numbers.empty())
    std::memcpy(numbers.data(), array.data(), numbers.size() * sizeof(uint32_t));
  return numbers;
}

void PutNumbers(uint16_t type, std::span<const uint32_t> numbers, attr::Writer* writer) {
  writer->Put(
      type, base::ByteView(reinterpret_cast<const uint8_t*>(numbers.data()), numbers.size_bytes()));
}

}  // namespace sluice::ovs
