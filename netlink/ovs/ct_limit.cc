#include "netlink/ovs/ct_limit.h"

#include "netlink/ovs/family_request.h"
#include "netlink/ovs/tables.h"

namespace sluice::ovs {

absl::StatusOr<socket::Request> CtLimits::NewRequest(uint8_t command, int dp_ifindex,
                                                     std::span<const ZoneLimit> limits,
                                                     std::string_view label) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Family* family, Resolve(client_, OVS_CT_LIMIT_FAMILY));
  socket::Request request = OvsRequest(*family, command, 0, dp_ifindex, label);
  if (limits.empty()) return request;
  base::ByteVector array;
  for (const ZoneLimit& limit : limits) {
    const ovs_zone_limit wire{.zone_id = limit.zone, .limit = limit.limit, .count = 0};
    const base::ByteView bytes = base::AsBytes(wire);
    array.insert(array.end(), bytes.begin(), bytes.end());
  }
  request.attributes().Put(OVS_CT_LIMIT_ATTR_ZONE_LIMIT, base::ByteView(array));
  return request;
}

absl::StatusOr<std::vector<ZoneLimit>> CtLimits::Get(int dp_ifindex,
                                                     std::span<const uint16_t> zones) {
  std::vector<ZoneLimit> asked;
  if (!zones.empty()) asked.push_back({});
  for (uint16_t zone : zones) asked.push_back({.zone = zone});
  SLUICE_ASSIGN_OR_RETURN(socket::Request request,
                          NewRequest(OVS_CT_LIMIT_CMD_GET, dp_ifindex, asked, "ct limit get"));
  request.set_read_only(true);
  return TransactParsed(client_, request, ParseZoneLimits);
}

absl::Status CtLimits::Set(int dp_ifindex, std::span<const ZoneLimit> limits) {
  SLUICE_ASSIGN_OR_RETURN(const socket::Request request,
                          NewRequest(OVS_CT_LIMIT_CMD_SET, dp_ifindex, limits, "ct limit set"));
  return client_->Transact(request).status();
}

absl::Status CtLimits::Delete(int dp_ifindex, std::span<const int> zones) {
  std::vector<ZoneLimit> limits;
  for (int zone : zones) limits.push_back({.zone = zone});
  SLUICE_ASSIGN_OR_RETURN(const socket::Request request,
                          NewRequest(OVS_CT_LIMIT_CMD_DEL, dp_ifindex, limits, "ct limit delete"));
  return client_->Transact(request).status();
}

absl::StatusOr<std::vector<ZoneLimit>> ParseZoneLimits(const socket::Message& message) {
  SLUICE_ASSIGN_OR_RETURN(const OvsMessage ovs, ParseOvsMessage(message));
  CtLimitAttributes decoded;
  if (const attr::Fault fault = attr::Decode(kCtLimitTable, ovs.attributes, &decoded, nullptr))
    return Malformed(fault);
  std::vector<ZoneLimit> limits;
  for (size_t at = 0; at + sizeof(ovs_zone_limit) <= decoded.limits.size();
       at += sizeof(ovs_zone_limit)) {
    const auto wire = base::Load<ovs_zone_limit>(decoded.limits.data() + at);
    limits.push_back({.zone = wire.zone_id, .limit = wire.limit, .count = wire.count});
  }
  return limits;
}

}  // namespace sluice::ovs
