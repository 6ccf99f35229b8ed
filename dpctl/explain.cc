#include "dpctl/explain.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "netlink/attr/wire.h"
#include "netlink/base/address.h"
#include "netlink/base/status.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/flow_key.h"
#include "netlink/ovs/tables.h"

namespace sluice::dpctl {
namespace {

using attr::Kind;
using attr::MaskView;
using attr::Row;
using attr::Table;
using base::ByteVector;
using base::ByteView;
using base::ToAbsl;

// Values that have a name of their own, though text writes them as numbers.
struct WellKnown {
  std::string_view field;
  std::string_view value;
  std::string_view name;
};
constexpr WellKnown kWellKnown[] = {
    {"eth_type", "0x0800", "IPv4"},
    {"eth_type", "0x86dd", "IPv6"},
    {"eth_type", "0x0806", "ARP"},
    {"eth_type", "0x8035", "RARP"},
    {"eth_type", "0x8100", "a VLAN tag"},
    {"eth_type", "0x88a8", "a service VLAN tag"},
    {"eth_type", "0x8847", "MPLS"},
    {"eth_type", "0x8848", "MPLS multicast"},
    {"eth_type", "0x894f", "NSH"},
    {"eth_type", "0x88cc", "LLDP"},
    {"proto", "1", "ICMP"},
    {"proto", "2", "IGMP"},
    {"proto", "6", "TCP"},
    {"proto", "17", "UDP"},
    {"proto", "47", "GRE"},
    {"proto", "50", "ESP"},
    {"proto", "58", "ICMPv6"},
    {"proto", "132", "SCTP"},
    {"recirc_id", "0", "not sent around by recirc"},
    {"frag", "no", "no fragment"},
    {"frag", "first", "a first fragment"},
    {"frag", "later", "a later fragment"},
};

std::optional<size_t> PrefixOf(ByteView mask) {
  size_t bits = 0;
  while (bits < 8 * mask.size() && (mask[bits / 8] >> (7 - bits % 8) & 1) != 0) ++bits;
  for (size_t i = bits; i < 8 * mask.size(); ++i)
    if ((mask[i / 8] >> (7 - i % 8) & 1) != 0) return std::nullopt;
  return bits;
}

std::optional<size_t> PrefixOf(std::string_view mask) {
  if (const auto address = base::ParseIpv4(mask)) return PrefixOf(ByteView(address->bytes));
  if (const auto address = base::ParseIpv6(mask)) return PrefixOf(ByteView(address->bytes));
  return std::nullopt;
}

// "+est-new": "has est, has not new"
std::string SignedFlags(std::string_view flags) {
  std::string words;
  for (size_t begin = 0; begin < flags.size();) {
    const size_t end = std::min(flags.find_first_of("+-", begin + 1), flags.size());
    absl::StrAppend(&words, words.empty() ? "" : ", ", flags[begin] == '+' ? "has " : "has not ",
                    ToAbsl(flags.substr(begin + 1, end - begin - 1)));
    begin = end;
  }
  return words;
}

// What `name=value/mask` says of a packet.
std::string Statement(std::string_view name, std::string_view value) {
  const size_t slash = value.find('/');
  const std::string_view mask =
      slash == std::string_view::npos ? std::string_view() : value.substr(slash + 1);
  const std::string_view number = value.substr(0, slash);
  if (!value.empty() && (value[0] == '+' || value[0] == '-') &&
      value.find_first_not_of("+-0123456789") != std::string_view::npos)
    return absl::StrCat(ToAbsl(name), " ", SignedFlags(value));
  if (mask.empty()) {
    const auto* known =
        std::find_if(std::begin(kWellKnown), std::end(kWellKnown),
                     [&](const WellKnown& w) { return w.field == name && w.value == number; });
    const bool has_name = known != std::end(kWellKnown);
    return absl::StrCat(ToAbsl(name), " is ", ToAbsl(number), has_name ? ": " : "",
                        has_name ? ToAbsl(known->name) : absl::string_view());
  }
  if (mask == "0" || PrefixOf(mask) == 0) return absl::StrCat(ToAbsl(name), " is anything");
  if (const auto bits = PrefixOf(mask))
    return absl::StrCat(ToAbsl(name), " is in ", ToAbsl(number), "/", *bits);
  return absl::StrCat(ToAbsl(name), " is ", ToAbsl(number), " in the bits of ", ToAbsl(mask));
}

// The statements of an attribute of fields, from its text: NAME(VALUE) or NAME(FIELD=VALUE,..).
std::vector<std::string> Statements(const Row& row, std::string_view text) {
  std::vector<std::string> statements;
  const size_t open = text.find('(');
  if (row.style == attr::Style::kAssign) {
    const size_t equals = text.find('=');
    statements.push_back(Statement(row.name, text.substr(equals + 1)));
    return statements;
  }
  std::string_view inside = text;
  if (row.style != attr::Style::kInline) {
    if (open == std::string_view::npos || text.back() != ')') return statements;
    inside = text.substr(open + 1, text.size() - open - 2);
  }
  for (size_t begin = 0; begin < inside.size();) {
    const size_t end = std::min(inside.find(',', begin), inside.size());
    const std::string_view item = inside.substr(begin, end - begin);
    const size_t equals = item.find('=');
    statements.push_back(equals == std::string_view::npos
                             ? Statement(row.name, item)
                             : Statement(item.substr(0, equals), item.substr(equals + 1)));
    begin = end + 1;
  }
  if (statements.empty()) statements.emplace_back("is there");
  return statements;
}

// An attribute that has no row: what can be said is where the tables end.
std::string UnknownAbout(const Table& table, uint16_t type) {
  const Row* newest = nullptr;
  for (const Row& row : table.rows)
    if (!row.internal && row.kind != Kind::kReserved &&
        (newest == nullptr || row.type > newest->type))
      newest = &row;
  std::string about = absl::StrCat("Not known: attribute ", type, " of ", ToAbsl(table.name));
  if (newest != nullptr && type > newest->type)
    absl::StrAppend(&about, ", of a kernel newer than this program; the newest that it knows is ",
                    newest->type, ", ", ToAbsl(newest->name), ", of Linux ", ToAbsl(newest->since));
  return about + ".";
}

class Explainer {
 public:
  explicit Explainer(const attr::TextOptions& options) : options_(options) {}

  std::vector<ExplainedPart> Set(const Table& table, ByteView value, MaskView mask, int depth) {
    std::vector<ExplainedPart> parts;
    for (const attr::Attribute& attribute : attr::AttributeWalk(value)) {
      ByteVector one, one_mask;
      attr::Writer(&one).Put(attribute.type, attribute.payload);
      MaskView own = mask;
      if (!mask.exact) {
        const ByteView bits = attr::Find(mask.bytes, attribute.type);
        if (bits.data() == nullptr) continue;
        attr::Writer(&one_mask).Put(attribute.type, bits);
        own = MaskView::Of(one_mask);
      }
      std::string text;
      attr::AppendSet(table, one, own, options_, &text);
      if (text.empty()) continue;
      const MaskView inner =
          mask.exact ? MaskView{} : MaskView::Of(attr::Find(mask.bytes, attribute.type));
      parts.push_back(Part(table, attribute, std::move(text), inner, depth));
    }
    return parts;
  }

  std::vector<ExplainedPart> List(const Table& table, ByteView value, int depth) {
    std::vector<ExplainedPart> parts;
    for (const attr::Attribute& attribute : attr::AttributeWalk(value)) {
      ByteVector one;
      attr::Writer(&one).Put(static_cast<uint16_t>(attribute.type | attribute.flags),
                             attribute.payload);
      std::string text;
      attr::AppendList(table, one, options_, &text);
      parts.push_back(Part(table, attribute, std::move(text), {}, depth));
    }
    return parts;
  }

 private:
  ExplainedPart Part(const Table& table, const attr::Attribute& attribute, std::string text,
                     MaskView mask, int depth) {
    ExplainedPart part;
    part.text = std::move(text);
    const Row* row = table.Find(attribute.type);
    if (row == nullptr) {
      part.about = UnknownAbout(table, attribute.type);
      return part;
    }
    part.constant = row->constant;
    part.since = row->since;
    part.about = row->doc;
    const bool in_words =
        row->style == attr::Style::kInline || part.text.substr(0, row->name.size()) == row->name;
    if (row->kind == Kind::kFields && in_words) part.statements = Statements(*row, part.text);
    // Of an address translation the text says all, and its attributes only how it is sent.
    if (depth >= attr::kMaxTextDepth || row->nested == nullptr || row->nested == &ovs::kNatTable)
      return part;
    if (row->type == OVS_ACTION_ATTR_SET || row->type == OVS_ACTION_ATTR_SET_MASKED) {
      if (&table == &ovs::kActionTable) {
        part.parts = WhatIsSet(attribute.payload);
        return part;
      }
    }
    if (row->kind == Kind::kList) part.parts = List(*row->nested, attribute.payload, depth + 1);
    if (row->kind == Kind::kSet) part.parts = Set(*row->nested, attribute.payload, mask, depth + 1);
    return part;
  }

  // The fields alone: what they are set to stands in the action's text.
  static std::vector<ExplainedPart> WhatIsSet(ByteView payload) {
    std::vector<ExplainedPart> parts;
    for (const attr::Attribute& attribute : attr::AttributeWalk(payload)) {
      const Row* row = ovs::kKeyTable.Find(attribute.type);
      if (row == nullptr) continue;
      ExplainedPart part;
      part.text = row->name;
      part.constant = row->constant;
      part.since = row->since;
      part.about = row->doc;
      parts.push_back(std::move(part));
    }
    return parts;
  }

  const attr::TextOptions& options_;
};

// Whether release `a` came before `b`: "4.9" before "4.10".
bool Before(std::string_view a, std::string_view b) {
  const auto read = [](std::string_view text) {
    std::pair<int, int> release{0, 0};
    const char* const end = text.data() + text.size();
    const char* dot = std::from_chars(text.data(), end, release.first).ptr;
    if (dot != end) std::from_chars(dot + 1, end, release.second);
    return release;
  };
  return read(a) < read(b);
}

void FindNewest(const std::vector<ExplainedPart>& parts, Explanation* out) {
  for (const ExplainedPart& part : parts) {
    if (Before(out->since, part.since)) {
      out->since = part.since;
      out->newest.clear();
    }
    if (!part.since.empty() && part.since == out->since) out->newest.push_back(part.text);
    FindNewest(part.parts, out);
  }
}

void AppendAbout(const ExplainedPart& part, const std::string& indent, std::string* out) {
  if (part.about.empty() && part.since.empty()) return;
  absl::StrAppend(out, indent, part.about);
  if (!part.since.empty())
    absl::StrAppend(out, part.about.empty() ? "" : " ", "Since Linux ", part.since, ".");
  out->push_back('\n');
}

void AppendMatch(const std::vector<ExplainedPart>& parts, const std::string& indent,
                 std::string* out) {
  for (const ExplainedPart& part : parts) {
    absl::StrAppend(out, indent, part.text, "\n");
    AppendAbout(part, indent + "    ", out);
    for (const std::string& statement : part.statements)
      absl::StrAppend(out, indent, "  - ", statement, "\n");
    AppendMatch(part.parts, indent + "  ", out);
  }
}

void AppendActions(const std::vector<ExplainedPart>& parts, const std::string& indent,
                   std::string* out) {
  for (const ExplainedPart& part : parts) {
    absl::StrAppend(out, indent, part.text, "\n");
    AppendAbout(part, indent + "    ", out);
    AppendActions(part.parts, indent + "  ", out);
  }
}

}  // namespace

Explanation Explain(ByteView key, MaskView mask, std::optional<ByteView> actions,
                    const attr::TextOptions& options) {
  Explanation out;
  Explainer explainer(options);
  out.match = explainer.Set(ovs::kKeyTable, key, mask, 0);
  FindNewest(out.match, &out);
  if (!actions) return out;
  out.actions = explainer.List(ovs::kActionTable, *actions, 0);
  FindNewest(*out.actions, &out);
  return out;
}

std::string ToText(const Explanation& explanation) {
  std::string out;
  if (explanation.match.empty()) {
    out = "Matches every packet.\n";
  } else {
    out = "Matches a packet of which all this is true:\n";
    AppendMatch(explanation.match, "  ", &out);
  }
  if (explanation.actions && explanation.actions->empty()) {
    out.append("Drops it: there are no actions.\n");
  } else if (explanation.actions) {
    out.append("Does with it, in this order:\n");
    AppendActions(*explanation.actions, "  ", &out);
  }
  if (explanation.since.empty()) return out;
  absl::StrAppend(&out, "Needs Linux ", explanation.since, " or newer, for ");
  const char* separator = "";
  for (const std::string& text : explanation.newest) {
    absl::StrAppend(&out, separator, text);
    separator = "; ";
  }
  out.append(".\n");
  return out;
}

}  // namespace sluice::dpctl
