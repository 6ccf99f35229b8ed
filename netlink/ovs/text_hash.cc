// Text of the action hash(l4(0)).

#include <algorithm>

#include "kmod-compat/uapi/openvswitch.h"
#include "netlink/attr/parser.h"
#include "netlink/attr/text.h"
#include "netlink/base/bytes.h"
#include "netlink/ovs/text_hooks.h"

namespace sluice::ovs {
namespace {

using attr::Format;
using attr::MaskView;
using attr::ParsedAttribute;
using attr::Parser;
using attr::Row;
using attr::TextOptions;
using base::ByteView;

bool FormatHash(const Row& row, ByteView value, MaskView, const TextOptions&, std::string* out) {
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
  return true;
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

}  // namespace

const attr::TextHook kHashHook{FormatHash, ParseHash};

}  // namespace sluice::ovs
