// Text and JSON of address translation: nat(src=10.0.0.1-10.0.0.9:10-20,random), addresses of IPv6
// in brackets before ports.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "netlink/attr/json.h"
#include "netlink/attr/parser.h"
#include "netlink/attr/text.h"
#include "netlink/attr/wire.h"
#include "netlink/base/address.h"
#include "netlink/ovs/text_hooks.h"

#include <linux/openvswitch.h>

namespace sluice::ovs {
namespace {

using attr::Attribute;
using attr::AttributeWalk;
using attr::Format;
using attr::Json;
using attr::MaskView;
using attr::ParsedAttribute;
using attr::Parser;
using attr::Row;
using attr::TextOptions;
using attr::Writer;
using base::ByteVector;
using base::ByteView;

void AppendNatAddress(ByteView ip, bool bracket, std::string* out) {
  if (ip.size() == sizeof(base::Ipv4)) return base::AppendIpv4(ip.data(), out);
  if (ip.size() != sizeof(base::Ipv6)) {
    out->append("0x");
    return base::AppendHex(ip, out);
  }
  if (bracket) out->push_back('[');
  base::AppendIpv6(ip.data(), out);
  if (bracket) out->push_back(']');
}

void AppendPort(ByteView port, std::string* out) {
  const bool shaped = port.size() == sizeof(uint16_t);
  attr::AppendNumber(shaped ? base::Load<uint16_t>(port.data()) : 0, Format::kDec, out);
}

// 10.0.0.1-10.0.0.9:10-20
void AppendRange(ByteView nat, std::string* out) {
  const ByteView ip_min = attr::Find(nat, OVS_NAT_ATTR_IP_MIN);
  const ByteView ip_max = attr::Find(nat, OVS_NAT_ATTR_IP_MAX);
  const ByteView port_min = attr::Find(nat, OVS_NAT_ATTR_PROTO_MIN);
  const ByteView port_max = attr::Find(nat, OVS_NAT_ATTR_PROTO_MAX);
  if (ip_min.empty() && port_min.empty()) return;
  out->push_back('=');
  const bool bracket = !port_min.empty();
  if (!ip_min.empty()) AppendNatAddress(ip_min, bracket, out);
  if (!ip_max.empty()) {
    out->push_back('-');
    AppendNatAddress(ip_max, bracket, out);
  }
  if (port_min.empty()) return;
  out->push_back(':');
  AppendPort(port_min, out);
  if (port_max.empty()) return;
  out->push_back('-');
  AppendPort(port_max, out);
}

bool FormatNat(const Row& row, ByteView value, MaskView, const TextOptions& options,
               std::string* out) {
  const size_t start = out->size() + row.name.size();
  out->append(row.name);
  if (value.empty()) return true;
  out->push_back('(');
  for (const Attribute& attribute : AttributeWalk(value)) {
    const Row* inner = row.nested->Find(attribute.type);
    if (inner == nullptr || inner->kind != attr::Kind::kFlag) continue;  // a part of the range
    if (out->back() != '(') out->push_back(',');
    out->append(inner->name);
    if (attribute.type == OVS_NAT_ATTR_SRC || attribute.type == OVS_NAT_ATTR_DST)
      AppendRange(value, out);
  }
  out->push_back(')');
  // An unknown attribute, or a range without a direction, has no words.
  return attr::ReadsBack(row, std::string_view(*out).substr(start), options, value);
}

bool ReadAddress(std::string_view text, bool only_ipv4, ByteVector* out) {
  if (const auto ip = base::ParseIpv4(text)) {
    out->assign(ip->bytes.begin(), ip->bytes.end());
    return true;
  }
  const auto ip6 = only_ipv4 ? std::nullopt : base::ParseIpv6(text);
  if (ip6) out->assign(ip6->bytes.begin(), ip6->bytes.end());
  return ip6.has_value();
}

// One address of a range; IPv6 may stand in brackets. A port may follow one of IPv4.
bool ParseAddress(Parser& parser, ByteVector* out) {
  static constexpr char kExpected[] = "an address, or ':' and a port";
  parser.Peek();  // skips blanks
  const std::string_view rest = parser.rest();
  if (parser.Accept('[')) {
    const size_t length = std::min(rest.find(']'), rest.size()) - 1;
    if (!ReadAddress(rest.substr(1, length), /*only_ipv4=*/false, out))
      return parser.Fail(kExpected);
    parser.Skip(length);
    return parser.Expect(']');
  }
  std::string_view text = rest.substr(0, rest.find_first_not_of("0123456789abcdefABCDEF.:"));
  if (!ReadAddress(text, /*only_ipv4=*/false, out)) {
    text = text.substr(0, text.rfind(':'));
    if (!ReadAddress(text, /*only_ipv4=*/true, out)) return parser.Fail(kExpected);
  }
  parser.Skip(text.size());
  return true;
}

bool ParseRange(Parser& parser, Writer* writer) {
  ByteVector ip_min, ip_max;
  const bool only_port = parser.Peek() == ':' && parser.rest().substr(0, 2) != "::";
  if (!only_port) {
    if (!ParseAddress(parser, &ip_min)) return false;
    writer->Put(OVS_NAT_ATTR_IP_MIN, ip_min);
    if (parser.Accept('-')) {
      const size_t start = parser.position();
      if (!ParseAddress(parser, &ip_max)) return false;
      if (ip_max.size() != ip_min.size())
        return parser.FailAt(start, "two addresses of one family");
      writer->Put(OVS_NAT_ATTR_IP_MAX, ip_max);
    }
  }
  if (!parser.Accept(':')) return true;
  uint64_t low = 0, high = 0;
  if (!parser.Number(0xffff, &low)) return false;
  writer->Put(OVS_NAT_ATTR_PROTO_MIN, static_cast<uint16_t>(low));
  if (!parser.Accept('-')) return true;
  if (!parser.Number(0xffff, &high)) return false;
  writer->Put(OVS_NAT_ATTR_PROTO_MAX, static_cast<uint16_t>(high));
  return true;
}

bool ParseNat(Parser& parser, const Row& row, ParsedAttribute* out) {
  if (!parser.Accept('(')) return true;
  Writer writer(&out->value);
  while (parser.Peek() != ')') {
    const size_t start = parser.position();
    const Row* inner = row.nested->FindByName(parser.Word());
    if (inner == nullptr || inner->kind != attr::Kind::kFlag) {
      parser.Rewind(start);
      return parser.Fail("src, dst, persistent, hash or random");
    }
    if (attr::Find(out->value, inner->type).data() != nullptr)
      return parser.FailAt(start, "each word only once");
    writer.PutFlag(inner->type);
    const bool direction = inner->type == OVS_NAT_ATTR_SRC || inner->type == OVS_NAT_ATTR_DST;
    if (direction && parser.Accept('=') && !ParseRange(parser, &writer)) return false;
    if (!parser.Accept(',') && parser.Peek() != ')') return parser.Fail("',' or ')'");
  }
  return parser.Expect(')');
}

void NatAddressToJson(const Row&, ByteView value, MaskView, const TextOptions&, Json* out) {
  std::string text;
  AppendNatAddress(value, /*bracket=*/false, &text);
  *out = std::move(text);
}

}  // namespace

const attr::TextHook kNatHook{FormatNat, ParseNat};
const attr::TextHook kNatAddressHook{.json = NatAddressToJson};

}  // namespace sluice::ovs
