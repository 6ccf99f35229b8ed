#include "netlink/ovs/flow_text.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "netlink/base/status.h"
#include "netlink/ovs/action_list.h"
#include "netlink/ovs/flow_key.h"

namespace sluice::ovs {
namespace {

constexpr uint8_t kNeighbourSolicitation = 135, kNeighbourAdvertisement = 136;  // RFC 4861
constexpr std::string_view kActions = "actions:";
constexpr std::string_view kExtraInfo = ", dp-extra-info:";

void AppendDecimal(uint64_t value, std::string* out) {
  char digits[24];
  const char* const end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  out->append(digits, static_cast<size_t>(end - digits));
}

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
bool EndsItem(char c) { return c == ',' || IsBlank(c); }

// An error of a part of the text, told of the whole text.
absl::Status InWhole(const absl::Status& status, std::string_view whole, size_t part_offset) {
  const auto offset = attr::TextErrorOffset(status);
  if (!offset) return status;
  std::string_view reason = base::FromAbsl(status.message());
  reason = reason.substr(0, reason.find('\n'));
  return attr::TextError(whole, part_offset + *offset, reason);
}

// A piece `WORD:VALUE` between the fields of a flow.
struct Annotation {
  size_t begin = 0;
  size_t end = 0;  // behind the value and the comma that follows it
  std::string_view word{};
  std::string_view value{};
};

// The first annotation at or behind `from`, outside of all parentheses.
std::optional<Annotation> NextAnnotation(std::string_view text, size_t from) {
  int depth = 0;
  bool at_start = true;
  for (size_t i = from; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '(' || c == '{') ++depth;
    if (c == ')' || c == '}') --depth;
    if (depth == 0 && at_start && c >= 'a' && c <= 'z') {
      const size_t colon = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz-", i);
      if (colon != std::string_view::npos && text[colon] == ':') {
        Annotation found{.begin = i, .word = text.substr(i, colon - i)};
        size_t end = colon + 1;
        while (end < text.size() && !EndsItem(text[end])) ++end;
        found.value = text.substr(colon + 1, end - colon - 1);
        found.end = end < text.size() && text[end] == ',' ? end + 1 : end;
        return found;
      }
    }
    at_start = EndsItem(c);
  }
  return std::nullopt;
}

bool IsNumber(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Whether the value of a statistic or a remark of a dump has the form that it must have.
absl::Status CheckRemark(std::string_view text, const Annotation& a) {
  const size_t at = a.begin + a.word.size() + 1;
  if (a.word == "packets" || a.word == "bytes")
    return IsNumber(a.value) ? absl::OkStatus() : attr::TextError(text, at, "expected a number");
  if (a.word == "used") {
    const bool seconds = a.value.size() > 1 && a.value.back() == 's' &&
                         a.value.find_first_not_of("0123456789.s") == std::string_view::npos;
    return seconds || a.value == "never"
               ? absl::OkStatus()
               : attr::TextError(text, at, "expected seconds such as 1.234s, or never");
  }
  if (a.word == "flags" || a.word == "dp" || a.word == "offloaded" || a.word == "dp-extra-info")
    return absl::OkStatus();
  return attr::TextError(text, a.begin,
                         "expected a field, or ufid:, packets:, bytes:, used:, flags:, dp:, "
                         "offloaded:, actions:");
}

void Require(uint16_t type, FlowKey* key, bool* changed) {
  if (key->HasAt(key->vlans(), type)) return;
  attr::SetPresent(kKeyTable, key, type, key->vlans());
  *changed = true;
}

// What an IP protocol brings along; `first` unless the packet is a later fragment.
void RequireTransport(uint8_t protocol, bool first, FlowKey* key, bool* changed) {
  constexpr struct {
    uint8_t protocol;
    uint16_t type;
  } kTransports[] = {{IPPROTO_TCP, OVS_KEY_ATTR_TCP},
                     {IPPROTO_TCP, OVS_KEY_ATTR_TCP_FLAGS},
                     {IPPROTO_UDP, OVS_KEY_ATTR_UDP},
                     {IPPROTO_SCTP, OVS_KEY_ATTR_SCTP}};
  for (const auto& transport : kTransports)
    if (first && protocol == transport.protocol) Require(transport.type, key, changed);
}

// The kernel wants the attribute of a protocol in each key whose Ethernet type or IP protocol says
// that it is there (ovs_match_validate() of net/openvswitch/flow_netlink.c), also where the mask
// leaves all of it out, and text therefore too.
void Complete(base::ByteVector* bytes) {
  FlowKey key{};
  attr::Unknowns unknowns;
  if (DecodeFlowKey(*bytes, &key, &unknowns)) return;
  bool changed = false;
  const uint16_t eth_type = key.eth_type().host();
  if (eth_type == ETH_P_ARP || eth_type == ETH_P_RARP) Require(OVS_KEY_ATTR_ARP, &key, &changed);
  if (eth_type == ETH_P_IP) {
    Require(OVS_KEY_ATTR_IPV4, &key, &changed);
    const bool first = key.ipv4.frag != OVS_FRAG_TYPE_LATER;
    RequireTransport(key.ipv4.proto, first, &key, &changed);
    if (first && key.ipv4.proto == IPPROTO_ICMP) Require(OVS_KEY_ATTR_ICMP, &key, &changed);
  }
  if (eth_type == ETH_P_IPV6) {
    Require(OVS_KEY_ATTR_IPV6, &key, &changed);
    const bool first = key.ipv6.frag != OVS_FRAG_TYPE_LATER;
    RequireTransport(key.ipv6.proto, first, &key, &changed);
    if (first && key.ipv6.proto == IPPROTO_ICMPV6) Require(OVS_KEY_ATTR_ICMPV6, &key, &changed);
    const bool discovery =
        key.icmpv6.type == kNeighbourSolicitation || key.icmpv6.type == kNeighbourAdvertisement;
    if (first && key.ipv6.proto == IPPROTO_ICMPV6 && discovery)
      Require(OVS_KEY_ATTR_ND, &key, &changed);
  }
  if (!changed) return;
  base::ByteVector completed;
  attr::Writer writer(&completed);
  EncodeFlowKey(key, &unknowns, &writer);
  *bytes = std::move(completed);
}

// Where the actions of a dumped line end.
size_t EndOfActions(std::string_view text, size_t begin) {
  return std::min(text.find(kExtraInfo, begin), text.size());
}

}  // namespace

void AppendTcpFlags(uint16_t flags, std::string* out) {
  // In the order in which ovs-dpctl(8) writes them.
  constexpr struct {
    uint16_t bit;
    std::string_view text;
  } kFlags[] = {{0x02, "S"},  {0x01, "F"},      {0x08, "P"},      {0x04, "R"},
                {0x20, "U"},  {0x10, "."},      {0x40, "E"},      {0x80, "C"},
                {0x100, "N"}, {0x200, "[200]"}, {0x400, "[400]"}, {0x800, "[800]"}};
  for (const auto& flag : kFlags)
    if ((flags & flag.bit) != 0) out->append(flag.text);
}

void AppendFlowStats(const FlowStats& stats, base::MonotonicMs now, std::string* out) {
  out->append("packets:");
  AppendDecimal(stats.packets, out);
  out->append(", bytes:");
  AppendDecimal(stats.bytes, out);
  out->append(", used:");
  if (stats.used == 0) {
    out->append("never");
  } else {
    // The clock that is passed in may have been read before the kernel stamped the flow.
    const uint64_t age = now > stats.used ? now - stats.used : 0;
    AppendDecimal(age / 1000, out);
    const uint64_t thousandths = age % 1000;
    const char digits[] = {'.', static_cast<char>('0' + thousandths / 100),
                           static_cast<char>('0' + thousandths / 10 % 10),
                           static_cast<char>('0' + thousandths % 10), 's'};
    out->append(digits, sizeof(digits));
  }
  if (stats.tcp_flags != 0) {
    out->append(", flags:");
    AppendTcpFlags(stats.tcp_flags, out);
  }
}

void AppendFlow(const FlowView& flow, const FlowTextOptions& options, std::string* out) {
  const attr::TextOptions text{.verbose = options.verbose, .ports = options.ports};
  // A terse dump has nothing but the UFID to tell flows apart by.
  if (const auto ufid = flow.ufid_value(); ufid && (options.verbose || flow.key.empty())) {
    out->append("ufid:");
    AppendUfid(*ufid, out);
    out->append(", ");
  }
  if (!flow.key.empty()) {
    const size_t start = out->size();
    attr::AppendSet(kKeyTable, flow.key,
                    flow.mask ? attr::MaskView::Of(*flow.mask) : attr::MaskView{}, text, out);
    if (out->size() != start) out->append(", ");
  }
  AppendFlowStats(flow.stats, options.now, out);
  if (options.verbose) out->append(", dp:ovs");
  if (!flow.actions) return;
  out->append(", ").append(kActions);
  attr::AppendList(kActionTable, *flow.actions, text, out);
}

bool HasActionsText(std::string_view text) {
  for (size_t from = 0;;) {
    const auto annotation = NextAnnotation(text, from);
    if (!annotation) return false;
    if (annotation->word == "actions") return true;
    from = annotation->end;
  }
}

absl::StatusOr<base::ByteVector> ParseActionsText(std::string_view text,
                                                  const attr::PortNames* ports) {
  const attr::TextOptions options{.ports = ports};
  return attr::ParseList(kActionTable, text, options);
}

absl::StatusOr<FlowText> ParseFlowText(std::string_view text, const attr::PortNames* ports) {
  FlowText flow;
  // Annotations become blanks, so that places in what remains are places in `text`.
  std::string fields(text);
  for (size_t from = 0;;) {
    const auto annotation = NextAnnotation(text, from);
    if (!annotation) break;
    from = annotation->end;
    if (annotation->word == "actions") {
      const size_t begin = annotation->begin + kActions.size();
      from = EndOfActions(text, begin);
      auto actions = ParseActionsText(text.substr(begin, from - begin), ports);
      if (!actions.ok()) return InWhole(actions.status(), text, begin);
      flow.actions = *std::move(actions);
    } else if (annotation->word == "ufid") {
      flow.ufid = ParseUfid(annotation->value);
      if (!flow.ufid)
        return attr::TextError(text, annotation->begin + annotation->word.size() + 1,
                               "expected a UFID: 32 hexadecimal digits, as "
                               "1910806e-c447-4f7e-b44c-ee1bb834f1d6");
    } else {
      SLUICE_RETURN_IF_ERROR(CheckRemark(text, *annotation));
    }
    std::fill(fields.begin() + static_cast<std::ptrdiff_t>(annotation->begin),
              fields.begin() + static_cast<std::ptrdiff_t>(from), ' ');
  }
  const attr::TextOptions options{.ports = ports};
  auto set = attr::ParseSet(kKeyTable, fields, options);
  if (!set.ok()) return InWhole(set.status(), text, 0);
  flow.key = std::move(set->value);
  flow.mask = std::move(set->mask);
  Complete(&flow.key);
  if (flow.key.empty() && !flow.ufid) return attr::TextError(text, 0, "expected a flow");
  return flow;
}

}  // namespace sluice::ovs
