// Text and JSON of the actions set and set_masked.
//
// A masked set holds one key attribute whose payload is the value followed by
// the mask; in a nested one (NSH) that holds for each payload inside. Text needs no word for the
// difference where a mask or a field left out tells it; set_masked(..) is for a mask of all ones.

#include <nlohmann/json.hpp>
#include <vector>

#include "netlink/attr/json.h"
#include "netlink/attr/parser.h"
#include "netlink/attr/text.h"
#include "netlink/attr/wire.h"
#include "netlink/base/bytes.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/flow_key.h"
#include "netlink/ovs/text_hooks.h"

namespace sluice::ovs {
namespace {

using attr::Attribute;
using attr::AttributeWalk;
using attr::Json;
using attr::MaskView;
using attr::ParsedAttribute;
using attr::Parser;
using attr::Row;
using attr::TextOptions;
using attr::Writer;
using base::ByteVector;
using base::ByteView;

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
  if (!attr::WriteParsed(kKeyTable, true, &fields, &value, &mask))
    return parser.Fail("less than 64 KiB");
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

bool FormatSet(const Row& row, ByteView value, MaskView, const TextOptions& options,
               std::string* out) {
  TextOptions inner = options;
  if (++inner.depth > attr::kMaxTextDepth) return false;
  const size_t start = out->size();
  out->append("set(");
  attr::AppendSet(kKeyTable, value, {}, inner, out);
  out->push_back(')');
  return attr::ReadsBack(row, std::string_view(*out).substr(start + 3), options, value);
}

bool FormatSetMasked(const Row& row, ByteView doubled, MaskView, const TextOptions& options,
                     std::string* out) {
  TextOptions inner = options;
  inner.verbose = false;
  if (++inner.depth > attr::kMaxTextDepth) return false;
  ByteVector value, mask;
  SplitMasked(kKeyTable, doubled, &value, &mask);
  const size_t start = out->size();
  const std::string_view name = IsFullMask(kKeyTable, mask) ? "set_masked" : "set";
  out->append(name).push_back('(');
  attr::AppendSet(kKeyTable, value, MaskView::Of(mask), inner, out);
  out->push_back(')');
  // Odd halves, or a mask that selects nothing, are what no text gives.
  const Row& reader = name == "set" ? *kActionTable.Find(OVS_ACTION_ATTR_SET) : row;
  return attr::ReadsBack(reader, std::string_view(*out).substr(start + name.size()), options,
                         doubled);
}

void SetMaskedToJson(const Row&, ByteView doubled, MaskView, const TextOptions& options,
                     Json* out) {
  ByteVector value, mask;
  SplitMasked(kKeyTable, doubled, &value, &mask);
  TextOptions inner = options;
  ++inner.depth;
  inner.verbose = false;
  *out = attr::SetToJson(kKeyTable, value, MaskView::Of(mask), inner);
}

}  // namespace

const attr::TextHook kSetHook{FormatSet, ParseSet};
const attr::TextHook kSetMaskedHook{FormatSetMasked, ParseSetMasked, SetMaskedToJson};

}  // namespace sluice::ovs
