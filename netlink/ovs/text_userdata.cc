// Text of what comes back with an upcall: userdata(0a0b), or, where an agent of Open vSwitch wrote
// it, the words of ovs-dpctl(8): sFlow(..), slow_path(..), flow_sample(..), ipfix(..),
// controller(..).
//
// Such a cookie has 48 bytes: its kind, the port and the bridge that the packet came in by, and 24
// bytes that its kind gives a meaning. ovs-dpctl(8) neither shows nor takes port and bridge; here
// they stand behind the rest, as in_port=3,ofproto=UUID, when they are not what it would put there.
// A cookie with bytes that no word covers is shown as bytes. Userdata that is shorter than 8 bytes
// is not padded, as ovs-dpctl(8) does it for kernels before 3.10.

#include <algorithm>
#include <array>

#include "netlink/attr/field_text.h"
#include "netlink/attr/parser.h"
#include "netlink/base/bytes.h"
#include "netlink/ovs/flow.h"
#include "netlink/ovs/text_hooks.h"

namespace sluice::ovs {
namespace {

using attr::Field;
using attr::Format;
using attr::MaskView;
using attr::Name;
using attr::Order;
using attr::ParsedAttribute;
using attr::Parser;
using attr::Row;
using attr::TextOptions;
using base::ByteVector;
using base::ByteView;

constexpr uint16_t kCookieSize = 48;
constexpr size_t kBridgeOffset = 8;

constexpr Field kType = {.size = 2};
constexpr Field kInPort = {.name = "in_port", .offset = 4, .size = 4, .implied = 0xffff};
constexpr Field kReason = {.offset = 28, .size = 4};
constexpr Field kDirection = {.offset = 44, .size = 4};

constexpr Name kReasons[] = {{0x01, "cfm"},  {0x02, "bfd"},    {0x04, "lacp"}, {0x08, "stp"},
                             {0x10, "lldp"}, {0x20, "action"}, {0x40, "match"}};
constexpr Name kDirections[] = {{1, "ingress"}, {2, "egress"}};

constexpr Field kSflowFields[] = {
    {.name = "vid", .offset = 24, .size = 2, .order = Order::kNetwork, .bits = 12},
    {.name = "pcp", .offset = 24, .size = 2, .order = Order::kNetwork, .shift = 13, .bits = 3},
    {.name = "cfi",
     .offset = 24,
     .size = 2,
     .order = Order::kNetwork,
     .shift = 12,
     .bits = 1,
     .implied = 1},
    {.name = "output", .offset = 28, .size = 4},
    kInPort,
};
constexpr Field kSlowPathFields[] = {kInPort};
constexpr Field kFlowSampleFields[] = {
    {.name = "probability", .offset = 24, .size = 2},
    {.name = "collector_set_id", .offset = 28, .size = 4},
    {.name = "obs_domain_id", .offset = 32, .size = 4},
    {.name = "obs_point_id", .offset = 36, .size = 4},
    {.name = "output_port", .offset = 40, .size = 4, .format = Format::kPort},
    kInPort,
};
constexpr Field kIpfixFields[] = {
    {.name = "output_port", .offset = 24, .size = 4, .format = Format::kPort},
    kInPort,
};
constexpr Field kControllerFields[] = {
    {.name = "reason", .offset = 26, .size = 2},
    {.name = "dont_send", .offset = 24, .size = 1},
    {.name = "continuation", .offset = 25, .size = 1},
    {.name = "recirc_id", .offset = 28, .size = 4},
    {.name = "rule_cookie",
     .offset = 32,
     .size = 8,
     .order = Order::kNetwork,
     .format = Format::kHex},
    {.name = "controller_id", .offset = 40, .size = 2},
    {.name = "max_len", .offset = 42, .size = 2},
    kInPort,
};

// By the number of the kind: Row::type.
constexpr uint16_t kSlowPath = 2, kFlowSample = 3;
constexpr Row kCookies[] = {
    {.type = 1, .name = "sFlow", .size = kCookieSize, .fields = kSflowFields},
    {.type = kSlowPath, .name = "slow_path", .size = kCookieSize, .fields = kSlowPathFields},
    {.type = kFlowSample, .name = "flow_sample", .size = kCookieSize, .fields = kFlowSampleFields},
    {.type = 4, .name = "ipfix", .size = kCookieSize, .fields = kIpfixFields},
    {.type = 5, .name = "controller", .size = kCookieSize, .fields = kControllerFields},
};

// The words that stand without a value in a cookie of this kind, and the field that they are in.
struct Words {
  const Field* field = nullptr;
  std::span<const Name> names{};
  bool bits = false;  // several may stand there
};
Words WordsOf(const Row& cookie) {
  if (cookie.type == kSlowPath) return {&kReason, kReasons, true};
  if (cookie.type == kFlowSample) return {&kDirection, kDirections, false};
  return {};
}

void AppendComma(std::string* out) {
  if (out->back() != '(') out->push_back(',');
}

void AppendReasons(uint64_t reasons, std::string* out) {
  uint64_t unnamed = reasons;
  for (const Name& name : kReasons) {
    if ((reasons & name.value) == 0) continue;
    AppendComma(out);
    out->append(name.name);
    unnamed &= ~uint64_t{name.value};
  }
  if (unnamed == 0 && reasons != 0) return;
  AppendComma(out);
  attr::AppendNumber(unnamed, Format::kHex, out);
}

void AppendDirection(uint64_t direction, std::string* out) {
  for (const Name& name : kDirections)
    if (name.value == direction) out->append(",").append(name.name);
}

// Behind the name, with both parentheses.
void AppendCookie(const Row& cookie, ByteView value, const TextOptions& options, std::string* out) {
  out->push_back('(');
  if (cookie.type == kSlowPath) AppendReasons(attr::LoadField(kReason, value.data()), out);
  std::string fields;
  attr::AppendFields(cookie, value, {}, options, &fields);
  if (!fields.empty()) {
    AppendComma(out);
    out->append(fields);
  }
  if (cookie.type == kFlowSample) AppendDirection(attr::LoadField(kDirection, value.data()), out);
  Ufid bridge;
  std::copy_n(value.begin() + kBridgeOffset, bridge.bytes.size(), bridge.bytes.begin());
  if (!bridge.is_zero()) {
    out->append(",ofproto=");
    AppendUfid(bridge, out);
  }
  out->push_back(')');
}

// Reads cookies: what stands between the parentheses.
class CookieReader {
 public:
  CookieReader(const Row& cookie, const TextOptions& options, Parser* parser, ParsedAttribute* out)
      : cookie_(cookie), words_(WordsOf(cookie)), options_(options), parser_(*parser), out_(*out) {
    out_.value.assign(kCookieSize, 0);
    out_.mask.assign(kCookieSize, 0);
    attr::StoreField(kType, cookie.type, out_.value.data());
    attr::StoreField(kInPort, *kInPort.implied, out_.value.data());
    for (const Field& field : cookie.fields)
      if (field.implied) attr::StoreField(field, *field.implied, out_.value.data());
  }

  bool Read() {
    if (!parser_.Expect('(')) return false;
    while (!parser_.AtEnd() && parser_.Peek() != ')') {
      if (!Item()) return false;
      if (parser_.Accept(',') || (words_.bits && parser_.Accept('|'))) continue;
      if (!parser_.AtEnd() && parser_.Peek() != ')') return parser_.Fail("',' or ')'");
    }
    out_.mask.assign(kCookieSize, 0xff);
    return parser_.Expect(')');
  }

 private:
  bool Item() {
    parser_.Peek();  // skips blanks
    const size_t start = parser_.position();
    const std::string_view word = parser_.Word();
    if (word == "ofproto") return parser_.Expect('=') && Bridge();
    const size_t number = attr::FindField(cookie_, word);
    if (number < cookie_.fields.size()) {
      if ((out_.fields_seen >> number & 1) != 0)
        return parser_.FailAt(start, "each field only once");
      return parser_.Expect('=') && attr::ReadField(cookie_, number, 0, options_, &parser_, &out_);
    }
    for (const Name& name : words_.names)
      if (name.name == word) return Store(name.value);
    if (words_.bits && !word.empty() && word[0] >= '0' && word[0] <= '9') {
      parser_.Rewind(start);
      uint64_t bits = 0;
      return parser_.Number(~uint32_t{0}, &bits) && Store(bits);
    }
    return parser_.FailAt(start, Expected());
  }

  bool Store(uint64_t value) {
    if (words_.bits) value |= attr::LoadField(*words_.field, out_.value.data());
    attr::StoreField(*words_.field, value, out_.value.data());
    return true;
  }

  bool Bridge() {
    parser_.Peek();  // skips blanks
    const size_t start = parser_.position();
    const auto uuid = ParseUfid(parser_.Token());
    if (!uuid) return parser_.FailAt(start, "a UUID");
    std::copy(uuid->bytes.begin(), uuid->bytes.end(), out_.value.begin() + kBridgeOffset);
    return true;
  }

  std::string Expected() const {
    std::string names = "one of ";
    for (const Name& name : words_.names) names.append(name.name).append(", ");
    for (const Field& field : cookie_.fields) names.append(field.name).append(", ");
    return names.append("ofproto, or ')'");
  }

  const Row& cookie_;
  const Words words_;
  const TextOptions& options_;
  Parser& parser_;
  ParsedAttribute& out_;
};

// Null when the bytes are no cookie whose words say all of it.
const Row* CookieOf(ByteView value) {
  if (value.size() != kCookieSize) return nullptr;
  const uint64_t type = attr::LoadField(kType, value.data());
  const auto found = std::find_if(std::begin(kCookies), std::end(kCookies),
                                  [type](const Row& cookie) { return cookie.type == type; });
  if (found == std::end(kCookies)) return nullptr;
  const TextOptions plain;
  std::string text;
  AppendCookie(*found, value, plain, &text);
  Parser parser(text, plain);
  ParsedAttribute read;
  const bool same = CookieReader(*found, plain, &parser, &read).Read() && parser.AtEnd() &&
                    base::Equal(read.value, value);
  return same ? &*found : nullptr;
}

bool FormatUserdata(const Row& row, ByteView value, MaskView, const TextOptions& options,
                    std::string* out) {
  if (const Row* cookie = CookieOf(value); cookie != nullptr) {
    out->append(cookie->name);
    AppendCookie(*cookie, value, options, out);
    return true;
  }
  out->append(row.name).push_back('(');
  base::AppendHex(value, out);
  out->push_back(')');
  return true;
}

bool ParseUserdata(Parser& parser, const Row&, ParsedAttribute* out) {
  for (const Row& cookie : kCookies)
    if (parser.name() == cookie.name)
      return CookieReader(cookie, parser.options(), &parser, out).Read();
  const bool assigned = parser.Accept('=');
  if (!assigned && !parser.Expect('(')) return false;
  if (!parser.Hex(&out->value)) return false;
  out->mask.assign(out->value.size(), 0xff);
  return assigned || parser.Expect(')');
}

}  // namespace

const attr::TextHook kUserdataHook{FormatUserdata, ParseUserdata};

}  // namespace sluice::ovs
