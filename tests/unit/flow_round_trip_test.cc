// Flows as the kernel gives them, made at random from the tables: their text reads back to the same
// bytes, in whatever dialect it is written.
#include <charconv>
#include <map>

#include "absl/strings/str_cat.h"
#include "netlink/attr/text.h"
#include "netlink/base/address.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/flow_key.h"
#include "netlink/ovs/flow_text.h"
#include "tests/support/test.h"
#include "tests/unit/attr_random.h"

namespace sluice {
namespace {

using attr::MaskView;
using base::ByteVector;
using base::ByteView;
using testing::RandomAttributes;

// Every number is a port with a name.
class AnyPort : public attr::PortNames {
 public:
  std::string_view NameOf(uint32_t port) const override {
    return names_.emplace(port, absl::StrCat("veth", port, ".x")).first->second;
  }
  std::optional<uint32_t> NumberOf(std::string_view name) const override {
    for (const auto& [number, known] : names_)
      if (known == name) return number;
    return std::nullopt;
  }

 private:
  mutable std::map<uint32_t, std::string> names_;
};

bool IsSeparator(char c) {
  return c == ',' || c == '(' || c == ')' || c == '{' || c == '}' || c == '=' || c == '/' ||
         c == ' ';
}

// The prefix of a mask of addresses that is one.
std::optional<size_t> PrefixOf(ByteView mask) {
  size_t bits = 0;
  while (bits < 8 * mask.size() && (mask[bits / 8] >> (7 - bits % 8) & 1) != 0) ++bits;
  for (size_t i = bits; i < 8 * mask.size(); ++i)
    if ((mask[i / 8] >> (7 - i % 8) & 1) != 0) return std::nullopt;
  return bits;
}

// The same text as another might write it: numbers in hex instead of decimal and the other way
// round, prefixes for masks of addresses, blanks behind commas.
class Rewriter {
 public:
  explicit Rewriter(unsigned seed) : random_(seed) {}

  std::string operator()(std::string_view text) {
    std::string out;
    bool bytes = false;
    bool assigned = true;
    for (size_t at = 0; at < text.size();) {
      size_t end = at;
      while (end < text.size() && !IsSeparator(text[end])) ++end;
      const std::string_view token = text.substr(at, end - at);
      const bool mask = at > 0 && text[at - 1] == '/';
      out.append(bytes || !assigned ? std::string(token) : Token(token, mask));
      const char next = end < text.size() ? text[end] : ',';
      if (next == '(') bytes = AreBytes(token);
      if (next == '=') bytes = token == "md2" || token == "cookie";
      if (next == ',' || next == ')') bytes = false;
      // Inside of braces, bytes of a Geneve option stand without a name.
      if (next == '{') in_braces_ = true;
      if (next == '}') in_braces_ = false;
      assigned = next == '/' ? assigned : next == '=' || !in_braces_;
      if (end < text.size()) out.push_back(next);
      if (next == ',' && !bytes && random_.Chance(6)) out.push_back(' ');
      at = end + 1;
    }
    return out;
  }

 private:
  static bool AreBytes(std::string_view name) {
    if (name == "userdata") return true;
    const size_t letters = name.find_last_not_of("0123456789") + 1;
    const std::string_view stem = name.substr(0, letters);
    if (letters == name.size()) return false;
    for (const std::string_view end : {"key", "action", "attr", "ext"})
      if (stem.size() >= end.size() && stem.substr(stem.size() - end.size()) == end) return true;
    return false;
  }

  std::string Token(std::string_view token, bool mask) {
    if (token.empty() || random_.Chance(2)) return std::string(token);
    if (mask) {
      if (const auto address = base::ParseIpv4(token))
        if (const auto bits = PrefixOf(address->bytes)) return absl::StrCat(*bits);
      if (const auto address = base::ParseIpv6(token))
        if (const auto bits = PrefixOf(address->bytes)) return absl::StrCat(*bits);
    }
    const bool hex = token.substr(0, 2) == "0x";
    uint64_t number = 0;
    const char* const begin = token.data() + (hex ? 2 : 0);
    const char* const end = token.data() + token.size();
    const auto [stop, error] = std::from_chars(begin, end, number, hex ? 16 : 10);
    if (error != std::errc() || stop != end) return std::string(token);
    return hex ? absl::StrCat(number) : absl::StrCat("0x", absl::Hex(number));
  }

  RandomAttributes random_;
  bool in_braces_ = false;
};

// Zeros where the mask is zero, and no attribute without a mask: as the kernel keeps a flow.
void Normalise(const attr::Table& table, ByteView key, ByteView mask, ByteVector* key_out,
               ByteVector* mask_out) {
  attr::Writer keys(key_out), masks(mask_out);
  for (const attr::Attribute& attribute : attr::AttributeWalk(key)) {
    const ByteView own = attr::Find(mask, attribute.type);
    const attr::Row* row = table.Find(attribute.type);
    if (own.data() == nullptr) continue;
    if (row != nullptr && row->kind == attr::Kind::kSet) {
      auto key_nest = keys.Nest(attribute.type);
      auto mask_nest = masks.Nest(attribute.type);
      Normalise(*row->nested, attribute.payload, own, key_out, mask_out);
      continue;
    }
    ByteVector value(attribute.payload.begin(), attribute.payload.end());
    for (size_t i = 0; i < value.size(); ++i) value[i] &= own[i];
    keys.Put(attribute.type, value);
    masks.Put(attribute.type, own);
  }
}

TEST_CASE("a whole flow in verbose text: the same key, mask and actions, in each dialect") {
  for (unsigned seed = 0; seed < 3000; ++seed) {
    RandomAttributes random(seed);
    Rewriter rewrite(seed);
    const AnyPort names;
    ByteVector any_masks, key, mask;
    const ByteVector any_key = random.Set(ovs::kKeyTable, 0, &any_masks);
    Normalise(ovs::kKeyTable, any_key, any_masks, &key, &mask);
    if (key.empty()) continue;
    const ByteVector actions = random.List(ovs::kActionTable, 0);
    ovs::FlowView flow;
    flow.key = key;
    flow.mask = mask;
    flow.actions = actions;
    flow.stats = {.packets = seed, .bytes = 60 * seed, .used = seed % 5000, .tcp_flags = 0x12};
    const attr::PortNames* const ports = seed % 2 == 0 ? &names : nullptr;
    std::string text;
    ovs::AppendFlow(flow, {.verbose = true, .ports = ports, .now = 10000}, &text);
    // Keys of these types get the attributes that the kernel wants beside them.
    if (text.find("eth_type(0x0800") != std::string::npos ||
        text.find("eth_type(0x0806") != std::string::npos ||
        text.find("eth_type(0x86dd") != std::string::npos ||
        text.find("eth_type(0x8035") != std::string::npos)
      continue;
    for (const std::string& form : {text, rewrite(text)}) {
      CAPTURE(seed, text, form);
      const auto read = ovs::ParseFlowText(form, ports);
      INFO(std::string(read.status().message()));
      REQUIRE(read.ok());
      REQUIRE(read->actions.has_value());
      REQUIRE(base::ToHex(*read->actions) == base::ToHex(actions));
      REQUIRE(base::ToHex(read->key) == base::ToHex(key));
      REQUIRE(base::ToHex(read->mask) == base::ToHex(mask));
    }
  }
}

}  // namespace
}  // namespace sluice
