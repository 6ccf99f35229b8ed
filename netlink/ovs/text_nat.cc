// Text and JSON of address translation: nat(src=10.0.0.1-10.0.0.9:10-20,random), addresses of IPv6
// in brackets before ports.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "netlink/attr/json.h"
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

uint64_t NatPort(ByteView port) {
  return port.size() == sizeof(uint16_t) ? base::Load<uint16_t>(port.data()) : 0;
}

void FormatNat(const Row& row, ByteView value, MaskView, const TextOptions&, std::string* out) {
  out->append(row.name);
  if (value.empty()) return;
  out->push_back('(');
  const ByteView ip_min = attr::Find(value, OVS_NAT_ATTR_IP_MIN);
  const ByteView ip_max = attr::Find(value, OVS_NAT_ATTR_IP_MAX);
  const ByteView port_min = attr::Find(value, OVS_NAT_ATTR_PROTO_MIN);
  const ByteView port_max = attr::Find(value, OVS_NAT_ATTR_PROTO_MAX);
  for (const Attribute& attribute : AttributeWalk(value)) {
    const Row* inner = row.nested->Find(attribute.type);
    const bool direction = attribute.type == OVS_NAT_ATTR_SRC || attribute.type == OVS_NAT_ATTR_DST;
    const bool flag = inner != nullptr && inner->kind == attr::Kind::kFlag;
    if (inner != nullptr && !flag) continue;  // a part of the range
    if (out->back() != '(') out->push_back(',');
    if (inner == nullptr) {
      out->append(row.nested->unknown);
      attr::AppendNumber(attribute.type, Format::kDec, out);
      out->push_back('(');
      base::AppendHex(attribute.payload, out);
      out->push_back(')');
      continue;
    }
    out->append(inner->name);
    if (!direction || (ip_min.empty() && port_min.empty())) continue;
    out->push_back('=');
    const bool bracket = !port_min.empty();
    if (!ip_min.empty()) AppendNatAddress(ip_min, bracket, out);
    if (!ip_max.empty()) {
      out->push_back('-');
      AppendNatAddress(ip_max, bracket, out);
    }
    if (port_min.empty()) continue;
    out->push_back(':');
    attr::AppendNumber(NatPort(port_min), Format::kDec, out);
    if (port_max.empty()) continue;
    out->push_back('-');
    attr::AppendNumber(NatPort(port_max), Format::kDec, out);
  }
  out->push_back(')');
}

// One address of a range, up to '-', ':', ',' or ')'. IPv6 may stand in brackets.
bool ParseNatAddress(Parser& parser, std::string_view token, size_t* used, ByteVector* out) {
  size_t start = 0, length = 0;
  const bool bracket = !token.empty() && token[0] == '[';
  if (bracket) {
    start = 1;
    length = std::min(token.find(']'), token.size()) - 1;
    *used = std::min(length + 2, token.size());
  } else {
    length = std::min(token.find('-'), token.size());
    const std::string_view candidate = token.substr(0, length);
    if (candidate.find('.') != std::string_view::npos)
      length = std::min(length, candidate.find(':'));
    *used = length;
  }
  const std::string_view text = token.substr(start, length);
  if (auto ip = base::ParseIpv4(text)) {
    out->assign(ip->bytes.begin(), ip->bytes.end());
  } else if (auto ip6 = base::ParseIpv6(text)) {
    out->assign(ip6->bytes.begin(), ip6->bytes.end());
  } else {
    return parser.Fail("an address, or ':' and a port");
  }
  return true;
}

bool ParseNatRange(Parser& parser, Writer* writer) {
  const size_t start = parser.position();
  std::string_view token = parser.Token();
  const std::string_view whole = token;
  ByteVector ip_min, ip_max;
  size_t used = 0;
  auto advance = [&](size_t n) { token.remove_prefix(n); };
  parser.Rewind(start);
  if (!token.empty() && token[0] != ':') {
    if (!ParseNatAddress(parser, token, &used, &ip_min)) return false;
    advance(used);
    if (!token.empty() && token[0] == '-') {
      advance(1);
      if (!ParseNatAddress(parser, token, &used, &ip_max)) return false;
      advance(used);
    }
    if (!ip_max.empty() && ip_max.size() != ip_min.size())
      return parser.Fail("two addresses of one family");
  }
  parser.Rewind(start + (whole.size() - token.size()));
  if (!ip_min.empty()) writer->Put(OVS_NAT_ATTR_IP_MIN, ip_min);
  if (!ip_max.empty()) writer->Put(OVS_NAT_ATTR_IP_MAX, ip_max);
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
    writer.PutFlag(inner->type);
    const bool direction = inner->type == OVS_NAT_ATTR_SRC || inner->type == OVS_NAT_ATTR_DST;
    if (direction && parser.Accept('=') && !ParseNatRange(parser, &writer)) return false;
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
