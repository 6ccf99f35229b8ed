// Text and JSON of ERSPAN metadata: erspan(ver=2,dir=1,hwid=0x7).
//
// It is struct erspan_metadata of <linux/erspan.h>: a version in host order, then for version 1 a
// 32-bit index, for version 2 a timestamp, a group tag, and 16 bits of direction and hardware id.

#include <nlohmann/json.hpp>

#include "netlink/attr/json.h"
#include "netlink/attr/text.h"
#include "netlink/base/byte_order.h"
#include "netlink/base/bytes.h"
#include "netlink/ovs/text_hooks.h"
#include "netlink/ovs/text_masked.h"

namespace sluice::ovs {
namespace {

using attr::Format;
using attr::Json;
using attr::MaskView;
using attr::ParsedAttribute;
using attr::Parser;
using attr::Row;
using attr::TextOptions;
using base::Be16;
using base::Be32;
using base::ByteVector;
using base::ByteView;

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

// {"ver":2,"dir":1,"hwid":7}
void ErspanToJson(const Row&, ByteView value, MaskView mask, const TextOptions& options,
                  Json* out) {
  if (value.size() != sizeof(ErspanV2)) {
    *out = attr::UnknownToJson(value, mask);
    return;
  }
  const auto metadata = base::Load<ErspanV2>(value.data());
  *out = Json::object();
  auto put = [&](const char* name, uint32_t number, uint32_t bits, uint32_t full) {
    if (bits != 0 || options.verbose) (*out)[name] = attr::WithMask(number, bits, bits == full);
  };
  (*out)["ver"] = metadata.version;
  if (metadata.version == 1) {
    uint32_t bits = 0;
    for (size_t i = 4; i < 8; ++i) bits = bits << 8 | MaskByte(mask, i);
    return put("idx", metadata.timestamp.host(), bits, 0xffffffff);
  }
  const uint32_t high = MaskByte(mask, 10), low = MaskByte(mask, 11);
  put("dir", metadata.hwid_and_direction >> 3 & 1u, low >> 3 & 1u, 1);
  put("hwid", (metadata.hwid_upper_and_type & 3u) << 4 | metadata.hwid_and_direction >> 4,
      (high & 3u) << 4 | low >> 4, 0x3f);
}

}  // namespace

const attr::TextHook kErspanHook{FormatErspan, ParseErspan, ErspanToJson};

}  // namespace sluice::ovs
