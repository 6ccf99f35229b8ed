// Text from attributes.

#include <algorithm>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "netlink/attr/field_text.h"
#include "netlink/attr/masks.h"
#include "netlink/attr/text.h"
#include "netlink/attr/wire.h"

namespace sluice::attr {
namespace {

void AppendHexList(ByteView bytes, std::string* out) {
  const char* separator = "";
  for (uint8_t byte : bytes) {
    out->append(separator);
    base::AppendHex({&byte, 1}, out);
    separator = " ";
  }
}

// key99(0a 0b/ff ff)
void AppendUnknown(const Table& table, const Attribute& attribute, MaskView mask,
                   std::string* out) {
  out->append(table.unknown);
  AppendNumber(attribute.type, Format::kDec, out);
  out->push_back('(');
  AppendHexList(attribute.payload, out);
  if (!mask.exact) {
    out->push_back('/');
    AppendHexList(PaddedMask(mask, attribute.payload.size()).bytes(), out);
  }
  out->push_back(')');
}

// Whether text can say what a set holds: attributes throughout, and each of them once. Words for an
// attribute that came twice would not be read back.
bool IsRegularSet(ByteView attributes) {
  std::vector<uint16_t> seen;
  const AttributeWalk walk(attributes);
  for (const Attribute& attribute : walk) seen.push_back(attribute.type);
  std::sort(seen.begin(), seen.end());
  return walk.leftover().empty() && std::adjacent_find(seen.begin(), seen.end()) == seen.end();
}

// Whether a string is one token and ends where its payload does.
bool AppendString(const Row& row, ByteView value, std::string* out) {
  if (value.empty() || value.back() != 0) return false;
  if (row.most_bytes != 0 && value.size() > row.most_bytes + 1) return false;
  const std::string_view text(reinterpret_cast<const char*>(value.data()), value.size() - 1);
  constexpr std::string_view kSeparators = ",()/{}=";
  const bool plain = !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return c > ' ' && c < 0x7f && kSeparators.find(c) == std::string_view::npos;
  });
  if (plain) out->append(text);
  return plain;
}

bool AppendNested(const Row& row, ByteView value, MaskView mask, const TextOptions& options,
                  std::string* out) {
  TextOptions inner = options;
  if (++inner.depth > kMaxTextDepth) return false;
  if (row.kind == Kind::kList) {
    if (!AttributeWalk(value).leftover().empty()) return false;
    AppendList(*row.nested, value, inner, out);
    return true;
  }
  if (!IsRegularSet(value)) return false;
  const size_t start = out->size();
  AppendSet(*row.nested, value, mask, inner, out);
  if (out->size() == start && row.keep_empty && !options.verbose) {
    // The kernel takes a set that is there but empty for one that is not there.
    inner.verbose = true;
    AppendSet(*row.nested, value, mask, inner, out);
  }
  return true;
}

bool AppendPayload(const Row& row, ByteView value, MaskView mask, const TextOptions& options,
                   std::string* out) {
  switch (row.kind) {
    case Kind::kFields:
    case Kind::kArray:
      if (row.kind == Kind::kFields && value.size() != (row.paired ? 2u : 1u) * row.size)
        return false;
      if (!IsCovered(row, value)) return false;
      AppendFields(row, value, mask, options, out);
      return true;
    case Kind::kString:
      return AppendString(row, value, out);
    case Kind::kBytes:
      // Only bytes of an unknown attribute have a mask in text.
      if (!mask.exact && !base::IsAllOnes(PaddedMask(mask, value.size()).bytes())) return false;
      if (row.most_bytes != 0 && value.size() > row.most_bytes) return false;
      if (row.style == Style::kAssign) out->append("0x");
      base::AppendHex(value, out);
      return true;
    case Kind::kSet:
    case Kind::kList:
      return AppendNested(row, value, mask, options, out);
    case Kind::kFlag:
    case Kind::kReserved:
      return true;
  }
  return false;
}

// False when no words say all of it; what was written then is void.
bool AppendRow(const Row& row, ByteView value, MaskView mask, const TextOptions& options,
               std::string* out) {
  if (row.hook != nullptr && row.hook->format != nullptr)
    return row.hook->format(row, value, mask, options, out);
  if (row.style == Style::kCall) out->append(row.name);
  if (row.style == Style::kAssign) {
    out->append(row.name);
    if (row.kind != Kind::kFlag) out->push_back('=');
  }
  if (row.style != Style::kCall) return AppendPayload(row, value, mask, options, out);
  if (row.kind == Kind::kFlag || (row.bare_when_empty && value.empty())) return true;
  out->push_back('(');
  if (!AppendPayload(row, value, mask, options, out)) return false;
  out->push_back(')');
  return true;
}

void AppendAttribute(const Table& table, const Attribute& attribute, MaskView mask,
                     const TextOptions& options, std::string* out) {
  const size_t start = out->size();
  const Row* row = table.Find(attribute.type);
  if (row != nullptr && HasShape(*row, attribute.payload) &&
      AppendRow(*row, attribute.payload, mask, options, out))
    return;
  out->resize(start);
  AppendUnknown(table, attribute, mask, out);
}

// A well-formed flag of a set that gathers its flags under one name.
bool IsGatheredFlag(const Table& table, const Row* row, ByteView payload) {
  return row != nullptr && row->kind == Kind::kFlag && !table.flags_name.empty() && payload.empty();
}

bool HasFlag(ByteView attributes, uint16_t type) {
  const ByteView payload = Find(attributes, type);
  return payload.data() != nullptr && payload.empty();
}

// Flags gathered under one name: flags(df|csum), or flags(+df-csum) when the mask selects only
// some.
void AppendGatheredFlags(const Table& table, ByteView attributes, MaskView mask, std::string* out) {
  std::string plain, with_sign;
  bool usual = true;
  for (const Row& row : table.rows) {
    if (row.kind != Kind::kFlag) continue;
    const bool selected = mask.exact || HasFlag(mask.bytes, row.type);
    const bool set = selected && HasFlag(attributes, row.type);
    usual &= mask.exact || selected == (set || !row.rare);
    if (set) plain.append(plain.empty() ? "" : "|").append(row.name);
    if (selected) with_sign.append(set ? "+" : "-").append(row.name);
  }
  if (mask.exact ? plain.empty() : with_sign.empty()) return;
  if (!out->empty() && out->back() != '(') out->push_back(',');
  out->append(table.flags_name).push_back('(');
  out->append(usual && !plain.empty() ? plain : with_sign).push_back(')');
}

void AppendLeftover(const AttributeWalk& walk, std::string* out) {
  const ByteView leftover = walk.leftover();
  if (leftover.empty()) return;
  out->append(",***");
  AppendNumber(leftover.size(), Format::kDec, out);
  out->append(" leftover bytes*** (");
  base::AppendHex(leftover, out);
  out->push_back(')');
}

// Whether an action of this table could be taken for the name of a port, or the other way round.
bool NamesClash(const Table& table, const Row& row, ByteView payload, const TextOptions& options) {
  if (row.style != Style::kBare || options.ports == nullptr || payload.size() != sizeof(uint32_t))
    return false;
  const std::string_view name = options.ports->NameOf(base::Load<uint32_t>(payload.data()));
  return !IsPlainName(name, /*words_only=*/true) || name == table.empty ||
         table.FindByName(name) != nullptr || name.substr(0, table.unknown.size()) == table.unknown;
}

// Whether an attribute is what nearly all are: fields that are to be had from Row::fields, all of
// them matched. All else goes the long way, to the same text.
bool IsPlainHere(const Table& table, const Attribute& attribute, MaskView mask) {
  if (attribute.type > kMaxType || (table.plain >> attribute.type & 1) == 0) return false;
  const size_t size = table.Find(attribute.type)->size;
  return attribute.payload.size() == size &&
         (mask.exact || (mask.bytes.size() == size && base::IsAllOnes(mask.bytes)));
}

}  // namespace

void AppendSet(const Table& table, ByteView attributes, MaskView mask, const TextOptions& options,
               std::string* out) {
  ByteVector with_zeros;
  attributes = WithImplicitZeros(table, attributes, mask, &with_zeros);
  const MaskIndex masks(mask);
  const size_t start = out->size();
  const AttributeWalk walk(attributes);
  absl::InlinedVector<Attribute, 24> sorted;
  const auto append = [&](const Attribute& attribute) {
    const Row* row = table.Find(attribute.type);
    const MaskView own = masks.Of(attribute.type);
    const bool comma = out->size() != start;
    if (IsPlainHere(table, attribute, own)) {
      if (comma) out->push_back(',');
      out->append(row->name).push_back('(');
      AppendPlainFields(*row, attribute.payload.data(), options, out);
      out->push_back(')');
      return;
    }
    if (IsGatheredFlag(table, row, attribute.payload)) return;
    if (row != nullptr && !options.verbose && !row->keep_empty && IsWild(*row, own)) return;
    if (comma) out->push_back(',');
    const size_t before = out->size();
    AppendAttribute(table, attribute, own, options, out);
    if (comma && out->size() == before) out->pop_back();
  };
  if (table.text_by_number) {
    for (const Attribute& attribute : walk) sorted.push_back(attribute);
    std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
      return a.type != b.type ? a.type < b.type : a.offset < b.offset;
    });
    std::for_each(sorted.begin(), sorted.end(), append);
  } else {
    for (const Attribute& attribute : walk) append(attribute);
  }
  if (!table.flags_name.empty()) AppendGatheredFlags(table, attributes, mask, out);
  AppendLeftover(walk, out);
}

void AppendList(const Table& table, ByteView attributes, const TextOptions& options,
                std::string* out) {
  if (attributes.empty()) {
    out->append(table.empty);
    return;
  }
  TextOptions numbers = options;
  numbers.ports = nullptr;
  const AttributeWalk walk(attributes);
  bool comma = false;
  for (const Attribute& attribute : walk) {
    if (comma) out->push_back(',');
    comma = true;
    const Row* row = table.Find(attribute.type);
    const bool clash = row != nullptr && NamesClash(table, *row, attribute.payload, options);
    AppendAttribute(table, attribute, {}, clash ? numbers : options, out);
  }
  AppendLeftover(walk, out);
}

}  // namespace sluice::attr
