// The row of ct(..), in the words of ovs-actions(7).
#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "agent/pipeline/action_table.h"
#include "agent/pipeline/field_text.h"
#include "netlink/base/address.h"

namespace sluice::pipeline::rows {
namespace {

using Flag = ConntrackAction::Flag;
using Helper = ConntrackAction::Helper;

constexpr uint64_t kLastTable = 254;

struct HelperName {
  std::string_view name;
  Helper helper;
};
constexpr HelperName kHelpers[] = {{"ftp", Helper::kFtp}, {"tftp", Helper::kTftp}};

struct FlagName {
  std::string_view name;
  Flag flag;
};
constexpr FlagName kNatFlags[] = {
    {"random", Flag::kRandom}, {"hash", Flag::kHash}, {"persistent", Flag::kPersistent}};

void Set(Flag flag, ConntrackAction* ct) { ct->flags = static_cast<uint8_t>(ct->flags | flag); }

// --- nat(..) -------------------------------------------------------------------------------------

bool ParseAddress(std::string_view text, uint8_t* family, std::array<uint8_t, 16>* out) {
  if (const auto ipv4 = base::ParseIpv4(text)) {
    *family = 4;
    std::copy_n(base::AsBytes(*ipv4).begin(), sizeof(*ipv4), out->begin());
    return true;
  }
  if (text.size() > 2 && text.front() == '[' && text.back() == ']')
    text = text.substr(1, text.size() - 2);
  const auto ipv6 = base::ParseIpv6(text);
  if (!ipv6) return false;
  *family = 6;
  std::copy_n(base::AsBytes(*ipv6).begin(), sizeof(*ipv6), out->begin());
  return true;
}

// `FIRST[-LAST]`; both the same without a last.
struct Span {
  std::string_view first, last;
  explicit Span(std::string_view text) {
    const size_t dash = text.find('-');
    first = Trim(text.substr(0, dash));
    last = dash == std::string_view::npos ? first : Trim(text.substr(dash + 1));
  }
};

bool ParseNatPorts(const ActionReader& reader, std::string_view text, ConntrackAction* ct) {
  const Span span(text);
  uint64_t first = 0, last = 0;
  if (!reader.Number(span.first, 0xffff, &first) || !reader.Number(span.last, 0xffff, &last))
    return false;
  if (first == 0 || last < first)
    return reader.Fail(text, "ports are FIRST-LAST, of 1 to 65535, the lower one first");
  ct->nat_first_port = static_cast<uint16_t>(first);
  ct->nat_last_port = static_cast<uint16_t>(last);
  return true;
}

// ADDRESS[-ADDRESS][:PORT[-PORT]]; IPv6 addresses in brackets where ports follow.
bool ParseNatRange(const ActionReader& reader, std::string_view text, ConntrackAction* ct) {
  std::string_view addresses = text;
  const size_t bracket = text.rfind(']');
  size_t colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  // Without brackets, several colons are an IPv6 address.
  if (bracket == std::string_view::npos && colon != text.rfind(':')) colon = std::string_view::npos;
  if (colon != std::string_view::npos) {
    addresses = Trim(text.substr(0, colon));
    if (!ParseNatPorts(reader, Trim(text.substr(colon + 1)), ct)) return false;
  }
  const Span span(addresses);
  uint8_t last_family = 0;
  if (!ParseAddress(span.first, &ct->nat_family, &ct->nat_first) ||
      !ParseAddress(span.last, &last_family, &ct->nat_last) || last_family != ct->nat_family ||
      ct->nat_last < ct->nat_first)
    return reader.Fail(addresses,
                       "expected IP[-IP][:PORT[-PORT]], the lower one first, and "
                       "IPv6 addresses in brackets where ports follow");
  return true;
}

bool ParseNat(const ActionReader& reader, const TextWord& nat, ConntrackAction* ct) {
  if (ct->Has(Flag::kNat)) return reader.Fail(nat.all, "a second nat");
  Set(Flag::kNat, ct);
  WordReader words(nat.separator == '(' ? nat.value : std::string_view(), "=");
  TextWord word;
  while (words.Next(&word, reader.blame)) {
    const auto* const flag = std::find_if(std::begin(kNatFlags), std::end(kNatFlags),
                                          [&](const FlagName& f) { return f.name == word.all; });
    if (flag != std::end(kNatFlags)) {
      Set(flag->flag, ct);
      continue;
    }
    const bool source = word.key == "src";
    if (!source && word.key != "dst")
      return reader.Fail(word.all, "nat takes src=RANGE or dst=RANGE, random, hash, persistent");
    if (ct->Has(Flag::kSource) || ct->Has(Flag::kDestination))
      return reader.Fail(word.all, "nat takes one of src and dst");
    Set(source ? Flag::kSource : Flag::kDestination, ct);
    if (word.separator != '\0' && !ParseNatRange(reader, word.value, ct)) return false;
  }
  if (words.failed()) return false;
  const bool mapping = ct->Has(Flag::kSource) || ct->Has(Flag::kDestination);
  if (!mapping && (ct->Has(Flag::kRandom) || ct->Has(Flag::kHash) || ct->Has(Flag::kPersistent)))
    return reader.Fail(nat.all, "random, hash and persistent need src or dst");
  if (ct->Has(Flag::kRandom) && ct->Has(Flag::kHash))
    return reader.Fail(nat.all, "nat takes one of random and hash");
  return true;
}

void AppendAddress(const ConntrackAction& ct, const std::array<uint8_t, 16>& bytes,
                   std::string* out) {
  if (ct.nat_family == 4) {
    base::AppendIpv4(bytes.data(), out);
  } else {
    const bool brackets = ct.nat_first_port != 0;
    out->append(brackets ? "[" : "");
    base::AppendIpv6(bytes.data(), out);
    out->append(brackets ? "]" : "");
  }
}

void AppendNat(const ConntrackAction& ct, std::string* out) {
  out->append("nat");
  if (!ct.Has(Flag::kSource) && !ct.Has(Flag::kDestination)) return;
  out->append(ct.Has(Flag::kSource) ? "(src" : "(dst");
  if (ct.nat_family != 0) {
    out->push_back('=');
    AppendAddress(ct, ct.nat_first, out);
    if (ct.nat_last != ct.nat_first) {
      out->push_back('-');
      AppendAddress(ct, ct.nat_last, out);
    }
    if (ct.nat_first_port != 0) absl::StrAppend(out, ":", ct.nat_first_port);
    if (ct.nat_last_port != ct.nat_first_port) absl::StrAppend(out, "-", ct.nat_last_port);
  }
  for (const FlagName& flag : kNatFlags)
    if (ct.Has(flag.flag)) absl::StrAppend(out, ",", ToAbsl(flag.name));
  out->push_back(')');
}

// --- The other arguments -------------------------------------------------------------------------

bool ParseZone(const ActionReader& reader, std::string_view text, ConntrackAction* ct) {
  if (const auto number = ParseNumber(text)) {
    if (*number > 0xffff) return reader.Fail(text, "a zone is a number of 0 to 65535");
    ct->zone = static_cast<uint16_t>(*number);
    return true;
  }
  if (!ParseSubfield(text, &ct->zone_source, reader.blame)) return false;
  if (ct->zone_source.bits > 16) return reader.Fail(text, "a zone has 16 bits");
  return true;
}

bool IsOfName(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.';
}

bool ParseArgument(const ActionReader& reader, const TextWord& word, ConntrackAction* ct,
                   TextWord* exec) {
  if (word.all == "commit" || word.all == "force") {
    Set(word.all == "commit" ? Flag::kCommit : Flag::kForce, ct);
  } else if (word.key == "table") {
    uint64_t table = 0;
    if (!reader.Number(word.value, kLastTable, &table)) return false;
    ct->table = static_cast<uint8_t>(table);
  } else if (word.key == "zone") {
    return ParseZone(reader, word.value, ct);
  } else if (word.key == "nat") {
    return ParseNat(reader, word, ct);
  } else if (word.key == "timeout") {
    if (word.value.empty() || word.value.size() > ct->timeout.size() ||
        !std::all_of(word.value.begin(), word.value.end(), IsOfName))
      return reader.Fail(word.all, "the name of a timeout policy has 1 to ",
                         ConntrackAction::kMaxTimeout, " letters, digits, and _-.");
    std::copy(word.value.begin(), word.value.end(), ct->timeout.begin());
  } else if (word.key == "alg") {
    const auto* const found =
        std::find_if(std::begin(kHelpers), std::end(kHelpers),
                     [&](const HelperName& h) { return h.name == word.value; });
    if (found == std::end(kHelpers)) return reader.Fail(word.value, "alg is ftp or tftp");
    ct->helper = found->helper;
  } else if (word.key == "exec" && word.separator == '(') {
    *exec = word;
  } else {
    return reader.Fail(word.all, "ct has no argument ", ToAbsl(word.key), ": expected ct(",
                       ToAbsl(reader.row.syntax), ")");
  }
  return true;
}

// What the kernel would refuse for all packets.
bool CheckWhole(const ActionReader& reader, const ConntrackAction& ct, const TextWord& exec) {
  const std::string_view all = reader.word.all;
  const bool commit = ct.Has(Flag::kCommit);
  const bool mapping = ct.Has(Flag::kSource) || ct.Has(Flag::kDestination);
  if (!commit && ct.Has(Flag::kForce)) return reader.Fail(all, "force needs commit");
  if (!commit && mapping) return reader.Fail(all, "nat(src) and nat(dst) need commit");
  if (!commit && !exec.all.empty()) return reader.Fail(all, "exec needs commit");
  if (!commit && ct.helper != Helper::kNone) return reader.Fail(all, "alg needs commit");
  if (!commit && ct.timeout[0] != '\0') return reader.Fail(all, "timeout needs commit");
  if (reader.known == nullptr) return true;
  const Needs needs = ct.nat_family == 4   ? Needs::kIpv4
                      : ct.nat_family == 6 ? Needs::kIpv6
                                           : Needs::kIp;
  if (Holds(needs, reader.known->value, reader.known->mask)) return true;
  return reader.Fail(all, "ct", ct.nat_family == 0 ? "" : " with such a nat", " needs ",
                     ToAbsl(Words(needs)), " in the match");
}

std::string_view NameOf(Helper helper) {
  for (const HelperName& name : kHelpers)
    if (name.helper == helper) return name.name;
  return {};
}

}  // namespace

bool ParseConntrack(const ActionReader& reader) {
  ConntrackAction ct;
  TextWord exec;
  WordReader words(reader.word.value, "=(");
  TextWord word;
  while (words.Next(&word, reader.blame))
    if (!ParseArgument(reader, word, &ct, &exec)) return false;
  if (words.failed() || !CheckWhole(reader, ct, exec)) return false;
  const size_t opened = reader.list->OpenNested(ct);
  if (!exec.all.empty()) {
    ActionReader inner = {reader.row,   exec,        reader.options, reader.known,
                          reader.depth, reader.list, reader.blame};
    if (!ParseNested(inner, ActionPlace::kConntrackExec)) return false;
  }
  reader.list->CloseNested(opened);
  return true;
}

void FormatConntrack(const Action& action, const PortNames* ports, std::string* out) {
  const auto ct = action.Get<ConntrackAction>();
  out->append("ct(");
  const size_t empty = out->size();
  if (ct.Has(Flag::kCommit)) out->append("commit,");
  if (ct.Has(Flag::kForce)) out->append("force,");
  if (ct.table != ConntrackAction::kNoTable) absl::StrAppend(out, "table=", ct.table, ",");
  if (ct.zone_source.bits != 0) {
    out->append("zone=");
    AppendSubfield(ct.zone_source, out);
    out->push_back(',');
  } else if (ct.zone != 0) {
    absl::StrAppend(out, "zone=", ct.zone, ",");
  }
  if (ct.Has(Flag::kNat)) {
    AppendNat(ct, out);
    out->push_back(',');
  }
  if (!ct.timeout_name().empty()) absl::StrAppend(out, "timeout=", ToAbsl(ct.timeout_name()), ",");
  if (!action.nested().empty()) {
    out->append("exec(");
    AppendActions(action.nested(), ports, out);
    out->append("),");
  }
  if (ct.helper != Helper::kNone) absl::StrAppend(out, "alg=", ToAbsl(NameOf(ct.helper)), ",");
  if (out->size() == empty) return out->push_back(')');
  out->back() = ')';
}

}  // namespace sluice::pipeline::rows
