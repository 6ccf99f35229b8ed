#include "netlink/ovs/text_hooks.h"

#include <algorithm>
#include <cstring>

#include "kmod-compat/uapi/openvswitch.h"
#include "netlink/attr/text.h"
#include "netlink/attr/wire.h"
#include "netlink/base/address.h"
#include "netlink/base/byte_order.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::ovs {
namespace {

using attr::Attribute;
using attr::AttributeWalk;
using attr::Format;
using attr::MaskView;
using attr::ParsedAttribute;
using attr::Parser;
using attr::Row;
using attr::TextOptions;
using attr::Writer;
using base::Be16;
using base::Be32;
using base::ByteVector;
using base::ByteView;

// The mask's byte at `i`; a missing one is zero, and an exact value has all ones.
uint8_t MaskByte(MaskView mask, size_t i) {
  if (mask.exact) return 0xff;
  return i < mask.bytes.size() ? mask.bytes[i] : 0;
}

// Appends "name=value", and "/mask" where the mask is partial. Nothing when wildcarded.
void AppendMasked(std::string_view name, uint32_t value, uint32_t mask, uint32_t full,
                  Format format, bool verbose, std::string* out) {
  if (mask == 0 && !verbose) return;
  if (out->back() != '(' && out->back() != '{') out->push_back(',');
  out->append(name).push_back('=');
  attr::AppendNumber(value, format, out);
  if (mask == full) return;
  out->push_back('/');
  attr::AppendNumber(mask, Format::kHex, out);
}

// "name=" NUMBER [ "/" NUMBER ], with a comma before it unless it is the first.
bool ParseMasked(Parser& parser, uint64_t max, uint64_t* value, uint64_t* mask) {
  *mask = max;
  if (!parser.Expect('=') || !parser.Number(max, value)) return false;
  return !parser.Accept('/') || parser.Number(max, mask);
}

// Geneve: {class=0x102,type=0x80,len=4,0x7f/0xff}. An option is a 4-byte header (class, type,
// length in words) and its data (RFC 8926, section 3.5).

constexpr size_t kGeneveHeaderSize = 4;

void FormatGeneve(const Row& row, ByteView value, MaskView mask, const TextOptions& options,
                  std::string* out) {
  out->append(row.name).push_back('(');
  size_t at = 0;
  while (value.size() - at >= kGeneveHeaderSize) {
    const size_t length = 4u * (value[at + 3] & 0x1f);
    if (length > value.size() - at - kGeneveHeaderSize) break;
    auto mask16 = static_cast<uint32_t>(MaskByte(mask, at) << 8 | MaskByte(mask, at + 1));
    out->push_back('{');
    AppendMasked("class", static_cast<uint32_t>(value[at] << 8 | value[at + 1]), mask16, 0xffff,
                 Format::kHex, options.verbose, out);
    AppendMasked("type", value[at + 2], MaskByte(mask, at + 2), 0xff, Format::kHex, options.verbose,
                 out);
    AppendMasked("len", static_cast<uint32_t>(length), 0x1f, 0x1f, Format::kDec, true, out);
    at += kGeneveHeaderSize;
    if (length > 0) {
      out->append(",0x");
      base::AppendHex(value.subspan(at, length), out);
      std::string mask_text;
      bool partial = false;
      for (size_t i = 0; i < length; ++i) {
        const uint8_t byte = MaskByte(mask, at + i);
        partial |= byte != 0xff;
        base::AppendHex({&byte, 1}, &mask_text);
      }
      if (partial) out->append("/0x").append(mask_text);
    }
    out->push_back('}');
    at += length;
  }
  if (at < value.size()) {
    out->append("raw=0x");
    base::AppendHex(value.subspan(at), out);
  }
  out->push_back(')');
}

bool ParseGeneveOption(Parser& parser, ParsedAttribute* out) {
  uint64_t option_class = 0, class_mask = 0, type = 0, type_mask = 0, length = 0, length_mask = 0;
  ByteVector data, data_mask;
  while (parser.Peek() != '}') {
    const std::string_view name = parser.Word();
    if (name == "class") {
      if (!ParseMasked(parser, 0xffff, &option_class, &class_mask)) return false;
    } else if (name == "type") {
      if (!ParseMasked(parser, 0xff, &type, &type_mask)) return false;
    } else if (name == "len") {
      if (!ParseMasked(parser, 124, &length, &length_mask)) return false;
      if (length % 4 != 0) return parser.Fail("a length that is a multiple of 4");
    } else if (name.substr(0, 2) == "0x") {
      parser.Rewind(parser.position() - name.size());
      if (!parser.Hex(&data)) return false;
      data_mask.assign(data.size(), 0xff);
      if (parser.Accept('/')) {
        data_mask.clear();
        if (!parser.Hex(&data_mask)) return false;
      }
    } else {
      return parser.Fail("class, type, len or the option's data as 0x..");
    }
    if (!parser.Accept(',') && parser.Peek() != '}') return parser.Fail("',' or '}'");
  }
  if (data.size() > length || data_mask.size() > length)
    return parser.Fail("no more data than len says");
  // Short data is a number: it stands at the end.
  data.insert(data.begin(), length - data.size(), 0);
  data_mask.insert(data_mask.begin(), length - data_mask.size(), data_mask.empty() ? 0 : 0xff);
  auto put = [](ByteVector* to, uint64_t c, uint64_t t, uint64_t l, const ByteVector& d) {
    for (uint64_t byte : {c >> 8, c, t, l}) to->push_back(static_cast<uint8_t>(byte));
    to->insert(to->end(), d.begin(), d.end());
  };
  put(&out->value, option_class, type, length / 4, data);
  put(&out->mask, class_mask, type_mask, 0x1f, data_mask);
  return true;
}

bool ParseGeneve(Parser& parser, const Row& row, ParsedAttribute* out) {
  (void)row;
  if (!parser.Expect('(')) return false;
  while (parser.Accept('{')) {
    if (!ParseGeneveOption(parser, out) || !parser.Expect('}')) return false;
    parser.Accept(',');
  }
  if (parser.AcceptWord("raw")) {
    if (!parser.Expect('=') || !parser.Hex(&out->value)) return false;
    out->mask.resize(out->value.size(), 0xff);
  }
  if (out->value.size() > kMaxGeneveOptionBytes) return parser.Fail("at most 255 bytes of options");
  return parser.Expect(')');
}

// ERSPAN: struct erspan_metadata of <linux/erspan.h>: a version in host order, then for version 1 a
// 32-bit index, for version 2 a timestamp, a group tag, and 16 bits of direction and hardware id.

struct ErspanV2 {
  int32_t version;
  Be32 timestamp;
  Be16 group;
  uint8_t hwid_upper_and_type;  // hwid_upper in the low 2 bits
  uint8_t hwid_and_direction;   // direction in bit 3, hwid in the high 4
};
static_assert(sizeof(ErspanV2) == 12);

void FormatErspan(const Row& row, ByteView value, MaskView mask, const TextOptions& options,
                  std::string* out) {
  out->append(row.name).push_back('(');
  ErspanV2 shown{};
  if (value.size() == sizeof(ErspanV2)) {
    const auto metadata = base::Load<ErspanV2>(value.data());
    shown.version = metadata.version;
    out->append("ver=");
    attr::AppendNumber(static_cast<uint32_t>(metadata.version), Format::kDec, out);
    if (metadata.version == 1) {
      uint32_t index_mask = 0xffffffff;
      if (!mask.exact)
        index_mask = mask.bytes.size() >= 8 ? base::Load<Be32>(mask.bytes.data() + 4).host() : 0;
      shown.timestamp = metadata.timestamp;
      AppendMasked("idx", metadata.timestamp.host(), index_mask, 0xffffffff, Format::kHex,
                   options.verbose, out);
    } else {
      shown.hwid_upper_and_type = metadata.hwid_upper_and_type & 0x03;
      shown.hwid_and_direction = metadata.hwid_and_direction & 0xf8;
      const uint8_t low = MaskByte(mask, 11), high = MaskByte(mask, 10);
      AppendMasked("dir", metadata.hwid_and_direction >> 3 & 1u, low >> 3 & 1u, 1, Format::kDec,
                   options.verbose, out);
      AppendMasked("hwid",
                   (metadata.hwid_upper_and_type & 3u) << 4 | metadata.hwid_and_direction >> 4,
                   (high & 3u) << 4 | low >> 4, 0x3f, Format::kHex, options.verbose, out);
    }
  }
  // What these words do not say is told as bytes, so that nothing is lost.
  if (!base::Equal(base::AsBytes(shown), value)) {
    out->append(out->back() == '(' ? "raw=0x" : ",raw=0x");
    base::AppendHex(value, out);
  }
  out->push_back(')');
}

bool ParseErspan(Parser& parser, const Row& row, ParsedAttribute* out) {
  (void)row;
  ErspanV2 value{}, mask{};
  ByteVector raw;
  if (!parser.Expect('(')) return false;
  while (parser.Peek() != ')') {
    const std::string_view name = parser.Word();
    uint64_t number = 0, number_mask = 0;
    if (name == "ver") {
      if (!ParseMasked(parser, 2, &number, &number_mask)) return false;
      value.version = static_cast<int32_t>(number);
      mask.version = -1;
    } else if (name == "idx") {
      if (!ParseMasked(parser, 0xffffffff, &number, &number_mask)) return false;
      value.timestamp = Be32::FromHost(static_cast<uint32_t>(number));
      mask.timestamp = Be32::FromHost(static_cast<uint32_t>(number_mask));
    } else if (name == "dir") {
      if (!ParseMasked(parser, 1, &number, &number_mask)) return false;
      value.hwid_and_direction |= static_cast<uint8_t>(number << 3);
      mask.hwid_and_direction |= static_cast<uint8_t>(number_mask << 3);
    } else if (name == "hwid") {
      if (!ParseMasked(parser, 0x3f, &number, &number_mask)) return false;
      value.hwid_upper_and_type |= static_cast<uint8_t>(number >> 4);
      value.hwid_and_direction |= static_cast<uint8_t>(number << 4);
      mask.hwid_upper_and_type |= static_cast<uint8_t>(number_mask >> 4);
      mask.hwid_and_direction |= static_cast<uint8_t>(number_mask << 4);
    } else if (name == "raw") {
      if (!parser.Expect('=') || !parser.Hex(&raw)) return false;
    } else {
      return parser.Fail("ver, idx, dir, hwid or raw");
    }
    if (!parser.Accept(',') && parser.Peek() != ')') return parser.Fail("',' or ')'");
  }
  const ByteView bytes = base::AsBytes(value), mask_bytes = base::AsBytes(mask);
  out->value.assign(bytes.begin(), bytes.end());
  out->mask.assign(mask_bytes.begin(), mask_bytes.end());
  if (!raw.empty()) {
    out->mask.resize(raw.size(), 0xff);
    out->value = std::move(raw);
  }
  return parser.Expect(')');
}

// hash(l4(0))

void FormatHash(const Row& row, ByteView value, MaskView, const TextOptions&, std::string* out) {
  const auto hash = base::Load<ovs_action_hash>(value.data());
  out->append(row.name).push_back('(');
  const auto& names = row.fields[0].names;
  auto it = std::find_if(names.begin(), names.end(),
                         [&](const attr::Name& name) { return name.value == hash.hash_alg; });
  if (it != names.end()) {
    out->append(it->name);
  } else {
    attr::AppendNumber(hash.hash_alg, Format::kDec, out);
  }
  out->push_back('(');
  attr::AppendNumber(hash.hash_basis, Format::kDec, out);
  out->append("))");
}

bool ParseHash(Parser& parser, const Row& row, ParsedAttribute* out) {
  if (!parser.Expect('(')) return false;
  const size_t start = parser.position();
  const std::string_view word = parser.Word();
  uint64_t algorithm = UINT64_MAX, basis = 0;
  for (const attr::Name& name : row.fields[0].names)
    if (name.name == word) algorithm = name.value;
  if (algorithm == UINT64_MAX) {
    parser.Rewind(start);
    if (!parser.Number(UINT32_MAX, &algorithm)) return false;
  }
  if (!parser.Expect('(') || !parser.Number(UINT32_MAX, &basis) || !parser.Expect(')'))
    return false;
  const ovs_action_hash hash{static_cast<uint32_t>(algorithm), static_cast<uint32_t>(basis)};
  const ByteView bytes = base::AsBytes(hash);
  out->value.assign(bytes.begin(), bytes.end());
  return parser.Expect(')');
}

// set and set_masked. A masked set holds one key attribute whose payload is the value followed by
// the mask; in a nested one (NSH) that holds for each payload inside. Text needs no word for the
// difference where a mask or a field left out tells it; set_masked(..) is for a mask of all ones.

// Splits a masked attribute set into two sets.
void SplitMasked(const attr::Table& table, ByteView doubled, ByteVector* value, ByteVector* mask) {
  Writer values(value), masks(mask);
  for (const Attribute& attribute : AttributeWalk(doubled)) {
    const Row* row = table.Find(attribute.type);
    if (row != nullptr && row->kind == attr::Kind::kSet && &table == &kKeyTable) {
      auto value_nest = values.Nest(attribute.type);
      auto mask_nest = masks.Nest(attribute.type);
      if (row->nested != &kKeyTable) SplitMasked(*row->nested, attribute.payload, value, mask);
      continue;
    }
    const size_t half = attribute.payload.size() / 2;
    values.Put(attribute.type, attribute.payload.first(half));
    masks.Put(attribute.type, attribute.payload.subspan(half));
  }
}

void JoinMasked(const attr::Table& table, ByteView value, ByteView mask, ByteVector* out) {
  Writer writer(out);
  for (const Attribute& attribute : AttributeWalk(value)) {
    const ByteView own_mask = attr::Find(mask, attribute.type);
    const Row* row = table.Find(attribute.type);
    if (row != nullptr && row->kind == attr::Kind::kSet) {
      auto nest = writer.Nest(attribute.type);
      JoinMasked(*row->nested, attribute.payload, own_mask, out);
      continue;
    }
    ByteVector both(attribute.payload.begin(), attribute.payload.end());
    for (size_t i = 0; i < attribute.payload.size(); ++i) {
      const uint8_t bits = i < own_mask.size() ? own_mask[i] : 0;
      both[i] &= bits;  // the kernel wants zeros where the mask has zeros
      both.push_back(bits);
    }
    writer.Put(attribute.type, both);
  }
}

bool IsFullMask(const attr::Table& table, ByteView mask) {
  for (const Attribute& attribute : AttributeWalk(mask)) {
    const Row* row = table.Find(attribute.type);
    if (row == nullptr || row->kind == attr::Kind::kArray) {
      if (!base::IsAllOnes(attribute.payload)) return false;
    } else if (row->kind == attr::Kind::kSet) {
      if (!IsFullMask(*row->nested, attribute.payload)) return false;
    } else if (row->kind == attr::Kind::kFields &&
               (attribute.payload.size() != row->size || !attr::IsFull(*row, attribute.payload))) {
      return false;
    }
  }
  return true;
}

void FormatSet(const Row&, ByteView value, MaskView, const TextOptions& options, std::string* out) {
  out->append("set(");
  TextOptions inner = options;
  ++inner.depth;
  attr::AppendSet(kKeyTable, value, {}, inner, out);
  out->push_back(')');
}

void FormatSetMasked(const Row&, ByteView doubled, MaskView, const TextOptions& options,
                     std::string* out) {
  ByteVector value, mask;
  SplitMasked(kKeyTable, doubled, &value, &mask);
  out->append(IsFullMask(kKeyTable, mask) ? "set_masked(" : "set(");
  TextOptions inner = options;
  ++inner.depth;
  inner.verbose = false;
  attr::AppendSet(kKeyTable, value, MaskView::Of(mask), inner, out);
  out->push_back(')');
}

bool ParseSetAction(Parser& parser, bool masked, ParsedAttribute* out) {
  if (!parser.Expect('(')) return false;
  const size_t start = parser.position();
  std::vector<ParsedAttribute> fields;
  if (!parser.Set(kKeyTable, &fields)) return false;
  if (fields.size() != 1) {
    parser.Rewind(start);
    return parser.Fail("exactly one field to set");
  }
  masked |= fields[0].partial && fields[0].type != OVS_KEY_ATTR_TUNNEL;
  out->type = masked ? OVS_ACTION_ATTR_SET_MASKED : OVS_ACTION_ATTR_SET;
  out->row = kActionTable.Find(out->type);
  ByteVector value, mask;
  attr::WriteParsed(kKeyTable, true, &fields, &value, &mask);
  if (masked) {
    JoinMasked(kKeyTable, value, mask, &out->value);
  } else {
    out->value = std::move(value);
  }
  return parser.Expect(')');
}

bool ParseSet(Parser& parser, const Row&, ParsedAttribute* out) {
  return ParseSetAction(parser, /*masked=*/false, out);
}
bool ParseSetMasked(Parser& parser, const Row&, ParsedAttribute* out) {
  return ParseSetAction(parser, /*masked=*/true, out);
}

// nat(src=10.0.0.1-10.0.0.9:10-20,random), addresses of IPv6 in brackets before ports.

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

void FormatPopNsh(const Row& row, ByteView, MaskView, const TextOptions&, std::string* out) {
  out->append(row.name).append("()");
}

}  // namespace

const attr::TextHook kGeneveHook{FormatGeneve, ParseGeneve};
const attr::TextHook kErspanHook{FormatErspan, ParseErspan};
const attr::TextHook kHashHook{FormatHash, ParseHash};
const attr::TextHook kSetHook{FormatSet, ParseSet};
const attr::TextHook kSetMaskedHook{FormatSetMasked, ParseSetMasked};
const attr::TextHook kNatHook{FormatNat, ParseNat};
const attr::TextHook kPopNshHook{FormatPopNsh, nullptr};

}  // namespace sluice::ovs
