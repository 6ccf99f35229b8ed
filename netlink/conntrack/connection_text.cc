#include "netlink/conntrack/connection_text.h"

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "netlink/attr/json.h"
#include "netlink/attr/text.h"
#include "netlink/base/status.h"
#include "netlink/conntrack/connection_match.h"
#include "netlink/conntrack/tables.h"

namespace sluice::conntrack {
namespace {

using base::ToAbsl;

std::string AddressText(const Addresses& addresses, bool source) {
  if (addresses.is_ipv4()) return base::ToString(source ? addresses.src4 : addresses.dst4);
  if (addresses.is_ipv6()) return base::ToString(source ? addresses.src6 : addresses.dst6);
  return {};
}

void AppendTuple(const Tuple& tuple, std::string* out) {
  absl::StrAppend(out, "src=", AddressText(tuple.addresses, true),
                  ",dst=", AddressText(tuple.addresses, false));
  if (tuple.is_icmp()) {
    absl::StrAppend(out, ",id=", tuple.icmp_id(), ",type=", tuple.icmp_type(),
                    ",code=", tuple.icmp_code());
  } else {
    absl::StrAppend(out, ",sport=", tuple.protocol.src_port.host(),
                    ",dport=", tuple.protocol.dst_port.host());
  }
}

void AppendDirection(std::string_view name, const Tuple& tuple, const Counters& counters,
                     bool statistics, std::string* out) {
  absl::StrAppend(out, ",", ToAbsl(name), "=(");
  AppendTuple(tuple, out);
  if (statistics && (counters.packets.host() != 0 || counters.bytes.host() != 0))
    absl::StrAppend(out, ",packets=", counters.packets.host(), ",bytes=", counters.bytes.host());
  out->push_back(')');
}

// 2026-11-21T12:00:00.123, of UTC.
std::string TimeText(uint64_t nanoseconds) {
  const auto seconds = static_cast<time_t>(nanoseconds / 1'000'000'000);
  tm parts{};
  ::gmtime_r(&seconds, &parts);
  return absl::StrFormat("%04d-%02d-%02dT%02d:%02d:%02d.%03d", parts.tm_year + 1900,
                         parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                         static_cast<int>(nanoseconds / 1'000'000 % 1000));
}

// A|B; bits without a name in hex.
std::string BitsText(std::span<const attr::Name> names, uint32_t bits) {
  std::string text;
  for (const attr::Name& name : names) {
    if ((bits & name.value) == 0) continue;
    absl::StrAppend(&text, text.empty() ? "" : "|", ToAbsl(name.name));
    bits &= ~name.value;
  }
  if (bits != 0) absl::StrAppendFormat(&text, "%s0x%x", text.empty() ? "" : "|", bits);
  return text;
}

// A name that a kernel module chose, without what would end the line.
std::string OnOneLine(std::string_view name) {
  std::string text(name);
  std::replace_if(
      text.begin(), text.end(),
      [](char c) { return !absl::ascii_isprint(static_cast<unsigned char>(c)); }, '?');
  return text;
}

// The number, from the highest byte on, without leading zeros; empty for zero.
std::string LabelsText(const std::array<uint8_t, 16>& labels) {
  std::string text;
  for (size_t i = labels.size(); i-- > 0;) {
    if (!text.empty())
      absl::StrAppendFormat(&text, "%02x", labels[i]);
    else if (labels[i] != 0)
      absl::StrAppendFormat(&text, "0x%x", labels[i]);
  }
  return text;
}

void AppendTcp(const TcpInfo& tcp, bool verbose, std::string* out) {
  const std::string_view state = NameOf(TcpStateNames(), tcp.state);
  if (!verbose) {
    absl::StrAppend(out, "state=", ToAbsl(FoldedState(state)));
    return;
  }
  absl::StrAppend(out, "state_orig=", ToAbsl(state), ",state_reply=", ToAbsl(state));
  if (tcp.wscale_original != 0 || tcp.wscale_reply != 0)
    absl::StrAppend(out, ",wscale_orig=", tcp.wscale_original, ",wscale_reply=", tcp.wscale_reply);
  if (tcp.flags_original.flags != 0)
    absl::StrAppend(out, ",flags_orig=", BitsText(TcpFlagNames(), tcp.flags_original.flags));
  if (tcp.flags_reply.flags != 0)
    absl::StrAppend(out, ",flags_reply=", BitsText(TcpFlagNames(), tcp.flags_reply.flags));
}

void AppendProtocolInfo(const Connection& connection, bool verbose, std::string* out) {
  const ProtocolInfo& info = connection.protocol_info;
  if (info.present.bits == 0) return;
  out->append(",protoinfo=(");
  if (info.present.Has(CTA_PROTOINFO_TCP)) {
    AppendTcp(info.tcp, verbose, out);
  } else {
    absl::StrAppend(out, "state=", ToAbsl(StateName(connection)));
    if (info.present.Has(CTA_PROTOINFO_SCTP))
      absl::StrAppend(out, ",vtag_orig=", info.sctp.vtag_original.host(),
                      ",vtag_reply=", info.sctp.vtag_reply.host());
  }
  out->push_back(')');
}

Json AddressesAndPorts(const Tuple& tuple) {
  Json json = {{"src", AddressText(tuple.addresses, true)},
               {"dst", AddressText(tuple.addresses, false)}};
  if (tuple.is_icmp()) {
    json["icmp_id"] = tuple.icmp_id();
    json["icmp_type"] = tuple.icmp_type();
    json["icmp_code"] = tuple.icmp_code();
  } else if (tuple.protocol.present.Has(CTA_PROTO_SRC_PORT)) {
    json["src_port"] = tuple.protocol.src_port.host();
    json["dst_port"] = tuple.protocol.dst_port.host();
  }
  if (tuple.present.Has(CTA_TUPLE_ZONE)) json["zone"] = tuple.zone.host();
  return json;
}

Json DirectionToJson(const Tuple& tuple, const Counters& counters) {
  Json json = AddressesAndPorts(tuple);
  if (counters.present.bits != 0) {
    json["packets"] = counters.packets.host();
    json["bytes"] = counters.bytes.host();
  }
  return json;
}

Json BitsToJson(std::span<const attr::Name> names, uint32_t bits) {
  Json list = Json::array();
  for (const attr::Name& name : names) {
    if ((bits & name.value) != 0) list.push_back(std::string(name.name));
    bits &= ~name.value;
  }
  if (bits != 0) list.push_back(absl::StrFormat("0x%x", bits));
  return list;
}

// A state's word, or its number when it has none.
Json StateToJson(const Connection& connection, uint8_t number) {
  const std::string_view name = StateName(connection);
  return name.empty() ? Json(number) : Json(std::string(name));
}

Json ProtocolInfoToJson(const Connection& connection) {
  const ProtocolInfo& info = connection.protocol_info;
  Json json = Json::object();
  if (info.present.Has(CTA_PROTOINFO_TCP)) {
    json["state"] = StateToJson(connection, info.tcp.state);
    json["wscale_orig"] = info.tcp.wscale_original;
    json["wscale_reply"] = info.tcp.wscale_reply;
    json["flags_orig"] = BitsToJson(TcpFlagNames(), info.tcp.flags_original.flags);
    json["flags_reply"] = BitsToJson(TcpFlagNames(), info.tcp.flags_reply.flags);
  } else if (info.present.Has(CTA_PROTOINFO_SCTP)) {
    json["state"] = StateToJson(connection, info.sctp.state);
    json["vtag_orig"] = info.sctp.vtag_original.host();
    json["vtag_reply"] = info.sctp.vtag_reply.host();
  } else if (info.present.Has(CTA_PROTOINFO_DCCP)) {
    json["state"] = StateToJson(connection, info.dccp.state);
    json["role"] = info.dccp.role == 0 ? "client" : "server";
  }
  return json;
}

}  // namespace

void AppendConnection(const Connection& connection, const ConnectionTextOptions& options,
                      std::string* out) {
  out->append(ProtocolName(connection.original.protocol.number));
  AppendDirection("orig", connection.original, connection.original_counters, options.statistics,
                  out);
  AppendDirection("reply", connection.reply, connection.reply_counters, options.statistics, out);
  if (const Timestamp& time = connection.timestamp; options.statistics && time.present.bits != 0) {
    absl::StrAppend(out, ",start=", TimeText(time.start.host()));
    if (time.stop.host() != 0) absl::StrAppend(out, ",stop=", TimeText(time.stop.host()));
  }
  if (options.verbose) absl::StrAppend(out, ",id=", connection.id.host());
  if (connection.zone.host() != 0) absl::StrAppend(out, ",zone=", connection.zone.host());
  if (options.verbose)
    absl::StrAppend(out, ",status=", BitsText(StatusNames(), connection.status.host()));
  if (options.statistics) absl::StrAppend(out, ",timeout=", connection.timeout.host());
  if (connection.mark.host() != 0) absl::StrAppend(out, ",mark=", connection.mark.host());
  if (const std::string labels = LabelsText(connection.labels); !labels.empty())
    absl::StrAppend(out, ",labels=", labels);
  AppendProtocolInfo(connection, options.verbose, out);
  if (connection.Has(CTA_HELP))
    absl::StrAppend(out, ",helper=", OnOneLine(connection.helper.name()));
  if (!options.verbose) return;
  if (connection.Has(CTA_TUPLE_MASTER)) {
    out->append(",parent=(");
    AppendTuple(connection.parent, out);
    out->push_back(')');
  }
  if (!connection.others.empty()) {
    out->push_back(',');
    attr::AppendSet(kConnectionTable, connection.others, {}, {}, out);
  }
}

Json ConnectionToJson(const Connection& connection) {
  Json json;
  json["protocol"] = ProtocolName(connection.original.protocol.number);
  json["protocol_number"] = connection.original.protocol.number;
  json["orig"] = DirectionToJson(connection.original, connection.original_counters);
  json["reply"] = DirectionToJson(connection.reply, connection.reply_counters);
  json["zone"] = connection.zone.host();
  json["id"] = connection.id.host();
  json["status"] = BitsToJson(StatusNames(), connection.status.host());
  json["timeout"] = connection.Has(CTA_TIMEOUT) ? Json(connection.timeout.host()) : Json();
  json["mark"] = connection.mark.host();
  const std::string labels = LabelsText(connection.labels);
  json["labels"] = labels.empty() ? "0x0" : labels;
  if (connection.protocol_info.present.bits != 0)
    json["protoinfo"] = ProtocolInfoToJson(connection);
  if (connection.Has(CTA_HELP)) json["helper"] = std::string(connection.helper.name());
  if (const Timestamp& time = connection.timestamp; time.present.bits != 0) {
    json["start_ns"] = time.start.host();
    json["stop_ns"] = time.stop.host() != 0 ? Json(time.stop.host()) : Json();
  }
  if (connection.Has(CTA_TUPLE_MASTER)) json["parent"] = AddressesAndPorts(connection.parent);
  if (!connection.others.empty())
    json["others"] = attr::SetToJson(kConnectionTable, connection.others, {}, {});
  return json;
}

std::string TimeoutsText(const TimeoutPolicy& policy) {
  std::string text;
  attr::AppendSet(TimeoutsOf(policy.protocol), policy.timeouts, {}, {}, &text);
  return text;
}

Json TimeoutsToJson(const TimeoutPolicy& policy) {
  return attr::SetToJson(TimeoutsOf(policy.protocol), policy.timeouts, {}, {});
}

absl::StatusOr<base::ByteVector> ParseTimeouts(uint8_t protocol, std::string_view text) {
  SLUICE_ASSIGN_OR_RETURN(attr::ParsedSet parsed, attr::ParseSet(TimeoutsOf(protocol), text, {}));
  // A mask has no meaning here.
  const attr::AttributeWalk masks(parsed.mask);
  for (const attr::Attribute& mask : masks)
    if (!base::IsAllOnes(mask.payload))
      return attr::TextError(text, text.find('/'), "expected seconds, without a mask");
  return std::move(parsed.value);
}

}  // namespace sluice::conntrack
