#include "agent/daemon/trace_requests.h"

#include "absl/strings/str_cat.h"
#include "agent/translate/key_fields.h"
#include "agent/translate/packet_fields.h"
#include "agent/translate/trace.h"
#include "netlink/attr/text.h"
#include "netlink/base/status.h"

namespace sluice::daemon {
namespace {

using pipeline::PortTable;
using translate::TraceAssumptions;
using translate::TraceReport;
using translate::TraceRound;

// A key of the kernel, or the fields of a rule.
absl::StatusOr<ovs::FlowKey> KeyOf(const std::string& text, const PortTable& ports) {
  if (text.find('(') == std::string::npos || text.find('=') < text.find('(')) {
    SLUICE_ASSIGN_OR_RETURN(const pipeline::Match match, pipeline::ParseMatch(text, &ports));
    return translate::KeyOfFields(match.Value(), {}, ports.options().tunnel_options);
  }
  SLUICE_ASSIGN_OR_RETURN(const auto parsed,
                          attr::ParseSet(ovs::kKeyTable, text, {.ports = &ports}));
  ovs::FlowKey key;
  attr::Unknowns unknowns;
  if (ovs::DecodeFlowKey(parsed.value, &key, &unknowns))
    return absl::InvalidArgumentError("the flow is not one that a kernel could have");
  // As complete as the kernel makes its keys.
  return translate::KeyOfFields(translate::FieldsOfKey(key), key);
}

// The key of a packet that comes with what `beside` says.
absl::StatusOr<ovs::FlowKey> KeyOfPacket(const std::string& packet, const ovs::FlowKey& beside) {
  if (packet.size() < translate::kShortestPacket)
    return absl::InvalidArgumentError(absl::StrCat("the packet has ", packet.size(),
                                                   " bytes: an Ethernet header alone has ",
                                                   translate::kShortestPacket));
  pipeline::Fields came_with = translate::FieldsOfKey(beside);
  if (came_with.eth_type.host() == pipeline::kEthTypeNone) came_with.eth_type = {};
  if (translate::TellOfHeaders(came_with) || came_with.packet_type.host() != 0)
    return absl::InvalidArgumentError(
        "beside a packet, the flow says only what the packet does not carry itself: its port, "
        "marks, tunnel and connection");
  const base::ByteView bytes(reinterpret_cast<const uint8_t*>(packet.data()), packet.size());
  return translate::KeyOfFields(translate::FieldsOfPacket(bytes, came_with), beside);
}

absl::StatusOr<TraceAssumptions> AssumptionsOf(const v1::TraceRequest& request,
                                               const PortTable& ports) {
  TraceAssumptions assumptions;
  assumptions.packet.assign(request.packet().begin(), request.packet().end());
  for (const std::string& text : request.ct_next()) {
    const absl::StatusOr<uint32_t> state = translate::ParseCtState(text);
    if (!state.ok()) return base::Annotate(state.status(), "what connection tracking says");
    assumptions.ct_states.push_back(*state);
  }
  assumptions.hashes.assign(request.dp_hash().begin(), request.dp_hash().end());
  if (request.inner().empty()) return assumptions;
  if (!request.packet().empty())
    return absl::InvalidArgumentError(
        "the packet's bytes tell what is behind a label: nothing else is to be said of that");
  const auto match = pipeline::ParseMatch(request.inner(), &ports);
  if (!match.ok()) return base::Annotate(match.status(), "what is behind a label");
  assumptions.inner = match->Value();
  return assumptions;
}

std::string TextOf(std::string_view text) { return std::string(text); }

void Fill(const TraceRound& round, v1::TraceRound* out) {
  if (round.cause) {
    v1::TraceCause* cause = out->mutable_cause();
    cause->set_round(static_cast<uint32_t>(round.cause->round));
    cause->set_why(TextOf(translate::ToString(round.cause->why)));
    cause->set_where(round.cause->where);
    cause->set_table(round.cause->origin.table);
    cause->set_cookie(round.cause->origin.cookie);
    cause->set_zone(round.cause->zone);
  }
  out->set_recirc_id(round.recirc_id);
  for (const std::string& assumed : round.assumed) out->add_assumed(assumed);
  out->set_packet(round.packet);
  out->set_steps(round.steps);
  out->set_verdict(TextOf(ToString(round.verdict)));
  for (const translate::Learned& learned : round.learned) out->add_learns(ToString(learned));
  out->set_read(round.read);
  out->set_flow(round.flow);
  out->set_actions(round.actions);
  out->set_installed(round.installed);
  if (round.slow_verdict) out->set_slow_verdict(TextOf(ToString(*round.slow_verdict)));
  out->set_slow_actions(round.slow_actions);
}

}  // namespace

absl::StatusOr<v1::TraceResponse> Trace(const v1::TraceRequest& request,
                                        const bridge::Bridge& bridge) {
  const std::shared_ptr<const PortTable> ports = bridge.ports();
  SLUICE_ASSIGN_OR_RETURN(ovs::FlowKey key, KeyOf(request.flow(), *ports));
  if (!request.packet().empty()) {
    SLUICE_ASSIGN_OR_RETURN(key, KeyOfPacket(request.packet(), key));
  }
  SLUICE_ASSIGN_OR_RETURN(const TraceAssumptions assumptions, AssumptionsOf(request, *ports));
  const bridge::Sight sight(&bridge);
  const TraceReport report = translate::Trace(key, sight.view(), ports.get(), assumptions);
  v1::TraceResponse response;
  response.set_text(ToString(report));
  for (const TraceRound& round : report.rounds) Fill(round, response.add_rounds());
  response.set_left_out(static_cast<uint32_t>(report.left_out));
  for (const TraceReport::Place& place : report.loop) {
    v1::TracePlace* out = response.add_loop();
    out->set_where(place.where);
    out->set_times(static_cast<uint32_t>(place.times));
  }
  response.set_unused_ct_next(static_cast<uint32_t>(report.unused_ct_states));
  response.set_unused_dp_hash(static_cast<uint32_t>(report.unused_hashes));
  return response;
}

}  // namespace sluice::daemon
