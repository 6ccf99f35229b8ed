#include "netlink/conntrack/connection.h"

#include "netlink/attr/codec.h"
#include "netlink/base/counters.h"
#include "netlink/conntrack/netfilter_request.h"
#include "netlink/conntrack/tables.h"

namespace sluice::conntrack {
namespace {

base::Counter& UnknownCounter() {
  static base::Counter& counter = base::Counters::Get(
      "conntrack_unknown_attributes", "Attributes of connections that no table knows.");
  return counter;
}

bool IsKnown(const attr::UnknownAttribute& attribute) {
  const attr::Table& table =
      attribute.parent == nullptr ? kConnectionTable : *attribute.parent->nested;
  return table.Find(attribute.type) != nullptr;
}

}  // namespace

uint16_t Tuple::icmp_id() const {
  return protocol.present.Has(CTA_PROTO_ICMPV6_ID) ? protocol.icmpv6_id.host()
                                                   : protocol.icmp_id.host();
}
uint8_t Tuple::icmp_type() const {
  return protocol.present.Has(CTA_PROTO_ICMPV6_TYPE) ? protocol.icmpv6_type : protocol.icmp_type;
}
uint8_t Tuple::icmp_code() const {
  return protocol.present.Has(CTA_PROTO_ICMPV6_CODE) ? protocol.icmpv6_code : protocol.icmp_code;
}

std::string_view Helper::name() const {
  const std::string_view all(bytes.data(), length);
  return all.substr(0, all.find('\0'));
}

absl::StatusOr<Connection> ParseConnection(const socket::Message& message) {
  SLUICE_ASSIGN_OR_RETURN(const NetfilterMessage netfilter, ParseNetfilterMessage(message));
  if (netfilter.subsystem != NFNL_SUBSYS_CTNETLINK)
    return Malformed("a message of another netfilter subsystem where a connection was expected");
  Connection connection;
  attr::Unknowns unknowns;
  if (const attr::Fault fault =
          attr::Decode(kConnectionTable, netfilter.attributes, &connection, &unknowns))
    return Malformed(fault);
  for (const attr::UnknownAttribute& unknown : unknowns) {
    if (!IsKnown(unknown)) UnknownCounter().Add();
    if (unknown.parent == nullptr)
      connection.others.insert(connection.others.end(), unknown.raw.begin(), unknown.raw.end());
  }
  return connection;
}

void EncodeTuple(const Tuple& tuple, Direction direction, attr::Writer* writer) {
  auto nest = writer->Nest(static_cast<uint16_t>(
      NLA_F_NESTED | (direction == Direction::kOriginal ? CTA_TUPLE_ORIG : CTA_TUPLE_REPLY)));
  attr::Encode(kTupleTable, &tuple, nullptr, writer);
}

void EncodeIdentity(const Connection& connection, attr::Writer* writer) {
  EncodeTuple(connection.original, Direction::kOriginal, writer);
  // A kernel without zones refuses the attribute, even for the one zone that it has.
  if (connection.Has(CTA_ZONE) && connection.zone.host() != 0)
    writer->Put(CTA_ZONE, connection.zone.wire());
  if (connection.Has(CTA_ID)) writer->Put(CTA_ID, connection.id.wire());
}

}  // namespace sluice::conntrack
