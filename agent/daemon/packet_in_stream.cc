#include "agent/daemon/packet_in_stream.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "agent/pipeline/action_text.h"
#include "agent/pipeline/field_table.h"
#include "agent/pipeline/match.h"
#include "agent/translate/key_fields.h"
#include "netlink/base/status.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::daemon {
namespace {

using pipeline::Fields;

constexpr uint32_t kUsualQueue = 256, kLongestQueue = 4096;
// How often a listener that hears nothing is asked whether it is still there.
constexpr absl::Duration kPause = absl::Milliseconds(200);

// What the packet has, in the names that fit it.
std::string FlowText(const Fields& packet, const pipeline::PortTable& ports) {
  Fields mask;
  for (const pipeline::FieldRow& row : pipeline::FieldTable()) {
    if (row.hidden || !pipeline::Holds(row.needs, packet)) continue;
    absl::uint128 bits = pipeline::FullMask(row);
    if (row.format == pipeline::FieldFormat::kTos) bits &= ~absl::uint128(3);
    const bool address = row.format == pipeline::FieldFormat::kMac ||
                         row.format == pipeline::FieldFormat::kIpv4 ||
                         row.format == pipeline::FieldFormat::kIpv6;
    const bool layered = row.needs != pipeline::Needs::kNothing && address;
    if (layered || (pipeline::GetField(packet, row) & bits) != 0)
      pipeline::SetField(row, pipeline::GetField(mask, row) | bits, &mask);
  }
  std::string text;
  pipeline::AppendMatch(packet, mask, &ports, &text);
  return text;
}

}  // namespace

v1::PacketIn ToMessage(const bridge::PacketIn& packet, const pipeline::PortTable& ports,
                       size_t max_bytes) {
  v1::PacketIn out;
  const translate::UserData& data = packet.data;
  const bool sample = data.kind == translate::UserDataKind::kSample;
  out.set_reason(std::string(sample ? "sample" : pipeline::ToString(data.reason)));
  out.set_table(data.table);
  out.set_cookie(data.cookie);
  out.set_id(data.id);
  out.set_collector_set(data.collector_set);
  out.set_obs_domain(data.obs_domain);
  out.set_obs_point(data.obs_point);
  out.set_user_data(packet.user_data.data(), packet.user_data.size());
  out.set_length(packet.length);
  const size_t size =
      max_bytes == 0 ? packet.packet.size() : std::min(max_bytes, packet.packet.size());
  out.set_packet(packet.packet.data(), size);
  ovs::FlowKey key;
  attr::Unknowns unknowns;
  if (ovs::DecodeFlowKey(packet.key, &key, &unknowns)) return out;
  const Fields fields = translate::FieldsOfKey(key, ports.options().tunnel_options);
  out.set_in_port(fields.in_port.host());
  const pipeline::BridgePort* port = ports.Find(fields.in_port.host());
  if (port != nullptr) out.set_in_port_name(port->name);
  out.set_flow(FlowText(fields, ports));
  return out;
}

absl::Status StreamPacketIns(const v1::WatchPacketInsRequest& request, bridge::Bridge* bridge,
                             absl::FunctionRef<absl::Status()> ready,
                             absl::FunctionRef<bool()> there, control::PacketInStream* stream) {
  const uint32_t queue = request.queue() == 0 ? kUsualQueue : request.queue();
  if (queue > kLongestQueue)
    return absl::InvalidArgumentError(
        absl::StrCat("queue ", queue, ": at most ", kLongestQueue, " packets may wait"));
  const std::shared_ptr<bridge::PacketInListener> listener = bridge->packet_ins().Listen(queue);
  SLUICE_RETURN_IF_ERROR(ready());
  if (!stream->Begin()) return absl::OkStatus();
  uint64_t told = 0;
  while (stream->IsOpen()) {
    const bridge::SharedPacketIn packet = listener->Next(kPause);
    if (packet == nullptr) {
      if (there()) continue;
      return absl::NotFoundError(
          absl::StrCat("bridge \"", request.bridge(), "\" has been removed"));
    }
    v1::PacketIn message = ToMessage(*packet, *bridge->ports(), request.max_bytes());
    const uint64_t missed = listener->missed();
    message.set_missed(missed - std::exchange(told, missed));
    if (!stream->Send(message)) break;
  }
  return absl::OkStatus();
}

}  // namespace sluice::daemon
