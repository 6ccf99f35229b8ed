#include "netlink/conntrack/connection_match.h"

#include <netinet/in.h>

#include <algorithm>
#include <cctype>

#include "absl/strings/str_cat.h"
#include "netlink/attr/scanner.h"
#include "netlink/base/status.h"
#include "netlink/conntrack/tables.h"

namespace sluice::conntrack {
namespace {

struct ProtocolWord {
  uint8_t number;
  std::string_view name;
};
constexpr ProtocolWord kProtocols[] = {
    {IPPROTO_ICMP, "icmp"}, {IPPROTO_ICMPV6, "icmpv6"}, {IPPROTO_TCP, "tcp"},
    {IPPROTO_UDP, "udp"},   {IPPROTO_SCTP, "sctp"},     {IPPROTO_UDPLITE, "udplite"},
    {IPPROTO_DCCP, "dccp"}, {IPPROTO_IGMP, "igmp"},
};

std::string Upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return upper;
}

// Where the fields of an argument go.
struct Target {
  ConnectionMatch* match;
  TupleMatch* tuple;
};

template <typename T>
bool ReadNumber(attr::Scanner* in, std::optional<T>* out) {
  uint64_t number = 0;
  if (!in->Number(std::numeric_limits<T>::max(), &number)) return false;
  *out = static_cast<T>(number);
  return true;
}

// ADDRESS[/MASK], where MASK is an address or the number of its leading bits.
bool ReadAddress(attr::Scanner* in, uint8_t family, AddressMatch* out) {
  const size_t size = family == AF_INET ? 4 : 16;
  const auto read = [&](std::string_view text, std::array<uint8_t, 16>* bytes) {
    if (family == AF_INET) {
      const auto ip = base::ParseIpv4(text);
      if (ip) std::copy(ip->bytes.begin(), ip->bytes.end(), bytes->begin());
      return ip.has_value();
    }
    const auto ip = base::ParseIpv6(text);
    if (ip) *bytes = ip->bytes;
    return ip.has_value();
  };
  size_t start = in->position();
  if (!read(in->Token(), &out->value))
    return in->FailAt(start, family == AF_INET ? "an IPv4 address" : "an IPv6 address");
  out->family = family;
  out->mask = {};
  std::fill_n(out->mask.begin(), size, uint8_t{0xff});
  if (!in->Accept('/')) return true;
  start = in->position();
  const std::string_view text = in->Token();
  const auto bits = attr::WholeNumber(text);
  if (bits && *bits <= 8 * size) {
    for (size_t i = 0; i < size; ++i) {
      const size_t rest = std::min<size_t>(8, *bits > 8 * i ? *bits - 8 * i : 0);
      out->mask[i] = static_cast<uint8_t>(0xff00u >> rest);
    }
  } else if (!read(text, &out->mask)) {
    return in->FailAt(start,
                      absl::StrCat("a mask: an address, or a number of bits up to ", 8 * size));
  }
  for (size_t i = 0; i < size; ++i) out->value[i] &= out->mask[i];
  return true;
}

// One address of a tuple; the other has to be of the same family.
template <AddressMatch TupleMatch::*kMine, AddressMatch TupleMatch::*kOther, uint8_t kFamily>
bool ReadTupleAddress(attr::Scanner* in, const Target& to) {
  const uint8_t other = (to.tuple->*kOther).family;
  if (other != 0 && other != kFamily)
    return in->Fail("addresses of one family: all ct_nw_ or all ct_ipv6_");
  return ReadAddress(in, kFamily, &(to.tuple->*kMine));
}

template <auto kMember>
bool ReadTupleNumber(attr::Scanner* in, const Target& to) {
  return ReadNumber(in, &(to.tuple->*kMember));
}

bool ReadProtocol(attr::Scanner* in, const Target& to) {
  const size_t start = in->position();
  to.tuple->protocol = ProtocolNumber(in->Token());
  return to.tuple->protocol ||
         in->FailAt(start, "a protocol: a number, tcp, udp, icmp or the like");
}

bool ReadZone(attr::Scanner* in, const Target& to) { return ReadNumber(in, &to.match->zone); }

bool ReadMark(attr::Scanner* in, const Target& to) {
  uint64_t value = 0, mask = UINT32_MAX;
  if (!in->Number(UINT32_MAX, &value)) return false;
  if (in->Accept('/') && !in->Number(UINT32_MAX, &mask)) return false;
  to.match->mark = static_cast<uint32_t>(value & mask);
  to.match->mark_mask = static_cast<uint32_t>(mask);
  return true;
}

// A number of up to 128 bits, lowest byte first.
bool ReadBigNumber(attr::Scanner* in, std::array<uint8_t, 16>* out) {
  out->fill(0);
  const size_t start = in->position();
  const std::string_view token = in->Token();
  if (const auto small = attr::WholeNumber(token)) {
    base::Store(out->data(), *small);
    return true;
  }
  std::string digits(token.substr(0, 2) == "0x" ? token.substr(2) : std::string_view());
  if (digits.size() % 2 != 0) digits.insert(digits.begin(), '0');
  const auto bytes = base::FromHex(digits);
  if (!bytes || bytes->empty() || bytes->size() > out->size())
    return in->FailAt(start, "a number of at most 128 bits: 0x..");
  std::reverse_copy(bytes->begin(), bytes->end(), out->begin());
  return true;
}

bool ReadLabels(attr::Scanner* in, const Target& to) {
  ConnectionMatch& match = *to.match;
  if (!ReadBigNumber(in, &match.labels)) return false;
  match.labels_mask.fill(0xff);
  if (in->Accept('/') && !ReadBigNumber(in, &match.labels_mask)) return false;
  for (size_t i = 0; i < match.labels.size(); ++i) match.labels[i] &= match.labels_mask[i];
  return true;
}

bool ReadState(attr::Scanner* in, const Target& to) {
  const size_t start = in->position();
  to.match->state = Upper(in->Token());
  for (const auto names : {TcpStateNames(), SctpStateNames(), DccpStateNames()})
    for (const attr::Name& name : names)
      if (name.name == to.match->state) return true;
  return in->FailAt(start, "a state: ESTABLISHED, SYN_SENT or the like");
}

// ASSURED|SEEN_REPLY, or +ASSURED-SEEN_REPLY.
bool ReadStatus(attr::Scanner* in, const Target& to) {
  const size_t start = in->position();
  const std::string_view token = in->Token();
  size_t at = 0;
  do {
    const bool clear = at < token.size() && token[at] == '-';
    if (at < token.size() && (token[at] == '+' || token[at] == '-' || (at > 0 && token[at] == '|')))
      ++at;
    const size_t end = std::min(token.find_first_of("+-|", at), token.size());
    const std::string word = Upper(token.substr(at, end - at));
    const auto names = StatusNames();
    const auto* found = std::find_if(names.data(), names.data() + names.size(),
                                     [&](const attr::Name& name) { return name.name == word; });
    if (found == names.data() + names.size())
      return in->FailAt(start + at, "a status: ASSURED, SEEN_REPLY or the like");
    to.match->status_mask |= found->value;
    if (clear)
      to.match->status &= ~found->value;
    else
      to.match->status |= found->value;
    at = end;
  } while (at < token.size());
  return true;
}

struct FieldRow {
  std::string_view name;
  bool of_tuple;
  bool (*read)(attr::Scanner* in, const Target& to);
};
using M = TupleMatch;
constexpr FieldRow kFields[] = {
    {"zone", false, ReadZone},
    {"mark", false, ReadMark},
    {"labels", false, ReadLabels},
    {"label", false, ReadLabels},
    {"state", false, ReadState},
    {"status", false, ReadStatus},
    {"ct_nw_src", true, ReadTupleAddress<&M::src, &M::dst, AF_INET>},
    {"ct_nw_dst", true, ReadTupleAddress<&M::dst, &M::src, AF_INET>},
    {"ct_ipv6_src", true, ReadTupleAddress<&M::src, &M::dst, AF_INET6>},
    {"ct_ipv6_dst", true, ReadTupleAddress<&M::dst, &M::src, AF_INET6>},
    {"ct_nw_proto", true, ReadProtocol},
    {"proto", true, ReadProtocol},
    {"ct_tp_src", true, ReadTupleNumber<&M::src_port>},
    {"ct_tp_dst", true, ReadTupleNumber<&M::dst_port>},
    {"icmp_type", true, ReadTupleNumber<&M::icmp_type>},
    {"icmp_code", true, ReadTupleNumber<&M::icmp_code>},
    {"icmp_id", true, ReadTupleNumber<&M::icmp_id>},
};

const FieldRow* FindField(std::string_view name) {
  for (const FieldRow& row : kFields)
    if (row.name == name) return &row;
  return nullptr;
}

// Reads all of one argument. `*of_tuple` tells whether it had fields of a tuple.
bool ReadFields(attr::Scanner* in, const Target& to, bool* of_tuple) {
  uint32_t seen = 0;
  while (!in->AtEnd()) {
    const size_t start = in->position();
    const FieldRow* row = FindField(in->Word());
    if (row == nullptr)
      return in->FailAt(start,
                        "a field: zone, mark, labels, state, status, ct_nw_src, ct_nw_proto, "
                        "ct_tp_dst, icmp_type or the like");
    const auto bit = uint32_t{1} << (row - kFields);
    if ((seen & bit) != 0) return in->FailAt(start, "each field once");
    seen |= bit;
    if (row->of_tuple && to.tuple == nullptr)
      return in->FailAt(start, "at most two tuples: the original direction and the reply");
    *of_tuple |= row->of_tuple;
    if (!in->Expect('=') || !row->read(in, to)) return false;
    if (in->AtEnd()) break;
    if (!in->Accept(',') && !in->AfterBlank()) return in->Fail("',' or the end");
    if (in->AtEnd()) return in->Fail("another field");
  }
  return true;
}

bool MatchesAddress(const AddressMatch& match, const Addresses& addresses, bool source) {
  if (match.family == 0) return true;
  const uint8_t* at = nullptr;
  if (match.family == AF_INET && addresses.is_ipv4())
    at = (source ? addresses.src4 : addresses.dst4).bytes.data();
  if (match.family == AF_INET6 && addresses.is_ipv6())
    at = (source ? addresses.src6 : addresses.dst6).bytes.data();
  if (at == nullptr) return false;
  const size_t size = match.family == AF_INET ? 4 : 16;
  for (size_t i = 0; i < size; ++i)
    if ((at[i] & match.mask[i]) != match.value[i]) return false;
  return true;
}

bool IsWhole(const AddressMatch& match) {
  const size_t size = match.family == AF_INET ? 4 : 16;
  return match.family != 0 && base::IsAllOnes({match.mask.data(), size});
}

template <typename T>
bool Agrees(const std::optional<T>& wanted, bool there, T value) {
  return !wanted || (there && *wanted == value);
}

void PutAddresses(const TupleMatch& match, Addresses* out) {
  if (match.src.family == AF_INET) {
    out->present.Add(CTA_IP_V4_SRC);
    out->present.Add(CTA_IP_V4_DST);
    std::copy_n(match.src.value.begin(), 4, out->src4.bytes.begin());
    std::copy_n(match.dst.value.begin(), 4, out->dst4.bytes.begin());
  } else {
    out->present.Add(CTA_IP_V6_SRC);
    out->present.Add(CTA_IP_V6_DST);
    out->src6.bytes = match.src.value;
    out->dst6.bytes = match.dst.value;
  }
}

void PutIcmp(const TupleMatch& match, Protocol* out) {
  if (match.protocol == IPPROTO_ICMP) {
    for (unsigned attribute : {CTA_PROTO_ICMP_ID, CTA_PROTO_ICMP_TYPE, CTA_PROTO_ICMP_CODE})
      out->present.Add(attribute);
    out->icmp_id = Be16::FromHost(*match.icmp_id);
    out->icmp_type = *match.icmp_type;
    out->icmp_code = *match.icmp_code;
  } else {
    for (unsigned attribute : {CTA_PROTO_ICMPV6_ID, CTA_PROTO_ICMPV6_TYPE, CTA_PROTO_ICMPV6_CODE})
      out->present.Add(attribute);
    out->icmpv6_id = Be16::FromHost(*match.icmp_id);
    out->icmpv6_type = *match.icmp_type;
    out->icmpv6_code = *match.icmp_code;
  }
}

}  // namespace

std::vector<std::string_view> MatchFieldNames() {
  std::vector<std::string_view> names;
  for (const FieldRow& row : kFields) names.push_back(row.name);
  return names;
}

std::string ProtocolName(uint8_t protocol) {
  for (const ProtocolWord& word : kProtocols)
    if (word.number == protocol) return std::string(word.name);
  return absl::StrCat(protocol);
}

std::optional<uint8_t> ProtocolNumber(std::string_view text) {
  for (const ProtocolWord& word : kProtocols)
    if (word.name == text) return word.number;
  const auto number = attr::WholeNumber(text);
  if (!number || *number > UINT8_MAX) return std::nullopt;
  return static_cast<uint8_t>(*number);
}

std::string_view StateName(const Connection& connection) {
  const ProtocolInfo& info = connection.protocol_info;
  if (info.present.Has(CTA_PROTOINFO_TCP)) return NameOf(TcpStateNames(), info.tcp.state);
  if (info.present.Has(CTA_PROTOINFO_SCTP)) return NameOf(SctpStateNames(), info.sctp.state);
  if (info.present.Has(CTA_PROTOINFO_DCCP)) return NameOf(DccpStateNames(), info.dccp.state);
  return {};
}

std::string_view FoldedState(std::string_view state) {
  if (state == "SYN_RECV") return "ESTABLISHED";
  if (state == "FIN_WAIT_2") return "TIME_WAIT";
  return state;
}

bool TupleMatch::empty() const {
  return src.family == 0 && dst.family == 0 && !protocol && !src_port && !dst_port && !icmp_id &&
         !icmp_type && !icmp_code;
}

bool TupleMatch::Matches(const Tuple& tuple) const {
  const Protocol& at = tuple.protocol;
  const bool ports = at.present.Has(CTA_PROTO_SRC_PORT), icmp = tuple.is_icmp();
  return MatchesAddress(src, tuple.addresses, true) &&
         MatchesAddress(dst, tuple.addresses, false) &&
         Agrees(protocol, at.present.Has(CTA_PROTO_NUM), at.number) &&
         Agrees(src_port, ports, at.src_port.host()) &&
         Agrees(dst_port, ports, at.dst_port.host()) && Agrees(icmp_id, icmp, tuple.icmp_id()) &&
         Agrees(icmp_type, icmp, tuple.icmp_type()) && Agrees(icmp_code, icmp, tuple.icmp_code());
}

std::optional<Tuple> TupleMatch::Whole() const {
  if (!IsWhole(src) || !IsWhole(dst) || !protocol) return std::nullopt;
  const bool icmp = protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
  if (icmp ? !icmp_id || !icmp_type || !icmp_code : !src_port || !dst_port) return std::nullopt;
  Tuple tuple;
  tuple.present.Add(CTA_TUPLE_IP);
  tuple.present.Add(CTA_TUPLE_PROTO);
  PutAddresses(*this, &tuple.addresses);
  tuple.protocol.present.Add(CTA_PROTO_NUM);
  tuple.protocol.number = *protocol;
  if (icmp) {
    PutIcmp(*this, &tuple.protocol);
  } else {
    tuple.protocol.present.Add(CTA_PROTO_SRC_PORT);
    tuple.protocol.present.Add(CTA_PROTO_DST_PORT);
    tuple.protocol.src_port = Be16::FromHost(*src_port);
    tuple.protocol.dst_port = Be16::FromHost(*dst_port);
  }
  return tuple;
}

absl::Status ConnectionMatch::Add(std::string_view argument) {
  attr::Scanner in(argument);
  TupleMatch* const tuple = tuples == 0 ? &original : tuples == 1 ? &reply : nullptr;
  bool of_tuple = in.AtEnd();
  if (of_tuple && tuple == nullptr)
    return attr::TextError(argument, 0, "expected at most two tuples");
  if (!ReadFields(&in, {this, tuple}, &of_tuple)) return in.status();
  if (of_tuple) ++tuples;
  return absl::OkStatus();
}

bool ConnectionMatch::Matches(const Connection& connection) const {
  if (zone && connection.zone.host() != *zone) return false;
  if ((connection.mark.host() & mark_mask) != mark) return false;
  for (size_t i = 0; i < labels.size(); ++i)
    if ((connection.labels[i] & labels_mask[i]) != labels[i]) return false;
  if ((connection.status.host() & status_mask) != status) return false;
  if (!state.empty()) {
    const std::string_view name = StateName(connection);
    if (name != state && FoldedState(name) != state) return false;
  }
  return original.Matches(connection.original) && reply.Matches(connection.reply);
}

bool ConnectionMatch::only_zone() const {
  return mark_mask == 0 && base::IsAllZeros(labels_mask) && status_mask == 0 && state.empty() &&
         original.empty() && reply.empty();
}

uint8_t ConnectionMatch::family() const {
  for (const AddressMatch* address : {&original.src, &original.dst, &reply.src, &reply.dst})
    if (address->family != 0) return address->family;
  return 0;
}

}  // namespace sluice::conntrack
