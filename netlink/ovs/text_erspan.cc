// Text and JSON of ERSPAN metadata: erspan(ver=2,dir=1,hwid=0x7).
//
// It is struct erspan_metadata of <linux/erspan.h>: a version in host order, then for version 1 a
// 32-bit index, for version 2 a timestamp, a group tag, and 16 bits of direction and hardware id.

#include <nlohmann/json.hpp>

#include "netlink/attr/field_text.h"
#include "netlink/attr/json.h"
#include "netlink/attr/parser.h"
#include "netlink/base/bytes.h"
#include "netlink/ovs/text_hooks.h"

namespace sluice::ovs {
namespace {

using attr::Field;
using attr::Format;
using attr::Json;
using attr::MaskView;
using attr::Order;
using attr::ParsedAttribute;
using attr::Parser;
using attr::Row;
using attr::TextOptions;
using base::ByteView;

constexpr uint16_t kSize = 12;
constexpr Field kAll[] = {
    {.name = "ver", .size = 4},
    {.name = "idx", .offset = 4, .size = 4, .order = Order::kNetwork, .format = Format::kHex},
    {.name = "dir", .offset = 10, .size = 2, .order = Order::kNetwork, .shift = 3, .bits = 1},
    {.name = "hwid",
     .offset = 10,
     .size = 2,
     .order = Order::kNetwork,
     .format = Format::kHex,
     .shift = 4,
     .bits = 6},
};
constexpr Field kVersion1[] = {kAll[0], kAll[1]};
constexpr Field kVersion2[] = {kAll[0], kAll[2], kAll[3]};
constexpr Row kAllRow = {.size = kSize, .fields = kAll};
constexpr Row kVersion1Row = {.size = kSize, .fields = kVersion1};
constexpr Row kVersion2Row = {.size = kSize, .fields = kVersion2};

// The fields of this version; null when there are none.
const Row* RowOf(ByteView value) {
  if (value.size() != kSize) return nullptr;
  const auto version = base::Load<uint32_t>(value.data());
  return version == 1 ? &kVersion1Row : version == 2 ? &kVersion2Row : nullptr;
}

bool FormatErspan(const Row& row, ByteView value, MaskView mask, const TextOptions& options,
                  std::string* out) {
  const Row* fields = RowOf(value);
  if (fields == nullptr || !attr::IsCovered(*fields, value)) return false;
  out->append(row.name).push_back('(');
  attr::AppendFields(*fields, value, mask, options, out);
  out->push_back(')');
  return true;
}

bool ParseErspan(Parser& parser, const Row&, ParsedAttribute* out) {
  return parser.Expect('(') && attr::ReadFields(kAllRow, {}, &parser, out) && parser.Expect(')');
}

void ErspanToJson(const Row&, ByteView value, MaskView mask, const TextOptions& options,
                  Json* out) {
  const Row* fields = RowOf(value);
  *out = fields != nullptr ? attr::FieldsToJson(*fields, value, mask, options)
                           : attr::UnknownToJson(value, mask);
}

}  // namespace

const attr::TextHook kErspanHook{FormatErspan, ParseErspan, ErspanToJson};

}  // namespace sluice::ovs
