// Matches as text: one word after the other in, shorthands and then the rows of the table out.
#include <linux/if_ether.h>

#include <array>

#include "agent/pipeline/field_table.h"
#include "agent/pipeline/field_text.h"
#include "agent/pipeline/match.h"
#include "agent/pipeline/text_words.h"

namespace sluice::pipeline {
namespace {

constexpr uint16_t kUntagged = 0xffff;  // dl_vlan of a packet without tag
constexpr uint16_t kVidBits = 0x0fff, kPcpBits = 0xe000;

constexpr bool IsInPort(const FieldRow& row) {
  return row.format == FieldFormat::kPort && row.offset >= offsetof(Fields, in_port) &&
         row.offset < offsetof(Fields, in_port) + sizeof(Fields::in_port);
}
constexpr bool IsTci(const FieldRow& row) {
  return row.format == FieldFormat::kVlanTci || row.format == FieldFormat::kVlanId ||
         row.format == FieldFormat::kVlanVid || row.name == "dl_vlan_pcp";
}

const FieldRow& TciRow() {
  static const FieldRow& row = *FindField("vlan_tci");
  return row;
}

// Adds bits at a row's place; false when they contradict bits that are there.
bool Merge(const FieldRow& row, const FieldBits& bits, MatchBuilder* match) {
  const absl::uint128 known = GetField(match->mask, row);
  const absl::uint128 value = GetField(match->value, row);
  if (((value ^ bits.value) & known & bits.mask) != 0) return false;
  SetField(row, value | bits.value, &match->value);
  SetField(row, known | bits.mask, &match->mask);
  return true;
}

bool MergeOrBlame(const FieldRow& row, const FieldBits& bits, std::string_view text,
                  MatchBuilder* match, Blame* blame) {
  if (Merge(row, bits, match)) return true;
  return blame->Set(text, ToAbsl(row.name), " contradicts what was said before");
}

// The words for a tag are words about its tci.
bool AddTag(const FieldRow& row, std::string_view text, MatchBuilder* match, Blame* blame) {
  FieldBits bits;
  if (row.format == FieldFormat::kVlanId && ParseNumber(text) == kUntagged) {
    bits.mask = FullMask(TciRow());
  } else {
    if (!ParseFieldBits(row, text, nullptr, &bits, blame)) return false;
    if (row.masking == Masking::kExact && bits.mask != FullMask(row))
      return blame->Set(text, ToAbsl(row.name), " takes no mask");
    if (row.format == FieldFormat::kVlanVid && bits.mask == 0x1fff &&
        (bits.value & kVlanPresent) == 0) {
      bits = {.value = 0, .mask = FullMask(TciRow())};  // no tag, whatever the id
    } else if (row.format == FieldFormat::kVlanId) {
      bits = {.value = bits.value | kVlanPresent, .mask = bits.mask | kVlanPresent};
    } else if (row.shift > 0) {
      bits = {.value = bits.value << row.shift | kVlanPresent,
              .mask = bits.mask << row.shift | kVlanPresent};
    }
  }
  return MergeOrBlame(TciRow(), bits, text, match, blame);
}

bool AddField(const FieldRow& row, std::string_view text, const PortNames* ports,
              MatchBuilder* match, Blame* blame) {
  FieldBits bits;
  if (!ParseFieldBits(row, text, ports, &bits, blame)) return false;
  if (row.masking == Masking::kExact && bits.mask != FullMask(row)) {
    if (bits.mask == 0) return true;  // `/0` says nothing
    return blame->Set(text, ToAbsl(row.name), " takes no mask");
  }
  if (row.format == FieldFormat::kTos) {
    if ((bits.value & 3) != 0)
      return blame->Set(text, ToAbsl(row.name), " must be a multiple of 4; nw_ecn has the rest");
    bits.mask &= ~absl::uint128(3);
  }
  if (row.format == FieldFormat::kPacketType && (bits.value >> 16) == 1) {
    const FieldBits type = {.value = bits.value & 0xffff, .mask = 0xffff};
    if (!MergeOrBlame(*FindField("dl_type"), type, text, match, blame)) return false;
  }
  if (!MergeOrBlame(row, bits, text, match, blame)) return false;
  // Both names of the port match all of it, so that they make one mask.
  if (IsInPort(row)) match->mask.in_port = Be32::FromHost(0xffffffff);
  return true;
}

bool AddShorthand(const Shorthand& shorthand, std::string_view key, MatchBuilder* match,
                  Blame* blame) {
  static const FieldRow& eth_type = *FindField("dl_type");
  static const FieldRow& proto = *FindField("nw_proto");
  const bool fits =
      Merge(eth_type, {.value = shorthand.eth_type, .mask = 0xffff}, match) &&
      (shorthand.proto == 0 || Merge(proto, {.value = shorthand.proto, .mask = 0xff}, match));
  return fits || blame->Set(key, ToAbsl(key), " contradicts what was said before");
}

// --- Out -----------------------------------------------------------------------------------------

class Formatter {
 public:
  Formatter(const Fields& value, const Fields& mask, const PortNames* ports, std::string* out)
      : value_(value), mask_(mask), left_(mask), ports_(ports), out_(out) {}

  void Run() {
    AppendShorthand();
    for (const FieldRow& row : FieldTable())
      if (!row.hidden && Holds(row.needs, value_, mask_)) AppendRow(row);
    // What has no meaning in this match was still asked for: a trace shows it.
    for (const FieldRow& row : FieldTable())
      if (!row.hidden) AppendRow(row);
  }

 private:
  void Separate() {
    if (!first_) out_->push_back(',');
    first_ = false;
  }

  void AppendShorthand() {
    if (mask_.eth_type.wire() != 0xffff) return;
    const bool proto = mask_.nw_proto == 0xff;
    const Shorthand* found = nullptr;
    for (const Shorthand& row : Shorthands()) {
      if (row.eth_type != value_.eth_type.host()) continue;
      if (row.proto != 0 && !(proto && row.proto == value_.nw_proto)) continue;
      found = &row;
      break;
    }
    if (found == nullptr) return;
    Separate();
    out_->append(found->name);
    left_.eth_type = {};
    if (found->proto != 0) left_.nw_proto = 0;
  }

  void AppendRow(const FieldRow& row) {
    absl::uint128 mask = GetField(left_, row);
    if (row.format == FieldFormat::kTos) mask &= ~absl::uint128(3);
    if (mask == 0) return;
    const absl::uint128 value = GetField(value_, row) & mask;
    SetField(row, GetField(left_, row) & ~mask, &left_);
    if (IsInPort(row)) left_.in_port = {};
    if (row.format == FieldFormat::kVlanTci && AppendTag(value, mask)) return;
    Separate();
    absl::StrAppend(out_, ToAbsl(row.name), "=");
    if (row.format == FieldFormat::kTos) mask = FullMask(row);
    AppendFieldBits(row, {.value = value, .mask = mask}, ports_, out_);
  }

  // dl_vlan and dl_vlan_pcp, if they can say it.
  bool AppendTag(absl::uint128 value, absl::uint128 mask) {
    const absl::uint128 vid = mask & kVidBits, pcp = mask & kPcpBits;
    if ((value & kVlanPresent) == 0 || (vid != 0 && vid != kVidBits) ||
        (pcp != 0 && pcp != kPcpBits) || (vid == 0 && pcp == 0))
      return false;
    if (vid != 0) {
      Separate();
      absl::StrAppend(out_, "dl_vlan=", absl::Uint128Low64(value & kVidBits));
    }
    if (pcp != 0) {
      Separate();
      absl::StrAppend(out_, "dl_vlan_pcp=", absl::Uint128Low64(value >> 13));
    }
    return true;
  }

  const Fields& value_;
  const Fields& mask_;
  Fields left_;  // bits of the mask that are not written yet
  const PortNames* ports_;
  std::string* out_;
  bool first_ = true;
};

}  // namespace

bool IsMatchWord(std::string_view key) {
  return FindShorthand(key) != nullptr || FindField(key) != nullptr;
}

bool AddToMatch(std::string_view key, std::string_view text, const PortNames* ports,
                MatchBuilder* match, Blame* blame) {
  if (text.data() == nullptr) {  // a word alone
    if (const Shorthand* shorthand = FindShorthand(key))
      return AddShorthand(*shorthand, key, match, blame);
    if (key == "eth") return AddField(*FindField("packet_type"), "(0,0)", ports, match, blame);
    if (FindField(key) != nullptr) return blame->Set(key, ToAbsl(key), " needs a value");
  }
  const FieldRow* row = FindFieldOrBlame(key, blame);
  if (row == nullptr) return false;
  if (IsTci(*row)) return AddTag(*row, text, match, blame);
  return AddField(*row, text, ports, match, blame);
}

bool CheckPrerequisites(const MatchBuilder& match, std::string_view text, Blame* blame) {
  WordReader reader(text, "=");
  TextWord word;
  while (reader.Next(&word, blame)) {
    if (word.separator != '=') continue;
    const FieldRow* row = FindField(word.key);
    if (row == nullptr || Holds(row->needs, match.value, match.mask)) continue;
    return blame->Set(word.key, ToAbsl(word.key), " needs ", ToAbsl(Words(row->needs)));
  }
  return !reader.failed();
}

absl::StatusOr<Match> ParseMatch(std::string_view text, const PortNames* ports) {
  MatchBuilder match;
  Blame blame;
  WordReader reader(text, "=");
  TextWord word;
  while (reader.Next(&word, &blame))
    if (!AddToMatch(word.key, word.value, ports, &match, &blame)) return blame.ToStatus(text);
  if (reader.failed() || !CheckPrerequisites(match, text, &blame)) return blame.ToStatus(text);
  return match.Build();
}

void AppendMatch(const Fields& value, const Fields& mask, const PortNames* ports,
                 std::string* out) {
  Formatter(value, mask, ports, out).Run();
}

void AppendMatch(const Match& match, const PortNames* ports, std::string* out) {
  AppendMatch(match.Value(), match.Mask(), ports, out);
}

}  // namespace sluice::pipeline
