// Text and JSON of Geneve options: geneve({class=0x102,type=0x80,len=4,0x7f/0xff}{..}). An option
// is a 4-byte header (class, type, length in words) and its data (RFC 8926, section 3.5).

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "netlink/attr/json.h"
#include "netlink/attr/parser.h"
#include "netlink/attr/text.h"
#include "netlink/base/byte_order.h"
#include "netlink/base/bytes.h"
#include "netlink/ovs/flow_key.h"
#include "netlink/ovs/text_hooks.h"

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

constexpr size_t kHeaderSize = 4;
constexpr uint8_t kLengthBits = 0x1f;

struct Option {
  uint16_t option_class = 0;
  uint8_t type = 0;
  uint8_t length = 0;  // in words, in the low five bits
  ByteView data;
};

// Takes an option off the front of `*bytes`; false when no whole one is there. For a mask,
// `data_size` says how much data there is; a value says so itself.
bool TakeOption(ByteView* bytes, std::optional<size_t> data_size, Option* option) {
  if (bytes->size() < kHeaderSize) return false;
  option->option_class = base::Load<base::Be16>(bytes->data()).host();
  option->type = (*bytes)[2];
  option->length = (*bytes)[3];
  const size_t size = data_size.value_or(4u * (option->length & kLengthBits));
  if (size > bytes->size() - kHeaderSize) return false;
  option->data = bytes->subspan(kHeaderSize, size);
  *bytes = bytes->subspan(kHeaderSize + size);
  return true;
}

// An option beside its mask, of which an exact value has none.
struct MaskedOption {
  Option value;
  std::optional<Option> mask;
};

// False when the bytes are not options throughout. `mask` is as long as the value, or exact.
bool Split(ByteView value, const attr::PaddedMask& mask, std::vector<MaskedOption>* options) {
  ByteView mask_bytes = mask.bytes();
  while (!value.empty()) {
    MaskedOption option;
    if (!TakeOption(&value, std::nullopt, &option.value)) return false;
    if (mask.data() != nullptr)
      TakeOption(&mask_bytes, option.value.data.size(), &option.mask.emplace());
    options->push_back(option);
  }
  return true;
}

// ",name=value/mask", where the mask asks for it.
void AppendNumber(std::string_view name, uint32_t value, uint32_t mask, uint32_t full,
                  Format format, bool always, std::string* out) {
  if (mask == 0 && !always) return;
  if (out->back() != '{') out->push_back(',');
  out->append(name).push_back('=');
  attr::AppendNumber(value, format, out);
  if (mask == full) return;
  out->push_back('/');
  attr::AppendNumber(mask, Format::kHex, out);
}

void AppendOption(const MaskedOption& option, bool verbose, std::string* out) {
  const Option& value = option.value;
  const Option all{0xffff, 0xff, kLengthBits, {}};
  const Option& mask = option.mask ? *option.mask : all;
  out->push_back('{');
  AppendNumber("class", value.option_class, mask.option_class, 0xffff, Format::kHex, verbose, out);
  AppendNumber("type", value.type, mask.type, 0xff, Format::kHex, verbose, out);
  AppendNumber("len", 4u * value.length, mask.length, kLengthBits, Format::kDec, true, out);
  if (!value.data.empty()) {
    out->append(",0x");
    base::AppendHex(value.data, out);
    if (option.mask && !base::IsAllOnes(mask.data)) {
      out->append("/0x");
      base::AppendHex(mask.data, out);
    }
  }
  out->push_back('}');
}

bool FormatGeneve(const Row& row, ByteView value, MaskView mask, const TextOptions& options,
                  std::string* out) {
  const attr::PaddedMask padded(mask, value.size());
  std::vector<MaskedOption> split;
  if (value.size() > kMaxGeneveOptionBytes || !Split(value, padded, &split)) return false;
  out->append(row.name).push_back('(');
  for (const MaskedOption& option : split) {
    if (option.value.length > kLengthBits) return false;  // reserved bits
    AppendOption(option, options.verbose, out);
  }
  out->push_back(')');
  return true;
}

// What the text of one option says.
struct OptionText {
  uint64_t option_class = 0, class_mask = 0;
  uint64_t type = 0, type_mask = 0;
  uint64_t length = 0, length_mask = kLengthBits;  // bytes
  ByteVector data, data_mask;
};

// "=" NUMBER [ "/" NUMBER ]
bool ParseNumber(Parser& parser, uint64_t max, uint64_t full, uint64_t* value, uint64_t* mask) {
  *mask = full;
  if (!parser.Expect('=') || !parser.Number(max, value)) return false;
  return !parser.Accept('/') || parser.Number(0xffff, mask);
}

bool ParseData(Parser& parser, OptionText* option) {
  if (!parser.Hex(&option->data)) return false;
  if (!parser.Accept('/')) {
    option->data_mask.assign(option->length, 0xff);
    return true;
  }
  return parser.Hex(&option->data_mask);
}

bool ParseOptionItem(Parser& parser, OptionText* option) {
  parser.Peek();  // skips blanks
  const size_t start = parser.position();
  const std::string_view name = parser.Word();
  if (name == "class")
    return ParseNumber(parser, 0xffff, 0xffff, &option->option_class, &option->class_mask);
  if (name == "type") return ParseNumber(parser, 0xff, 0xff, &option->type, &option->type_mask);
  if (name == "len") {
    if (!ParseNumber(parser, 124, kLengthBits, &option->length, &option->length_mask)) return false;
    return option->length % 4 == 0 || parser.FailAt(start, "a length that is a multiple of 4");
  }
  if (name.substr(0, 2) != "0x")
    return parser.FailAt(start, "class, type, len or the option's data as 0x..");
  parser.Rewind(start);
  if (!ParseData(parser, option)) return false;
  return (option->data.size() <= option->length && option->data_mask.size() <= option->length) ||
         parser.FailAt(start, "len before the data, and no more data than it says");
}

void PutOption(uint64_t option_class, uint64_t type, uint64_t length, ByteView data, size_t size,
               ByteVector* out) {
  for (uint64_t byte : {option_class >> 8, option_class, type, length})
    out->push_back(static_cast<uint8_t>(byte));
  // Short data is a number: it stands at the end.
  out->resize(out->size() + size - data.size());
  out->insert(out->end(), data.begin(), data.end());
}

bool ParseGeneve(Parser& parser, const Row&, ParsedAttribute* out) {
  if (!parser.Expect('(')) return false;
  while (parser.Accept('{')) {
    OptionText option;
    while (parser.Peek() != '}') {
      if (!ParseOptionItem(parser, &option)) return false;
      if (!parser.Accept(',') && parser.Peek() != '}') return parser.Fail("',' or '}'");
    }
    PutOption(option.option_class, option.type, option.length / 4, option.data, option.length,
              &out->value);
    PutOption(option.class_mask, option.type_mask, option.length_mask, option.data_mask,
              option.length, &out->mask);
    if (out->value.size() > kMaxGeneveOptionBytes)
      return parser.Fail("at most 255 bytes of options");
    parser.Accept('}');
    parser.Accept(',');
  }
  return parser.Expect(')');
}

// [{"class":258,"type":128,"len":4,"data":"0000007f"}]
void GeneveToJson(const Row&, ByteView value, MaskView mask, const TextOptions& options,
                  Json* out) {
  const attr::PaddedMask padded(mask, value.size());
  std::vector<MaskedOption> split;
  if (!Split(value, padded, &split)) {
    *out = attr::UnknownToJson(value, mask);
    return;
  }
  *out = Json::array();
  for (const auto& [option, bits] : split) {
    Json one = Json::object();
    const auto put = [&](const char* name, Json shown, Json shown_mask, bool full, bool wild) {
      if (!wild || options.verbose)
        one[name] = attr::WithMask(std::move(shown), std::move(shown_mask), full);
    };
    put("class", option.option_class, bits ? bits->option_class : 0xffff,
        !bits || bits->option_class == 0xffff, bits && bits->option_class == 0);
    put("type", option.type, bits ? bits->type : 0xff, !bits || bits->type == 0xff,
        bits && bits->type == 0);
    one["len"] = option.data.size();
    if (!option.data.empty())
      put("data", base::ToHex(option.data), bits ? base::ToHex(bits->data) : std::string(),
          !bits || base::IsAllOnes(bits->data), bits && base::IsAllZeros(bits->data));
    out->push_back(std::move(one));
  }
}

}  // namespace

const attr::TextHook kGeneveHook{FormatGeneve, ParseGeneve, GeneveToJson};

}  // namespace sluice::ovs
