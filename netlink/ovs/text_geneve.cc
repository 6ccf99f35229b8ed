// Text and JSON of Geneve options: geneve({class=0x102,type=0x80,len=4,0x7f/0xff}). An option is a
// 4-byte header (class, type, length in words) and its data (RFC 8926, section 3.5).

#include <nlohmann/json.hpp>

#include "netlink/attr/json.h"
#include "netlink/attr/text.h"
#include "netlink/base/bytes.h"
#include "netlink/ovs/flow_key.h"
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
using base::ByteVector;
using base::ByteView;

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
  bool has_mask = false;
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
      has_mask = parser.Accept('/');
      if (has_mask && !parser.Hex(&data_mask)) return false;
    } else {
      return parser.Fail("class, type, len or the option's data as 0x..");
    }
    if (!parser.Accept(',') && parser.Peek() != '}') return parser.Fail("',' or '}'");
  }
  if (data.size() > length || data_mask.size() > length)
    return parser.Fail("no more data than len says");
  // Short data, and a short mask, is a number: it stands at the end.
  data.insert(data.begin(), length - data.size(), 0);
  if (has_mask) {
    data_mask.insert(data_mask.begin(), length - data_mask.size(), 0);
  } else {
    data_mask.assign(length, 0xff);
  }
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

// [{"class":258,"type":128,"data":"0000007f"}]
void GeneveToJson(const Row&, ByteView value, MaskView mask, const TextOptions& options,
                  Json* out) {
  *out = Json::array();
  const attr::PaddedMask padded(mask, value.size());
  size_t at = 0;
  while (value.size() - at >= kGeneveHeaderSize) {
    const size_t length = 4u * (value[at + 3] & 0x1f);
    if (length > value.size() - at - kGeneveHeaderSize) break;
    const auto part = [&](const char* name, Json number, size_t offset, size_t size, bool hex) {
      const size_t start = at + offset;
      const ByteView bits = mask.exact ? ByteView() : padded.bytes().subspan(start, size);
      if (!options.verbose && !mask.exact && base::IsAllZeros(bits)) return;
      Json bits_json = base::ToHex(bits);
      if (!hex)
        bits_json = size == 2 && !mask.exact ? bits[0] << 8 | bits[1] : MaskByte(mask, start);
      out->back()[name] =
          attr::WithMask(std::move(number), std::move(bits_json), base::IsAllOnes(bits));
    };
    out->push_back(Json::object());
    part("class", value[at] << 8 | value[at + 1], 0, 2, false);
    part("type", value[at + 2], 2, 1, false);
    out->back()["len"] = length;
    if (length > 0)
      part("data", base::ToHex(value.subspan(at + kGeneveHeaderSize, length)), kGeneveHeaderSize,
           length, true);
    at += kGeneveHeaderSize + length;
  }
  if (at < value.size()) out->push_back({{"malformed", base::ToHex(value.subspan(at))}});
}

}  // namespace

const attr::TextHook kGeneveHook{FormatGeneve, ParseGeneve, GeneveToJson};

}  // namespace sluice::ovs
