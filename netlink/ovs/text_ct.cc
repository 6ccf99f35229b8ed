// Text of ct(commit,zone=5): that of any set, but for commit and force_commit. The second says all
// of the first, and text takes one of the two, as ovs-dpctl(8) does; the kernel takes both, and
// gives back one.

#include <linux/openvswitch.h>

#include <algorithm>
#include <vector>

#include "netlink/attr/masks.h"
#include "netlink/attr/parser.h"
#include "netlink/attr/text.h"
#include "netlink/attr/wire.h"
#include "netlink/ovs/text_hooks.h"

namespace sluice::ovs {
namespace {

using attr::MaskView;
using attr::ParsedAttribute;
using attr::Parser;
using attr::Row;
using attr::TextOptions;
using base::ByteView;

constexpr uint64_t kCommit = uint64_t{1} << OVS_CT_ATTR_COMMIT;
constexpr uint64_t kForceCommit = uint64_t{1} << OVS_CT_ATTR_FORCE_COMMIT;

bool HasBoth(uint64_t seen) { return (seen & kCommit) != 0 && (seen & kForceCommit) != 0; }

// Whether words say all of it: each attribute is there once, and not both ways to commit.
bool IsRegular(ByteView value) {
  uint64_t seen = 0;
  std::vector<uint16_t> strange;
  const attr::AttributeWalk walk(value);
  for (const attr::Attribute& attribute : walk) {
    if (attribute.type > attr::kMaxType) {
      if (std::find(strange.begin(), strange.end(), attribute.type) != strange.end()) return false;
      strange.push_back(attribute.type);
      continue;
    }
    const uint64_t bit = uint64_t{1} << attribute.type;
    if ((seen & bit) != 0) return false;
    seen |= bit;
  }
  return walk.leftover().empty() && !HasBoth(seen);
}

bool FormatCt(const Row& row, ByteView value, MaskView, const TextOptions& options,
              std::string* out) {
  TextOptions inner = options;
  if (++inner.depth > attr::kMaxTextDepth || !IsRegular(value)) return false;
  out->append(row.name);
  if (value.empty()) return true;
  out->push_back('(');
  attr::AppendSet(*row.nested, value, {}, inner, out);
  out->push_back(')');
  return true;
}

// Where the later of the two words stands in the text of both.
size_t PlaceOfSecond(std::string_view text) {
  constexpr std::string_view kLong = "force_commit", kShort = "commit";
  const size_t force = text.find(kLong);
  size_t commit = text.find(kShort);
  if (force != std::string_view::npos && commit == force + kLong.size() - kShort.size())
    commit = text.find(kShort, force + kLong.size());
  return std::min(std::max(force, commit), text.size());
}

bool ParseCt(Parser& parser, const Row& row, ParsedAttribute* out) {
  if (!parser.Accept('(')) return true;
  const size_t start = parser.position();
  const std::string_view text = parser.rest();
  std::vector<ParsedAttribute> attributes;
  if (!parser.Set(*row.nested, &attributes)) return false;
  uint64_t seen = 0;
  for (const ParsedAttribute& attribute : attributes)
    if (attribute.type <= attr::kMaxType) seen |= uint64_t{1} << attribute.type;
  if (HasBoth(seen)) {
    const size_t place = PlaceOfSecond(text.substr(0, parser.position() - start));
    return parser.FailAt(start + place, "either commit or force_commit, not both");
  }
  if (!attr::WriteParsed(*row.nested, /*in_order_of_table=*/true, &attributes, &out->value,
                         &out->mask))
    return parser.Fail("less than 64 KiB");
  return parser.Expect(')');
}

}  // namespace

const attr::TextHook kCtHook{FormatCt, ParseCt};

}  // namespace sluice::ovs
