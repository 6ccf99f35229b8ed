#include "agent/pipeline/field_text.h"

#include <linux/openvswitch.h>

#include <algorithm>
#include <array>
#include <span>

#include "agent/pipeline/text_words.h"
#include "netlink/base/address.h"

namespace sluice::pipeline {
namespace {

using absl::uint128;

// --- Flags ---------------------------------------------------------------------------------------

struct Flag {
  std::string_view name;
  uint32_t bit;
};
constexpr Flag kTcpFlagNames[] = {{"fin", 0x01}, {"syn", 0x02}, {"rst", 0x04},
                                  {"psh", 0x08}, {"ack", 0x10}, {"urg", 0x20},
                                  {"ece", 0x40}, {"cwr", 0x80}, {"ns", 0x100}};
constexpr Flag kCtStateNames[] = {{"new", OVS_CS_F_NEW},      {"est", OVS_CS_F_ESTABLISHED},
                                  {"rel", OVS_CS_F_RELATED},  {"rpl", OVS_CS_F_REPLY_DIR},
                                  {"inv", OVS_CS_F_INVALID},  {"trk", OVS_CS_F_TRACKED},
                                  {"snat", OVS_CS_F_SRC_NAT}, {"dnat", OVS_CS_F_DST_NAT}};
constexpr Flag kTunnelFlagNames[] = {{"oam", kTunnelOam}};

std::span<const Flag> FlagsOf(FieldFormat format) {
  switch (format) {
    case FieldFormat::kTcpFlags:
      return kTcpFlagNames;
    case FieldFormat::kCtState:
      return kCtStateNames;
    case FieldFormat::kTunnelFlags:
      return kTunnelFlagNames;
    default:
      return {};
  }
}

uint32_t FlagOf(std::span<const Flag> flags, std::string_view name) {
  for (const Flag& flag : flags)
    if (flag.name == name) return flag.bit;
  return 0;
}

// `+syn-ack`: the named bits; `syn|ack`: all bits.
bool ParseFlagWords(const FieldRow& row, std::string_view text, FieldBits* bits, Blame* blame) {
  const auto flags = FlagsOf(row.format);
  const bool signs = text[0] == '+' || text[0] == '-';
  if (!signs) bits->mask = FullMask(row);
  for (std::string_view rest = text; !rest.empty();) {
    const char sign = rest[0];
    if (signs || sign == '|') rest.remove_prefix(1);
    const std::string_view name = rest.substr(0, rest.find_first_of(signs ? "+-" : "|"));
    rest.remove_prefix(name.size());
    const uint32_t bit = FlagOf(flags, name);
    if (bit == 0) {
      std::string known;
      for (const Flag& flag : flags)
        absl::StrAppend(&known, known.empty() ? "" : ", ", ToAbsl(flag.name));
      return blame->Set(name, "expected a flag of ", ToAbsl(row.name), " (", known, ")");
    }
    if (signs && (bits->mask & bit) != 0)
      return blame->Set(name, "flag ", ToAbsl(name), " is given twice");
    bits->mask |= bit;
    if (!signs || sign == '+') bits->value |= bit;
  }
  return true;
}

void AppendNumberBits(const FieldRow& row, const FieldBits& bits, std::string* out);

void AppendFlags(const FieldRow& row, const FieldBits& bits, std::string* out) {
  const auto flags = FlagsOf(row.format);
  uint128 named = 0;
  for (const Flag& flag : flags) named |= flag.bit;
  const bool full = bits.mask == FullMask(row) && bits.mask != named;
  const uint128 shown = full ? bits.value : bits.mask;
  if (shown == 0 || (shown & ~named) != 0) return AppendNumberBits(row, bits, out);
  bool first = true;
  for (const Flag& flag : flags) {
    if ((shown & flag.bit) == 0) continue;
    if (!full) out->push_back((bits.value & flag.bit) != 0 ? '+' : '-');
    if (full && !first) out->push_back('|');
    out->append(flag.name);
    first = false;
  }
}

// --- Fragments -----------------------------------------------------------------------------------

struct FragmentWord {
  std::string_view name;
  uint8_t value, mask;
};
constexpr uint8_t kFragBits = kFragAny | kFragLater;
constexpr FragmentWord kFragmentWords[] = {{"no", 0, kFragBits},
                                           {"yes", kFragAny, kFragAny},
                                           {"first", kFragAny, kFragBits},
                                           {"later", kFragBits, kFragBits},
                                           {"not_later", 0, kFragLater}};

// --- Addresses -----------------------------------------------------------------------------------

template <size_t kSize>
uint128 FromBytes(const std::array<uint8_t, kSize>& bytes) {
  uint128 value = 0;
  for (const uint8_t byte : bytes) value = value << 8 | byte;
  return value;
}

template <size_t kSize>
std::array<uint8_t, kSize> ToBytes(uint128 value) {
  std::array<uint8_t, kSize> bytes;
  for (size_t i = kSize; i-- > 0; value >>= 8)
    bytes[i] = static_cast<uint8_t>(absl::Uint128Low64(value) & 0xff);
  return bytes;
}

bool ParseAddress(FieldFormat format, std::string_view text, uint128* out) {
  if (format == FieldFormat::kMac) {
    const auto mac = base::ParseMac(text);
    if (mac) *out = FromBytes(mac->bytes);
    return mac.has_value();
  }
  if (format == FieldFormat::kIpv4) {
    const auto ip = base::ParseIpv4(text);
    if (ip) *out = FromBytes(ip->bytes);
    return ip.has_value();
  }
  const auto ip = base::ParseIpv6(text);
  if (ip) *out = FromBytes(ip->bytes);
  return ip.has_value();
}

void AppendAddress(FieldFormat format, uint128 value, std::string* out) {
  if (format == FieldFormat::kMac) {
    base::AppendMac(ToBytes<6>(value).data(), out);
  } else if (format == FieldFormat::kIpv4) {
    base::AppendIpv4(ToBytes<4>(value).data(), out);
  } else {
    base::AppendIpv6(ToBytes<16>(value).data(), out);
  }
}

std::string_view Kind(FieldFormat format) {
  if (format == FieldFormat::kMac) return "an Ethernet address";
  return format == FieldFormat::kIpv4 ? "an IPv4 address" : "an IPv6 address";
}

bool IsAddress(FieldFormat format) {
  return format == FieldFormat::kMac || format == FieldFormat::kIpv4 ||
         format == FieldFormat::kIpv6;
}

// How many leading bits of a field a mask consists of; -1 when it is no prefix.
int PrefixLength(const FieldRow& row, uint128 mask) {
  const uint128 inverse = FullMask(row) & ~mask;
  if ((inverse & (inverse + 1)) != 0) return -1;
  int zeros = 0;
  while (zeros < row.bits && (mask >> zeros & 1) == 0) ++zeros;
  return row.bits - zeros;
}

bool ParseAddressBits(const FieldRow& row, std::string_view value, std::string_view mask,
                      bool masked, FieldBits* bits, Blame* blame) {
  if (!ParseAddress(row.format, value, &bits->value))
    return blame->Set(value, ToAbsl(row.name), " must be ", ToAbsl(Kind(row.format)));
  bits->mask = FullMask(row);
  if (!masked) return true;
  const auto length = row.format == FieldFormat::kMac ? std::nullopt : ParseNumber(mask);
  if (length && *length <= row.bits) {
    bits->mask = FullMask(row) & ~LowBits(row.bits - static_cast<unsigned>(*length));
  } else if (!ParseAddress(row.format, mask, &bits->mask)) {
    return blame->Set(mask, "the mask of ", ToAbsl(row.name), " must be ", ToAbsl(Kind(row.format)),
                      row.format == FieldFormat::kMac
                          ? std::string()
                          : absl::StrCat(" or a length of 0 to ", row.bits));
  }
  return true;
}

void AppendAddressBits(const FieldRow& row, const FieldBits& bits, std::string* out) {
  AppendAddress(row.format, bits.value, out);
  if (bits.mask == FullMask(row)) return;
  out->push_back('/');
  const int length = row.format == FieldFormat::kMac ? -1 : PrefixLength(row, bits.mask);
  if (length >= 0) return absl::StrAppend(out, length);
  AppendAddress(row.format, bits.mask, out);
}

// --- Numbers -------------------------------------------------------------------------------------

bool ParseOneNumber(const FieldRow& row, std::string_view text, std::string_view what, uint128 max,
                    uint128* out, Blame* blame) {
  if (text == "-1") {
    *out = max;
    return true;
  }
  if (ParseWideNumber(text, out) && *out <= max) return true;
  std::string limit;
  AppendHexNumber(max, &limit);
  return blame->Set(text, ToAbsl(what), ToAbsl(row.name), " must be a number of 0 to ",
                    max < 0x10000 ? absl::StrCat(absl::Uint128Low64(max)) : limit);
}

void AppendNumberBits(const FieldRow& row, const FieldBits& bits, std::string* out) {
  const bool full = bits.mask == FullMask(row);
  const bool decimal =
      full && (row.format == FieldFormat::kDecimal || row.format == FieldFormat::kTos ||
               row.format == FieldFormat::kPort);
  if (decimal) return absl::StrAppend(out, absl::Uint128Low64(bits.value));
  AppendHexNumber(bits.value, out);
  if (full) return;
  out->push_back('/');
  AppendHexNumber(bits.mask, out);
}

bool ParsePacketType(const FieldRow& row, std::string_view text, FieldBits* bits, Blame* blame) {
  const std::string_view all = text;
  bits->mask = FullMask(row);
  if (text.size() < 2 || text.front() != '(' || text.back() != ')')
    return ParseOneNumber(row, text, "", FullMask(row), &bits->value, blame);
  text = text.substr(1, text.size() - 2);
  const size_t comma = std::min(text.find(','), text.size());
  const auto space = ParseNumber(Trim(text.substr(0, comma)));
  const auto type = ParseNumber(Trim(text.substr(std::min(comma + 1, text.size()))));
  if (!space || !type || *space > 0xffff || *type > 0xffff)
    return blame->Set(all, "packet_type must be (NAMESPACE,TYPE), such as (0,0) or (1,0x800)");
  bits->value = *space << 16 | *type;
  return true;
}

bool ParseNumberBits(const FieldRow& row, std::string_view value, std::string_view mask,
                     bool masked, FieldBits* bits, Blame* blame) {
  // The bit that says there is a tag belongs to what is written, not to what is matched as id.
  const uint128 max = row.format == FieldFormat::kVlanVid ? 0x1fff : FullMask(row);
  if (!ParseOneNumber(row, value, "", max, &bits->value, blame)) return false;
  bits->mask = max;
  return !masked || ParseOneNumber(row, mask, "the mask of ", max, &bits->mask, blame);
}

}  // namespace

bool ParseFieldBits(const FieldRow& row, std::string_view text, const PortNames* ports,
                    FieldBits* bits, Blame* blame) {
  *bits = {};
  if (text.empty()) return blame->Set(text, ToAbsl(row.name), " needs a value");
  const size_t slash = text.find('/');
  const bool masked = slash != std::string_view::npos;
  if (row.format == FieldFormat::kPort && !(masked && ParseNumber(text.substr(0, slash)))) {
    uint32_t port = 0;
    if (!ParsePort(text, ports, &port, blame)) return false;
    *bits = {.value = port & 0xffff, .mask = FullMask(row)};
    return true;
  }
  if (row.format == FieldFormat::kPacketType) return ParsePacketType(row, text, bits, blame);
  if (row.format == FieldFormat::kFragment) {
    for (const FragmentWord& word : kFragmentWords) {
      if (word.name != text) continue;
      *bits = {.value = word.value, .mask = word.mask};
      return true;
    }
  }
  const char first = text[0];
  const bool flags = !FlagsOf(row.format).empty();
  if (flags && (first < '0' || first > '9') && text != "-1")
    return ParseFlagWords(row, text, bits, blame);
  const std::string_view value = text.substr(0, slash);
  const std::string_view mask = masked ? text.substr(slash + 1) : std::string_view();
  const bool parsed = IsAddress(row.format)
                          ? ParseAddressBits(row, value, mask, masked, bits, blame)
                          : ParseNumberBits(row, value, mask, masked, bits, blame);
  bits->value &= bits->mask;
  return parsed;
}

void AppendFieldBits(const FieldRow& row, const FieldBits& bits, const PortNames* ports,
                     std::string* out) {
  if (IsAddress(row.format)) return AppendAddressBits(row, bits, out);
  const bool full = bits.mask == FullMask(row);
  switch (row.format) {
    case FieldFormat::kPort:
      if (!full) break;
      return AppendPort(PortOfNumber(absl::Uint128Low64(bits.value)), ports, out);
    case FieldFormat::kPacketType:
      if (!full) break;
      absl::StrAppend(out, "(", absl::Uint128Low64(bits.value >> 16), ",");
      AppendHexNumber(bits.value & 0xffff, out);
      return out->push_back(')');
    case FieldFormat::kFragment:
      for (const FragmentWord& word : kFragmentWords)
        if (bits.value == word.value && bits.mask == word.mask) return void(out->append(word.name));
      break;
    case FieldFormat::kTcpFlags:
    case FieldFormat::kCtState:
    case FieldFormat::kTunnelFlags:
      return AppendFlags(row, bits, out);
    default:
      break;
  }
  AppendNumberBits(row, bits, out);
}

const FieldRow* FindFieldOrBlame(std::string_view name, Blame* blame) {
  const FieldRow* row = FindField(name);
  if (row != nullptr) return row;
  const std::string_view nearest = NearestField(name);
  blame->Set(name, "unknown field ", ToAbsl(name), nearest.empty() ? "" : "; did you mean ",
             ToAbsl(nearest), nearest.empty() ? "" : "?");
  return nullptr;
}

bool ParseSubfield(std::string_view text, Subfield* subfield, Blame* blame) {
  const size_t bracket = text.find('[');
  const FieldRow* row = FindFieldOrBlame(text.substr(0, bracket), blame);
  if (row == nullptr) return false;
  *subfield = Whole(*row);
  if (bracket == std::string_view::npos) return true;
  const std::string_view range = text.substr(bracket);
  if (range.size() < 2 || range.back() != ']')
    return blame->Set(range, "expected [], [BIT] or [FIRST..LAST]");
  const std::string_view bits = range.substr(1, range.size() - 2);
  if (bits.empty()) return true;
  const size_t dots = bits.find("..");
  const auto first = ParseNumber(bits.substr(0, dots));
  const auto last = dots == std::string_view::npos ? first : ParseNumber(bits.substr(dots + 2));
  if (!first || !last || *first > *last)
    return blame->Set(range, "expected [], [BIT] or [FIRST..LAST]");
  if (*last >= row->bits)
    return blame->Set(range, ToAbsl(row->name), " has bits 0 to ", row->bits - 1);
  subfield->first = static_cast<uint8_t>(*first);
  subfield->bits = static_cast<uint8_t>(*last - *first + 1);
  return true;
}

void AppendSubfield(const Subfield& subfield, std::string* out) {
  absl::StrAppend(out, ToAbsl(subfield.row().name), "[");
  if (!subfield.IsWhole()) {
    absl::StrAppend(out, subfield.first);
    if (subfield.bits > 1) absl::StrAppend(out, "..", subfield.first + subfield.bits - 1);
  }
  out->push_back(']');
}

void AppendHexNumber(uint128 value, std::string* out) {
  const uint64_t high = absl::Uint128High64(value);
  if (high == 0) return AppendHexNumber(absl::Uint128Low64(value), out);
  AppendHexNumber(high, out);
  absl::StrAppend(out, absl::Hex(absl::Uint128Low64(value), absl::kZeroPad16));
}

bool ParseWideNumber(std::string_view text, uint128* out) {
  if (const auto number = ParseNumber(text)) {
    *out = *number;
    return true;
  }
  const bool hex = text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
  if (!hex || text.size() > 2 + 32 || text.size() <= 2 + 16) return false;
  const std::string_view digits = text.substr(2);
  const size_t high_size = digits.size() - 16;
  std::string high("0x"), low("0x");
  high.append(digits.substr(0, high_size));
  low.append(digits.substr(high_size));
  const auto h = ParseNumber(high), l = ParseNumber(low);
  if (!h || !l) return false;
  *out = absl::MakeUint128(*h, *l);
  return true;
}

}  // namespace sluice::pipeline
